//! The one place where errors become exceptions.

use std::io;
use std::path::Path;

use pyo3::exceptions::{
    PyException, PyIsADirectoryError, PyKeyboardInterrupt, PyMemoryError, PyOSError,
    PyTimeoutError, PyValueError,
};
use pyo3::prelude::*;
use widelimit::data::Error as DataError;
use widelimit::{Error, Kind};

use crate::calls;

/// The exception of an error: `MemoryError` and `TimeoutError` for limits, `numpy.linalg.LinAlgError` for numerical
/// failures (a `ValueError`), `KeyboardInterrupt` when stopped, `OSError` and its children for files, `ValueError`
/// for the rest. What a user's function raised becomes the cause; what is no `Exception`
/// (`KeyboardInterrupt`, `SystemExit`) goes through as it is.
pub fn exception(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let text = error.to_string();
    if let Some(raised) = calls::raised(&text) {
        return Python::attach(|py| caused(py, text, raised));
    }
    match &error {
        Error::Data(DataError::Io { path, source, .. }) => return of_file(path, source, &text),
        Error::Data(DataError::NotAFile { path }) if path.is_dir() => {
            return PyIsADirectoryError::new_err(text);
        }
        Error::Data(DataError::NotAFile { .. }) => return PyOSError::new_err(text),
        _ => {}
    }
    if let Error::TimeLimit { .. } = error {
        return PyTimeoutError::new_err(text);
    }
    match error.kind() {
        Kind::Resource => PyMemoryError::new_err(text),
        Kind::Storage => PyOSError::new_err(text),
        Kind::Interrupted => PyKeyboardInterrupt::new_err(text),
        Kind::Numerical => Python::attach(|py| {
            py.import("numpy.linalg")
                .and_then(|module| module.getattr("LinAlgError"))
                .and_then(|class| class.call1((text.clone(),)))
                .map_or_else(|_| PyValueError::new_err(text), PyErr::from_value)
        }),
        _ => PyValueError::new_err(text),
    }
}

fn caused(py: Python<'_>, text: String, raised: PyErr) -> PyErr {
    if !raised.is_instance_of::<PyException>(py) {
        return raised;
    }
    let error = PyValueError::new_err(text);
    error.set_cause(py, Some(raised));
    error
}

/// `OSError` picks its child by the number of the operating system's error, where it is known.
fn of_file(path: &Path, source: &io::Error, text: &str) -> PyErr {
    let words = |text: &str| text.split(" (os error").next().unwrap_or_default().to_owned();
    match source.raw_os_error() {
        Some(number) => {
            let reason = words(&source.to_string());
            PyOSError::new_err((number, reason, path.as_os_str().to_owned()))
        }
        None => io::Error::new(source.kind(), words(text)).into(),
    }
}
