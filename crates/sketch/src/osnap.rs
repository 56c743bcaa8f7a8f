//! OSNAP.

use ndarray::{Array2, ArrayViewMut2};

use crate::error::{Error, at_most, positive};
use crate::hash::Hash;
use crate::random::Stream;
use crate::rows::by_row;
use crate::sketch::sealed::Run;
use crate::{Rows, Scalar, Sketch};

/// `s` CountSketches one below the other, each scaled by `1/sqrt(s)`: `s` nonzeros a column.
///
/// The output is cut into `s` parts of `m/s` coordinates (sizes differ by one where `s` does not
/// divide `m`); every input coordinate has one place in each. A subspace of dimension `k` is kept up to
/// `1 +- eps` with `m = O(k log k / eps^2)` and `s = O(log k / eps)`; a row costs `s` times its
/// number of stored entries. With `s = 1` this is [`CountSketch`](crate::CountSketch).
///
/// Nelson and Nguyen (2013), *OSNAP: faster numerical linear algebra algorithms via sparser subspace
/// embeddings*, section 1 (the block construction).
///
/// ```
/// use widelimit_sketch::{Osnap, Sketch, random::Stream};
/// let sketch = Osnap::new(1000, 64, 4, Stream::new(0, 0, 0))?;
/// assert_eq!((sketch.dim_in(), sketch.dim_out()), (1000, 64));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Osnap {
    hashes: Vec<Hash>,
    dim_out: usize,
}

impl Osnap {
    /// A sketch from `dim_in` to `dim_out` coordinates with `nonzeros` nonzeros a column.
    ///
    /// # Errors
    /// [`Error::Zero`] for a number of 0, [`Error::TooLarge`] for more nonzeros than outputs or from
    /// `2^31` outputs a nonzero on.
    pub fn new(
        dim_in: usize,
        dim_out: usize,
        nonzeros: usize,
        stream: Stream,
    ) -> Result<Self, Error> {
        positive("input dimension", dim_in)?;
        positive("output dimension", dim_out)?;
        positive("number of nonzeros a column", nonzeros)?;
        at_most("number of nonzeros a column", nonzeros, dim_out.min(u32::MAX as usize - 1))?;
        let part = |k: usize| {
            let size = part_start(k + 1, nonzeros, dim_out) - part_start(k, nonzeros, dim_out);
            Hash::new(dim_in, size, stream.child(k as u32))
        };
        let hashes = (0..nonzeros).map(part).collect::<Result<_, _>>()?;
        Ok(Self { hashes, dim_out })
    }

    /// Overwrites `out` with the sketch of one row.
    pub(crate) fn sketch_row<T: Scalar>(&self, row: crate::rows::Row<'_, T>, out: &mut [T]) {
        let parts = self.hashes.len();
        out.fill(T::default());
        for (k, hash) in self.hashes.iter().enumerate() {
            let start = part_start(k, parts, self.dim_out);
            let end = part_start(k + 1, parts, self.dim_out);
            hash.add(row, &mut out[start..end]);
        }
        let scale = T::from_f64((parts as f64).sqrt().recip());
        out.iter_mut().for_each(|z| *z = *z * scale);
    }
}

impl Osnap {
    /// Adds the sketch of all *columns* of `x` to `out` (`dim_out x columns`), where the first row of
    /// `x` is coordinate `first`.
    pub(crate) fn add_columns<T: Scalar>(
        &self,
        first: usize,
        x: Rows<'_, T>,
        out: &mut Array2<f64>,
    ) {
        let parts = self.hashes.len();
        let scale = (parts as f64).sqrt().recip();
        for row in 0..x.rows() {
            for (k, hash) in self.hashes.iter().enumerate() {
                let (bucket, sign) = hash.place(first + row);
                let mut target = out.row_mut(part_start(k, parts, self.dim_out) + bucket);
                let factor = sign * scale;
                x.with_row(row, |row| row.each(|j, v| target[j] += factor * v.into()));
            }
        }
    }
}

/// First output of part `k` of `parts`.
fn part_start(k: usize, parts: usize, dim_out: usize) -> usize {
    (k as u128 * dim_out as u128 / parts as u128) as usize
}

impl Run for Osnap {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        by_row(out, |i, out| x.with_row(i, |row| self.sketch_row(row, out)));
    }
}

impl Sketch for Osnap {
    fn dim_in(&self) -> usize {
        self.hashes[0].dim_in()
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}
