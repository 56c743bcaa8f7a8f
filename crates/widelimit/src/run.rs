//! The means of a job: threads, memory, a switch to stop it, somebody to tell.

use widelimit_exact::{Budget, Cancel, Options, Progress, Want};
use widelimit_linalg::Par;

use crate::Error;

/// How a job is run. Nothing here changes a bit of a result.
#[derive(Clone)]
pub struct Run<'a> {
    /// Threads (all cores).
    pub par: Par,
    /// Memory limit, inputs not counted (none).
    pub budget: Budget,
    /// Switch that stops the job (none).
    pub cancel: Option<&'a Cancel>,
    /// Told after every tile of a kernel (nobody).
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self { par: Par::new(0), budget: Budget::unlimited(), cancel: None, progress: None }
    }
}

impl<'a> Run<'a> {
    /// The same means for the exact engine.
    pub fn options(&self, want: Want) -> Options<'a> {
        let mut options = Options::new().want(want).par(self.par).budget(self.budget);
        if let Some(cancel) = self.cancel {
            options = options.cancel(cancel);
        }
        if let Some(progress) = self.progress {
            options = options.progress(progress);
        }
        options
    }

    /// The same means for the engine of graphs.
    pub(crate) fn graph_options(&self) -> widelimit_graph::Options<'a> {
        let mut options = widelimit_graph::Options::new().par(self.par).budget(self.budget);
        if let Some(cancel) = self.cancel {
            options = options.cancel(cancel);
        }
        if let Some(progress) = self.progress {
            options = options.progress(progress);
        }
        options
    }

    /// Stops if the switch was thrown.
    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.is_some_and(Cancel::is_cancelled) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The means that are left when `taken` bytes are in use.
    pub(crate) fn less(&self, what: &'static str, taken: u64) -> Result<Self, Error> {
        self.check_memory(what, taken)?;
        let left = |limit: u64| Budget::bytes(limit - taken);
        Ok(Self { budget: self.budget.limit().map_or(self.budget, left), ..self.clone() })
    }

    /// Refuses a job that needs more memory than allowed.
    pub(crate) fn check_memory(&self, what: &'static str, needed: u64) -> Result<(), Error> {
        match self.budget.limit() {
            Some(limit) if needed > limit => Err(Error::MemoryLimit { what, needed, limit }),
            _ => Ok(()),
        }
    }
}
