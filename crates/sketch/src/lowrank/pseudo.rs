//! Least squares with matrices that may have dependent columns.

use ndarray::{Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, matmul, svd};

use crate::Error;

/// The `x` of least norm among those that minimise `|M x - b|`, for `M` of `s x l` and `b` of `s x p`.
///
/// Singular values below `max(s, l)` times the machine epsilon times the largest count as zero.
pub(crate) fn least_squares(
    matrix: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    par: &Par,
) -> Result<Array2<f64>, Error> {
    let svd = svd(matrix, par)?;
    let largest = svd.s.first().copied().unwrap_or(0.0);
    let bound = matrix.nrows().max(matrix.ncols()) as f64 * f64::EPSILON * largest;
    let mut part = matmul(svd.u.t(), b, par);
    for (mut row, &s) in part.axis_iter_mut(Axis(0)).zip(&svd.s) {
        let factor = if s > bound { s.recip() } else { 0.0 };
        row *= factor;
    }
    Ok(matmul(svd.vt.t(), part.view(), par))
}
