//! Dense matrices of normal numbers.

use ndarray::{Array2, ArrayViewMut2};

use crate::error::{Error, positive};
use crate::matrix::{Entries, multiply};
use crate::random::Stream;
use crate::sketch::sealed::Run;
use crate::{Rows, Scalar, Sketch};

/// Independent entries `S_ji ~ N(0, 1/m)`.
///
/// `Var|Sx|^2 = 2 |x|^4 / m`; a subspace of dimension `k` is kept up to `1 +- eps` with `m = O(k / eps^2)`,
/// the least there is. A row costs `m n` multiplications. The matrix is made anew, tile by tile, in
/// every call: sketch many rows at a time.
///
/// Johnson and Lindenstrauss (1984); Woodruff (2014), *Sketching as a tool for numerical linear
/// algebra*, theorem 2.3.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{Gaussian, Sketch, random::Stream};
///
/// let stream = Stream::new(0, 0, 0);
/// let mut z = Array2::zeros((1, 4));
/// Gaussian::new(2, 4, stream)?.apply(array![[3.0, 0.0]].view(), z.view_mut())?;
/// assert_eq!(z[[0, 0]], 3.0 * stream.normal(0) * 0.5);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gaussian {
    dim_in: usize,
    dim_out: usize,
    stream: Stream,
}

impl Gaussian {
    /// A sketch from `dim_in` to `dim_out` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0.
    pub fn new(dim_in: usize, dim_out: usize, stream: Stream) -> Result<Self, Error> {
        positive("input dimension", dim_in)?;
        positive("output dimension", dim_out)?;
        Ok(Self { dim_in, dim_out, stream })
    }

    /// `S^T`, `dim_in x dim_out`.
    pub(crate) fn matrix(&self) -> Array2<f64> {
        let mut out = Array2::zeros((self.dim_out, self.dim_in));
        let scale = (self.dim_out as f64).sqrt().recip();
        for (output, mut row) in out.outer_iter_mut().enumerate() {
            if let Some(row) = row.as_slice_mut() {
                self.fill(output, 0, row);
                row.iter_mut().for_each(|v| *v *= scale);
            }
        }
        out.reversed_axes()
    }
}

impl Entries for Gaussian {
    fn fill<T: Scalar>(&self, output: usize, start: usize, entries: &mut [T]) {
        let pairs = self.dim_in.div_ceil(2) as u64;
        let first = output as u64 * pairs + start as u64 / 2;
        for (index, pair) in (first..).zip(entries.chunks_mut(2)) {
            let (even, odd) = self.stream.normal_pair(index);
            pair.iter_mut().zip([even, odd]).for_each(|(to, from)| *to = T::from_f64(from));
        }
    }
}

impl Run for Gaussian {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        multiply(self, (self.dim_out as f64).sqrt().recip(), x, out);
    }
}

impl Sketch for Gaussian {
    fn dim_in(&self) -> usize {
        self.dim_in
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}
