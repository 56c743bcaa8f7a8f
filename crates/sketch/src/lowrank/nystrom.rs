//! Positive semidefinite matrices from one product.

use ndarray::{Array1, Array2, Axis};
use widelimit_linalg::{Cholesky, Error as LinalgError, Par, matmul, svd as dense_svd};

use super::RangeFinder;
use super::eigh::{check_symmetry, square};
use super::finder::orthonormal;
use super::svd::truncate;
use crate::error::{Error, finite_product};
use crate::random::Stream;
use crate::{LinOp, TestVectors};

/// Factors of ten by which the shift may grow: the last one is for kernels in single precision.
const RUNGS: i32 = 10;

/// `A ~ V diag(values) V^T`, positive semidefinite.
#[derive(Clone, Debug, PartialEq)]
pub struct PsdApproximation {
    /// Eigenvalues, descending, none negative: `k`.
    pub values: Array1<f64>,
    /// Orthonormal columns, `n x k`.
    pub vectors: Array2<f64>,
    /// The shift `nu` of the diagonal under which the core was factored. The eigenvalues are right up
    /// to about its size, beside the error of the approximation.
    pub shift: f64,
}

/// The Nystrom approximation `A Omega (Omega^T A Omega)^+ Omega^T A` of a positive semidefinite `A`,
/// cut to `min(finder.rank, n)` eigenvalues.
///
/// One product `Y = A Omega`, with `l = k + p` orthonormal test vectors; a stable form works on
/// `A + nu I` with `nu = sqrt(n) eps |Y|_F` and subtracts `nu` from the eigenvalues. Where rounding
/// in `A` itself (single precision) is larger, so is `nu`, by powers of ten up to `1e10`. With
/// `q > 0` power iterations of the finder there are `2 q` products. For `q = 0` and normal vectors
///
/// `E|A - A_nys|_* <= (1 + k/(p-1)) sum_{j>k} s_j`
///
/// in the nuclear norm, before the cut. The approximation is never above `A`: `A - A_nys` is positive
/// semidefinite, up to `nu`.
///
/// Tropp, Yurtsever, Udell and Cevher (2017), *Fixed-rank approximation of a positive-semidefinite
/// matrix from streaming data*, algorithm 3 and theorem 4.1.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::{RangeFinder, nystrom}, random::Stream};
///
/// let a = Array2::from_diag(&Array1::from_shape_fn(60, |i| 0.5f64.powi(i as i32)));
/// let finder = RangeFinder { power_iterations: 0, ..RangeFinder::new(4) };
/// let found = nystrom(&a.view(), &finder, Stream::new(0, 0, 0), &Par::single())?;
/// assert!(found.values.iter().zip([1.0, 0.5, 0.25]).all(|(v, w)| (v - w).abs() < 1e-3));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for a matrix that is not square, [`Error::NotSymmetric`], [`Error::Indefinite`]
/// where the matrix has a negative direction among those seen; those of [`RangeFinder::find`].
pub fn nystrom<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<PsdApproximation, Error> {
    let n = square(a)?;
    let omega = test_basis(a, finder, stream, par)?;
    let y = finite_product(a.mul(omega.view(), par)?)?;
    let norm = y.iter().map(|v| v * v).sum::<f64>().sqrt();
    let core = matmul(omega.t(), y.view(), par);
    check_symmetry(core.view())?;
    if norm == 0.0 {
        let rank = finder.rank.min(omega.ncols());
        let vectors = omega.select(Axis(1), &(0..rank).collect::<Vec<_>>());
        return Ok(PsdApproximation { values: Array1::zeros(rank), vectors, shift: 0.0 });
    }
    let (factor, shift) = factor_shifted(core, (n as f64).sqrt() * f64::EPSILON * norm, par)?;
    // F F^T with F = (Y + nu Omega) L^{-T} is the approximation of A + nu I
    let left = factor.solve_lower((y + shift * &omega).t(), par);
    let svd = truncate(dense_svd(left.t(), par)?, finder.rank);
    let values = svd.s.mapv(|s| (s * s - shift).max(0.0));
    Ok(PsdApproximation { values, vectors: svd.u, shift })
}

/// Orthonormal test vectors, after the power iterations asked for.
fn test_basis<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Array2<f64>, Error> {
    match finder.power_iterations {
        0 => {
            let count = finder.vectors(a)?;
            let test = TestVectors::draw(finder.test_matrix, a.cols(), count, stream)?;
            orthonormal(test.matrix(), par)
        }
        // a range of the matrix is as good as q iterations on its square
        q => RangeFinder { power_iterations: q - 1, ..finder.clone() }.find(a, stream, par),
    }
}

/// The Cholesky factor of `core + nu I` with the least `nu = start 10^t` that lets it through.
fn factor_shifted(core: Array2<f64>, start: f64, par: &Par) -> Result<(Cholesky<f64>, f64), Error> {
    let core = 0.5 * (&core + &core.t());
    let largest = core.diag().iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let mut last = 0.0;
    for rung in 0..=RUNGS {
        let shift = start * 10f64.powi(rung);
        let mut shifted = core.clone();
        shifted.diag_mut().iter_mut().for_each(|v| *v += shift);
        match Cholesky::factor(shifted, par) {
            Ok(factor) => return Ok((factor, shift)),
            Err(LinalgError::NotPositiveDefinite { value, .. }) => last = value,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Indefinite { what: "pivot", value: last, largest })
}
