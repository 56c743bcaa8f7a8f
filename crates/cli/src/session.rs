//! The global flags at work: threads, memory, messages, progress.

use std::io::IsTerminal;

use widelimit::exact::Budget;
use widelimit::linalg::Par;
use widelimit::{Run, memory};

use crate::args::Global;
use crate::bar::Bar;
use crate::failure::Failure;
use crate::interrupt::{self, CANCEL};
use crate::text::bytes;

/// What every command has at hand.
pub struct Session {
    /// Threads to compute with.
    pub par: Par,
    /// Memory to stay within.
    pub budget: Budget,
    /// Seed, if one was given.
    pub seed: Option<u64>,
    /// Results as JSON.
    pub json: bool,
    threads: usize,
    quiet: bool,
    bars: bool,
}

impl Session {
    /// From the flags.
    pub fn new(flags: &Global) -> Session {
        Session {
            par: Par::new(flags.threads),
            budget: memory::budget(flags.memory),
            seed: flags.seed,
            json: flags.json,
            threads: flags.threads,
            quiet: flags.quiet,
            bars: !(flags.no_progress || flags.quiet || flags.json)
                && std::io::stderr().is_terminal(),
        }
    }

    /// The means of a job that Ctrl-C stops.
    pub fn run(&self) -> Run<'static> {
        Run { par: self.par, budget: self.budget, cancel: Some(&CANCEL), progress: None }
    }

    /// The memory limit less what the data already take.
    pub fn less(&self, taken: u64) -> Result<Budget, Failure> {
        match self.budget.limit() {
            None => Ok(self.budget),
            Some(limit) if limit > taken => Ok(Budget::bytes(limit - taken)),
            Some(limit) => Err(Failure::memory(format!(
                "the data take {} of memory but the limit is {}",
                bytes(taken),
                bytes(limit)
            ))),
        }
    }

    /// What went wrong with a job that was given what [`Session::less`] leaves: in terms of the
    /// limit that the user set.
    pub fn explain(&self, error: widelimit::Error, taken: u64) -> Failure {
        match (error, self.budget.limit()) {
            (widelimit::Error::MemoryLimit { what, needed, .. }, Some(limit)) => {
                Failure::memory(format!(
                    "{what} needs {} of memory and the data take {}, but the limit is {}",
                    bytes(needed),
                    bytes(taken),
                    bytes(limit)
                ))
            }
            (error, _) => error.into(),
        }
    }

    /// The flags that give a process of our own the same means.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--threads={}", self.threads)];
        flags.extend(self.budget.limit().map(|bytes| format!("--memory={bytes}")));
        flags.extend(self.quiet.then(|| "--quiet".into()));
        flags.extend((!self.bars).then(|| "--no-progress".into()));
        flags
    }

    /// Tells the user something that is not a result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            interrupt::say(text);
        }
    }

    /// A progress bar on terminals, counted in entries of a kernel, and nothing elsewhere.
    pub fn bar(&self, what: &'static str) -> Bar {
        Bar::new(what, "entries", self.bars)
    }

    /// The same, counted in tiles of a store.
    pub fn bar_of_tiles(&self, what: &'static str) -> Bar {
        Bar::new(what, "tiles", self.bars)
    }
}
