//! Means and wishes of a call.

pub use widelimit_linalg::{Budget, Cancel, Progress};

use widelimit_dual::Isa;
use widelimit_linalg::Par;

use crate::Error;

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

    /// Called after every tile, from whichever thread finished it; for Weisfeiler-Leman kernels after every round.
    pub fn progress(mut self, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Fails where more memory is needed than allowed.
    pub(crate) fn check_memory(&self, needed: u64) -> Result<(), Error> {
        match self.budget.limit() {
            Some(limit) if needed > limit => Err(Error::MemoryLimit { needed, limit }),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}
