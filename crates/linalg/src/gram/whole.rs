//! Whole Gram matrices from tiles, in parallel.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::PackedRows;
use crate::par::Par;
use crate::scalar::Scalar;
use crate::transpose::transpose;

/// The largest side of a tile.
const TILE: usize = 192;

/// A multiple of every [`PackedRows::alignment`].
const STEP: usize = 96;

/// A part of the result with the rows and columns it starts at.
struct Tile<'a, T> {
    row: usize,
    column: usize,
    out: ArrayViewMut2<'a, T>,
    /// The transposed tile below the diagonal, where the result is symmetric.
    mirror: Option<ArrayViewMut2<'a, T>>,
}

/// The Gram matrix `X₁ X₂ᵀ` (`n₁ × n₂`), or `X₁ X₁ᵀ` for `x2 = None`.
///
/// Entries are canonical (see [the module](super)): the result does not depend on
/// the threads, and the symmetric one, of which only the upper half is computed,
/// equals `gram(x1, Some(x1), par)` to the bit. Memory: the result and a packed
/// copy of the inputs ([`PackedRows::bytes_for`]).
///
/// # Panics
///
/// When `x1` and `x2` differ in their number of columns, as
/// [`ndarray::linalg::Dot`] does.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, gram};
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(gram(x.view(), None, &Par::single()), array![[5.0, 11.0], [11.0, 25.0]]);
/// ```
pub fn gram<T: Scalar>(
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    par: &Par,
) -> Array2<T> {
    let right = x2.unwrap_or(x1);
    assert_eq!(x1.ncols(), right.ncols(), "the two sides of a Gram matrix differ in their columns");
    let mut out = Array2::from_elem((x1.nrows(), right.nrows()), T::from_f64(0.0));
    let tile = tile_side(x1.nrows(), right.nrows(), par.threads());
    let tiles = match x2 {
        None => symmetric_tiles(out.view_mut(), tile),
        Some(_) => split(out.view_mut(), tile).into_iter().flatten().collect(),
    };
    let left = PackedRows::new(x1, par);
    let right = x2.map(|x2| PackedRows::new(x2, par));
    let right = right.as_ref().unwrap_or(&left);
    let work = |mut task: Tile<'_, T>| {
        let (height, width) = task.out.dim();
        let rows = task.row..task.row + height;
        let columns = task.column..task.column + width;
        left.tile(rows, right, columns, task.out.view_mut());
        if let Some(mirror) = task.mirror {
            transpose(task.out.view(), mirror);
        }
    };
    if par.threads() == 1 || tiles.len() == 1 {
        tiles.into_iter().for_each(work);
    } else {
        par.install(|| tiles.into_par_iter().with_max_len(1).for_each(work));
    }
    out
}

/// A side that gives every thread several tiles, in steps of 96.
fn tile_side(rows: usize, columns: usize, threads: usize) -> usize {
    let mut side = TILE;
    while side > STEP && threads > 1 && rows.div_ceil(side) * columns.div_ceil(side) < 8 * threads {
        side -= STEP;
    }
    side
}

/// The result as a grid of tiles.
fn split<T>(out: ArrayViewMut2<'_, T>, side: usize) -> Vec<Vec<Tile<'_, T>>> {
    let mut grid = Vec::new();
    let (mut rest, mut row) = (out, 0);
    while rest.nrows() > 0 {
        let height = side.min(rest.nrows());
        let (mut band, below) = rest.split_at(Axis(0), height);
        let (mut column, mut tiles) = (0, Vec::new());
        while band.ncols() > 0 {
            let width = side.min(band.ncols());
            let (out, right) = band.split_at(Axis(1), width);
            tiles.push(Tile { row, column, out, mirror: None });
            column += width;
            band = right;
        }
        grid.push(tiles);
        row += height;
        rest = below;
    }
    grid
}

/// The tiles on and above the diagonal, each with its mirror image.
fn symmetric_tiles<T>(out: ArrayViewMut2<'_, T>, side: usize) -> Vec<Tile<'_, T>> {
    let mut tiles = Vec::new();
    let mut lower: Vec<Vec<Tile<'_, T>>> = Vec::new();
    for (i, row) in split(out, side).into_iter().enumerate() {
        let mut row = row.into_iter();
        lower.push(row.by_ref().take(i).collect());
        tiles.push(row.collect::<Vec<_>>());
    }
    // Row i of the upper half starts at column i; its tile at offset o mirrors
    // the tile (i + o, i) of the lower half. Rows of `lower` are taken from the
    // back, so that each tile is moved out once.
    for (i, row) in tiles.iter_mut().enumerate().rev() {
        for (offset, tile) in row.iter_mut().enumerate().skip(1) {
            tile.mirror = lower[i + offset].pop().map(|tile| tile.out);
        }
    }
    tiles.into_iter().flatten().collect()
}
