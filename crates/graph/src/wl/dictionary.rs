//! Numbers for what colours are made of.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use super::means::Means;
use crate::Error;

/// A number for every key that was seen, in the order in which they came.
///
/// Keys are kept whole and compared whole, so that two keys never share a number.
#[derive(Clone, Debug)]
pub(super) struct Dictionary<K> {
    numbers: HashMap<K, u32>,
    bytes: u64,
}

/// Keys of any length: own colour and colours of neighbours.
pub(super) type Colours = Dictionary<Box<[u32]>>;

/// Two colours and what lies between them.
pub(super) type Triples = Dictionary<[u32; 3]>;

/// Beside its key, an entry takes a number, a byte of control and its share of empty places.
const OVERHEAD: usize = 16;

impl<K> Default for Dictionary<K> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), bytes: 0 }
    }
}

impl<K: Hash + Eq> Dictionary<K> {
    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes it was counted with.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        self.numbers.get(key).copied()
    }

    fn insert(
        &mut self,
        key: K,
        heap: usize,
        number: u32,
        means: &mut Means<'_>,
    ) -> Result<(), Error> {
        let bytes = (size_of::<K>() + heap + OVERHEAD) as u64;
        means.take(bytes)?;
        self.bytes += bytes;
        self.numbers.insert(key, number);
        Ok(())
    }
}

/// Where numbers are looked up, and added.
#[derive(Debug)]
pub(super) enum Names<'a, K> {
    /// Graphs that are being learned: new keys are added.
    Learn(&'a mut Dictionary<K>),
    /// Graphs that come later: what is not known gets numbers beyond those that are.
    Extend {
        /// What was learned.
        known: &'a Dictionary<K>,
        /// What came since.
        fresh: Dictionary<K>,
    },
}

impl<'a, K: Hash + Eq> Names<'a, K> {
    /// Looks up, and leaves what was learned as it is.
    pub(super) fn extend(known: &'a Dictionary<K>) -> Self {
        Self::Extend { known, fresh: Dictionary::default() }
    }

    /// The number of a key; `own` copies it, and says how many bytes the copy has elsewhere.
    fn number<Q: Hash + Eq + ?Sized>(
        &mut self,
        key: &Q,
        own: impl FnOnce(&Q) -> (K, usize),
        means: &mut Means<'_>,
    ) -> Result<u32, Error>
    where
        K: Borrow<Q>,
    {
        // fewer than 2^32 keys are ever looked up: see `Objects::new` and `Pairs::new`
        let (found, next, into) = match self {
            Self::Learn(dictionary) => (dictionary.get(key), dictionary.len(), &mut **dictionary),
            Self::Extend { known, fresh } => {
                let found = known.get(key).or_else(|| fresh.get(key));
                (found, known.len() + fresh.len(), fresh)
            }
        };
        if let Some(number) = found {
            return Ok(number);
        }
        let (key, heap) = own(key);
        into.insert(key, heap, next as u32, means)?;
        Ok(next as u32)
    }
}

impl Names<'_, Box<[u32]>> {
    /// The colour that is made of this.
    pub(super) fn colour(&mut self, key: &[u32], means: &mut Means<'_>) -> Result<u32, Error> {
        self.number(key, |key| (key.into(), size_of_val(key)), means)
    }
}

impl Names<'_, [u32; 3]> {
    /// The number of a triple.
    pub(super) fn triple(&mut self, key: &[u32; 3], means: &mut Means<'_>) -> Result<u32, Error> {
        self.number(key, |key| (*key, 0), means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Options};

    #[test]
    fn known_keys_keep_their_numbers_and_others_come_behind() {
        let options = Options::new().budget(Budget::bytes(1 << 20));
        let mut means = Means::new(&options);
        let mut known = Colours::default();
        let mut names = Names::Learn(&mut known);
        let learned: Vec<u32> = [&[1, 2][..], &[1], &[1, 2], &[]]
            .into_iter()
            .map(|key| names.colour(key, &mut means).unwrap())
            .collect();
        assert_eq!(learned, [0, 1, 0, 2]);
        let mut names = Names::extend(&known);
        let found: Vec<u32> = [&[9][..], &[1], &[8], &[9]]
            .into_iter()
            .map(|key| names.colour(key, &mut means).unwrap())
            .collect();
        assert_eq!(found, [3, 1, 4, 3]);
        assert_eq!(known.len(), 3);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let options = Options::new().budget(Budget::bytes(100));
        let mut means = Means::new(&options);
        let mut known = Colours::default();
        let mut names = Names::Learn(&mut known);
        assert!(names.colour(&[1; 4], &mut means).is_ok());
        let error = names.colour(&[2; 20], &mut means).unwrap_err();
        assert!(matches!(error, Error::MemoryLimit { limit: 100, .. }), "{error}");
    }
}
