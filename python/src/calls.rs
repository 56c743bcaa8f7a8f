//! The calls that run, and what the user's functions raised in them.
//!
//! A function of the user runs on worker threads, far below the call that needs its values, and the
//! core carries a failure as text. Two things have to find their way all the same: the exception,
//! back to the caller; and the wish to stop, down to the function, which may be slow.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::PyErr;

static CALLS: Mutex<Calls> = Mutex::new(Calls { running: 0, stopping: 0, raised: Vec::new() });

/// More exceptions than this are not kept: one is told, the rest come from its fellow workers.
const KEPT: usize = 16;

struct Calls {
    running: usize,
    stopping: usize,
    /// Exceptions by the text that the core carries.
    raised: Vec<(String, PyErr)>,
}

fn calls() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call from its start until its outcome has been turned into values or an exception.
pub struct Call {
    stopped: Mutex<bool>,
}

impl Call {
    pub fn start() -> Self {
        calls().running += 1;
        Self { stopped: Mutex::new(false) }
    }

    /// Functions of the user are not called any more once all calls that run are to stop.
    pub fn stop(&self) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *stopped, true) {
            calls().stopping += 1;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let stopped = *self.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut calls = calls();
        calls.running -= 1;
        calls.stopping -= usize::from(stopped);
        // Exceptions hold on to frames and everything in them; they are dropped outside the lock,
        // since that may run code of the user.
        let forgotten =
            if calls.running == 0 { std::mem::take(&mut calls.raised) } else { Vec::new() };
        drop(calls);
        drop(forgotten);
    }
}

/// Whether nobody waits for values any more. A worker cannot tell which call it works for.
pub fn all_stopping() -> bool {
    let calls = calls();
    calls.running > 0 && calls.running == calls.stopping
}

/// Keeps an exception for the call that will fail with `text`.
pub fn keep(text: &str, error: PyErr) {
    let mut calls = calls();
    if calls.raised.len() < KEPT {
        calls.raised.push((text.to_owned(), error));
    }
}

/// Takes the exception behind an error whose message ends with the text it was kept under.
pub fn raised(message: &str) -> Option<PyErr> {
    let mut calls = calls();
    let at = calls.raised.iter().position(|(text, _)| message.ends_with(text.as_str()))?;
    Some(calls.raised.swap_remove(at).1)
}
