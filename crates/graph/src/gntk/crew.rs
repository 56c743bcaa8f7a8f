//! Tiles handed out to threads, one after another from a counter, and the matrices they are put in.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayViewMut2, Axis, Slice};

use crate::Error;
use crate::options::{Options, Progress};

/// A matrix of zeros, if the machine has room for it.
pub(crate) fn allocate(rows: usize, columns: usize) -> Result<Array2<f64>, Error> {
    let numbers = rows.saturating_mul(columns);
    // the probe is given back at once; without it a failing allocation would abort the process
    if Vec::<f64>::new().try_reserve_exact(numbers).is_err() {
        return Err(Error::OutOfMemory { needed: (numbers as u64).saturating_mul(8) });
    }
    Ok(Array2::zeros((rows, columns)))
}

/// So many rows and columns from an entry on.
pub(crate) fn place(
    matrix: &mut Array2<f64>,
    (row, column): (usize, usize),
    (height, width): (usize, usize),
) -> ArrayViewMut2<'_, f64> {
    let mut part = matrix.view_mut();
    part.slice_axis_inplace(Axis(0), Slice::from(row..row + height));
    part.slice_axis_inplace(Axis(1), Slice::from(column..column + width));
    part
}

/// What the threads of a call share.
pub(crate) struct Crew {
    tiles: usize,
    next: AtomicUsize,
    stop: AtomicBool,
    done_tiles: AtomicUsize,
    done_pairs: AtomicU64,
    total_pairs: u64,
    out: Mutex<Vec<Array2<f64>>>,
    failure: Mutex<Option<Error>>,
}

impl Crew {
    pub fn new(tiles: usize, total_pairs: u64, out: Vec<Array2<f64>>) -> Self {
        Self {
            tiles,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            done_tiles: AtomicUsize::new(0),
            done_pairs: AtomicU64::new(0),
            total_pairs,
            out: Mutex::new(out),
            failure: Mutex::new(None),
        }
    }

    pub fn next(&self) -> Option<usize> {
        let tile = self.next.fetch_add(1, Ordering::Relaxed);
        (tile < self.tiles && !self.stop.load(Ordering::Relaxed)).then_some(tile)
    }

    pub fn fail(&self, error: Error) {
        self.stop.store(true, Ordering::Relaxed);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub fn put(&self, blocks: &[Array2<f64>], (row, column): (usize, usize), mirror: bool) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for (out, block) in out.iter_mut().zip(blocks) {
            let (height, width) = block.dim();
            place(out, (row, column), (height, width)).assign(block);
            if mirror {
                place(out, (column, row), (width, height)).assign(&block.t());
            }
        }
    }

    pub fn report(&self, pairs: u64, options: &Options<'_>) {
        let done_tiles = self.done_tiles.fetch_add(1, Ordering::Relaxed) + 1;
        let done_pairs = self.done_pairs.fetch_add(pairs, Ordering::Relaxed) + pairs;
        if let Some(progress) = options.progress {
            let (total_tiles, total_entries) = (self.tiles, self.total_pairs);
            progress(Progress { done_tiles, total_tiles, done_entries: done_pairs, total_entries });
        }
    }

    pub fn finish(self) -> Result<Vec<Array2<f64>>, Error> {
        match self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(self.out.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}
