//! Matrices known by their products.

mod dense;
mod sparse;
mod stream;
mod transpose;

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::Par;

pub use stream::{StreamOp, Symmetry};
pub use transpose::Transpose;

use crate::error::{at_most, equal};
use crate::{Error, TestVectors};

/// A real matrix `A` (`rows x cols`) of which only products are asked.
///
/// Dense views (`f64`, and `f32` widened a few rows at a time), sparse rows
/// ([`Csr`](crate::Csr)), rows read from elsewhere ([`StreamOp`]) and their [`Transpose`] are such
/// matrices; a new kind needs the first four methods. Each of the others is one product too, which
/// a kind may do in a cheaper way. Products are in double precision, and the same for any number of
/// threads.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::LinOp;
///
/// let a = array![[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]];
/// let y = a.view().mul(array![[1.0], [1.0]].view(), &Par::single())?;
/// assert_eq!(y, array![[3.0], [1.0], [3.0]]);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
pub trait LinOp {
    /// Number of rows, `m`.
    fn rows(&self) -> usize;

    /// Number of columns, `n`.
    fn cols(&self) -> usize;

    /// `A x` for `x` of `n x l`: `m x l`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not `n` rows, [`Error::Read`] where entries cannot be had.
    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error>;

    /// `A^T x` for `x` of `m x l`: `n x l`.
    ///
    /// # Errors
    /// As [`LinOp::mul`], for `m` rows.
    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error>;

    /// `A x` and `A^T y`, where possible while every entry is looked at once.
    ///
    /// # Errors
    /// As [`LinOp::mul`] and [`LinOp::mul_t`].
    fn mul_both(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        par: &Par,
    ) -> Result<(Array2<f64>, Array2<f64>), Error> {
        Ok((self.mul(x, par)?, self.mul_t(y, par)?))
    }

    /// `A` times test vectors of length `n`, without making sparse or fast ones dense.
    ///
    /// # Errors
    /// As [`LinOp::mul`].
    fn mul_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        self.mul(test.matrix().view(), par)
    }

    /// `A^T` times test vectors of length `m`, without making sparse or fast ones dense.
    ///
    /// # Errors
    /// As [`LinOp::mul_t`].
    fn mul_t_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        self.mul_t(test.matrix().view(), par)
    }

    /// The rows of `A` with these numbers, `indices.len() x n`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a number that is no row; as [`LinOp::mul_t`].
    fn select_rows(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        Ok(self.mul_t(units(self.rows(), indices)?.view(), par)?.reversed_axes())
    }

    /// The columns of `A` with these numbers, `m x indices.len()`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a number that is no column; as [`LinOp::mul`].
    fn select_cols(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        self.mul(units(self.cols(), indices)?.view(), par)
    }
}

/// Columns of the identity of `size`.
fn units(size: usize, indices: &[usize]) -> Result<Array2<f64>, Error> {
    check_indices(size, indices)?;
    let mut out = Array2::zeros((size, indices.len()));
    indices.iter().enumerate().for_each(|(column, &row)| out[[row, column]] = 1.0);
    Ok(out)
}

fn check_indices(size: usize, indices: &[usize]) -> Result<(), Error> {
    let what = "number of a row or column";
    indices.iter().try_for_each(|&index| at_most(what, index + 1, size).map(drop))
}

fn check_left(op: &(impl LinOp + ?Sized), x: ArrayView2<'_, f64>) -> Result<(), Error> {
    equal("number of rows of the right factor", op.cols(), x.nrows())
}

fn check_right(op: &(impl LinOp + ?Sized), x: ArrayView2<'_, f64>) -> Result<(), Error> {
    equal("number of rows of the right factor of the transpose", op.rows(), x.nrows())
}
