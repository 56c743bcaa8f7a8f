//! The one place where errors become exceptions.

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyValueError};
use pyo3::prelude::*;
use widelimit::{Error, Kind};

/// The exception of an error: `MemoryError` for limits, `numpy.linalg.LinAlgError` for numerical
/// failures, `KeyboardInterrupt` when stopped, `ValueError` for the rest.
pub fn exception(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let text = error.to_string();
    match error.kind() {
        Kind::Resource => PyMemoryError::new_err(text),
        Kind::Interrupted => PyKeyboardInterrupt::new_err(text),
        Kind::Numerical if matches!(error, Error::Learn(_) | Error::Linalg(_)) => {
            Python::attach(|py| {
                py.import("numpy.linalg")
                    .and_then(|module| module.getattr("LinAlgError"))
                    .and_then(|class| class.call1((text.clone(),)))
                    .map_or_else(|_| PyValueError::new_err(text), PyErr::from_value)
            })
        }
        _ => PyValueError::new_err(text),
    }
}
