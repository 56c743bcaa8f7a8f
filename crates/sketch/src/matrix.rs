//! Products with a dense random matrix that is never stored: tiles of it are made, used on all rows
//! of the block, and forgotten.

use ndarray::{ArrayViewMut2, Axis, Slice};

use crate::dispatch::{Loop, widest};
use crate::{Rows, Scalar};

/// Inputs of a tile; signs come in blocks of 128.
const WIDTH: usize = 256;
/// Outputs of a tile.
const HEIGHT: usize = 32;
/// Partial sums of an inner product; a fixed number, so that the bits do not depend on the machine.
const LANES: usize = 16;

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
                match values.as_slice() {
                    Some(values) => segment[..values.len()].copy_from_slice(values),
                    None => segment.iter_mut().zip(&values).for_each(|(to, &from)| *to = from),
                }
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
        let x = self.segment.as_chunks::<LANES>().0;
        let groups = self.tile.chunks_exact(4 * WIDTH).zip(self.sums.chunks_exact_mut(4));
        // four outputs share the loads of the inputs
        for (rows, sums) in groups {
            let (ab, cd) = rows.split_at(2 * WIDTH);
            let (a, b) = ab.split_at(WIDTH);
            let (c, d) = cd.split_at(WIDTH);
            let [a, b, c, d] = [a, b, c, d].map(|row| row.as_chunks::<LANES>().0);
            let zero = [T::default(); LANES];
            let (mut p, mut q, mut r, mut s) = (zero, zero, zero, zero);
            for ((((a, b), c), d), x) in a.iter().zip(b).zip(c).zip(d).zip(x) {
                accumulate(&mut p, a, x);
                accumulate(&mut q, b, x);
                accumulate(&mut r, c, x);
                accumulate(&mut s, d, x);
            }
            sums.copy_from_slice(&[fold(p), fold(q), fold(r), fold(s)]);
        }
    }
}

#[inline(always)]
fn accumulate<T: Scalar>(sums: &mut [T; LANES], weights: &[T; LANES], x: &[T; LANES]) {
    for k in 0..LANES {
        sums[k] += weights[k] * x[k];
    }
}

/// The sum of the lanes, in halves.
#[inline(always)]
fn fold<T: Scalar>(lanes: [T; LANES]) -> T {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = lanes;
    let (a, b, c, d) = (a + i, b + j, c + k, d + l);
    let (e, f, g, h) = (e + m, f + n, g + o, h + p);
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;

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
