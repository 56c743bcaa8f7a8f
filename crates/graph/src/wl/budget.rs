//! Memory that a computation may use, counted as it grows.

use ndarray::Array2;

use crate::Error;

/// Bytes in use and the most of them.
///
/// How large a dictionary becomes is known only once it is made, so that it is counted with every entry.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    used: u64,
    limit: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { used: 0, limit }
    }

    /// Counts further bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let needed = self.used.saturating_add(bytes);
        if needed > self.limit {
            return Err(Error::MemoryLimit { needed, limit: self.limit });
        }
        self.used = needed;
        Ok(())
    }

    /// Counts bytes no longer.
    pub(super) fn give(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
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
