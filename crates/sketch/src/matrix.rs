//! Products with a dense random matrix that is never stored: tiles of it are made, used on all rows
//! of the block, and forgotten.

use std::array::from_fn;

use ndarray::{ArrayViewMut2, Axis, Slice};

use crate::dispatch::{Loop, widest};
use crate::{Rows, Scalar};

/// Inputs of a tile; signs come in blocks of 128.
const WIDTH: usize = 256;
/// Outputs of a tile.
const HEIGHT: usize = 32;
/// Partial sums of an inner product; a fixed number, so that the bits do not depend on the machine.
const LANES: usize = 16;
/// Outputs that share the loads of an input.
const GROUP: usize = 4;

/// Where the entries of the matrix come from.
pub(crate) trait Entries {
    /// The entries of row `output` from column `start` (a multiple of `WIDTH`) on.
    fn fill<T: Scalar>(&self, output: usize, start: usize, entries: &mut [T]);
}

/// `out = scale * x * matrix^T`.
///
/// An output is a sum over tiles of inputs, in order, whatever rows are in the block.
pub(crate) fn multiply<T: Scalar>(
    matrix: &impl Entries,
    scale: f64,
    x: Rows<'_, T>,
    mut out: ArrayViewMut2<'_, T>,
) {
    let scale = T::from_f64(scale);
    let (columns, outputs) = (x.columns(), out.ncols());
    let mut tile = [T::default(); HEIGHT * WIDTH];
    let mut sums = [T::default(); HEIGHT];
    out.fill(T::default());
    for start in (0..columns).step_by(WIDTH) {
        let width = WIDTH.min(columns - start);
        for first in (0..outputs).step_by(HEIGHT) {
            let height = HEIGHT.min(outputs - first);
            for (j, row) in tile.chunks_exact_mut(WIDTH).take(height).enumerate() {
                matrix.fill(first + j, start, &mut row[..width]);
                row[width..].fill(T::default());
            }
            for (i, mut out) in out.outer_iter_mut().enumerate() {
                if !x.times_tile(i, start..start + width, &tile, &mut sums) {
                    continue;
                }
                let target = out.slice_axis_mut(Axis(0), Slice::from(first..first + height));
                target.into_iter().zip(&sums).for_each(|(z, &sum)| *z += sum * scale);
            }
        }
    }
}

impl<T: Scalar> Rows<'_, T> {
    /// Inner products of columns `range` of row `i` with the rows of the tile; false if there is
    /// nothing but zeros.
    fn times_tile(
        &self,
        i: usize,
        range: std::ops::Range<usize>,
        tile: &[T],
        sums: &mut [T; HEIGHT],
    ) -> bool {
        match self {
            Self::Dense(x) => {
                let mut segment = [T::default(); WIDTH];
                let row = x.row(i);
                let values = row.slice_axis(Axis(0), Slice::from(range));
                segment.iter_mut().zip(&values).for_each(|(to, &from)| *to = from);
                widest(Products { tile, segment: &segment, sums });
                true
            }
            Self::Sparse(x) => {
                let (indices, values) = x.row(i);
                let from = indices.partition_point(|&c| c < range.start);
                let to = indices.partition_point(|&c| c < range.end);
                for (sum, weights) in sums.iter_mut().zip(tile.chunks_exact(WIDTH)) {
                    *sum = T::default();
                    for (&c, &v) in indices[from..to].iter().zip(&values[from..to]) {
                        *sum += weights[c - range.start] * v;
                    }
                }
                from < to
            }
        }
    }
}

/// Inner products of one segment with all rows of a tile.
struct Products<'a, T> {
    tile: &'a [T],
    segment: &'a [T; WIDTH],
    sums: &'a mut [T; HEIGHT],
}

impl<T: Scalar> Loop for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let groups = self.tile.chunks_exact(GROUP * WIDTH).zip(self.sums.chunks_exact_mut(GROUP));
        for (rows, sums) in groups {
            let rows: [&[[T; LANES]]; GROUP] =
                from_fn(|g| rows[g * WIDTH..(g + 1) * WIDTH].as_chunks().0);
            let mut partial = [[T::default(); LANES]; GROUP];
            for (k, x) in self.segment.as_chunks::<LANES>().0.iter().enumerate() {
                for g in 0..GROUP {
                    for lane in 0..LANES {
                        partial[g][lane] += rows[g][k][lane] * x[lane];
                    }
                }
            }
            sums.iter_mut().zip(partial).for_each(|(sum, lanes)| *sum = fold(lanes));
        }
    }
}

/// The sum of the lanes, in halves.
#[inline(always)]
fn fold<T: Scalar>(mut lanes: [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for k in 0..half {
            lanes[k] = lanes[k] + lanes[k + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wider instructions change no bit.
    #[test]
    fn products_are_the_same_on_every_instruction_set() {
        let tile: Vec<f32> = (0..HEIGHT * WIDTH).map(|i| (i as f32 * 0.37).sin()).collect();
        let segment: [f32; WIDTH] = from_fn(|i| (i as f32 * 1.1).cos());
        let (mut wide, mut plain) = ([0.0; HEIGHT], [0.0; HEIGHT]);
        widest(Products { tile: &tile, segment: &segment, sums: &mut wide });
        Products { tile: &tile, segment: &segment, sums: &mut plain }.run();
        assert_eq!(wide, plain);
    }
}
