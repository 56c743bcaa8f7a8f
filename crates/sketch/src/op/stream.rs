//! Matrices that are read, or computed, block by block.

use std::error::Error as StdError;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice, concatenate};
use widelimit_linalg::{Par, matmul};

use super::{LinOp, check_indices, check_left, check_right};
use crate::Error;
use crate::error::positive;

/// Whether a matrix is its own transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetry {
    /// `A^T = A`: products with the transpose are products with the matrix.
    Symmetric,
    /// Nothing is known.
    General,
}

/// A matrix of which a function yields blocks of rows: from a file, or computed, such as a kernel.
///
/// A product reads all rows once, in blocks of `block` rows, and holds one block in memory
/// (`block x cols` numbers) beside its result; [`LinOp::mul_both`] reads them once for both of its
/// products. Sums over rows are added up block by block: their last bits depend on `block`.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{LinOp, StreamOp, Symmetry};
///
/// // the kernel exp(-|i - j|) of the points 0, 1, ..., 99
/// let kernel = StreamOp::new(100, 100, 32, Symmetry::Symmetric, |rows, mut out| {
///     for (i, mut out) in rows.zip(out.outer_iter_mut()) {
///         out.indexed_iter_mut().for_each(|(j, v)| *v = (-(i.abs_diff(j) as f64)).exp());
///     }
///     Ok(())
/// })?;
/// let row_sums = kernel.mul(Array2::ones((100, 1)).view(), &Par::single())?;
/// assert!((row_sums[[50, 0]] - 2.16395).abs() < 1e-5); // (e + 1) / (e - 1)
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StreamOp<F> {
    rows: usize,
    cols: usize,
    block: usize,
    symmetry: Symmetry,
    read: F,
}

impl<F> StreamOp<F>
where
    F: Fn(Range<usize>, ArrayViewMut2<'_, f64>) -> Result<(), Box<dyn StdError + Send + Sync>>,
{
    /// A matrix of `rows x cols`; `read(range, out)` overwrites `out` (`range.len() x cols`, zeros
    /// at first) with the rows in `range`, which has at most `block` of them.
    ///
    /// # Errors
    /// [`Error::Zero`] for a block of 0 rows, [`Error::Shape`] for a symmetric matrix that is not
    /// square.
    pub fn new(
        rows: usize,
        cols: usize,
        block: usize,
        symmetry: Symmetry,
        read: F,
    ) -> Result<Self, Error> {
        positive("number of rows of a block", block)?;
        if symmetry == Symmetry::Symmetric && rows != cols {
            let what = "number of columns of a symmetric matrix";
            return Err(Error::Shape { what, expected: rows, got: cols });
        }
        Ok(Self { rows, cols, block, symmetry, read })
    }

    /// The rows in `range`.
    fn read(&self, range: Range<usize>) -> Result<Array2<f64>, Error> {
        let mut out = Array2::zeros((range.len(), self.cols));
        let Range { start, end } = range.clone();
        (self.read)(range, out.view_mut()).map_err(|error| Error::Read {
            what: "rows",
            start,
            end,
            message: error.to_string(),
        })?;
        Ok(out)
    }

    /// Calls `work` with every block and its rows, in order.
    fn each(&self, mut work: impl FnMut(Slice, ArrayView2<'_, f64>)) -> Result<(), Error> {
        for start in (0..self.rows).step_by(self.block) {
            let range = start..self.rows.min(start + self.block);
            work(Slice::from(range.clone()), self.read(range)?.view());
        }
        Ok(())
    }
}

impl<F> LinOp for StreamOp<F>
where
    F: Fn(Range<usize>, ArrayViewMut2<'_, f64>) -> Result<(), Box<dyn StdError + Send + Sync>>,
{
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_left(self, x)?;
        let mut out = Array2::zeros((self.rows, x.ncols()));
        self.each(|range, block| {
            out.slice_axis_mut(Axis(0), range).assign(&matmul(block, x, par));
        })?;
        Ok(out)
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_right(self, x)?;
        if self.symmetry == Symmetry::Symmetric {
            return self.mul(x, par);
        }
        let mut out = Array2::zeros((self.cols, x.ncols()));
        self.each(|range, block| out += &matmul(block.t(), x.slice_axis(Axis(0), range), par))?;
        Ok(out)
    }

    fn mul_both(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        par: &Par,
    ) -> Result<(Array2<f64>, Array2<f64>), Error> {
        check_left(self, x)?;
        check_right(self, y)?;
        if self.symmetry == Symmetry::Symmetric {
            let both = concatenate![Axis(1), x, y];
            let product = self.mul(both.view(), par)?;
            let (left, right) = product.view().split_at(Axis(1), x.ncols());
            return Ok((left.to_owned(), right.to_owned()));
        }
        let mut left = Array2::zeros((self.rows, x.ncols()));
        let mut right = Array2::zeros((self.cols, y.ncols()));
        self.each(|range, block| {
            left.slice_axis_mut(Axis(0), range).assign(&matmul(block, x, par));
            right += &matmul(block.t(), y.slice_axis(Axis(0), range), par);
        })?;
        Ok((left, right))
    }

    /// Reads these rows and no others.
    fn select_rows(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(self.rows, indices)?;
        let mut out = Array2::zeros((indices.len(), self.cols));
        for (&i, mut out) in indices.iter().zip(out.outer_iter_mut()) {
            out.assign(&self.read(i..i + 1)?.row(0));
        }
        Ok(out)
    }

    fn select_cols(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        if self.symmetry == Symmetry::Symmetric {
            return Ok(self.select_rows(indices, par)?.reversed_axes());
        }
        check_indices(self.cols, indices)?;
        let mut out = Array2::zeros((self.rows, indices.len()));
        self.each(|range, block| {
            out.slice_axis_mut(Axis(0), range).assign(&block.select(Axis(1), indices));
        })?;
        Ok(out)
    }
}
