//! Gram matrices: the products of all rows of one matrix with all rows of another.
//!
//! Every entry is *canonical*. With chunks of [`CHUNK`] columns,
//!
//! ```text
//! chunk_c(i, j) = fma(x_i[k_last], y_j[k_last], … fma(x_i[k_first], y_j[k_first], 0)),
//! G(i, j)       = chunk_0 + chunk_1 + …            from the left,
//! ```
//!
//! whatever the tile, the thread count, the layout or the position in which the
//! entry is computed. From this follow, all to the bit: blocks computed apart
//! equal the whole; `G(X, X)` is symmetric and `G(Y, X) = G(X, Y)ᵀ`; equal rows
//! give equal entries; and the product of a row with itself, or with a copy of
//! itself, is its [`squared_norms`] entry.

mod isa;
mod kernel;
pub(crate) mod lanes;
mod pack;
mod panels;
mod whole;

use std::marker::PhantomData;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use crate::scalar::Scalar;
pub use isa::Isa;
pub(crate) use kernel::{AskGeometry, Block, Geometry, Norms};
pub(crate) use pack::Pack;
pub use panels::PackedRows;
pub use whole::gram;

/// The columns that are summed in one chain.
pub const CHUNK: usize = 256;

/// Rows of either side that are packed at a time: both sides of a chunk stay in L2.
const SIDE: usize = 512;

/// Alignment of the panels: a cache line.
const LINE: usize = 64;

/// Workspace of [`gram_tile`] and the instruction set it runs on.
///
/// Holds both sides of a tile packed for one chunk of columns: at most
/// `2 · 512 · 256` elements, however large the tile, and less for small ones.
/// Keep one for each thread and use it for every tile.
#[derive(Clone, Debug)]
pub struct GramScratch<T> {
    isa: Isa,
    geometry: Geometry,
    left: Vec<T>,
    right: Vec<T>,
}

impl<T: Scalar> GramScratch<T> {
    /// An empty workspace for the best instruction set of this machine.
    pub fn new() -> Self {
        Self::with_isa(Isa::best())
    }

    /// An empty workspace for `isa`, or for the best there is where this machine
    /// lacks it.
    pub fn with_isa(isa: Isa) -> Self {
        let geometry = isa.dispatch(AskGeometry(PhantomData::<T>));
        Self { isa, geometry, left: Vec::new(), right: Vec::new() }
    }

    /// The bytes it holds now.
    pub fn bytes(&self) -> usize {
        (self.left.capacity() + self.right.capacity()) * size_of::<T>()
    }

    /// The most bytes it will hold after tiles of up to `rows × columns`.
    pub fn bytes_for(rows: usize, columns: usize, depth: usize) -> usize {
        let side = |n: usize| (n.min(SIDE) + 64) * depth.min(CHUNK) + LINE;
        (side(rows) + side(columns)) * size_of::<T>()
    }
}

impl<T: Scalar> Default for GramScratch<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the tile `out[i, j] = x1[i] · x2[j]`.
///
/// `x1` is `R × d`, `x2` is `C × d`, `out` is `R × C`; entries are canonical (see
/// [the module](self)). Any strides are taken; rows of `out` that are contiguous
/// and rows or columns of the inputs that are contiguous are fast. Runs on the
/// calling thread. Memory: `scratch`, and 16 bytes for each row of `out`.
///
/// # Panics
///
/// When the shapes do not fit together, as [`ndarray::linalg::Dot`] does.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_linalg::{GramScratch, gram_tile};
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// let mut out = Array2::zeros((1, 2));
/// gram_tile(x.slice(ndarray::s![..1, ..]), x.view(), &mut GramScratch::new(), out.view_mut());
/// assert_eq!(out, array![[5.0, 11.0]]);
/// ```
pub fn gram_tile<T: Scalar>(
    x1: ArrayView2<'_, T>,
    x2: ArrayView2<'_, T>,
    scratch: &mut GramScratch<T>,
    mut out: ArrayViewMut2<'_, T>,
) {
    let depth = x1.ncols();
    assert_eq!(depth, x2.ncols(), "the two sides of a Gram tile differ in their columns");
    assert_eq!(out.dim(), (x1.nrows(), x2.nrows()), "a Gram tile has the wrong shape");
    if depth == 0 {
        out.fill(T::from_f64(0.0));
        return;
    }
    if out.is_empty() {
        return;
    }
    for (x1, mut out) in
        x1.axis_chunks_iter(Axis(0), SIDE).zip(out.axis_chunks_iter_mut(Axis(0), SIDE))
    {
        let columns = out.axis_chunks_iter_mut(Axis(1), SIDE);
        for (x2, out) in x2.axis_chunks_iter(Axis(0), SIDE).zip(columns) {
            row_slices(out, |tile| block(x1, x2, scratch, tile));
        }
    }
}

