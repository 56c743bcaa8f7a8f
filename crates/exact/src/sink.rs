//! Where finished tiles go.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use widelimit_linalg::transpose;

use crate::error::Error;
use crate::options::{Quantity, Want};
use crate::scalar::Scalar;

/// Receives the tiles of a kernel as they are finished.
///
/// `write` is called from several threads at once. In a symmetric call every tile above the
/// diagonal is also delivered mirrored (a transposed view, whose columns are contiguous), so that
/// each entry of the kernel arrives exactly once.
/// Tiles come roughly in the order of their band of rows. An `Err` stops the call and becomes
/// [`Error::Sink`].
///
/// Tiles of a call are numbered from 0 to [`Plan::tiles`](crate::Plan::tiles), in an order that
/// depends on the numbers of rows and columns and on the edge of a tile alone. A sink that outlives
/// a call can leave out tiles that it has got already.
pub trait Sink<T>: Sync {
    /// Whether this tile is to be computed; asked before anything is done for it.
    fn wants(&self, _tile: usize) -> bool {
        true
    }

    /// Takes the tile whose first number stands at `(row, col)` of the kernel's matrix. Where an entry of
    /// the kernel has several numbers ([`Plan::entry`](crate::Plan::entry)), they stand side by side.
    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        col: usize,
        tile: ArrayView2<T>,
    ) -> Result<(), String>;

    /// Told when all entries of a tile, the mirrored ones too, have been written.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn finished(&self, _tile: usize) -> Result<(), String> {
        Ok(())
    }
}

/// Places tiles in matrices in memory.
pub(crate) struct Matrices<'a, T> {
    /// Rows and columns of a tile.
    tile: (usize, usize),
    columns: usize,
    nngp: Vec<Mutex<ArrayViewMut2<'a, T>>>,
    ntk: Vec<Mutex<ArrayViewMut2<'a, T>>>,
}

impl<'a, T: Scalar> Matrices<'a, T> {
    /// Cuts the matrices into tiles, each behind its own lock (which nobody ever waits for).
    pub fn new(
        nngp: Option<ArrayViewMut2<'a, T>>,
        ntk: Option<ArrayViewMut2<'a, T>>,
        tile: (usize, usize),
    ) -> Self {
        let columns =
            nngp.as_ref().or(ntk.as_ref()).map_or(0, |matrix| matrix.ncols().div_ceil(tile.1));
        let cut = |matrix: Option<ArrayViewMut2<'a, T>>| {
            matrix.map_or_else(Vec::new, |matrix| cut(matrix, tile))
        };
        Self { tile, columns, nngp: cut(nngp), ntk: cut(ntk) }
    }
}

fn cut<T>(matrix: ArrayViewMut2<T>, tile: (usize, usize)) -> Vec<Mutex<ArrayViewMut2<T>>> {
    let mut tiles = Vec::new();
    let mut below = matrix;
    while below.nrows() > 0 {
        let height = tile.0.min(below.nrows());
        let (mut band, rest) = below.split_at(Axis(0), height);
        below = rest;
        while band.ncols() > 0 {
            let width = tile.1.min(band.ncols());
            let (head, rest) = band.split_at(Axis(1), width);
            tiles.push(Mutex::new(head));
            band = rest;
        }
    }
    tiles
}

impl<T: Scalar> Sink<T> for Matrices<'_, T> {
    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        col: usize,
        tile: ArrayView2<T>,
    ) -> Result<(), String> {
        let tiles = match quantity {
            Quantity::Nngp => &self.nngp,
            Quantity::Ntk => &self.ntk,
        };
        let index = row / self.tile.0 * self.columns + col / self.tile.1;
        let mut place = tiles[index].lock().unwrap_or_else(PoisonError::into_inner);
        if tile.strides()[0] == 1 && tile.strides()[1] != 1 {
            transpose(tile.t(), place.view_mut());
            return Ok(());
        }
        for (mut to, from) in place.rows_mut().into_iter().zip(tile.rows()) {
            match (to.as_slice_mut(), from.as_slice()) {
                (Some(to), Some(from)) => to.copy_from_slice(from),
                _ => to.assign(&from),
            }
        }
        Ok(())
    }
}

/// A `rows x columns` matrix for the NNGP and for the NTK, if wanted; fails where the machine has not that much.
pub(crate) fn allocate<T: Scalar>(
    want: Want,
    rows: usize,
    columns: usize,
) -> Result<[Option<Array2<T>>; 2], Error> {
    let needed = (rows as u64)
        .saturating_mul(columns as u64)
        .saturating_mul((want.count() * size_of::<T>()) as u64);
    // The probe is given back at once; without it a failing allocation would abort the process.
    let elements = usize::try_from(needed).unwrap_or(usize::MAX) / size_of::<T>();
    if Vec::<T>::new().try_reserve_exact(elements).is_err() {
        return Err(Error::OutOfMemory { needed });
    }
    let matrix = |wanted: bool| wanted.then(|| Array2::zeros((rows, columns)));
    Ok([matrix(want.nngp), matrix(want.ntk)])
}
