//! General matrix products.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::traits::ComplexField;
use faer::{Accum, Mat, MatMut, MatRef};
use ndarray::{Array2, ArrayView2};

use crate::par::Par;
use crate::scalar::Scalar;

/// The product `A B` of an `m × k` and a `k × n` matrix, row-major.
///
/// Any strides are taken; a view that is neither row-major nor column-major
/// without gaps is copied first. Unlike [`gram()`](crate::gram()), the last bits
/// may depend on the shapes (not on threads). Memory: the result and such copies.
///
/// # Panics
///
/// When `a` has not as many columns as `b` has rows, as
/// [`ndarray::linalg::Dot`] does.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, matmul};
/// let (a, b) = (array![[1.0, 2.0]], array![[3.0], [4.0]]);
/// assert_eq!(matmul(a.view(), b.view(), &Par::single()), array![[11.0]]);
/// ```
pub fn matmul<T: Scalar>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, par: &Par) -> Array2<T> {
    assert_eq!(a.ncols(), b.nrows(), "the inner sides of a matrix product differ");
    let mut out = Array2::from_elem((a.nrows(), b.ncols()), T::from_f64(0.0));
    if let Some(slice) = out.as_slice_mut() {
        par.run(|par| T::matmul(a, b, slice, par));
    }
    out
}

/// A view as the library sees it: borrowed where it has no gaps, else copied.
pub(crate) enum Operand<'a, T> {
    Borrowed(MatRef<'a, T>),
    Owned(Mat<T>),
}

impl<'a, T: ComplexField> Operand<'a, T> {
    pub(crate) fn new(x: ArrayView2<'a, T>) -> Self {
        let (rows, columns) = x.dim();
        if let Some(slice) = x.to_slice() {
            Self::Borrowed(MatRef::from_row_major_slice(slice, rows, columns))
        } else if let Some(slice) = x.reversed_axes().to_slice() {
            Self::Borrowed(MatRef::from_column_major_slice(slice, rows, columns))
        } else {
            Self::Owned(Mat::from_fn(rows, columns, |i, j| x[[i, j]].clone()))
        }
    }

    pub(crate) fn view(&self) -> MatRef<'_, T> {
        match self {
            Self::Borrowed(view) => *view,
            Self::Owned(mat) => mat.as_ref(),
        }
    }
}

/// `out = A B`, row-major.
pub(crate) fn matmul_into<T: ComplexField>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    out: &mut [T],
    par: faer::Par,
) {
    let (rows, columns) = (a.nrows(), b.ncols());
    let out = MatMut::from_row_major_slice_mut(out, rows, columns);
    let (a, b) = (Operand::new(a), Operand::new(b));
    faer_matmul(out, Accum::Replace, a.view(), b.view(), T::one_impl(), par);
}
