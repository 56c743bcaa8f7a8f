//! Network descriptions.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use serde_json::Value;
use widelimit::arch::{Activation, Function, Layer, Network, UserFunction};

use crate::error::exception;

/// A checked network.
#[pyclass(name = "Network", module = "widelimit._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub struct PyNetwork {
    pub network: Network,
}

#[pymethods]
impl PyNetwork {
    #[new]
    fn new(layers: &Bound<'_, PyList>) -> PyResult<Self> {
        let mut functions = Vec::new();
        let described = describe(layers.as_any(), &mut functions)?;
        let network = Network::from_json_with(&described.to_string(), &|name| {
            let index: usize = name.strip_prefix(USER)?.parse().ok()?;
            functions.get(index).cloned()
        });
        Ok(Self { network: network.map_err(exception)? })
    }

    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        Ok(Self { network: Network::from_json(text).map_err(exception)? })
    }

    #[staticmethod]
    fn preset(name: &str) -> PyResult<Self> {
        Ok(Self { network: Network::preset(name).map_err(exception)? })
    }

    fn to_json(&self) -> PyResult<String> {
        self.network.to_json().map_err(exception)
    }

    fn __str__(&self) -> String {
        self.network.to_string()
    }
}
