//! What all linear sketches have in common.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::rows::check_output;
use crate::{Csr, Error, Rows, Scalar};

pub(crate) mod sealed {
    use ndarray::ArrayViewMut2;

    use crate::{Rows, Scalar};

    /// The work itself, on arguments that fit.
    pub trait Run {
        /// Overwrites all of `out`.
        fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>);
    }

    /// The same for sketches of products.
    pub trait RunPair {
        /// Overwrites all of `out`.
        fn run_pair<T: Scalar>(&self, x: Rows<'_, T>, y: Rows<'_, T>, out: ArrayViewMut2<'_, T>);
    }
}

/// A random map `S` of points that keeps norms and inner products in expectation:
/// `E|f(x)|^2 = |x|^2` for the linear sketches, `E<f(x), f(y)> = <x, y>^q` for sketches of degree `q`.
///
/// A sketch is determined by its parameters and its [`Stream`](crate::random::Stream); it has no
/// state, may be used from several threads, and treats every row by itself: a row's result has the
/// same bits in any batch. Beside the output a call needs scratch for one row (tiles of the matrix
/// for [`Gaussian`](crate::Gaussian) and [`Sign`](crate::Sign)).
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{CountSketch, Sketch, random::Stream};
///
/// let sketch = CountSketch::new(3, 64, Stream::new(0, 0, 0))?;
/// let x = array![[1.0, 2.0, 2.0], [0.0, 1.0, 0.0]];
/// let mut z = Array2::zeros((2, sketch.dim_out()));
/// sketch.apply(x.view(), z.view_mut())?;
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
pub trait Sketch: sealed::Run + Send + Sync {
    /// Columns of the input.
    fn dim_in(&self) -> usize;

    /// Columns of the output.
    fn dim_out(&self) -> usize;

    /// Sketches dense rows: `x` is `(n, dim_in)` with any strides, `out` is `(n, dim_out)` and is
    /// overwritten.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that do not fit, [`Error::NonFinite`] for an entry of `x`; `out`
    /// is then untouched.
    fn apply<T: Scalar>(
        &self,
        x: ArrayView2<'_, T>,
        out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        checked(self, x.into(), out)
    }

    /// The same for sparse rows; equal to the result for dense rows up to rounding.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that do not fit; `out` is then untouched.
    fn apply_csr<T: Scalar>(&self, x: Csr<'_, T>, out: ArrayViewMut2<'_, T>) -> Result<(), Error> {
        checked(self, x.into(), out)
    }
}

fn checked<S: Sketch + ?Sized, T: Scalar>(
    sketch: &S,
    x: Rows<'_, T>,
    out: ArrayViewMut2<'_, T>,
) -> Result<(), Error> {
    x.check(sketch.dim_in())?;
    check_output(&out, x.rows(), sketch.dim_out())?;
    sketch.run(x, out);
    Ok(())
}
