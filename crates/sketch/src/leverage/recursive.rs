//! Landmarks by ridge leverage, without the kernel matrix.

use std::error::Error as StdError;

use ndarray::ArrayViewMut2;
use widelimit_linalg::Par;

use super::WeightedSample;
use crate::error::{Error, above_zero, positive};
use crate::landmarks::KernelEntries;
use crate::random::Stream;

/// Landmarks drawn by ridge leverage scores that are themselves found from landmarks of half of the
/// points, and so on down to few points.
///
/// A point is taken with chance `min(1, c t_i)`, where `t_i` is the estimate of its score
/// ([`WeightedSample::ridge_scores`]) and `c = oversampling max(1, ln(10 sum t))`. Some
/// `c` to `2 c` times the effective dimension come out, and `2 n` times as many kernel values are
/// computed at most, never the matrix. With `oversampling = 16` the sample keeps
/// `Phi^T Phi + ridge I` up to a factor of `1 +- 1/2` with probability 0.9 (theorem 7). On three
/// clusters of 800 points, with an effective dimension of 30, scores seen from the sample lay within
/// 1 to 3 times the true ones in 20 of 20 runs with 1 (370 landmarks), in 14 with 0.5 (230), and
/// within 0.8 to 7.1 with 0.25 (130).
///
/// Musco and Musco (2017), *Recursive sampling for the Nystrom method*, algorithm 2.
///
/// ```
/// use ndarray::Array1;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{landmarks::KernelEntries, leverage::RecursiveRidge, random::Stream};
///
/// let kernel = KernelEntries::new(Array1::ones(2000), |rows, columns, mut out| {
///     let x = |i: usize| i as f64 / 1000.0;
///     out.indexed_iter_mut().for_each(|((i, j), v)| *v = (-(x(rows[i]) - x(columns[j])).powi(2)).exp());
///     Ok(())
/// })?;
/// let sample = RecursiveRidge::new(1.0).sample(&kernel, Stream::new(0, 0, 0), &Par::single())?;
/// assert!(sample.rows.len() < 100);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecursiveRidge {
    /// The ridge.
    pub ridge: f64,
    /// How many more points than the scores ask for.
    pub oversampling: f64,
    /// Points that are all taken, where halving ends.
    pub smallest: usize,
}

impl RecursiveRidge {
    /// For this ridge, with an oversampling of 1 down to 64 points.
    pub fn new(ridge: f64) -> Self {
        Self { ridge, oversampling: 1.0, smallest: 64 }
    }

    /// Landmarks and their weights.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a ridge or an oversampling that is not positive, [`Error::Zero`] for a
    /// smallest number of 0, and those of [`WeightedSample::ridge_scores`].
    pub fn sample<F>(
        &self,
        kernel: &KernelEntries<F>,
        stream: Stream,
        par: &Par,
    ) -> Result<WeightedSample, Error>
    where
        F: Fn(
            &[usize],
            &[usize],
            ArrayViewMut2<'_, f64>,
        ) -> Result<(), Box<dyn StdError + Send + Sync>>,
    {
        above_zero("ridge", self.ridge)?;
        above_zero("oversampling", self.oversampling)?;
        let smallest = positive("smallest number of points", self.smallest)?;
        let n = kernel.order();
        // prefixes of one random order are halves of halves
        let order = stream.child(0).sample(n, n)?;
        let sizes = std::iter::successors(Some(n), |&size| Some(size.div_ceil(2)));
        let mut sizes: Vec<usize> = sizes.take_while(|&size| size > smallest.max(1)).collect();
        let base = sizes.last().map_or(n, |&size| size.div_ceil(2));
        let mut rows = order[..base].to_vec();
        rows.sort_unstable();
        let mut sample = WeightedSample { weights: vec![1.0; base], rows };
        let mut level = 1;
        while let Some(size) = sizes.pop() {
            let mut points = order[..size].to_vec();
            points.sort_unstable();
            let scores = sample.ridge_scores(kernel, Some(&points), self.ridge, par)?;
            let factor = self.oversampling * (10.0 * scores.sum()).ln().max(1.0);
            sample = WeightedSample::by_scores(scores.view(), factor, stream.child(level))?;
            sample.rows.iter_mut().for_each(|row| *row = points[*row]);
            level += 1;
        }
        Ok(sample)
    }
}
