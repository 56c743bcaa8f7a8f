//! Ctrl-C: stop computing, leave nothing half-written, exit with code 6.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widelimit::exact::Cancel;

use crate::failure::Failure;

/// The switch that Ctrl-C throws and that kernels look at.
pub static CANCEL: Cancel = Cancel::new();

/// Held while there is a file that is not finished.
static WRITING: Mutex<()> = Mutex::new(());

/// How long a computation that looks at the switch gets to stop by itself.
const PATIENCE: Duration = Duration::from_millis(800);

/// Listens for Ctrl-C from here on.
///
/// Kernels stop by themselves, within milliseconds on a machine with nothing else to do. Matrix
/// factorisations do not look at the switch; they hold no file, so the process ends under them.
pub fn listen() -> Result<(), Failure> {
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
        eprintln!("{failure}");
    }
}

/// Keeps Ctrl-C from ending the process while there is a file that is not finished: until what is
/// returned is dropped.
pub fn writing() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}
