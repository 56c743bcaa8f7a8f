//! Sampling without replacement.

use std::collections::HashMap;

use super::Stream;
use crate::error::{Error, at_most};

impl Stream {
    /// `count` different integers below `n` in random order; every ordered choice is equally likely.
    ///
    /// The first steps of the shuffle of Fisher and Yates, over a list of which only the moved
    /// entries are kept: time and memory are `O(count)`. Smaller counts give prefixes of larger ones.
    ///
    /// ```
    /// use widelimit_sketch::random::Stream;
    /// let mut all = Stream::new(0, 0, 0).sample(5, 5)?;
    /// all.sort();
    /// assert_eq!(all, [0, 1, 2, 3, 4]);
    /// # Ok::<(), widelimit_sketch::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`] if `count > n`.
    pub fn sample(&self, n: usize, count: usize) -> Result<Vec<usize>, Error> {
        at_most("number of samples without replacement", count, n)?;
        let mut moved = HashMap::new();
        (0..count)
            .map(|step| {
                let other = step + self.below(step as u64, (n - step) as u64)? as usize;
                let here = moved.remove(&step).unwrap_or(step);
                // of a step that stays where it is nothing is kept
                let chosen =
                    if other == step { here } else { moved.insert(other, here).unwrap_or(other) };
                Ok(chosen)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use crate::Error;

    /// All 12 ordered pairs of 4 equally often: chi-square with 11 degrees of freedom.
    #[test]
    fn ordered_choices_are_uniform() {
        let mut counts = [0u32; 16];
        for seed in 0..12_000 {
            let pair = Stream::new(seed, 0, 0).sample(4, 2).unwrap();
            counts[pair[0] * 4 + pair[1]] += 1;
        }
        let equal: u32 = (0..4).map(|i| counts[i * 5]).sum();
        assert_eq!(equal, 0);
        let chi: f64 =
            counts.iter().map(|&c| (f64::from(c) - 1e3).powi(2) / 1e3).sum::<f64>() - 4e3;
        assert!(chi < 11.0 + 4.0 * 22f64.sqrt(), "{chi}");
    }

    #[test]
    fn prefixes_agree_and_nothing_repeats() {
        let stream = Stream::new(9, 0, 0);
        let long = stream.sample(1000, 600).unwrap();
        assert_eq!(stream.sample(1000, 40).unwrap(), long[..40]);
        let mut sorted = long;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 600);
        assert_eq!(stream.sample(3, 0).unwrap(), []);
        let what = "number of samples without replacement";
        assert_eq!(stream.sample(3, 4), Err(Error::TooLarge { what, got: 4, limit: 3 }));
    }
}
