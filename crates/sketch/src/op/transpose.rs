//! The transpose of a matrix.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::Par;

use super::LinOp;
use crate::{Error, TestVectors};

/// The transpose of a matrix: the products change places.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{LinOp, Transpose};
///
/// let a = array![[1.0, 2.0]];
/// let y = Transpose(&a.view()).mul(array![[3.0]].view(), &Par::single())?;
/// assert_eq!(y, array![[3.0], [6.0]]);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Transpose<'a, A: ?Sized>(pub &'a A);

impl<A: LinOp + ?Sized> LinOp for Transpose<'_, A> {
    fn rows(&self) -> usize {
        self.0.cols()
    }

    fn cols(&self) -> usize {
        self.0.rows()
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        self.0.mul_t(x, par)
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        self.0.mul(x, par)
    }

    fn mul_both(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        par: &Par,
    ) -> Result<(Array2<f64>, Array2<f64>), Error> {
        let (left, right) = self.0.mul_both(y, x, par)?;
        Ok((right, left))
    }

    fn mul_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        self.0.mul_t_test(test, par)
    }

    fn mul_t_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        self.0.mul_test(test, par)
    }

    fn select_rows(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        Ok(self.0.select_cols(indices, par)?.reversed_axes())
    }

    fn select_cols(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        Ok(self.0.select_rows(indices, par)?.reversed_axes())
    }
}
