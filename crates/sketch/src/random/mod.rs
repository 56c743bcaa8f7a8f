//! Random numbers by address: the same key and index give the same bits, in any order, on any
//! thread and any machine.
//!
//! A [`Stream`] is named by `(seed, layer, role)` and has no state: its `i`-th number is a function
//! of the name and of `i`. Work may therefore be split in any way without a change of results. The
//! generator is Philox4x32-10 (Salmon et al. 2011) with the seed as key and `(i, layer, role)` as
//! counter, so that different names and indices never share a block.
//!
//! Methods of one stream read the same blocks: take numbers of one kind from a stream, and
//! [`Stream::child`] for the next kind.

mod normal;
mod philox;
mod sample;

use philox::philox;

use crate::Error;

/// An endless table of random numbers named by `(seed, layer, role)`.
///
/// ```
/// use widelimit_sketch::random::Stream;
/// let stream = Stream::new(7, 0, 1);
/// assert_eq!(stream.unit(1000), Stream::new(7, 0, 1).unit(1000));
/// assert_ne!(stream.bits(0), Stream::new(7, 0, 2).bits(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    key: [u32; 2],
    layer: u32,
    role: u32,
}

/// Upper half of the block numbers that children are made from.
const CHILDREN: u64 = 0xFFFF_FFFF << 32;

/// The child that takes over when a draw must be repeated.
const RETRY: u32 = u32::MAX;

impl Stream {
    /// The stream of a seed, a layer of a network and a role within the layer.
    pub fn new(seed: u64, layer: u32, role: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], layer, role }
    }

    /// A further stream for part `index` of whatever this one is for. Its key is 64 bits of this
    /// stream, from blocks that no other method reads (indices below `2^63` stay clear of them).
    pub fn child(&self, index: u32) -> Self {
        let [a, b, ..] = self.block(CHILDREN | u64::from(index));
        Self { key: [a, b], ..*self }
    }

    /// Block `index`: 128 independent bits, the unit in which numbers are made.
    #[inline(always)]
    pub fn block(&self, index: u64) -> [u32; 4] {
        philox([index as u32, (index >> 32) as u32, self.layer, self.role], self.key)
    }

    /// 32 random bits; four indices share a block.
    pub fn word(&self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// 64 random bits; two indices share a block.
    pub fn bits(&self, index: u64) -> u64 {
        halves(self.block(index / 2))[(index % 2) as usize]
    }

    /// Uniform on [0, 1): a multiple of `2^-53`.
    pub fn unit(&self, index: u64) -> f64 {
        fraction(self.bits(index))
    }

    /// -1 or +1 with equal chance; 128 indices share a block.
    pub fn sign(&self, index: u64) -> f64 {
        let word = self.block(index / 128)[(index / 32 % 4) as usize];
        if word >> (index % 32) & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// Uniform on the integers below `bound`, every one exactly equally likely.
    ///
    /// The upper word of `bits * bound` (Lemire 2019, *Fast random integer generation in an
    /// interval*, section 4); draws that would favour some integers are repeated.
    ///
    /// # Errors
    /// [`Error::Zero`] for a bound of zero.
    pub fn below(&self, index: u64, bound: u64) -> Result<u64, Error> {
        if bound == 0 {
            return Err(Error::Zero { what: "bound of the random integer" });
        }
        let unfair = bound.wrapping_neg() % bound;
        let mut stream = *self;
        loop {
            for bits in halves(stream.block(index)) {
                let product = u128::from(bits) * u128::from(bound);
                if product as u64 >= unfair {
                    return Ok((product >> 64) as u64);
                }
            }
            stream = stream.child(RETRY);
        }
    }
}

/// The two halves of a block.
#[inline(always)]
fn halves(block: [u32; 4]) -> [u64; 2] {
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    [join(block[0], block[1]), join(block[2], block[3])]
}

/// The upper 53 bits as a fraction of one.
#[inline(always)]
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 * 2f64.powi(-53)
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use crate::Error;

    #[test]
    fn names_and_indices_tell_streams_apart() {
        let base = Stream::new(1, 2, 3);
        let others = [
            Stream::new(1 << 40 | 1, 2, 3),
            Stream::new(1, 3, 3),
            Stream::new(1, 2, 4),
            base.child(0),
            base.child(1),
        ];
        for other in others {
            let equal = (0..64).filter(|&i| base.word(i) == other.word(i)).count();
            assert_eq!(equal, 0, "{other:?}");
        }
    }

    /// Mean and variance of a uniform number, `1/2` and `1/12`, within four standard errors.
    #[test]
    fn units_are_uniform() {
        let (stream, n) = (Stream::new(5, 0, 0), 100_000);
        let mean = (0..n).map(|i| stream.unit(i)).sum::<f64>() / n as f64;
        let square = (0..n).map(|i| (stream.unit(i) - 0.5).powi(2)).sum::<f64>() / n as f64;
        let root = (n as f64).sqrt();
        assert!((mean - 0.5).abs() < 4.0 / (12f64.sqrt() * root), "{mean}");
        assert!((square - 1.0 / 12.0).abs() < 4.0 / (180f64.sqrt() * root), "{square}");
        assert!((0..n).all(|i| (0.0..1.0).contains(&stream.unit(i))));
    }

    #[test]
    fn signs_are_fair_and_uncorrelated() {
        let (stream, n) = (Stream::new(6, 0, 0), 100_000);
        let sum: f64 = (0..n).map(|i| stream.sign(i)).sum();
        let pairs: f64 = (0..n).map(|i| stream.sign(i) * stream.sign(i + 1)).sum();
        let bound = 4.0 * (n as f64).sqrt();
        assert!(sum.abs() < bound && pairs.abs() < bound, "{sum} {pairs}");
    }

    /// Chi-square with 6 degrees of freedom: mean 6, variance 12.
    #[test]
    fn bounded_integers_are_uniform() {
        let (stream, n) = (Stream::new(7, 0, 0), 70_000u64);
        let mut counts = [0u32; 7];
        for i in 0..n {
            counts[stream.below(i, 7).unwrap() as usize] += 1;
        }
        let chi: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 6.0 + 4.0 * 12f64.sqrt(), "{chi}");
    }

    /// A bound of `3 * 2^62` rejects a quarter of the draws: without repeats, multiples of three
    /// would come twice as often as they should.
    #[test]
    fn bounded_integers_have_no_bias() {
        let (stream, n, bound) = (Stream::new(8, 0, 0), 90_000u64, 3 << 62);
        let hits = (0..n).filter(|&i| stream.below(i, bound).unwrap() % 3 == 0).count() as f64;
        let error = (hits - n as f64 / 3.0) / (n as f64 * 2.0 / 9.0).sqrt();
        assert!(error.abs() < 4.0, "{error}");
        assert_eq!(stream.below(0, 1), Ok(0));
        assert!(matches!(stream.below(0, 0), Err(Error::Zero { .. })));
    }
}
