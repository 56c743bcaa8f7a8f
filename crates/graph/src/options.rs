//! Means and wishes of a call.

use std::sync::atomic::{AtomicBool, Ordering};

use widelimit_dual::Isa;
use widelimit_linalg::Par;

use crate::Error;

/// Limit on the memory of a call, graphs not counted.
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

    /// Fails where more is needed.
    pub(crate) fn check(self, needed: u64) -> Result<(), Error> {
        match self.bytes {
            Some(limit) if needed > limit => Err(Error::MemoryLimit { needed, limit }),
            _ => Ok(()),
        }
    }
}

/// A switch that stops a running call from another thread: it then returns
/// [`Error::Cancelled`](crate::Error::Cancelled).
///
/// It is looked at before every tile, and within tiles of large graphs before every level.
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

/// How far a call is. Tiles finish in any order, so reports may overtake one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tiles finished.
    pub done_tiles: usize,
    /// All tiles.
    pub total_tiles: usize,
    /// Pairs of graphs finished (mirrored ones not counted).
    pub done_pairs: u64,
    /// All pairs of graphs to compute.
    pub total_pairs: u64,
}

/// Means of a call; nothing here changes a bit of a result but for [`isa`](Self::isa).
///
/// ```
/// use widelimit_graph::{Budget, Options};
/// use widelimit_linalg::Par;
///
/// let options = Options::new().par(Par::new(2)).budget(Budget::bytes(1 << 30));
/// ```
#[derive(Clone)]
pub struct Options<'a> {
    pub(crate) par: Par,
    pub(crate) budget: Budget,
    pub(crate) isa: Option<Isa>,
    pub(crate) tile: Option<usize>,
    pub(crate) cancel: Option<&'a Cancel>,
    pub(crate) progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for Options<'_> {
    /// All cores, without limits.
    fn default() -> Self {
        Self {
            par: Par::new(0),
            budget: Budget::unlimited(),
            isa: None,
            tile: None,
            cancel: None,
            progress: None,
        }
    }
}

impl<'a> Options<'a> {
    /// All cores, without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Threads to use (all cores).
    pub fn par(mut self, par: Par) -> Self {
        self.par = par;
        self
    }

    /// Memory limit (none).
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Instruction set of the element-wise part (the best one of this machine); results of different ones
    /// differ by rounding.
    pub fn isa(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// Nodes of the graphs on one side of a tile (so many that a tile stays in the second-level cache).
    /// A larger graph has tiles of its own.
    pub fn tile(mut self, nodes: usize) -> Self {
        self.tile = Some(nodes);
        self
    }

    /// Switch that stops the call.
    pub fn cancel(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Called after every tile, from whichever thread finished it.
    pub fn progress(mut self, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}
