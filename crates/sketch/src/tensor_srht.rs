//! Products of two randomised Hadamard transforms.

use ndarray::ArrayViewMut2;

use crate::error::Error;
use crate::random::Stream;
use crate::rows::{Row, by_row};
use crate::sketch::sealed::RunPair;
use crate::{PairSketch, Rows, Scalar, Sketch, Srht};

/// `out_j = (H D x)_{p(j)} (H D' y)_{p'(j)} / sqrt(m)`: entries of two independent randomised
/// Hadamard transforms, multiplied.
///
/// Each transform is sampled without replacement in random order; beyond its length it is repeated
/// with fresh signs. `E<f(x, y), f(x', y')> = <x, x'> <y, y'>`; `m = O(log^2 / eps^2)` keeps a product up to
/// `1 +- eps`. A pair costs two transforms and `m` multiplications.
///
/// Ahle, Kapralov, Knudsen, Pagh, Velingker, Woodruff and Zandieh (2020), *Oblivious sketching of
/// high-degree polynomial kernels* (there named TensorSRHT).
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{PairSketch, TensorSrht, random::Stream};
///
/// let sketch = TensorSrht::new((2, 2), 8, Stream::new(0, 0, 0))?;
/// let (x, y) = (array![[0.0, 2.0]], array![[3.0, 0.0]]);
/// let mut z = Array2::zeros((1, 8));
/// sketch.apply_pair(x.view().into(), y.view().into(), z.view_mut())?;
/// let norm: f64 = z.iter().map(|v| v * v).sum();
/// assert!((norm - 36.0).abs() < 1e-12);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorSrht {
    left: Srht,
    right: Srht,
}

impl TensorSrht {
    /// A sketch of products of points with `dims_in` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0, [`Error::TooLarge`] for one above `2^31`.
    pub fn new(dims_in: (usize, usize), dim_out: usize, stream: Stream) -> Result<Self, Error> {
        let left = Srht::new(dims_in.0, dim_out, stream.child(0))?;
        Ok(Self { left, right: Srht::new(dims_in.1, dim_out, stream.child(1))? })
    }

    /// What a left factor contributes: `(H D x)_{p(j)} / sqrt(m)`.
    pub(crate) fn left<T: Scalar>(&self, x: Row<'_, T>, scratch: &mut Vec<T>, out: &mut [T]) {
        self.left.sketch_row(x, scratch, out);
    }

    /// What a right factor contributes: `(H D' y)_{p'(j)}`. The sketch is the product of both, entry
    /// by entry.
    pub(crate) fn right<T: Scalar>(&self, y: Row<'_, T>, scratch: &mut Vec<T>, out: &mut [T]) {
        self.right.signed_sums(y, scratch, out);
    }
}

impl RunPair for TensorSrht {
    fn run_pair<T: Scalar>(&self, x: Rows<'_, T>, y: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        let mut factor = vec![T::default(); self.dim_out()];
        let mut scratch = Vec::new();
        by_row(out, |i, out| {
            x.with_row(i, |row| self.left(row, &mut scratch, out));
            y.with_row(i, |row| self.right(row, &mut scratch, &mut factor));
            out.iter_mut().zip(&factor).for_each(|(z, &f)| *z = *z * f);
        });
    }
}

impl PairSketch for TensorSrht {
    fn dims_in(&self) -> (usize, usize) {
        (self.left.dim_in(), self.right.dim_in())
    }

    fn dim_out(&self) -> usize {
        self.left.dim_out()
    }
}
