//! A whole matrix packed once, for many tiles.

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::{
    AskGeometry, Block, CHUNK, Geometry, Isa, Norms, Pack, aligned, line_start, row_slices,
};
use crate::par::Par;
use crate::scalar::Scalar;

/// Panels packed by one task.
const PANELS: usize = 8;

/// The rows of a matrix in the order in which the micro-kernel reads them.
///
/// Pack once, then compute any tile with [`PackedRows::tile`]: for tiles of a few
/// hundred rows this saves the fifth of the time that [`gram_tile`](super::gram_tile)
/// spends on packing. Entries are canonical all the same.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_linalg::{PackedRows, Par};
/// let x = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
/// let packed = PackedRows::new(x.view(), &Par::single());
/// let mut out = Array2::zeros((1, 2));
/// packed.tile(0..1, &packed, 1..3, out.view_mut());
/// assert_eq!(out, array![[11.0, 17.0]]);
/// ```
#[derive(Debug)]
pub struct PackedRows<T> {
    isa: Isa,
    geometry: Geometry,
    rows: usize,
    depth: usize,
    buffer: Vec<T>,
    offset: usize,
}

impl<T: Scalar> PackedRows<T> {
    /// Packs `x` (`n × d`, any strides) for the best instruction set of this
    /// machine. Memory: the result, [`PackedRows::bytes_for`].
    pub fn new(x: ArrayView2<'_, T>, par: &Par) -> Self {
        Self::with_isa(Isa::best(), x, par)
    }

    /// Packs `x` for `isa`, or for the best there is where this machine lacks it.
    pub fn with_isa(isa: Isa, x: ArrayView2<'_, T>, par: &Par) -> Self {
        let geometry = isa.dispatch(AskGeometry(PhantomData::<T>));
        let (rows, depth) = x.dim();
        let mut buffer: Vec<T> = Vec::new();
        let width = geometry.width;
        let padded = rows.next_multiple_of(width);
        let mut rest = aligned(&mut buffer, padded * depth);
        let mut jobs = Vec::new();
        for start in (0..depth).step_by(CHUNK) {
            let chunk = start..depth.min(start + CHUNK);
            let (now, later) = rest.split_at_mut(padded * chunk.len());
            let parts = now.chunks_mut(PANELS * width * chunk.len().max(1));
            for (out, x) in parts.zip(x.axis_chunks_iter(Axis(0), PANELS * width)) {
                jobs.push(Pack { x, chunk: chunk.clone(), width, out });
            }
            rest = later;
        }
        if par.threads() == 1 || jobs.len() < 2 {
            jobs.into_iter().for_each(|job| T::pack(isa, job));
        } else {
            par.install(|| jobs.into_par_iter().for_each(|job| T::pack(isa, job)));
        }
        let offset = line_start(&buffer);
        Self { isa, geometry, rows, depth, buffer, offset }
    }

    /// The number of rows, `n`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The length of a row, `d`.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Tiles whose ends are multiples of this waste no arithmetic: at most 48,
    /// and a divisor of 96.
    pub fn alignment(&self) -> usize {
        self.geometry.width
    }

    /// The bytes that a packed `rows × depth` matrix holds, at most.
    pub fn bytes_for(rows: usize, depth: usize) -> usize {
        (rows + super::kernel::MAX_WIDTH) * depth * size_of::<T>() + super::LINE
    }

    /// Writes `out[i, j] = self[rows[i]] · right[columns[j]]`.
    ///
    /// `out` is `rows.len() × columns.len()`; contiguous rows are fast. Runs on the
    /// calling thread. Memory: 16 bytes for each row of `out`.
    ///
    /// # Panics
    ///
    /// When a range or a shape does not fit, as slicing does, or when the two
    /// sides were packed for different instruction sets.
    pub fn tile(
        &self,
        rows: Range<usize>,
        right: &Self,
        columns: Range<usize>,
        out: ArrayViewMut2<'_, T>,
    ) {
        assert_eq!(self.depth, right.depth, "the two sides of a Gram tile differ in their columns");
        assert_eq!(self.isa, right.isa, "the two sides are packed for different instruction sets");
        assert!(rows.end <= self.rows && columns.end <= right.rows, "a Gram tile ends outside");
        assert_eq!(out.dim(), (rows.len(), columns.len()), "a Gram tile has the wrong shape");
        row_slices(out, |tile| {
            if self.depth == 0 {
                tile.iter_mut().for_each(|row| row.fill(T::from_f64(0.0)));
            }
            for start in (0..self.depth).step_by(CHUNK) {
                let depth = CHUNK.min(self.depth - start);
                let (left, right) = (self.chunk(start, depth), right.chunk(start, depth));
                let (columns, first) = (columns.clone(), start == 0);
                let job = Block { left, right, depth, start: rows.start, columns, tile, first };
                T::gram_block(self.isa, job);
            }
        });
    }

    /// The squared norm of every row: bitwise [`squared_norms`](super::squared_norms).
    pub fn squared_norms(&self) -> Vec<T> {
        let width = self.geometry.width;
        let mut norms = vec![T::from_f64(0.0); self.rows];
        for start in (0..self.depth).step_by(CHUNK) {
            let depth = CHUNK.min(self.depth - start);
            let panels = self.chunk(start, depth).chunks_exact(width * depth);
            for (out, panel) in norms.chunks_mut(width).zip(panels) {
                T::norms_block(self.isa, Norms { panel, out, first: start == 0 });
            }
        }
        norms
    }

    /// All panels of the chunk of `depth` columns from `start` on.
    fn chunk(&self, start: usize, depth: usize) -> &[T] {
        let padded = self.rows.next_multiple_of(self.geometry.width);
        &self.buffer[self.offset + padded * start..][..padded * depth]
    }
}
