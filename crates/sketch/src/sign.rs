//! Dense matrices of signs.

use ndarray::ArrayViewMut2;

use crate::error::{Error, positive};
use crate::matrix::{Entries, multiply};
use crate::random::Stream;
use crate::sketch::sealed::Run;
use crate::{Rows, Scalar, Sketch};

/// Independent entries `S_ji = +-1/sqrt(m)`.
///
/// `Var|Sx|^2 = 2 (|x|_2^4 - |x|_4^4) / m`: never more than [`Gaussian`](crate::Gaussian), with the same
/// dimensions, and entries that are fifty times cheaper to make.
///
/// Achlioptas (2003), *Database-friendly random projections*, theorem 1.1.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{Sign, Sketch, random::Stream};
///
/// let mut z = Array2::zeros((1, 4));
/// let sketch = Sign::new(2, 4, Stream::new(0, 0, 0))?;
/// sketch.apply(array![[3.0, 0.0]].view(), z.view_mut())?;
/// assert!(z.iter().all(|v: &f64| v.abs() == 1.5));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sign {
    dim_in: usize,
    dim_out: usize,
    stream: Stream,
}

impl Sign {
    /// A sketch from `dim_in` to `dim_out` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0.
    pub fn new(dim_in: usize, dim_out: usize, stream: Stream) -> Result<Self, Error> {
        positive("input dimension", dim_in)?;
        positive("output dimension", dim_out)?;
        Ok(Self { dim_in, dim_out, stream })
    }
}

impl Entries for Sign {
    fn fill<T: Scalar>(&self, output: usize, start: usize, entries: &mut [T]) {
        let blocks = self.dim_in.div_ceil(128) as u64;
        let first = output as u64 * blocks + start as u64 / 128;
        let (plus, minus) = (T::from_f64(1.0), T::from_f64(-1.0));
        for (index, signs) in (first..).zip(entries.chunks_mut(128)) {
            for (word, signs) in self.stream.block(index).into_iter().zip(signs.chunks_mut(32)) {
                let bits = |k: usize| if word >> k & 1 == 0 { plus } else { minus };
                signs.iter_mut().enumerate().for_each(|(k, sign)| *sign = bits(k));
            }
        }
    }
}

impl Run for Sign {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        multiply(self, (self.dim_out as f64).sqrt().recip(), x, out);
    }
}

impl Sketch for Sign {
    fn dim_in(&self) -> usize {
        self.dim_in
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}
