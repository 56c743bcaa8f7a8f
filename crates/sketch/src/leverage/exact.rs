//! Leverage scores from an orthonormal basis.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, Qr, Svd, matmul, svd};

use crate::Error;

/// The leverage scores `|Q_i|^2` of the rows of `a` (`n x d`), for an orthonormal basis `Q` of its
/// columns: `n` numbers in `[0, 1]`, adding up to the rank.
///
/// Columns may depend on each other: singular values below `max(n, d) eps` times the largest count as
/// zero. `O(n d^2)`; memory two copies of `a`.
///
/// Mahoney (2011), *Randomized algorithms for matrices and data*, section 2.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::leverage::leverage_scores;
///
/// let scores = leverage_scores(array![[1.0, 0.0], [0.0, 3.0], [0.0, 4.0]].view(), &Par::single())?;
/// assert!(scores.iter().zip([1.0, 0.36, 0.64]).all(|(s, t)| (s - t).abs() < 1e-14));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::Linalg`] for an entry that is NaN or infinite.
pub fn leverage_scores(a: ArrayView2<'_, f64>, par: &Par) -> Result<Array1<f64>, Error> {
    let factor = Qr::factor(a.to_owned(), par)?;
    // Q is a basis of the columns only if they are independent; A = Q U s V^T is one of U
    let small = svd(factor.r().view(), par)?;
    let kept = numerical_rank(&small, a.nrows().max(a.ncols()));
    let basis = small.u.slice_axis(Axis(1), Slice::from(..kept));
    Ok(squared_norms(&matmul(factor.q(par)?.view(), basis, par)))
}

/// Singular values that are not rounding.
pub(super) fn numerical_rank(svd: &Svd<f64>, side: usize) -> usize {
    let largest = svd.s.first().copied().unwrap_or(0.0);
    svd.s.iter().filter(|&&s| s > side as f64 * f64::EPSILON * largest).count()
}

pub(super) fn squared_norms(rows: &Array2<f64>) -> Array1<f64> {
    rows.outer_iter().map(|row| row.dot(&row)).collect()
}
