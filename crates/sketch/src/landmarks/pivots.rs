//! Cholesky factorisation with random pivots.

use std::collections::HashSet;
use std::error::Error as StdError;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, Slice};
use widelimit_linalg::{Par, matmul};

use super::KernelEntries;
use crate::error::{Error, not_negative, positive};
use crate::random::Stream;

/// `K ~ F F^T` from some columns of `K`: the Nystrom approximation of the pivots.
#[derive(Clone, Debug, PartialEq)]
pub struct PivotedCholesky {
    /// The columns used, in order: `k`, no two the same.
    pub pivots: Vec<usize>,
    /// `F`, `n x k`, column-major.
    pub factor: Array2<f64>,
    /// The trace of `K - F F^T` at first and after every pivot: `k + 1`, never rising.
    pub residual_trace: Vec<f64>,
}

/// Cholesky factorisation whose pivots are drawn with a chance proportional to the diagonal of what is
/// left: better than the largest diagonal entry where there are outliers, and than a uniform choice
/// where there are clusters.
///
/// Work: `k` columns of the kernel and `O(k^2 n)`; memory `k n` numbers. For every `r`
///
/// `E tr(K - F F^T) <= (1 + e) sum_{j>r} s_j` as soon as `k >= r/e + r ln(1/(e eta))`, where `eta` is
/// `sum_{j>r} s_j / tr K`.
///
/// Pivots are proposed a block at a time and accepted with the chance that makes them the very pivots
/// of the sequential method in law; only columns of accepted ones are computed, beside the entries
/// between proposals. Rows that are zero or combinations of earlier pivots are never chosen.
///
/// Chen, Epperly, Tropp and Webber (2022), *Randomly pivoted Cholesky: practical approximation of a
/// kernel matrix with few entry evaluations*, algorithm 1 and theorem 5.1; Epperly, Tropp and Webber
/// (2024), *Embrace rejection: kernel matrix approximation by accelerated randomly pivoted Cholesky*,
/// algorithm 2.
///
/// ```
/// use ndarray::Array1;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{landmarks::{KernelEntries, RandomPivots}, random::Stream};
///
/// let kernel = KernelEntries::new(Array1::ones(200), |rows, columns, mut out| {
///     let x = |i: usize| i as f64 / 100.0;
///     out.indexed_iter_mut().for_each(|((i, j), v)| *v = (-(x(rows[i]) - x(columns[j])).powi(2)).exp());
///     Ok(())
/// })?;
/// let pivots = RandomPivots { rank: 50, tolerance: 1e-6, block: 5 };
/// let found = pivots.factor(&kernel, Stream::new(0, 0, 0), &Par::single())?;
/// assert!(found.pivots.len() < 20 && found.residual_trace.last() <= Some(&2e-4));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomPivots {
    /// The most pivots.
    pub rank: usize,
    /// Stops where the trace of the rest is at most this multiple of the trace of `K`.
    pub tolerance: f64,
    /// Pivots proposed at a time; 1 is the sequential method. Some tenth of the rank is fast.
    pub block: usize,
}

impl RandomPivots {
    /// Chooses pivots and factors.
    ///
    /// Fewer than `rank` pivots are returned where the tolerance is met, or nothing but rounding is
    /// left.
    ///
    /// # Errors
    /// [`Error::Zero`] for a rank or block of 0, [`Error::OutOfRange`] for a tolerance that is negative
    /// or NaN, [`Error::Indefinite`] where an entry exceeds what the diagonal allows, and those of
    /// [`KernelEntries::block`].
    pub fn factor<F>(
        &self,
        kernel: &KernelEntries<F>,
        stream: Stream,
        par: &Par,
    ) -> Result<PivotedCholesky, Error>
    where
        F: Fn(
            &[usize],
            &[usize],
            ArrayViewMut2<'_, f64>,
        ) -> Result<(), Box<dyn StdError + Send + Sync>>,
    {
        positive("rank", self.rank)?;
        positive("number of pivots proposed at a time", self.block)?;
        not_negative("tolerance", self.tolerance)?;
        let mut state = State::new(kernel.diagonal().to_owned(), self);
        let (proposals, chances) = (stream.child(0), stream.child(1));
        let mut drawn = 0u64;
        while !state.done() {
            let proposed = state.propose(drawn, self.block, proposals);
            let places = distinct(&proposed);
            let rest = kernel.block(&places, &places)? - state.explained_block(&places);
            let chance = |draw: usize| chances.unit(drawn + draw as u64);
            let accepted = state.accept(&proposed, &places, rest, chance);
            drawn += self.block as u64;
            if !accepted.is_empty() {
                let columns = kernel.columns(&accepted)?;
                check_bound(columns.view(), &accepted, kernel.diagonal())?;
                let rest = columns.reversed_axes() - state.explained(&accepted, par);
                state.extend(&accepted, rest);
            }
        }
        Ok(state.finish())
    }
}

/// What is known after some pivots.
struct State {
    /// The diagonal of `K`.
    diagonal: Array1<f64>,
    /// The diagonal of `K - F F^T`; zero where nothing but rounding is left.
    rest: Array1<f64>,
    /// `F^T`, `rank x n`, of which the first rows are filled.
    factor: Array2<f64>,
    pivots: Vec<usize>,
    trace: Vec<f64>,
    /// The trace at which to stop.
    enough: f64,
}

