//! The range of a matrix, with a given number of columns.

use ndarray::Array2;
use widelimit_linalg::{Par, Qr};

use crate::error::{Error, finite_product, positive};
use crate::random::Stream;
use crate::{LinOp, TestMatrix, TestVectors};

/// How to find an orthonormal `Q` (`m x l`) with `A ~ Q Q^T A`.
///
/// `Q` spans `(A A^T)^q A Omega` for `l = k + p` test vectors `Omega`, made orthonormal after every
/// product; `l` is at most the smaller side of `A`. Normal test vectors with `q = 0` and `p >= 2` give
///
/// * `E|A - Q Q^T A|_F <= sqrt(1 + k/(p-1)) (sum_{j>k} s_j^2)^{1/2}`,
/// * `E|A - Q Q^T A|_2 <= (1 + sqrt(k/(p-1))) s_{k+1} + e sqrt(k+p)/p (sum_{j>k} s_j^2)^{1/2}`,
///
/// with the singular values `s` of `A`; powers `q` take the `2q+1`-th root of the factor by which the
/// second exceeds `s_{k+1}`. Where singular values fall slowly, use `q = 2` or more.
///
/// HMT algorithm 4.4, theorems 10.5, 10.6 and corollary 10.10.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::RangeFinder, random::Stream};
///
/// let a = Array2::from_shape_fn((30, 20), |(i, j)| (i + 2 * j) as f64); // of rank 2
/// let q = RangeFinder::new(2).find(&a.view(), Stream::new(0, 0, 0), &Par::single())?;
/// let rest = &a - &q.dot(&q.t().dot(&a));
/// assert_eq!(q.dim(), (30, 12));
/// assert!(rest.iter().all(|v| v.abs() < 1e-12));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RangeFinder {
    /// The rank `k` of the approximation.
    pub rank: usize,
    /// Test vectors beyond the rank, `p`.
    pub oversampling: usize,
    /// Products with `A A^T` after the first one, `q`.
    pub power_iterations: usize,
    /// What the test vectors are made of.
    pub test_matrix: TestMatrix,
}

impl RangeFinder {
    /// Rank `rank` with 10 vectors more, one power iteration and normal test vectors.
    pub fn new(rank: usize) -> Self {
        Self { rank, oversampling: 10, power_iterations: 1, test_matrix: TestMatrix::Gaussian }
    }

    /// The orthonormal `Q`, `m x min(k + p, m, n)`.
    ///
    /// Of a matrix of lower rank than `l`, some of the columns are arbitrary.
    ///
    /// # Errors
    /// [`Error::Zero`] for a rank of 0 or a matrix without entries, [`Error::Product`] for a matrix
    /// with NaN or infinity, [`Error::Linalg`], and those of the products.
    pub fn find<A: LinOp + ?Sized>(
        &self,
        a: &A,
        stream: Stream,
        par: &Par,
    ) -> Result<Array2<f64>, Error> {
        orthonormal(self.sample(a, stream, par)?, par)
    }

    /// The last product `Y` of the iteration, whose columns span the range: `m x l`.
    pub(crate) fn sample<A: LinOp + ?Sized>(
        &self,
        a: &A,
        stream: Stream,
        par: &Par,
    ) -> Result<Array2<f64>, Error> {
        let count = self.vectors(a)?;
        let test = TestVectors::draw(self.test_matrix, a.cols(), count, stream)?;
        let mut y = finite_product(a.mul_test(&test, par)?)?;
        for _ in 0..self.power_iterations {
            let q = orthonormal(y, par)?;
            let z = finite_product(a.mul_t(q.view(), par)?)?;
            y = finite_product(a.mul(orthonormal(z, par)?.view(), par)?)?;
        }
        Ok(y)
    }

    /// `l`.
    pub(crate) fn vectors<A: LinOp + ?Sized>(&self, a: &A) -> Result<usize, Error> {
        let smaller = checked_side(a)?;
        positive("rank", self.rank)?;
        Ok(self.rank.saturating_add(self.oversampling).min(smaller))
    }
}

/// The smaller side of a matrix that has entries.
pub(crate) fn checked_side<A: LinOp + ?Sized>(a: &A) -> Result<usize, Error> {
    positive("number of rows of the matrix", a.rows())?;
    positive("number of columns of the matrix", a.cols())?;
    Ok(a.rows().min(a.cols()))
}

/// An orthonormal basis of the columns.
pub(crate) fn orthonormal(y: Array2<f64>, par: &Par) -> Result<Array2<f64>, Error> {
    Ok(Qr::factor(y, par)?.q(par)?)
}
