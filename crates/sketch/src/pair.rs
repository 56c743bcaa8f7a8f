//! Sketches of products of two points.

use ndarray::ArrayViewMut2;

use crate::rows::check_output;
use crate::sketch::sealed::RunPair;
use crate::{Error, Rows, Scalar};

/// A random map of pairs of points with `E<f(x, y), f(x', y')> = <x, x'> <y, y'>`: a sketch of the
/// `d1 d2` numbers `x (x) y` that never forms them.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{PairSketch, TensorSrht, random::Stream};
///
/// let sketch = TensorSrht::new((2, 4), 8, Stream::new(0, 0, 0))?;
/// let (x, y) = (array![[1.0, 2.0]], array![[0.0, 3.0, 0.0, 1.0]]);
/// let mut z = Array2::zeros((1, 8));
/// sketch.apply_pair(x.view().into(), y.view().into(), z.view_mut())?;
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
pub trait PairSketch: RunPair + Send + Sync {
    /// Columns of the two inputs.
    fn dims_in(&self) -> (usize, usize);

    /// Columns of the output.
    fn dim_out(&self) -> usize;

    /// Sketches row `i` of `x` times row `i` of `y` into row `i` of `out`, for `(n, d1)`, `(n, d2)` and
    /// `(n, dim_out)`; either input may be dense or sparse.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that do not fit, [`Error::NonFinite`] for an entry (of `x` if
    /// both have one); `out` is then untouched.
    fn apply_pair<T: Scalar>(
        &self,
        x: Rows<'_, T>,
        y: Rows<'_, T>,
        out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        let (first, second) = self.dims_in();
        x.check(first)?;
        y.check(second)?;
        if y.rows() != x.rows() {
            let what = "number of rows of the second factor";
            return Err(Error::Shape { what, expected: x.rows(), got: y.rows() });
        }
        check_output(&out, x.rows(), self.dim_out())?;
        self.run_pair(x, y, out);
        Ok(())
    }
}