/// Calls `work` with the rows of `out` as slices; where they are not contiguous,
/// with those of a copy that is written back.
fn row_slices<T: Scalar>(mut out: ArrayViewMut2<'_, T>, work: impl FnOnce(&mut [&mut [T]])) {
    let (height, width) = out.dim();
    if width > 1 && out.strides()[1] != 1 {
        let mut copy = Array2::from_elem((height, width), T::from_f64(0.0));
        let mut rows: Vec<&mut [T]> =
            copy.outer_iter_mut().filter_map(|row| row.into_slice()).collect();
        work(&mut rows);
        out.assign(&copy);
        return;
    }
    let mut rows: Vec<&mut [T]> = out.outer_iter_mut().filter_map(|row| row.into_slice()).collect();
    work(&mut rows);
}

/// A tile of at most `SIDE × SIDE` entries.
fn block<T: Scalar>(
    x1: ArrayView2<'_, T>,
    x2: ArrayView2<'_, T>,
    scratch: &mut GramScratch<T>,
    tile: &mut [&mut [T]],
) {
    let (isa, width) = (scratch.isa, scratch.geometry.width);
    for start in (0..x1.ncols()).step_by(CHUNK) {
        let chunk = start..x1.ncols().min(start + CHUNK);
        let depth = chunk.len();
        let left = aligned(&mut scratch.left, x1.nrows().next_multiple_of(width) * depth);
        let right = aligned(&mut scratch.right, x2.nrows().next_multiple_of(width) * depth);
        T::pack(isa, Pack { x: x1, chunk: chunk.clone(), width, out: left });
        T::pack(isa, Pack { x: x2, chunk, width, out: right });
        let (columns, first) = (0..x2.nrows(), start == 0);
        T::gram_block(isa, Block { left, right, depth, start: 0, columns, tile, first });
    }
}

/// The first `len` elements from a cache line's start on, grown when needed.
fn aligned<T: Scalar>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let slack = LINE / size_of::<T>();
    if buffer.len() < len + slack {
        *buffer = vec![T::from_f64(0.0); len + slack];
    }
    let offset = line_start(buffer);
    &mut buffer[offset..offset + len]
}

/// The index of the first element at a cache line's start.
fn line_start<T>(buffer: &[T]) -> usize {
    buffer.as_ptr().align_offset(LINE).min(LINE / size_of::<T>())
}

/// The squared norm of every row of `x` (`n × d`): `n` values.
///
/// Bitwise the diagonal of [`gram()`]. Memory: the result and one panel.
///
/// ```
/// let x = ndarray::array![[3.0_f32, 4.0], [0.0, 2.0]];
/// assert_eq!(widelimit_linalg::squared_norms(x.view()), [25.0, 4.0]);
/// ```
pub fn squared_norms<T: Scalar>(x: ArrayView2<'_, T>) -> Vec<T> {
    squared_norms_with(Isa::best(), x)
}

/// [`squared_norms`] on a given instruction set: bitwise the diagonal of what a
/// [`GramScratch::with_isa`] gives.
pub fn squared_norms_with<T: Scalar>(isa: Isa, x: ArrayView2<'_, T>) -> Vec<T> {
    let width = isa.dispatch(AskGeometry(PhantomData::<T>)).width;
    let mut norms = vec![T::from_f64(0.0); x.nrows()];
    let mut buffer = Vec::new();
    let depth = x.ncols();
    for (x, out) in x.axis_chunks_iter(Axis(0), width).zip(norms.chunks_mut(width)) {
        for start in (0..depth).step_by(CHUNK) {
            let chunk = start..depth.min(start + CHUNK);
            let panel = aligned(&mut buffer, width * chunk.len());
            T::pack(isa, Pack { x, chunk, width, out: panel });
            T::norms_block(isa, Norms { panel, out: &mut *out, first: start == 0 });
        }
    }
    norms
}
