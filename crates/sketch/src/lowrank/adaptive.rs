//! The range of a matrix, for a given error.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2, Axis, Slice, concatenate};
use widelimit_linalg::{Par, matmul};

use super::finder::{checked_side, orthonormal};
use crate::error::{Error, finite_product, not_negative, positive};
use crate::random::Stream;
use crate::{LinOp, TestMatrix, TestVectors};

/// Vectors that the error is estimated from, `r`.
const PROBES: usize = 10;

/// An orthonormal basis and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Orthonormal columns, `m x l`; none where the tolerance asks for none.
    pub q: Array2<f64>,
    /// The estimate `10 sqrt(2/pi) max_i |(I - Q Q^T) A w_i|` over 10 normal vectors `w_i`.
    ///
    /// At least `|A - Q Q^T A|_2`, but for a probability of `1e-10` each time it is made.
    pub error: f64,
}

/// How to find an orthonormal `Q` with `|A - Q Q^T A|_2 <= tolerance`, whatever the rank.
///
/// `Q` grows by blocks of at least 10 columns, each from one product with new normal vectors, of which
/// the first 10 say beforehand what `Q` lacked. The tolerance is missed with a probability of at most
/// `min(m, n) 1e-10`. The estimate is up to 10 times the true error and more: expect some columns
/// more than needed. Work: `m n l` for a dense matrix and `O(m l^2)`.
///
/// HMT algorithm 4.2 and equation (4.3), in blocks.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::AdaptiveRangeFinder, random::Stream};
///
/// let a = Array2::from_shape_fn((30, 20), |(i, j)| (i + 2 * j) as f64);
/// let finder = AdaptiveRangeFinder { tolerance: 1e-9, block: 10 };
/// let range = finder.find(&a.view(), Stream::new(0, 0, 0), &Par::single())?;
/// assert!(range.q.dim() == (30, 10) && range.error <= 1e-9);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveRangeFinder {
    /// The largest error allowed, in the spectral norm.
    pub tolerance: f64,
    /// Columns that `Q` grows by; 10 where fewer are asked for.
    pub block: usize,
}

impl AdaptiveRangeFinder {
    /// The basis. It has at most `min(m, n)` columns; where that many are needed, or rounding keeps
    /// the error above the tolerance, [`Range::error`] says what was reached.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a tolerance that is negative or NaN, [`Error::Zero`] for a block of 0
    /// columns or a matrix without entries, [`Error::Product`], [`Error::Linalg`], and those of the
    /// products.
    pub fn find<A: LinOp + ?Sized>(
        &self,
        a: &A,
        stream: Stream,
        par: &Par,
    ) -> Result<Range, Error> {
        not_negative("tolerance", self.tolerance)?;
        let block = positive("number of columns of a block", self.block)?.max(PROBES);
        let most = checked_side(a)?;
        let mut q = Array2::zeros((a.rows(), 0));
        let mut round = 0;
        loop {
            let test =
                TestVectors::draw(TestMatrix::Gaussian, a.cols(), block, stream.child(round))?;
            let y = finite_product(a.mul_test(&test, par)?)?;
            // test vectors are scaled by the root of their number
            let y = without(q.view(), y, par) * (block as f64).sqrt();
            let error = estimate(y.view());
            if error <= self.tolerance || q.ncols() == most {
                return Ok(Range { q, error });
            }
            let fresh = block.min(most - q.ncols());
            let mut fresh = y.slice_axis(Axis(1), Slice::from(..fresh)).to_owned();
            // what rounding left of the old directions grows with the scale of new ones
            for _ in 0..2 {
                fresh = without(q.view(), orthonormal(fresh, par)?, par);
            }
            q = concatenate![Axis(1), q, orthonormal(fresh, par)?];
            round += 1;
        }
    }
}

/// `(I - Q Q^T) y`.
fn without(q: ArrayView2<'_, f64>, y: Array2<f64>, par: &Par) -> Array2<f64> {
    if q.ncols() == 0 {
        return y;
    }
    let part = matmul(q, matmul(q.t(), y.view(), par).view(), par);
    y - part
}

/// `10 sqrt(2/pi)` times the largest norm among the first columns.
fn estimate(y: ArrayView2<'_, f64>) -> f64 {
    let probes = y.slice_axis(Axis(1), Slice::from(..PROBES));
    let norms = probes.columns().into_iter().map(|column| column.dot(&column).sqrt());
    10.0 * (2.0 / PI).sqrt() * norms.fold(0.0, f64::max)
}
