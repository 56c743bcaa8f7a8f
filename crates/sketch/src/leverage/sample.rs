//! Rows drawn by their scores.

use std::error::Error as StdError;

use ndarray::{Array1, ArrayView1, ArrayViewMut2, Axis};
use widelimit_linalg::{Cholesky, Par};

use crate::error::{Error, above_zero, at_most, equal, not_negative};
use crate::landmarks::KernelEntries;
use crate::random::Stream;

/// Some rows with the weights under which they stand for all.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSample {
    /// The rows, ascending.
    pub rows: Vec<usize>,
    /// `1 / sqrt(p)` for each, with the chance `p` that it had: rows of a matrix scaled by this have a
    /// Gram matrix that is right on average.
    pub weights: Vec<f64>,
}

impl WeightedSample {
    /// Takes row `i` with chance `p_i = min(1, factor scores_i)`, independently of the others.
    ///
    /// ```
    /// use ndarray::array;
    /// use widelimit_sketch::{leverage::WeightedSample, random::Stream};
    /// let sample = WeightedSample::by_scores(array![1.0, 0.0, 0.5].view(), 4.0, Stream::new(0, 0, 0))?;
    /// assert_eq!((sample.rows, sample.weights), (vec![0, 2], vec![1.0, 1.0]));
    /// # Ok::<(), widelimit_sketch::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a factor that is not positive or a score that is negative or NaN.
    pub fn by_scores(
        scores: ArrayView1<'_, f64>,
        factor: f64,
        stream: Stream,
    ) -> Result<Self, Error> {
        above_zero("factor of the scores", factor)?;
        let (mut rows, mut weights) = (vec![], vec![]);
        for (row, &score) in scores.iter().enumerate() {
            let chance = (factor * not_negative("score", score)?).min(1.0);
            if stream.unit(row as u64) < chance {
                rows.push(row);
                weights.push(chance.sqrt().recip());
            }
        }
        Ok(Self { rows, weights })
    }

    /// Ridge leverage scores of all points, or of those in `points`, as this sample sees them:
    ///
    /// `1.5 / ridge (k_ii - k_i^T W (W K_JJ W + ridge I)^{-1} W k_i)`, at most 1, with the kernel values
    /// `k_i` of point `i` at the rows `J` of the sample and its weights `W`.
    ///
    /// Where the weighted sample of features keeps `Phi^T Phi + ridge I` up to a factor of `1 +- 1/2`,
    /// this is at least the true score and at most three times it. One block of
    /// `points x sample` kernel values.
    ///
    /// Musco and Musco (2017), *Recursive sampling for the Nystrom method*, lemma 6 and algorithm 2.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a ridge that is not positive; [`Error::Linalg`] where the kernel is
    /// not positive semidefinite; those of [`KernelEntries::block`].
    pub fn ridge_scores<F>(
        &self,
        kernel: &KernelEntries<F>,
        points: Option<&[usize]>,
        ridge: f64,
        par: &Par,
    ) -> Result<Array1<f64>, Error>
    where
        F: Fn(
            &[usize],
            &[usize],
            ArrayViewMut2<'_, f64>,
        ) -> Result<(), Box<dyn StdError + Send + Sync>>,
    {
        above_zero("ridge", ridge)?;
        equal("number of weights of the sample", self.rows.len(), self.weights.len())?;
        let weights = ArrayView1::from(&self.weights);
        let mut values = match points {
            Some(points) => kernel.block(points, &self.rows)?,
            None => kernel.columns(&self.rows)?,
        };
        values *= &weights;
        let mut core = kernel.block(&self.rows, &self.rows)?;
        core *= &weights;
        core *= &weights.insert_axis(Axis(1));
        core.diag_mut().iter_mut().for_each(|v| *v += ridge);
        let white = Cholesky::factor(core, par)?.solve_lower(values.t(), par);
        let seen = white.columns().into_iter().map(|column| column.dot(&column));
        let place = |position| points.map_or(position, |points| points[position]);
        let score = |(position, seen)| 1.5 / ridge * (kernel.diagonal()[place(position)] - seen);
        Ok(seen.enumerate().map(|pair| score(pair).clamp(0.0, 1.0)).collect())
    }
}

/// `count` different indices, drawn one after the other with chances proportional to the weights of
/// those that are left, in the order in which they were drawn; never one of weight 0.
///
/// They are those with the largest `u_i^{1/w_i}`, for independent uniform numbers `u_i`.
///
/// Efraimidis and Spirakis (2006), *Weighted random sampling with a reservoir*.
///
/// ```
/// use ndarray::array;
/// use widelimit_sketch::{leverage::sample_by_weight, random::Stream};
/// let mut rows = sample_by_weight(array![1.0, 0.0, 5.0].view(), 2, Stream::new(0, 0, 0))?;
/// rows.sort();
/// assert_eq!(rows, [0, 2]);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a weight that is negative, NaN or infinite, [`Error::TooLarge`] for more
/// indices than there are positive weights.
pub fn sample_by_weight(
    weights: ArrayView1<'_, f64>,
    count: usize,
    stream: Stream,
) -> Result<Vec<usize>, Error> {
    let mut keys = Vec::new();
    for (index, &weight) in weights.iter().enumerate() {
        if not_negative("weight", weight)? > 0.0 {
            // an exponential number of rate w: u^{1/w} in logarithms; u lies in (0, 1]
            keys.push((-libm::log(1.0 - stream.unit(index as u64)) / weight, index));
        }
    }
    at_most("number of indices drawn by weight", count, keys.len())?;
    keys.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(keys.into_iter().take(count).map(|(_, index)| index).collect())
}
