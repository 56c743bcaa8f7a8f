//! Decompositions of matrices whose entries are seen once.

use ndarray::Array2;
use widelimit_linalg::{Par, Svd, matmul, svd as dense_svd};

use super::RangeFinder;
use super::eigh::{Eigh, of_core, square};
use super::finder::orthonormal;
use super::pseudo::least_squares;
use super::svd::{of_product, truncate};
use crate::error::{Error, finite_product};
use crate::random::Stream;
use crate::{LinOp, TestVectors};

/// `A ~ U diag(s) V^T` with `k = min(finder.rank, m, n)` singular values, from one
/// [`LinOp::mul_both`].
///
/// `Y = A Omega` with `l = k + p` vectors gives the range `Q`; `W = A^T Psi` with `2 l + 1` further
/// vectors tells what `A` does there: `X` with `(Psi^T Q) X ~ W^T` in the least-squares sense, and
/// `A ~ Q X`. Power iterations are not done. For normal vectors and all `r < l - 1`
///
/// `E|A - Q X|_F^2 <= (1 + l/(s - l - 1)) (1 + r/(l - r - 1)) sum_{j>r} s_j^2`, with `s = 2 l + 1`:
///
/// use `p` near `k` and more where singular values fall slowly.
///
/// Tropp, Yurtsever, Udell and Cevher (2017), *Practical sketching algorithms for low-rank matrix
/// approximation*, algorithms 4 and 7, theorem 4.3.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::{RangeFinder, single_pass_svd}, random::Stream};
///
/// let a = Array2::from_shape_fn((40, 30), |(i, j)| 1.0 / (i + j + 1) as f64);
/// let finder = RangeFinder::new(8);
/// let svd = single_pass_svd(&a.view(), &finder, Stream::new(0, 0, 0), &Par::single())?;
/// let rest = &a - &(&svd.u * &svd.s).dot(&svd.vt);
/// assert!(rest.iter().all(|v| v.abs() < 1e-6));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// Those of [`RangeFinder::find`].
pub fn single_pass_svd<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Svd<f64>, Error> {
    let count = finder.vectors(a)?;
    let draw = |length, count: usize, part| {
        TestVectors::draw(finder.test_matrix, length, count, stream.child(part))
    };
    let omega = draw(a.cols(), count, 0)?.matrix();
    let psi = draw(a.rows(), (2 * count + 1).min(a.rows()), 1)?.matrix();
    let (y, w) = a.mul_both(omega.view(), psi.view(), par)?;
    let q = orthonormal(finite_product(y)?, par)?;
    let core = matmul(psi.t(), q.view(), par);
    let x = least_squares(core.view(), finite_product(w)?.t(), par)?;
    of_product(q.view(), x.t(), finder.rank, par)
}

/// The eigenvalues of largest absolute value of a symmetric `A`, from one product `Y = A Omega`.
///
/// `Q` are the `k = finder.rank` largest left singular vectors of `Y` (`n x (k + p)`), and
/// `A ~ Q B Q^T` with the symmetric part of the `B` that fits `B (Q^T Omega) ~ Q^T Y` best. Power
/// iterations are not done; use `p` near `k`. For a positive semidefinite matrix
/// [`nystrom`](super::nystrom()) is better at the same price.
///
/// HMT section 5.5 with remark 5.4.
///
/// # Errors
/// [`Error::Shape`] for a matrix that is not square; those of [`RangeFinder::find`].
pub fn single_pass_eigh<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Eigh, Error> {
    square(a)?;
    let count = finder.vectors(a)?;
    let omega = TestVectors::draw(finder.test_matrix, a.cols(), count, stream)?;
    let y = finite_product(a.mul_test(&omega, par)?)?;
    let q = leading(&y, finder.rank, par)?;
    let seen = matmul(q.t(), omega.matrix().view(), par);
    let target = matmul(q.t(), y.view(), par);
    let core = least_squares(seen.t(), target.t(), par)?;
    of_core(q.view(), core, finder.rank, par)
}

/// The largest left singular vectors, at most `rank`.
pub(crate) fn leading(y: &Array2<f64>, rank: usize, par: &Par) -> Result<Array2<f64>, Error> {
    Ok(truncate(dense_svd(y.view(), par)?, rank).u)
}
