//! Sparse rows.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis};
use widelimit_linalg::Par;

use super::{LinOp, check_indices, check_left, check_right};
use crate::{Csr, Error, Rows, Scalar, TestVectors};

/// Rows that one task multiplies.
const BLOCK: usize = 256;
/// Columns of the product that one task makes.
const SLAB: usize = 8;

/// Products cost the stored entries times the columns of the other factor.
impl<T: Scalar> LinOp for Csr<'_, T> {
    fn rows(&self) -> usize {
        Csr::rows(self)
    }

    fn cols(&self) -> usize {
        self.columns()
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_left(self, x)?;
        let mut out = Array2::zeros((LinOp::rows(self), x.ncols()));
        par.install(|| {
            let blocks = out.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter();
            blocks.enumerate().for_each(|(block, mut out)| {
                for (i, mut out) in (block * BLOCK..).zip(out.outer_iter_mut()) {
                    each(self, i, |j, v| add(&mut out, v, x.row(j)));
                }
            });
        });
        Ok(out)
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        check_right(self, x)?;
        let mut out = Array2::zeros((self.columns(), x.ncols()));
        par.install(|| {
            let slabs = out.axis_chunks_iter_mut(Axis(1), SLAB).into_par_iter();
            slabs.zip(x.axis_chunks_iter(Axis(1), SLAB)).for_each(|(mut out, x)| {
                for (i, x) in x.outer_iter().enumerate() {
                    each(self, i, |j, v| add(&mut out.row_mut(j), v, x));
                }
            });
        });
        Ok(out)
    }

    fn mul_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        if test.is_dense() {
            return self.mul(test.matrix().view(), par);
        }
        let values: Vec<f64> =
            (0..LinOp::rows(self)).flat_map(|i| self.row(i).1.iter().map(|&v| v.into())).collect();
        let mut out = Array2::zeros((LinOp::rows(self), test.count()));
        test.sketch(Rows::Sparse(self.with_values(&values)), out.view_mut())?;
        Ok(out)
    }

    fn mul_t_test(&self, test: &TestVectors, par: &Par) -> Result<Array2<f64>, Error> {
        match test.scatter(Rows::Sparse(*self))? {
            Some(product) => Ok(product),
            None => self.mul_t(test.matrix().view(), par),
        }
    }

    fn select_rows(&self, indices: &[usize], _: &Par) -> Result<Array2<f64>, Error> {
        check_indices(LinOp::rows(self), indices)?;
        let mut out = Array2::zeros((indices.len(), self.columns()));
        for (&i, mut out) in indices.iter().zip(out.outer_iter_mut()) {
            each(self, i, |j, v| out[j] = v);
        }
        Ok(out)
    }
}

/// Calls `work` with column and value of every stored entry of a row.
fn each<T: Scalar>(a: &Csr<'_, T>, row: usize, mut work: impl FnMut(usize, f64)) {
    let (indices, values) = a.row(row);
    indices.iter().zip(values).for_each(|(&j, &v)| work(j, v.into()));
}

/// `out += v x`.
fn add(out: &mut ArrayViewMut1<'_, f64>, v: f64, x: ArrayView1<'_, f64>) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += v * x);
}
