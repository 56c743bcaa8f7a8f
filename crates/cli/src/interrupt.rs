//! Ctrl-C, SIGTERM and SIGHUP: stop computing, leave nothing half-written, exit with code 6.

use std::fmt::Display;
use std::io::Write;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widelimit::exact::Cancel;

use crate::failure::Failure;

/// The switch that these signals throw and that kernels look at.
pub static CANCEL: Cancel = Cancel::new();

/// Held while there is a file that is not finished.
static WRITING: Mutex<()> = Mutex::new(());

/// How long a computation that looks at the switch gets to stop by itself.
const PATIENCE: Duration = Duration::from_millis(800);

/// Listens from here on; to be called before there are other threads.
///
/// Kernels stop by themselves, within milliseconds on a machine with nothing else to do. Matrix
/// factorisations do not look at the switch; they hold no file, so the process ends under them.
pub fn listen() -> Result<(), Failure> {
    #[cfg(unix)]
    hold_back();
    ctrlc::set_handler(|| {
        CANCEL.cancel();
        std::thread::sleep(PATIENCE);
        let _finished = writing();
        let failure = Failure::interrupted();
        tell(&failure);
        std::process::exit(i32::from(failure.exit_code()));
    })
    .map_err(|e| Failure::resource(format!("cannot listen for Ctrl-C: {e}")))
}

/// Prints a failure, once: the listener and the command that stops may both want to.
pub fn tell(failure: &Failure) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        say(failure);
    }
}

/// Asks a process of our own to stop as this one does.
pub fn stop(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(id) = i32::try_from(child.id()) {
        use nix::{sys::signal, unistd::Pid};
        // It may have ended by itself.
        let _ = signal::kill(Pid::from_raw(id), signal::Signal::SIGTERM);
    }
    #[cfg(not(unix))]
    let _ = child.kill();
}

/// A line on standard error. Where nobody can read it, nobody is told: the exit code says enough.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Keeps signals from this thread, and so from all that it starts.
///
/// SIGXFSZ would end the process where a file exceeds the limit on its size; held back, writing
/// fails as on a full disk. SIGHUP is held back where it was ignored (`nohup`), since listening
/// would take it up again.
#[cfg(unix)]
fn hold_back() {
    use nix::sys::signal::{SigSet, Signal};
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if is_ignored(&status, Signal::SIGHUP as u32) {
        signals.add(Signal::SIGHUP);
    }
    // Refused only for a mask that makes no sense.
    let _ = signals.thread_block();
}

/// Whether a process with this status (Linux) ignores a signal.
#[cfg(unix)]
fn is_ignored(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Keeps these signals from ending the process while there is a file that is not finished: until what is
/// returned is dropped.
pub fn writing() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001002\n";
        assert!(!is_ignored(status, 1) && is_ignored(status, 2) && is_ignored(status, 13));
        assert!(!is_ignored("", 1));
    }
}
