//! Long work seen from Python: the interpreter lock is released, signals are looked at, progress is told.

use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use widelimit::Error;
use widelimit::exact::{Cancel, Progress};

use crate::calls::Call;
use crate::error::exception;

/// How often signals and progress are looked at.
const PERIOD: Duration = Duration::from_millis(40);

/// Tiles done and in all, written by the workers and read by the waiting thread.
#[derive(Default)]
pub struct Tiles {
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Tiles {
    /// Takes a report of the engine; reports may arrive out of order.
    pub fn report(&self, progress: Progress) {
        self.total.store(progress.total_tiles, Ordering::Relaxed);
        self.done.fetch_max(progress.done_tiles, Ordering::Relaxed);
    }

    fn read(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

/// Who hears of progress.
enum Listener<'py> {
    Nobody,
    Terminal,
    Callable(Bound<'py, PyAny>),
}

impl<'py> Listener<'py> {
    fn new(progress: &Bound<'py, PyAny>) -> PyResult<Self> {
        if progress.is_none() {
            return Ok(Self::Nobody);
        }
        // NumPy's booleans too.
        if let Ok(flag) = progress.extract::<bool>() {
            return Ok(if flag { Self::Terminal } else { Self::Nobody });
        }
        if progress.is_callable() {
            return Ok(Self::Callable(progress.clone()));
        }
        Err(PyTypeError::new_err("progress: expected a bool or a callable (done, total)"))
    }

    fn tell(&self, (done, total): (usize, usize), last: bool) -> PyResult<()> {
        match self {
            Self::Nobody => {}
            Self::Callable(callable) => drop(callable.call1((done, total))?),
            Self::Terminal => {
                let mut stream = std::io::stderr().lock();
                let start = if stream.is_terminal() { "\r" } else { "" };
                let end = if last || start.is_empty() { "\n" } else { "" };
                // A closed standard error must not stop the work.
                let _ = write!(stream, "{start}{done} of {total} tiles{end}");
                let _ = stream.flush();
            }
        }
        Ok(())
    }
}

fn panicked() -> PyErr {
    PyRuntimeError::new_err("an internal error stopped the computation; please report it")
}

/// Waits for an answer, looking at signals and telling progress; on an exception `stop` is called
/// and the exception is returned.
fn wait<R: Send>(
    py: Python<'_>,
    mut answers: Receiver<R>,
    tiles: &Tiles,
    listener: &Listener<'_>,
    stop: impl Fn(),
) -> PyResult<R> {
    let mut told = (0, 0);
    loop {
        // The receiver is handed back and forth: it may move to the detached closure, not be shared.
        let (back, answer) = py.detach(move || {
            let answer = answers.recv_timeout(PERIOD);
            (answers, answer)
        });
        answers = back;
        let now = tiles.read();
        let finished = !matches!(answer, Err(RecvTimeoutError::Timeout));
        let mut heard = py.check_signals();
        if heard.is_ok() && now != told && now.1 > 0 {
            told = now;
            heard = listener.tell(now, finished);
        }
        if let Err(error) = heard {
            stop();
            return Err(error);
        }
        match answer {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
        }
    }
}

/// Runs `work` on another thread, with borrowed arguments; an exception (Ctrl-C, or one raised by the
/// progress callable) cancels it and waits for it to stop.
pub fn watched<R: Send>(
    py: Python<'_>,
    progress: &Bound<'_, PyAny>,
    work: impl FnOnce(&Cancel, &Tiles) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let listener = Listener::new(progress)?;
    let (call, cancel, tiles) = (Call::start(), Cancel::new(), Tiles::default());
    let (sender, answers) = mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(&cancel, &tiles))) {
                // Nobody listens after an exception.
                let _ = sender.send(result);
            }
            drop(sender);
        });
        let outcome = wait(py, answers, &tiles, &listener, || {
            cancel.cancel();
            call.stop();
        });
        // The worker may need the interpreter to come to its end: for a function of the user.
        // It has caught its panics.
        let _ = py.detach(|| worker.join());
        outcome
    });
    outcome?.map_err(exception)
}

/// Runs `work`, which owns its arguments, on another thread. Decompositions cannot be stopped midway:
/// after an exception the worker is left to find the cancelled switch by itself, so that Ctrl-C is
/// answered at once.
pub fn abandonable<R: Send + 'static>(
    py: Python<'_>,
    progress: &Bound<'_, PyAny>,
    work: impl FnOnce(&Cancel, &Tiles) -> Result<R, Error> + Send + 'static,
) -> PyResult<R> {
    let listener = Listener::new(progress)?;
    let shared = Arc::new((Call::start(), Cancel::new(), Tiles::default()));
    let (sender, answers) = mpsc::channel();
    let theirs = Arc::clone(&shared);
    std::thread::spawn(move || {
        let (_, cancel, tiles) = &*theirs;
        if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(cancel, tiles))) {
            let _ = sender.send(result);
        }
    });
    let (call, cancel, tiles) = &*shared;
    let stop = || {
        cancel.cancel();
        call.stop();
    };
    wait(py, answers, tiles, &listener, stop)?.map_err(exception)
}
