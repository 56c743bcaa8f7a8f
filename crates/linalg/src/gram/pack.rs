//! Packing: rows of a matrix into panels that the micro-kernel reads in order.
//!
//! A panel holds `width` rows over one chunk of the columns, column by column:
//! element `(row, k)` of the panel lies at `k * width + row`. Missing rows of the
//! last panel are zeros.

use std::ops::Range;

use ndarray::ArrayView2;

use super::lanes::Lanes;

/// The columns transposed at a time, so that what is written stays in L1.
const STEP: usize = 16;

/// Packs the columns `chunk` of all rows of `x` into panels of `width` rows.
///
/// `out` holds `⌈rows / width⌉ · width · chunk.len()` elements.
pub(super) fn pack<T: Lanes>(
    x: ArrayView2<'_, T>,
    chunk: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    let rows = x.nrows();
    let panels = out.chunks_exact_mut(width * chunk.len());
    for (first, panel) in (0..rows).step_by(width).zip(panels) {
        let count = width.min(rows - first);
        if count < width {
            panel.fill(T::ZERO);
        }
        if x.strides()[0] == 1 && x.strides()[1] != 1 {
            pack_columns(x, first..first + count, chunk.clone(), width, panel);
        } else {
            pack_rows(x, first..first + count, chunk.clone(), width, panel);
        }
    }
}

/// Columns are contiguous: one copy for each.
fn pack_columns<T: Lanes>(
    x: ArrayView2<'_, T>,
    rows: Range<usize>,
    chunk: Range<usize>,
    width: usize,
    panel: &mut [T],
) {
    for (k, out) in chunk.zip(panel.chunks_exact_mut(width)) {
        let column = x.column(k);
        match column.as_slice() {
            Some(column) => out[..rows.len()].copy_from_slice(&column[rows.clone()]),
            None => out.iter_mut().zip(rows.clone()).for_each(|(out, row)| *out = column[row]),
        }
    }
}

/// Rows are contiguous (or nothing is): a transposition in small blocks.
fn pack_rows<T: Lanes>(
    x: ArrayView2<'_, T>,
    rows: Range<usize>,
    chunk: Range<usize>,
    width: usize,
    panel: &mut [T],
) {
    for (step, out) in chunk.clone().step_by(STEP).zip(panel.chunks_mut(STEP * width)) {
        let end = (step + STEP).min(chunk.end);
        for (slot, row) in rows.clone().enumerate() {
            let row = x.row(row);
            match row.to_slice() {
                Some(row) => scatter(&row[step..end], slot, width, out),
                None => (step..end)
                    .zip(out.chunks_exact_mut(width))
                    .for_each(|(k, out)| out[slot] = row[k]),
            }
        }
    }
}

/// Writes `values` to every `width`-th place from `slot` on.
#[inline(always)]
fn scatter<T: Lanes>(values: &[T], slot: usize, width: usize, out: &mut [T]) {
    for (value, out) in values.iter().zip(out.chunks_exact_mut(width)) {
        out[slot] = *value;
    }
}
