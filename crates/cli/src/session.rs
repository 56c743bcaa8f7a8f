//! The global flags at work: threads, memory, messages, progress.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use widelimit::exact::{Budget, Progress};
use widelimit::linalg::Par;
use widelimit::{Run, memory};

use crate::args::Global;
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
            bars: !flags.no_progress && !flags.quiet && std::io::stderr().is_terminal(),
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

    /// A progress bar on terminals, and nothing elsewhere.
    pub fn bar(&self, what: &'static str) -> Bar {
        let target = if self.bars {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) =
            ProgressStyle::with_template("{msg:<16} {bar:40} {percent:>3} %  {eta} left")
        {
            bar.set_style(style);
        }
        Bar { bar, furthest: AtomicU64::new(0) }
    }
}

/// A progress bar that never runs backwards, though tiles report in any order.
pub struct Bar {
    bar: ProgressBar,
    furthest: AtomicU64,
}

impl Bar {
    /// Takes a report.
    pub fn report(&self, progress: Progress) {
        let before = self.furthest.fetch_max(progress.done_entries, Ordering::Relaxed);
        if progress.done_entries > before {
            self.bar.set_length(progress.total_entries);
            self.bar.set_position(progress.done_entries);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
