//! Leverage scores of many rows, from a sketch.

use ndarray::{Array1, Axis, Slice};
use widelimit_linalg::{Par, matmul, svd};

use super::exact::{numerical_rank, squared_norms};
use crate::error::{Error, finite_product, positive};
use crate::random::Stream;
use crate::{LinOp, TestMatrix, TestVectors};

/// Leverage scores within a factor, in less than the time of an orthonormal basis.
///
/// The sketch `S A` (`s x d`) of the columns is orthonormalised, `S A = U diag(t) V^T`, and the scores
/// are squared norms of the rows of `A V diag(1/t) G`, where `G` (`d x g`) has independent normal
/// entries of variance `1/g`. If `S` keeps the squared norms of the columns' combinations up to
/// `1 +- e`, the scores without `G` are right up to `1/(1 -+ e)`; `G` adds a relative standard
/// deviation of `sqrt(2/g)`. Cost: the sketch, and products of `A` with `g` vectors.
///
/// Drineas, Magdon-Ismail, Mahoney and Woodruff (2012), *Fast approximation of matrix coherence and
/// statistical leverage*, algorithm 1.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{leverage::SketchedLeverage, random::Stream};
///
/// let mut a = Array2::from_elem((500, 2), 1.0);
/// a[[7, 1]] = 2.0; // the only row of its kind
/// let scores = SketchedLeverage::for_columns(2).scores(&a.view(), Stream::new(0, 0, 0), &Par::single())?;
/// assert!(scores[7] > 0.3 && scores[8] < 0.01);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SketchedLeverage {
    /// Rows of the sketch, `s`.
    pub rows: usize,
    /// Columns of `G`, `g`; no `G` is used where `A` has no more columns.
    pub projections: usize,
    /// What the sketch is made of.
    pub test_matrix: TestMatrix,
}

impl SketchedLeverage {
    /// `16 d` rows of a sparse sketch with 8 nonzeros a column, and 64 projections: `e` is about a
    /// half, and the standard deviation of `G` 0.18.
    pub fn for_columns(d: usize) -> Self {
        let test_matrix = TestMatrix::Sparse { nonzeros: 8 };
        Self { rows: d.saturating_mul(16), projections: 64, test_matrix }
    }

    /// The scores of the rows of `a` (`n x d`): `n` numbers.
    ///
    /// # Errors
    /// [`Error::Zero`] for a size of 0, [`Error::Product`] for a matrix with NaN or infinity,
    /// [`Error::Linalg`], and those of the products.
    pub fn scores<A: LinOp + ?Sized>(
        &self,
        a: &A,
        stream: Stream,
        par: &Par,
    ) -> Result<Array1<f64>, Error> {
        positive("number of columns of the matrix", a.cols())?;
        positive("number of projections", self.projections)?;
        let rows = self.rows.min(a.rows().next_power_of_two());
        let sketch = TestVectors::draw(self.test_matrix, a.rows(), rows, stream.child(0))?;
        let seen = finite_product(a.mul_t_test(&sketch, par)?)?;
        let small = svd(seen.t(), par)?;
        let kept = numerical_rank(&small, rows.max(a.cols()));
        let mut whitening =
            small.vt.slice_axis(Axis(0), Slice::from(..kept)).reversed_axes().to_owned();
        whitening *= &small.s.slice_axis(Axis(0), Slice::from(..kept)).mapv(f64::recip);
        if self.projections < kept {
            let test = TestMatrix::Gaussian;
            let g = TestVectors::draw(test, kept, self.projections, stream.child(1))?.matrix();
            whitening = matmul(whitening.view(), g.view(), par);
        }
        Ok(squared_norms(&a.mul(whitening.view(), par)?))
    }
}
