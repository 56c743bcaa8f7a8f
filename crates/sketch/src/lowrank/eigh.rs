//! Eigenvalues of symmetric matrices.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, matmul, symmetric_eigen};

use super::RangeFinder;
use crate::LinOp;
use crate::error::{Error, equal, finite_product, positive};
use crate::random::Stream;

/// Largest difference of mirrored entries that counts as rounding, relative to the largest entry.
/// Wide enough for kernels computed in single precision.
const ASYMMETRY: f64 = 1e-4;

/// Some eigenvalues and eigenvectors of a symmetric matrix: `A ~ V diag(values) V^T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigh {
    /// Eigenvalues, the largest in absolute value first: `k`.
    pub values: Array1<f64>,
    /// Orthonormal columns, `n x k`.
    pub vectors: Array2<f64>,
}

/// The eigenvalues of largest absolute value, `min(finder.rank, n)` of them, of a symmetric `A`.
///
/// [`RangeFinder::find`] and [`eigh_in_range`]. For a positive semidefinite matrix
/// [`nystrom`](super::nystrom()) does better with one product.
///
/// HMT algorithm 5.3.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::{RangeFinder, eigh}, random::Stream};
///
/// let a = Array2::from_diag(&Array1::from_shape_fn(50, |i| (-0.5f64).powi(i as i32)));
/// let eigh = eigh(&a.view(), &RangeFinder::new(3), Stream::new(0, 0, 0), &Par::single())?;
/// assert!(eigh.values.iter().zip([1.0, -0.5, 0.25]).all(|(v, w)| (v - w).abs() < 1e-9));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for a matrix that is not square, [`Error::NotSymmetric`] where its part in the
/// range is not symmetric; those of [`RangeFinder::find`].
pub fn eigh<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<Eigh, Error> {
    square(a)?;
    let q = finder.find(a, stream, par)?;
    eigh_in_range(a, q.view(), finder.rank, par)
}

/// The `rank` eigenvalues of largest absolute value of `Q Q^T A Q Q^T`, for a symmetric `A` and an
/// orthonormal `Q` (`n x l`); at most `l`.
///
/// # Errors
/// [`Error::Zero`] for a rank of 0, [`Error::Shape`], [`Error::NotSymmetric`], [`Error::Product`],
/// [`Error::Linalg`], and those of the product.
pub fn eigh_in_range<A: LinOp + ?Sized>(
    a: &A,
    q: ArrayView2<'_, f64>,
    rank: usize,
    par: &Par,
) -> Result<Eigh, Error> {
    square(a)?;
    positive("rank", rank)?;
    equal("number of rows of the basis", a.rows(), q.nrows())?;
    let product = finite_product(a.mul(q, par)?)?;
    let core = matmul(q.t(), product.view(), par);
    check_symmetry(core.view())?;
    of_core(q, core, rank, par)
}

/// The decomposition of `Q (C + C^T)/2 Q^T`.
pub(crate) fn of_core(
    q: ArrayView2<'_, f64>,
    core: Array2<f64>,
    rank: usize,
    par: &Par,
) -> Result<Eigh, Error> {
    let core = 0.5 * (&core + &core.t());
    let eigen = symmetric_eigen(core, par)?;
    let mut order: Vec<usize> = (0..eigen.values.len()).collect();
    order.sort_by(|&i, &j| eigen.values[j].abs().total_cmp(&eigen.values[i].abs()));
    order.truncate(rank);
    let vectors = eigen.vectors.select(Axis(1), &order);
    Ok(Eigh {
        values: order.iter().map(|&i| eigen.values[i]).collect(),
        vectors: matmul(q, vectors.view(), par),
    })
}

pub(crate) fn square<A: LinOp + ?Sized>(a: &A) -> Result<usize, Error> {
    equal("number of columns of a symmetric matrix", a.rows(), a.cols())?;
    Ok(a.rows())
}

/// Fails where a square matrix differs from its mirror image by more than rounding.
pub(crate) fn check_symmetry(a: ArrayView2<'_, f64>) -> Result<(), Error> {
    let largest = a.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let (mut place, mut difference) = ((0, 0), 0.0);
    for ((i, j), v) in a.indexed_iter().filter(|((i, j), _)| i < j) {
        let here = (v - a[[j, i]]).abs();
        if here > difference {
            (place, difference) = ((i, j), here);
        }
    }
    if difference > ASYMMETRY * largest {
        let (row, column) = place;
        return Err(Error::NotSymmetric { row, column, difference, largest });
    }
    Ok(())
}
