//! Normal numbers.

use std::f64::consts::TAU;

use super::{Stream, fraction, halves};

impl Stream {
    /// Two independent standard normal numbers from block `index`.
    ///
    /// Box and Muller (1958): `sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v)` with `u` in (0, 1] and `v` in
    /// [0, 1). Elementary functions come from the `libm` crate, hence the same bits on every
    /// machine. The largest number is 8.57.
    #[inline]
    pub fn normal_pair(&self, index: u64) -> (f64, f64) {
        let [first, second] = halves(self.block(index));
        let radius = (-2.0 * libm::log(fraction(first) + 2f64.powi(-53))).sqrt();
        let (sine, cosine) = libm::sincos(TAU * fraction(second));
        (radius * cosine, radius * sine)
    }

    /// A standard normal number; indices `2p` and `2p + 1` share block `p`.
    pub fn normal(&self, index: u64) -> f64 {
        let (even, odd) = self.normal_pair(index / 2);
        if index.is_multiple_of(2) { even } else { odd }
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    /// Moments 1 to 4 of the normal distribution are 0, 1, 0, 3, with variances 1, 2, 15, 96.
    #[test]
    fn moments() {
        let (stream, n) = (Stream::new(3, 0, 0), 200_000u64);
        let expected = [(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0f64)];
        for (power, (mean, variance)) in (1..).zip(expected) {
            let sum: f64 = (0..n).map(|i| stream.normal(i).powi(power)).sum();
            let error = (sum / n as f64 - mean) / (variance / n as f64).sqrt();
            assert!(error.abs() < 4.0, "moment {power}: {error} standard errors");
        }
    }

    #[test]
    fn the_two_of_a_pair_are_uncorrelated() {
        let (stream, n) = (Stream::new(4, 0, 0), 100_000u64);
        let sum: f64 = (0..n).map(|p| stream.normal_pair(p)).map(|(a, b)| a * b).sum();
        assert!(sum.abs() < 4.0 * (n as f64).sqrt(), "{sum}");
        assert_eq!((stream.normal(6), stream.normal(7)), stream.normal_pair(3));
    }
}
