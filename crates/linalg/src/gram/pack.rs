//! Packing: rows of a matrix into panels that the micro-kernel reads in order.
//!
//! A panel holds `width` rows over one chunk of the columns, column by column:
//! element `(row, k)` of the panel lies at `k · width + row`. Missing rows of the
//! last panel are zeros.

use std::ops::Range;

use ndarray::ArrayView2;

use super::kernel::MAX_WIDTH;
use super::lanes::Lanes;
use crate::transpose::{BlockJob, Transpose};

/// The columns transposed at a time, so that what is written stays in L1.
const STEP: usize = 32;

/// The columns `chunk` of all rows of `x`, to be packed into `out`, which holds
/// `⌈rows / width⌉ · width · chunk.len()` elements.
pub struct Pack<'a, T> {
    pub x: ArrayView2<'a, T>,
    pub chunk: Range<usize>,
    pub width: usize,
    pub out: &'a mut [T],
}

impl<T: Lanes> BlockJob<T> for Pack<'_, T> {
    #[inline(always)]
    fn run<M: Transpose<T>>(self, transpose: M) {
        let Self { x, chunk, width, out } = self;
        let columns_contiguous = x.strides()[0] == 1 && x.strides()[1] != 1;
        for (first, panel) in
            (0..x.nrows()).step_by(width).zip(out.chunks_exact_mut(width * chunk.len()))
        {
            let rows = first..x.nrows().min(first + width);
            if rows.len() < width {
                panel.fill(T::ZERO);
            }
            if columns_contiguous {
                pack_columns(x, rows, chunk.clone(), width, panel);
            } else {
                pack_rows(transpose, x, rows, chunk.clone(), width, panel);
            }
        }
    }
}

/// Columns are contiguous: one copy for each.
#[inline(always)]
fn pack_columns<T: Lanes>(
    x: ArrayView2<'_, T>,
    rows: Range<usize>,
    chunk: Range<usize>,
    width: usize,
    panel: &mut [T],
) {
    for (k, out) in chunk.zip(panel.chunks_exact_mut(width)) {
        let column = x.column(k);
        match column.to_slice() {
            Some(column) => out[..rows.len()].copy_from_slice(&column[rows.clone()]),
            None => out.iter_mut().zip(rows.clone()).for_each(|(out, row)| *out = column[row]),
        }
    }
}

/// Rows are contiguous (or nothing is): a transposition in small blocks.
#[inline(always)]
fn pack_rows<T: Lanes, M: Transpose<T>>(
    transpose: M,
    x: ArrayView2<'_, T>,
    rows: Range<usize>,
    chunk: Range<usize>,
    width: usize,
    panel: &mut [T],
) {
    let mut sources: [&[T]; MAX_WIDTH] = [&[]; MAX_WIDTH];
    for (slot, row) in rows.clone().enumerate() {
        match x.row(row).to_slice() {
            Some(row) => sources[slot] = &row[chunk.clone()],
            None => {
                for (k, out) in chunk.clone().zip(panel.chunks_exact_mut(width)) {
                    out[slot] = x[[row, k]];
                }
            }
        }
    }
    let (blocks, rest) = sources[..rows.len()].as_chunks::<4>();
    for (step, out) in panel.chunks_mut(STEP * width).enumerate() {
        let columns = step * STEP..chunk.len().min((step + 1) * STEP);
        for (block, sources) in blocks.iter().enumerate() {
            let sources = sources.map(|source| source.get(columns.clone()).unwrap_or(&[]));
            pack_four(transpose, sources, 4 * block, width, out);
        }
        for (slot, source) in rest.iter().enumerate() {
            let source = source.get(columns.clone()).unwrap_or(&[]);
            for (value, out) in source.iter().zip(out.chunks_exact_mut(width)) {
                out[4 * blocks.len() + slot] = *value;
            }
        }
    }
}

/// Four rows into the slots `slot..slot + 4` of a few columns of the panel.
#[inline(always)]
fn pack_four<T: Lanes, M: Transpose<T>>(
    transpose: M,
    rows: [&[T]; 4],
    slot: usize,
    width: usize,
    out: &mut [T],
) {
    let [a, b, c, d] = rows.map(|row| row.as_chunks::<4>());
    let quads = a.0.iter().zip(b.0).zip(c.0).zip(d.0);
    for ((((a, b), c), d), out) in quads.zip(out.chunks_exact_mut(4 * width)) {
        let columns = transpose.block([a, b, c, d]);
        for (column, out) in columns.iter().zip(out.chunks_exact_mut(width)) {
            out[slot..slot + 4].copy_from_slice(column);
        }
    }
    let done = 4 * a.0.len() * width;
    for (i, rest) in [a.1, b.1, c.1, d.1].into_iter().enumerate() {
        for (value, out) in rest.iter().zip(out[done..].chunks_exact_mut(width)) {
            out[slot + i] = *value;
        }
    }
}
