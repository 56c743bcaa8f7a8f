//! Dense matrices.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, matmul};

use super::{LinOp, check_indices, check_left, check_right};
use crate::{Error, Rows, Scalar, TestVectors};

/// Rows that are widened, or sketched by one task, at a time.
const BLOCK: usize = 256;

impl LinOp for ArrayView2<'_, f64> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_left(self, x)?;
        Ok(matmul(*self, x, par))
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_right(self, x)?;
        Ok(matmul(self.t(), x, par))
    }

    fn mul_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        mul_test(*self, test, par)
    }

    fn mul_t_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        match test.scatter(Rows::Dense(*self))? {
            Some(product) => Ok(product),
            None => self.mul_t(test.matrix().view(), par),
        }
    }

    fn select_rows(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(self.nrows(), indices)?;
        Ok(self.select(Axis(0), indices))
    }

    fn select_cols(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(self.ncols(), indices)?;
        Ok(self.select(Axis(1), indices))
    }
}

impl LinOp for ArrayView2<'_, f32> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_left(self, x)?;
        let mut out = Array2::zeros((self.nrows(), x.ncols()));
        let blocks = self.axis_chunks_iter(Axis(0), BLOCK);
        for (rows, mut out) in blocks.zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)) {
            out.assign(&matmul(rows.mapv(f64::from).view(), x, par));
        }
        Ok(out)
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_right(self, x)?;
        let mut out = Array2::zeros((self.ncols(), x.ncols()));
        let blocks = self.axis_chunks_iter(Axis(0), BLOCK);
        for (rows, x) in blocks.zip(x.axis_chunks_iter(Axis(0), BLOCK)) {
            out += &matmul(rows.mapv(f64::from).t(), x, par);
        }
        Ok(out)
    }

    fn mul_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        mul_test(*self, test, par)
    }

    fn select_rows(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(self.nrows(), indices)?;
        Ok(self.select(Axis(0), indices).mapv(f64::from))
    }

    fn select_cols(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(self.ncols(), indices)?;
        Ok(self.select(Axis(1), indices).mapv(f64::from))
    }
}

/// Rows times test vectors: a sketch of every row, or one product for normal numbers.
fn mul_test<'a, T: Scalar>(
    a: ArrayView2<'a, T>,
    test: &TestVectors,
    par: &Par,
) -> Result<Array2<f64>, Error>
where
    ArrayView2<'a, T>: LinOp,
{
    if test.is_dense() {
        return a.mul(test.matrix().view(), par);
    }
    let mut out = Array2::zeros((a.nrows(), test.count()));
    let work = |(block, out): (usize, _)| {
        let end = a.nrows().min((block + 1) * BLOCK);
        let rows = a.slice_axis(Axis(0), Slice::from(block * BLOCK..end));
        test.sketch(Rows::Dense(rows.mapv(Into::into).view()), out)
    };
    par.install(|| {
        let blocks = out.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter();
        blocks.enumerate().try_for_each(work)
    })?;
    Ok(out)
}