impl State {
    fn new(diagonal: Array1<f64>, options: &RandomPivots) -> Self {
        let trace = diagonal.sum();
        Self {
            rest: diagonal.clone(),
            factor: Array2::zeros((options.rank.min(diagonal.len()), diagonal.len())),
            pivots: Vec::new(),
            trace: vec![trace],
            enough: options.tolerance * trace,
            diagonal,
        }
    }

    fn done(&self) -> bool {
        let left = self.trace[self.pivots.len()];
        self.pivots.len() == self.factor.nrows() || left <= self.enough
    }

    /// What counts as rounding in the diagonal at `i`: every step rounds by an epsilon.
    fn rounding(&self, i: usize) -> f64 {
        4.0 * (self.pivots.len() + 10) as f64 * f64::EPSILON * self.diagonal[i]
    }

    /// Indices drawn with a chance proportional to the rest of the diagonal.
    fn propose(&self, first: u64, count: usize, stream: Stream) -> Vec<usize> {
        let mut sum = 0.0;
        let sums = self.rest.iter().map(|v| {
            sum += v;
            sum
        });
        let sums: Vec<f64> = sums.collect();
        (first..first + count as u64)
            .map(|draw| {
                // at most the last index that adds something: rounding may reach the sum itself
                let target = (stream.unit(draw) * sum).min(sum.next_down());
                sums.partition_point(|&s| s <= target)
            })
            .collect()
    }

    /// These rows of `F F^T`.
    fn explained(&self, rows: &[usize], par: &Par) -> Array2<f64> {
        let filled = self.factor.slice_axis(Axis(0), Slice::from(..self.pivots.len()));
        matmul(filled.select(Axis(1), rows).t(), filled, par)
    }

    /// `F F^T` in these rows and columns.
    fn explained_block(&self, places: &[usize]) -> Array2<f64> {
        let filled = self.factor.slice_axis(Axis(0), Slice::from(..self.pivots.len()));
        let part = filled.select(Axis(1), places);
        matmul(part.t(), part.view(), &Par::single())
    }

    /// The proposals that the sequential method would have chosen, in order.
    ///
    /// `rest` is `K - F F^T` at `places`, the different proposals; `chance` is uniform.
    fn accept(
        &mut self,
        proposed: &[usize],
        places: &[usize],
        mut rest: Array2<f64>,
        chance: impl Fn(usize) -> f64,
    ) -> Vec<usize> {
        let room = self.factor.nrows() - self.pivots.len();
        let mut accepted = Vec::new();
        for (draw, &index) in proposed.iter().enumerate() {
            let Some(place) = places.iter().position(|&p| p == index) else { continue };
            let left = rest[[place, place]];
            if left <= self.rounding(index) {
                // explained by the pivots before it: not to be proposed again
                self.rest[index] = 0.0;
            } else if accepted.len() < room && chance(draw) * self.rest[index] < left {
                accepted.push(index);
                eliminate(&mut rest, place);
            }
        }
        accepted
    }

    /// Takes in pivots, given their columns of `K - F F^T` as rows.
    fn extend(&mut self, accepted: &[usize], mut columns: Array2<f64>) {
        for (c, &pivot) in accepted.iter().enumerate() {
            let left = columns[[c, pivot]];
            if self.done() || left <= self.rounding(pivot) {
                self.rest[pivot] = 0.0;
                continue;
            }
            let column = &columns.row(c) / left.sqrt();
            for (&later, mut row) in accepted.iter().zip(columns.outer_iter_mut()).skip(c + 1) {
                row.scaled_add(-column[later], &column);
            }
            self.factor.row_mut(self.pivots.len()).assign(&column);
            self.pivots.push(pivot);
            for i in 0..self.rest.len() {
                let left = self.rest[i] - column[i] * column[i];
                self.rest[i] = if left > self.rounding(i) { left } else { 0.0 };
            }
            self.rest[pivot] = 0.0;
            self.trace.push(self.rest.sum());
        }
    }

    fn finish(mut self) -> PivotedCholesky {
        self.factor.slice_axis_inplace(Axis(0), Slice::from(..self.pivots.len()));
        PivotedCholesky {
            pivots: self.pivots,
            factor: self.factor.reversed_axes(),
            residual_trace: self.trace,
        }
    }
}

/// The different numbers, in the order in which they come first.
fn distinct(numbers: &[usize]) -> Vec<usize> {
    let mut seen = HashSet::new();
    numbers.iter().copied().filter(|&number| seen.insert(number)).collect()
}

/// Takes row and column `place` out of a matrix: its Schur complement, zero there.
fn eliminate(rest: &mut Array2<f64>, place: usize) {
    let column = rest.column(place).to_owned();
    let left = column[place];
    for (mut row, factor) in rest.outer_iter_mut().zip(&column) {
        row.scaled_add(-factor / left, &column);
    }
    rest.row_mut(place).fill(0.0);
    rest.column_mut(place).fill(0.0);
}

/// Fails for an entry with `k_ij^2 > k_ii k_jj`, beyond rounding in single precision.
fn check_bound(
    columns: ArrayView2<'_, f64>,
    places: &[usize],
    diagonal: ArrayView1<'_, f64>,
) -> Result<(), Error> {
    for ((i, c), v) in columns.indexed_iter() {
        let bound = diagonal[i] * diagonal[places[c]];
        if v * v > 1.0001 * bound {
            let what = "minor of two rows";
            let largest = diagonal.iter().fold(0.0f64, |most, v| most.max(v * v));
            return Err(Error::Indefinite { what, value: bound - v * v, largest });
        }
    }
    Ok(())
}
