//! Network descriptions.

use numpy::{AllowTypeChange, PyArray1, PyArrayLike1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use serde_json::Value;
use widelimit::arch::{Network, UserFunction};

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

/// Stands for the user's n-th function in the JSON text that is handed to the parser.
const USER: &str = "python:";

/// A description made of Python objects as JSON; callables are put into `functions`.
fn describe(item: &Bound<'_, PyAny>, functions: &mut Vec<UserFunction>) -> PyResult<Value> {
    if item.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(entries) = item.cast::<PyDict>() {
        return layer(entries, functions);
    }
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(Value::String(text.extract()?));
    }
    if let Ok(flag) = item.extract::<bool>() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(integer) = item.extract::<i64>() {
        return Ok(Value::from(integer));
    }
    if let Ok(number) = item.extract::<f64>() {
        return serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| {
            PyValueError::new_err(format!("a parameter of a layer is {number}, it must be finite"))
        });
    }
    if let Ok(items) = item.try_iter() {
        let items: PyResult<Vec<Value>> =
            items.map(|item| describe(&item?, functions)).collect();
        return Ok(Value::Array(items?));
    }
    Err(PyTypeError::new_err(format!(
        "a layer's parameter is of type {}, which a description cannot hold",
        item.get_type().name()?
    )))
}

/// One layer; a callable function takes its kinks with it.
fn layer(entries: &Bound<'_, PyDict>, functions: &mut Vec<UserFunction>) -> PyResult<Value> {
    let callable = entries.get_item("function")?.filter(|function| function.is_callable());
    let mut object = serde_json::Map::new();
    for (key, value) in entries {
        let key: String = key.extract()?;
        if callable.is_none() || (key != "function" && key != "kinks") {
            object.insert(key, describe(&value, functions)?);
        }
    }
    if let Some(callable) = callable {
        let kinks = match entries.get_item("kinks")? {
            Some(kinks) => kinks.extract()?,
            None => Vec::new(),
        };
        let name = Value::String(format!("{USER}{}", functions.len()));
        object.insert("function".into(), name);
        functions.push(user_function(&callable, kinks)?);
    }
    Ok(Value::Object(object))
}

/// A Python callable as a function of slices. It is called with float64 arrays, with the interpreter
/// attached for the time of the call.
fn user_function(callable: &Bound<'_, PyAny>, kinks: Vec<f64>) -> PyResult<UserFunction> {
    let name = callable
        .getattr("__name__")
        .and_then(|name| name.extract::<String>())
        .unwrap_or_else(|_| "python function".into());
    let callable = callable.clone().unbind();
    Ok(UserFunction::from_slices(name, kinks, move |x, y| {
        Python::attach(|py| evaluate(callable.bind(py), x, y))
    }))
}

fn evaluate(callable: &Bound<'_, PyAny>, x: &[f64], y: &mut [f64]) -> Result<(), String> {
    let py = callable.py();
    let returned = callable
        .call1((PyArray1::from_slice(py, x),))
        .map_err(|error| error.value(py).to_string())?;
    let values: PyArrayLike1<'_, f64, AllowTypeChange> = returned
        .extract()
        .map_err(|_| "it must return an array of numbers, of the shape of its argument".to_owned())?;
    if values.len()? != x.len() {
        return Err(format!("it returned {} values for {}", values.len()?, x.len()));
    }
    for (to, from) in y.iter_mut().zip(values.as_array()) {
        *to = *from;
    }
    Ok(())
}
