//! What a computation may use, and how much of it it does.

use ndarray::Array2;
use widelimit_linalg::Par;

use crate::{Error, Options, Progress};

/// The means of a call, with the bytes in use.
///
/// How large a dictionary becomes is known only once it is made, so that it is counted with every entry.
#[derive(Clone)]
pub(super) struct Means<'a> {
    used: u64,
    options: &'a Options<'a>,
}

impl<'a> Means<'a> {
    pub(super) fn new(options: &'a Options<'a>) -> Self {
        Self { used: 0, options }
    }

    /// Counts further bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let needed = self.used.saturating_add(bytes);
        self.options.check_memory(needed)?;
        self.used = needed;
        Ok(())
    }

    /// Counts bytes no longer.
    pub(super) fn give(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    pub(super) fn par(&self) -> Par {
        self.options.par
    }

    /// Tells the listener that so many rounds of a kernel are done. A tile is a round here.
    pub(super) fn rounds_done(&self, done: usize, rounds: usize, entries: usize) {
        if let Some(progress) = self.options.progress {
            progress(Progress {
                done_tiles: done,
                total_tiles: rounds,
                done_entries: (done as u64).saturating_mul(entries as u64),
                total_entries: (rounds as u64).saturating_mul(entries as u64),
            });
        }
    }

    /// Fails where the call is to stop.
    pub(super) fn check_cancelled(&self) -> Result<(), Error> {
        self.options.check_cancelled()
    }
}

/// A matrix of zeros, or an error where the machine has no room for it.
pub(super) fn zeros(rows: usize, columns: usize) -> Result<Array2<f64>, Error> {
    let refused = || Error::OutOfMemory {
        needed: (rows as u64).saturating_mul(columns as u64).saturating_mul(8),
    };
    let entries = rows.checked_mul(columns).ok_or_else(refused)?;
    let mut values = Vec::new();
    values.try_reserve_exact(entries).map_err(|_| refused())?;
    values.resize(entries, 0.0);
    Array2::from_shape_vec((rows, columns), values).map_err(|_| refused())
}
