//! Tiles handed out to threads, one after another from a counter.
//!
//! Symmetric calls compute the tiles on and above the diagonal; the others are their transposes. Threads
//! stay busy to the end, and bands of rows are finished roughly in order.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::Error;
use crate::options::{Options, Progress};
use crate::scalar::Scalar;
use crate::sink::Sink;

/// The tiles of a kernel in the order they are computed.
pub(crate) struct Grid {
    /// Number of the first tile of every band of rows, and of all tiles at the end.
    starts: Vec<usize>,
    symmetric: bool,
}

impl Grid {
    /// Tiles for `rows` bands against `columns`; symmetric ones start at the diagonal.
    pub fn new(rows: usize, columns: usize, symmetric: bool) -> Self {
        let mut starts = vec![0];
        let mut sum = 0;
        for row in 0..rows {
            sum += if symmetric { columns - row } else { columns };
            starts.push(sum);
        }
        Self { starts, symmetric }
    }

    /// Number of tiles of such a grid, which is not made for it.
    pub fn count(rows: usize, columns: usize, symmetric: bool) -> usize {
        let all = rows.saturating_mul(columns);
        // Those below the diagonal.
        let twice = rows.saturating_mul(rows.saturating_sub(1));
        if symmetric { all.saturating_sub(twice / 2) } else { all }
    }

    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Bands of rows and columns of a tile.
    fn get(&self, tile: usize) -> (usize, usize) {
        let row = self.starts.partition_point(|&start| start <= tile) - 1;
        let column = tile - self.starts[row];
        (row, if self.symmetric { row + column } else { column })
    }
}

/// Computes tiles.
pub(crate) trait Engine<T: Scalar>: Sync {
    /// One thread's memory.
    type Worker;

    /// Memory for one thread.
    fn worker(&self) -> Self::Worker;

    /// Computes the tile of a band of rows and a band of columns and hands it to the sink.
    fn tile(&self, worker: &mut Self::Worker, row: usize, column: usize) -> Result<(), Error>;

    /// How many entries a tile computes; mirrored ones do not count.
    fn entries(&self, row: usize, column: usize) -> u64;
}

/// What the threads share.
struct Shared {
    grid: Grid,
    next: AtomicUsize,
    done_tiles: AtomicUsize,
    done_entries: AtomicU64,
    total_entries: u64,
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
}

/// Computes all tiles that the sink wants.
pub(crate) fn run<T: Scalar, E: Engine<T>>(
    engine: &E,
    grid: Grid,
    total_entries: u64,
    options: &Options,
    sink: &dyn Sink<T>,
) -> Result<(), Error> {
    let shared = Shared {
        grid,
        next: AtomicUsize::new(0),
        done_tiles: AtomicUsize::new(0),
        done_entries: AtomicU64::new(0),
        total_entries,
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let threads = options.par.threads().min(shared.grid.len());
    options.par.install(|| {
        (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|_| work(engine, &shared, options, sink));
    });
    match shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// One thread: takes tiles until there are none.
fn work<T: Scalar, E: Engine<T>>(
    engine: &E,
    shared: &Shared,
    options: &Options,
    sink: &dyn Sink<T>,
) {
    let mut worker = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let tile = shared.next.fetch_add(1, Ordering::Relaxed);
        if tile >= shared.grid.len() {
            return;
        }
        let (row, column) = shared.grid.get(tile);
        let outcome = if sink.wants(tile) {
            let worker = worker.get_or_insert_with(|| engine.worker());
            let done = engine.tile(worker, row, column);
            done.and_then(|()| sink.finished(tile).map_err(Error::Sink))
        } else {
            options.check_cancelled()
        };
        match outcome {
            Ok(()) => report(shared, options, engine.entries(row, column)),
            Err(error) => {
                shared.stop.store(true, Ordering::Relaxed);
                let mut failure = shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                return;
            }
        }
    }
}

fn report(shared: &Shared, options: &Options, entries: u64) {
    let done_tiles = shared.done_tiles.fetch_add(1, Ordering::Relaxed) + 1;
    let done_entries = shared.done_entries.fetch_add(entries, Ordering::Relaxed) + entries;
    if let Some(progress) = options.progress {
        progress(Progress {
            done_tiles,
            total_tiles: shared.grid.len(),
            done_entries,
            total_entries: shared.total_entries,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_comes_once() {
        for (rows, columns, symmetric) in [(4, 4, true), (3, 5, false), (1, 1, true)] {
            let grid = Grid::new(rows, columns, symmetric);
            let tiles: Vec<_> = (0..grid.len()).map(|tile| grid.get(tile)).collect();
            let expected: Vec<_> = (0..rows)
                .flat_map(|i| (0..columns).map(move |j| (i, j)))
                .filter(|&(i, j)| !symmetric || i <= j)
                .collect();
            assert_eq!(tiles, expected);
            assert_eq!(Grid::count(rows, columns, symmetric), expected.len());
        }
    }
}
