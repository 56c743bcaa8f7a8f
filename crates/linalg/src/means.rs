//! Means of a call beside its threads: memory, a switch to stop it, how far it is.

use std::sync::atomic::{AtomicBool, Ordering};

/// Limit on the memory of a call, inputs not counted.
///
/// ```
/// use widelimit_linalg::Budget;
/// assert!(Budget::bytes(1 << 20).allows(1 << 10) && !Budget::bytes(1 << 20).allows(1 << 30));
/// assert!(Budget::unlimited().allows(u64::MAX));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    bytes: Option<u64>,
}

impl Budget {
    /// No limit.
    pub const fn unlimited() -> Self {
        Self { bytes: None }
    }

    /// At most `bytes` bytes for results and scratch together.
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes) }
    }

    /// The limit, if there is one.
    pub const fn limit(self) -> Option<u64> {
        self.bytes
    }

    /// Whether `needed` bytes are within the limit.
    pub fn allows(self, needed: u64) -> bool {
        self.bytes.is_none_or(|limit| needed <= limit)
    }
}

/// A switch that stops a running call from another thread. Engines look at it often, so that a call returns
/// with an error that says so within milliseconds.
///
/// ```
/// use widelimit_linalg::Cancel;
/// let switch = Cancel::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| switch.cancel());
/// });
/// assert!(switch.is_cancelled());
/// ```
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// A switch that is off.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks the calls that hold this switch to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far the kernel of a call is. Tiles finish in any order, so reports may overtake one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tiles finished.
    pub done_tiles: usize,
    /// All tiles.
    pub total_tiles: usize,
    /// Computed entries (mirrored ones not counted); of kernels between graphs, pairs of graphs.
    pub done_entries: u64,
    /// All entries to compute.
    pub total_entries: u64,
}
