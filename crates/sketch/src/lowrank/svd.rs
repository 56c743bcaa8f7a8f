//! Singular value decompositions.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, Qr, Svd, matmul, svd as dense_svd};

use super::RangeFinder;
use super::skeleton::row_skeleton_of;
use crate::LinOp;
use crate::error::{Error, equal, finite_product, positive};
use crate::random::Stream;

/// `A ~ U diag(s) V^T` with `k = min(finder.rank, m, n)` singular values, descending.
///
/// [`RangeFinder::find`] and [`svd_in_range`]; the error exceeds that of the range by at most
/// `s_{k+1}`, the least there is.
///
/// HMT algorithm 5.1 and theorem 9.3.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::{RangeFinder, svd}, random::Stream};
///
/// let a = Array2::from_shape_fn((40, 30), |(i, j)| ((i + 1) * (j + 1)) as f64); // of rank 1
/// let svd = svd(&a.view(), &RangeFinder::new(1), Stream::new(0, 0, 0), &Par::single())?;
/// let norm = a.iter().map(|v| v * v).sum::<f64>().sqrt();
/// assert!(svd.s.len() == 1 && (svd.s[0] / norm - 1.0).abs() < 1e-14);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// Those of [`RangeFinder::find`].
pub fn svd<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Svd<f64>, Error> {
    let q = finder.find(a, stream, par)?;
    svd_in_range(a, q.view(), finder.rank, par)
}

/// The largest `rank` singular values and vectors of `Q Q^T A`, for an orthonormal `Q` (`m x l`).
///
/// One product, `A^T Q`, and the decomposition of its `n x l` numbers. There are at most `min(l, n)`.
///
/// # Errors
/// [`Error::Zero`] for a rank of 0, [`Error::Shape`] where `q` has not `m` rows, [`Error::Product`],
/// [`Error::Linalg`], and those of the product.
pub fn svd_in_range<A: LinOp + ?Sized>(
    a: &A,
    q: ArrayView2<'_, f64>,
    rank: usize,
    par: &Par,
) -> Result<Svd<f64>, Error> {
    positive("rank", rank)?;
    equal("number of rows of the basis", a.rows(), q.nrows())?;
    let b = finite_product(a.mul_t(q, par)?)?;
    of_product(q, b.view(), rank, par)
}

/// The decomposition of `Q B^T` for an orthonormal `Q` (`m x l`) and any `B` (`n x l`).
pub(crate) fn of_product(
    q: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    rank: usize,
    par: &Par,
) -> Result<Svd<f64>, Error> {
    // B = W diag(s) Z^T, hence Q B^T = (Q Z) diag(s) W^T
    let small = truncate(dense_svd(b, par)?, rank);
    let u = matmul(q, small.vt.t(), par);
    Ok(Svd { u, s: small.s, vt: small.u.reversed_axes() })
}

/// The first `rank` singular values and vectors.
pub(crate) fn truncate(svd: Svd<f64>, rank: usize) -> Svd<f64> {
    let rank = rank.min(svd.s.len());
    let columns = |u: Array2<f64>| u.slice_axis(Axis(1), Slice::from(..rank)).to_owned();
    Svd {
        u: columns(svd.u),
        s: svd.s.slice_axis(Axis(0), Slice::from(..rank)).to_owned(),
        vt: svd.vt.slice_axis(Axis(0), Slice::from(..rank)).to_owned(),
    }
}

/// [`svd()`] that looks at `l` rows of `A` instead of a second product.
///
/// `A ~ X A_J` with the rows `J` that span the range best ([`row_skeleton`](super::row_skeleton())),
/// then the decomposition of the right-hand side. Faster for a dense matrix, the more so as it is
/// large; the error may be larger than that of the range, by a factor of at most
/// `1 + sqrt(1 + 4 l (m - l))` and in practice a small one.
///
/// HMT algorithm 5.2.
///
/// # Errors
/// Those of [`RangeFinder::find`].
pub fn svd_from_rows<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Svd<f64>, Error> {
    let vectors = finder.vectors(a)?;
    let skeleton = row_skeleton_of(finder.sample(a, stream, par)?, vectors, par)?;
    let rows = finite_product(a.select_rows(&skeleton.rows, par)?)?;
    // A_J^T = W R, hence X A_J = (X R^T) W^T
    let factor = Qr::factor(rows.reversed_axes(), par)?;
    let left = matmul(skeleton.coefficients.view(), factor.r().t(), par);
    let small = truncate(dense_svd(left.view(), par)?, finder.rank);
    let vt = matmul(small.vt.view(), factor.q(par)?.t(), par);
    Ok(Svd { u: small.u, s: small.s, vt })
}
