//! The subsampled randomised Hadamard transform.

use ndarray::ArrayViewMut2;

use crate::error::{Error, at_most, positive};
use crate::flip::flip_signs;
use crate::hadamard::walsh_hadamard;
use crate::random::Stream;
use crate::rows::{Row, by_row};
use crate::sketch::sealed::Run;
use crate::{Rows, Scalar, Sketch};

/// `sqrt(N/m) P (H/sqrt(N)) D x`: random signs `D`, Walsh-Hadamard transform `H` of length
/// `N = 2^ceil(log2 n)` (zeros are appended), and `m` different rows `P` of the result.
///
/// Beyond `N` outputs, blocks with fresh signs are stacked, `N` outputs each; with `m = N` the sketch
/// is an isometry. `Var|Sx|^2 <= 2 |x|^4 / m`; a subspace of dimension `k` is kept up to `1 +- eps` with
/// `m = O((k + log n) log k / eps^2)`. A row costs `N log2 N` additions for every block, sparse or not.
///
/// Tropp (2011), *Improved analysis of the subsampled randomized Hadamard transform*, section 1.1.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{Sketch, Srht, random::Stream};
///
/// let sketch = Srht::new(3, 4, Stream::new(0, 0, 0))?;
/// let mut z = Array2::zeros((1, 4));
/// sketch.apply(array![[1.0, 2.0, 2.0]].view(), z.view_mut())?;
/// assert_eq!(z.iter().map(|v: &f64| v * v).sum::<f64>(), 9.0);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Srht {
    dim_in: usize,
    /// `N`.
    length: usize,
    /// Signs of all blocks, one after the other, 32 in a word; a block starts with a new word.
    signs: Vec<u32>,
    /// Rows of the transform that are kept; `N` of them a block, fewer in the last.
    kept: Vec<u32>,
}

impl Srht {
    /// A sketch from `dim_in` to `dim_out` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0, [`Error::TooLarge`] for one above `2^31`.
    pub fn new(dim_in: usize, dim_out: usize, stream: Stream) -> Result<Self, Error> {
        let largest = 1 << 31;
        at_most("input dimension", positive("input dimension", dim_in)?, largest)?;
        at_most("output dimension", positive("output dimension", dim_out)?, largest)?;
        let length = dim_in.next_power_of_two();
        let (signs, rows) = (stream.child(0), stream.child(1));
        let blocks = dim_out.div_ceil(length);
        let words = (blocks * dim_in.div_ceil(32)) as u64;
        let mut kept = Vec::with_capacity(dim_out);
        for block in 0..blocks {
            let count = length.min(dim_out - kept.len());
            let sample = rows.child(block as u32).sample(length, count)?;
            kept.extend(sample.into_iter().map(|row| row as u32));
        }
        let signs = (0..words).map(|w| signs.word(w)).collect();
        Ok(Self { dim_in, length, signs, kept })
    }

    /// Kept entries of `H D x`, without a scale; `scratch` is resized as needed.
    pub(crate) fn signed_sums<T: Scalar>(
        &self,
        row: Row<'_, T>,
        scratch: &mut Vec<T>,
        out: &mut [T],
    ) {
        scratch.resize(self.length, T::default());
        let blocks = out.chunks_mut(self.length).zip(self.kept.chunks(self.length));
        for ((out, kept), signs) in blocks.zip(self.signs.chunks(self.dim_in.div_ceil(32))) {
            row.write(scratch);
            flip_signs(&mut scratch[..self.dim_in], signs);
            let done = walsh_hadamard(scratch);
            debug_assert!(done.is_ok());
            out.iter_mut().zip(kept).for_each(|(z, &k)| *z = scratch[k as usize]);
        }
    }

    /// What input `i` counts for in output `j`.
    pub(crate) fn entry(&self, i: usize, j: usize) -> f64 {
        let words = self.dim_in.div_ceil(32);
        let sign = self.signs[j / self.length * words + i / 32] >> (i % 32) & 1;
        let hadamard = (i & self.kept[j] as usize).count_ones() & 1;
        let scale = (self.kept.len() as f64).sqrt().recip();
        if sign == hadamard { scale } else { -scale }
    }

    /// Overwrites `out` with the sketch of one row.
    pub(crate) fn sketch_row<T: Scalar>(
        &self,
        row: Row<'_, T>,
        scratch: &mut Vec<T>,
        out: &mut [T],
    ) {
        self.signed_sums(row, scratch, out);
        let scale = T::from_f64((self.kept.len() as f64).sqrt().recip());
        out.iter_mut().for_each(|z| *z = *z * scale);
    }
}

impl Run for Srht {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        let mut scratch = Vec::new();
        by_row(out, |i, out| x.with_row(i, |row| self.sketch_row(row, &mut scratch, out)));
    }
}

impl Sketch for Srht {
    fn dim_in(&self) -> usize {
        self.dim_in
    }

    fn dim_out(&self) -> usize {
        self.kept.len()
    }
}
