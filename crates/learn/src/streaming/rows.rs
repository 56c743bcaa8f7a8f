//! Rows on their way into blocks of a fixed size.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use widelimit_linalg::Scalar;

use crate::Error;
use crate::check;

/// Rows of a block. With the one row that the moments add they fill whole chunks of
/// [`gram`](widelimit_linalg::gram()) (256 columns of the transpose).
pub const BLOCK: usize = 1023;

/// Largest magnitude of a feature or target: the squares of its moments still are numbers.
pub const LARGEST: f64 = 1e60;

/// Rows that wait until their block is full. Blocks are cut by the position of a row in the stream, so that
/// sums over blocks do not depend on how the stream was cut into calls.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// `(BLOCK + 1) x p`; the row after the last one belongs to whoever works on the block.
    features: Array2<f64>,
    /// `(BLOCK + 1) x m`.
    targets: Array2<f64>,
    weights: Vec<f64>,
}

/// A block: features `(k + 1) x p`, targets `(k + 1) x m`, weights `k`. The last row is free.
pub(super) type Block<'a> = (ArrayViewMut2<'a, f64>, ArrayViewMut2<'a, f64>, &'a [f64]);

impl Rows {
    pub fn new(features: usize, outputs: usize) -> Self {
        Rows {
            features: Array2::zeros((0, features)),
            targets: Array2::zeros((0, outputs)),
            weights: Vec::new(),
        }
    }

    /// Rows that wait.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// The rows that wait: features, targets, weights.
    pub fn waiting(&self) -> (ArrayView2<'_, f64>, ArrayView2<'_, f64>, &[f64]) {
        let rows = 0..self.len();
        let (features, targets) = (self.features.view(), self.targets.view());
        (rows_of(features, rows.clone()), rows_of(targets, rows), &self.weights)
    }

    /// Takes checked rows in and hands out every block that gets full.
    pub fn push<T: Scalar, U: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        targets: ArrayView2<U>,
        weights: Option<&[f64]>,
        mut full: impl FnMut(Block),
    ) {
        let mut start = 0;
        while start < features.nrows() {
            self.allocate();
            let at = self.len();
            let end = features.nrows().min(start + BLOCK - at);
            let (from, to) = (start..end, at..at + end - start);
            widen_into(rows_of(features, from.clone()), &mut self.features, to.clone());
            widen_into(rows_of(targets, from), &mut self.targets, to);
            match weights {
                Some(w) => self.weights.extend_from_slice(&w[start..end]),
                None => self.weights.resize(at + end - start, 1.0),
            }
            if self.len() == BLOCK {
                self.flush(&mut full);
            }
            start = end;
        }
    }

    /// Hands out what waits, full or not; nothing where nothing waits.
    pub fn flush(&mut self, mut work: impl FnMut(Block)) {
        if !self.weights.is_empty() {
            let end = self.len() + 1;
            let features = self.features.slice_axis_mut(Axis(0), Slice::from(..end));
            let targets = self.targets.slice_axis_mut(Axis(0), Slice::from(..end));
            work((features, targets, &self.weights));
            self.weights.clear();
        }
    }

    /// Room for a block, on first use.
    fn allocate(&mut self) {
        if self.features.nrows() == 0 {
            self.features = Array2::zeros((BLOCK + 1, self.features.ncols()));
            self.targets = Array2::zeros((BLOCK + 1, self.targets.ncols()));
        }
    }
}

/// These rows of a matrix.
pub(super) fn rows_of<T>(a: ArrayView2<'_, T>, rows: Range<usize>) -> ArrayView2<'_, T> {
    a.slice_axis_move(Axis(0), rows.into())
}

fn widen_into<T: Scalar>(from: ArrayView2<T>, to: &mut Array2<f64>, rows: Range<usize>) {
    to.slice_axis_mut(Axis(0), rows.into()).zip_mut_with(&from, |v, x| *v = x.to_f64());
}

/// Checks rows `first ..` of a stream of `p` features and `m` outputs.
///
/// # Errors
/// [`Error::Shape`]; [`Error::NotFinite`] and [`Error::OutOfRange`] with the row counted from the beginning
/// of the stream; [`Error::Parameter`] for a weight that is not positive.
pub(super) fn checked<T: Scalar, U: Scalar>(
    first: usize,
    (p, m): (usize, usize),
    features: ArrayView2<T>,
    targets: ArrayView2<U>,
    weights: Option<&[f64]>,
) -> Result<(), Error> {
    check::length("number of features", p, features.ncols())?;
    check::length("number of outputs", m, targets.ncols())?;
    check::length("number of target rows", features.nrows(), targets.nrows())?;
    bounded("the array of features", features, first)?;
    bounded("the array of targets", targets, first)?;
    if let Some(weights) = weights {
        check::length("number of sample weights", features.nrows(), weights.len())?;
        let column = ArrayView2::from_shape((weights.len(), 1), weights);
        if let Ok(column) = column {
            bounded("the array of sample weights", column, first)?;
        }
        if let Some(&value) = weights.iter().find(|w| **w <= 0.0) {
            let expected = "positive and finite";
            return Err(Error::Parameter { name: "sample weight", expected, value });
        }
    }
    Ok(())
}

/// Refuses NaN, infinities and magnitudes beyond [`LARGEST`].
pub(super) fn bounded<T: Scalar>(
    what: &'static str,
    a: ArrayView2<T>,
    first: usize,
) -> Result<(), Error> {
    for (i, values) in a.axis_iter(Axis(0)).enumerate() {
        // NaN lies in no range.
        let good = |v: &T| (0.0..=LARGEST).contains(&v.to_f64().abs());
        let bad = values.iter().enumerate().find(|(_, v)| !good(v));
        if let Some((column, v)) = bad {
            let (row, value) = (first + i, v.to_f64());
            return Err(match value.is_finite() {
                true => Error::OutOfRange { what, row, column, value, most: LARGEST },
                false => Error::NotFinite { what, row, column, value },
            });
        }
    }
    Ok(())
}
