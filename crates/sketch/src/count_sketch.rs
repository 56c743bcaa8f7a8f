//! CountSketch.

use ndarray::ArrayViewMut2;

use crate::error::{Error, positive};
use crate::hash::Hash;
use crate::random::Stream;
use crate::rows::by_row;
use crate::sketch::sealed::Run;
use crate::{Rows, Scalar, Sketch};

/// Every coordinate goes to one random bucket with a random sign: `out[h(i)] += s(i) x_i`.
///
/// `Var|Sx|^2 = 2 (|x|_2^4 - |x|_4^4) / m`, at most `2 |x|^4 / m`; a subspace of dimension `k` is kept up to
/// `1 +- eps` with `m = O(k^2 / eps^2)`. A row costs its number of stored entries, and no arithmetic
/// but additions.
///
/// Charikar, Chen and Farach-Colton (2002); Clarkson and Woodruff (2013), section 2.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{CountSketch, Sketch, random::Stream};
///
/// let sketch = CountSketch::new(4, 3, Stream::new(1, 0, 0))?;
/// let mut z = Array2::zeros((1, 3));
/// sketch.apply(array![[0.0, 5.0, 0.0, 0.0]].view(), z.view_mut())?;
/// assert_eq!(z.iter().map(|v: &f64| v.abs()).sum::<f64>(), 5.0);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CountSketch {
    hash: Hash,
    dim_out: usize,
}

impl CountSketch {
    /// A sketch of `dim_in` coordinates in `dim_out` buckets.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0, [`Error::TooLarge`] from `2^31` buckets on.
    pub fn new(dim_in: usize, dim_out: usize, stream: Stream) -> Result<Self, Error> {
        positive("input dimension", dim_in)?;
        positive("output dimension", dim_out)?;
        Ok(Self { hash: Hash::new(dim_in, dim_out, stream)?, dim_out })
    }
}

impl Run for CountSketch {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        by_row(out, |i, out| {
            out.fill(T::default());
            x.with_row(i, |row| self.hash.add(row, out));
        });
    }
}

impl Sketch for CountSketch {
    fn dim_in(&self) -> usize {
        self.hash.dim_in()
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}
