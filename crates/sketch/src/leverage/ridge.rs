//! Ridge leverage scores.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use widelimit_linalg::{Cholesky, Par, matmul};

use crate::error::{Error, above_zero, equal, finite};
use crate::lowrank::check_symmetry;

/// The ridge leverage scores `(K (K + ridge I)^{-1})_ii` of the points of a kernel matrix `k`
/// (`n x n`): `n` numbers in `[0, 1]`, adding up to the effective dimension.
///
/// As `1 - ridge (K + ridge I)^{-1}_ii` from a Cholesky factor: `n^3 / 2` multiplications, absolute
/// errors of some `eps |K| / ridge`.
///
/// Alaoui and Mahoney (2015), *Fast randomized kernel ridge regression with statistical guarantees*,
/// definition 1.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::leverage::ridge_leverage_scores;
///
/// let scores = ridge_leverage_scores(array![[1.0, 0.0], [0.0, 3.0]].view(), 1.0, &Par::single())?;
/// assert!((scores[0] - 0.5).abs() < 1e-15 && (scores[1] - 0.75).abs() < 1e-15);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a ridge that is not positive, [`Error::Shape`] and
/// [`Error::NotSymmetric`] for the matrix, [`Error::NonFinite`] for an entry, [`Error::Linalg`] where
/// `K + ridge I` is not positive definite.
pub fn ridge_leverage_scores(
    k: ArrayView2<'_, f64>,
    ridge: f64,
    par: &Par,
) -> Result<Array1<f64>, Error> {
    above_zero("ridge", ridge)?;
    equal("number of columns of the kernel matrix", k.nrows(), k.ncols())?;
    finite(k)?;
    check_symmetry(k)?;
    let mut shifted = k.to_owned();
    shifted.diag_mut().iter_mut().for_each(|v| *v += ridge);
    let inverse = Cholesky::factor(shifted, par)?.inverse_diagonal(par);
    Ok(inverse.mapv(|v| (1.0 - ridge * v).clamp(0.0, 1.0)))
}

/// The ridge leverage scores `z_i^T (Z^T Z + ridge I)^{-1} z_i` of rows of features `z` (`n x m`): those
/// of the kernel matrix `Z Z^T`.
///
/// `n m^2` multiplications for the Gram matrix and as many for the scores; memory a copy of `z`.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::leverage::feature_ridge_leverage_scores;
///
/// let z = array![[1.0, 0.0], [0.0, 2.0]];
/// let scores = feature_ridge_leverage_scores(z.view(), 1.0, &Par::single())?;
/// assert!((scores[0] - 0.5).abs() < 1e-15 && (scores[1] - 0.8).abs() < 1e-15);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a ridge that is not positive, [`Error::NonFinite`] for an entry,
/// [`Error::Linalg`] where the Gram matrix overflows.
pub fn feature_ridge_leverage_scores(
    z: ArrayView2<'_, f64>,
    ridge: f64,
    par: &Par,
) -> Result<Array1<f64>, Error> {
    above_zero("ridge", ridge)?;
    finite(z)?;
    let mut gram: Array2<f64> = matmul(z.t(), z, par);
    gram.diag_mut().iter_mut().for_each(|v| *v += ridge);
    let white = Cholesky::factor(gram, par)?.solve_lower(z.t(), par);
    Ok(white.columns().into_iter().map(|column| column.dot(&column)).collect())
}

/// `sum_i v_i / (v_i + ridge)`: how many directions a ridge leaves, for the eigenvalues of a kernel
/// matrix. Negative ones, which are rounding, count as zero.
///
/// ```
/// use ndarray::array;
/// use widelimit_sketch::leverage::effective_dimension;
/// assert_eq!(effective_dimension(array![3.0, 1.0, 0.0].view(), 1.0)?, 1.25);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a ridge that is not positive.
pub fn effective_dimension(eigenvalues: ArrayView1<'_, f64>, ridge: f64) -> Result<f64, Error> {
    above_zero("ridge", ridge)?;
    Ok(eigenvalues.iter().map(|&v| v.max(0.0)).map(|v| v / (v + ridge)).sum())
}
