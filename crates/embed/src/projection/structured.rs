//! Random directions by Walsh-Hadamard transforms.

use ndarray::{ArrayView2, ArrayViewMut2};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{flip_signs, walsh_hadamard};

use super::{Law, length};
use crate::scalar::{Scalar, round};

/// Rounds of signs and transforms.
const ROUNDS: usize = 3;

/// Blocks of `N = 2^ceil(log2 dim_in)` directions each: `N^-1 H D_3 H D_2 H D_1`, rows of length
/// `sqrt(N)`.
#[derive(Debug)]
pub(super) struct Structured {
    /// `N`.
    size: usize,
    dim_out: usize,
    /// Signs of all rounds of all blocks, 32 in a word.
    signs: Vec<u32>,
    /// Length of every row in units of `sqrt(N)`; empty for rows of equal length.
    lengths: Vec<f64>,
}

impl Structured {
    pub fn new(dim_in: usize, dim_out: usize, law: Law, stream: Stream) -> Self {
        let size = dim_in.next_power_of_two();
        let (signs, lengths) = (stream.child(0), stream.child(1));
        let words = dim_out.div_ceil(size) * ROUNDS * size.div_ceil(32);
        let root = (size as f64).sqrt();
        let count = if law == Law::Gaussian { dim_out } else { 0 };
        Self {
            size,
            dim_out,
            signs: (0..words as u64).map(|word| signs.word(word)).collect(),
            lengths: (0..count)
                .map(|row| length(size, lengths, (row * size) as u64) / root)
                .collect(),
        }
    }

    pub fn apply<T: Scalar>(&self, x: ArrayView2<T>, out: &mut ArrayViewMut2<T>) {
        let mut scratch = vec![round::<T>(0.0); self.size];
        let scale = round::<T>(1.0 / self.size as f64);
        let words = self.size.div_ceil(32);
        let lengths: Vec<T> = self.lengths.iter().map(|&length| round(length)).collect();
        for (x, mut out) in x.outer_iter().zip(out.outer_iter_mut()) {
            for (block, signs) in self.signs.chunks_exact(ROUNDS * words).enumerate() {
                scratch.fill(round(0.0));
                scratch.iter_mut().zip(x).for_each(|(to, &x)| *to = x * scale);
                for signs in signs.chunks_exact(words) {
                    flip_signs(&mut scratch, signs);
                    let done = walsh_hadamard(&mut scratch);
                    debug_assert!(done.is_ok());
                }
                let rows = block * self.size..self.dim_out.min((block + 1) * self.size);
                for (row, &value) in rows.zip(&scratch) {
                    out[row] = match lengths.get(row) {
                        Some(&length) => value * length,
                        None => value,
                    };
                }
            }
        }
    }

    /// Dimension of the sphere the rows are on.
    pub fn size(&self) -> usize {
        self.size
    }
}
