//! Network descriptions.

use std::collections::HashMap;

use numpy::{AllowTypeChange, PyArray1, PyArrayLike1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};
use serde_json::Value;
use widelimit::arch::{Activation, Function, Layer, NamedFunction, Network, UserFunction};

use crate::calls;
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
        let mut functions = Functions::new();
        let described = describe_list(layers.as_any(), "layers", &mut functions)?;
        let network = Network::from_json(&described.to_string()).map_err(exception)?;
        let network = network.map_activations(|at, _| {
            let function = Function::User(functions.get(&at.to_string())?.clone());
            Some(Activation::Numerical { function, degree: None })
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

    /// Whether inputs with positions go to the network as they are: some layer knows positions.
    fn takes_images(&self) -> bool {
        let flattens = || self.network.walk().any(|(_, layer)| matches!(layer, Layer::Flatten));
        self.network.is_spatial() || flattens()
    }

    fn to_json(&self) -> PyResult<String> {
        self.network.to_json().map_err(exception)
    }

    fn __str__(&self) -> String {
        self.network.to_string()
    }

    /// The layers on one line, blocks with what is inside them.
    fn __repr__(&self) -> String {
        let layers: Vec<_> = self.network.layers().iter().map(ToString::to_string).collect();
        format!("Network([{}])", layers.join(", "))
    }
}

/// The user's functions, by the position of their layer.
type Functions = HashMap<String, UserFunction>;

/// Stands for a user's function until it is put in its place.
const STAND_IN: &str = "tanh";

/// The same network with a known function in the place of each of the user's.
pub fn without_functions(network: &Network) -> Result<Network, widelimit::arch::Error> {
    network.map_activations(|_, activation| match activation {
        Activation::Numerical { function: Function::User(_), degree } => {
            let function = Function::Named(NamedFunction::Tanh);
            Some(Activation::Numerical { function, degree: *degree })
        }
        _ => None,
    })
}

/// The layers of a list as JSON; `at` is the list's position.
fn describe_list(list: &Bound<'_, PyAny>, at: &str, functions: &mut Functions) -> PyResult<Value> {
    let layers = list.try_iter()?.enumerate().map(|(index, item)| {
        let (item, at) = (item?, format!("{at}[{index}]"));
        match item.cast::<PyDict>() {
            Ok(entries) => describe_layer(entries, &at, functions),
            Err(_) => plain(&item, &at),
        }
    });
    Ok(Value::Array(layers.collect::<PyResult<_>>()?))
}

/// One layer as JSON; a callable function is kept apart, with its kinks.
fn describe_layer(
    entries: &Bound<'_, PyDict>,
    at: &str,
    functions: &mut Functions,
) -> PyResult<Value> {
    let callable = entries.get_item("function")?.filter(|function| function.is_callable());
    let mut object = serde_json::Map::new();
    for (key, value) in entries {
        let key: String = key.extract()?;
        let at = format!("{at}.{key}");
        let described = match key.as_str() {
            "function" if callable.is_some() => Value::from(STAND_IN),
            "kinks" if callable.is_some() => continue,
            "body" | "shortcut" => describe_list(&value, &at, functions)?,
            "branches" => {
                let branches = value.try_iter()?.enumerate();
                let branches = branches
                    .map(|(i, branch)| describe_list(&branch?, &format!("{at}[{i}]"), functions));
                Value::Array(branches.collect::<PyResult<_>>()?)
            }
            _ => plain(&value, &at)?,
        };
        object.insert(key, described);
    }
    if let Some(callable) = callable {
        let kinks = entries.get_item("kinks")?.map(|kinks| kinks.extract()).transpose()?;
        functions.insert(at.into(), user_function(&callable, kinks.unwrap_or_default())?);
    }
    Ok(Value::Object(object))
}

/// A parameter as JSON.
fn plain(value: &Bound<'_, PyAny>, at: &str) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.extract()?));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(integer) = value.extract::<i64>() {
        return Ok(Value::from(integer));
    }
    if let Ok(number) = value.extract::<f64>() {
        return serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| {
            PyValueError::new_err(format!("{at}: expected a finite number, got {number}"))
        });
    }
    if let Ok(items) = value.try_iter() {
        let items = items.map(|item| plain(&item?, at));
        return Ok(Value::Array(items.collect::<PyResult<_>>()?));
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("{at}: a description cannot hold a {kind}")))
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
    if calls::all_stopping() {
        return Err("it was interrupted".into());
    }
    let py = callable.py();
    let returned = callable.call1((PyArray1::from_slice(py, x),)).map_err(|error| {
        let text = error.to_string();
        calls::keep(&text, error);
        text
    })?;
    let values: PyArrayLike1<'_, f64, AllowTypeChange> = returned.extract().map_err(|_| {
        "it must return an array of numbers, of the shape of its argument".to_owned()
    })?;
    let values = values.as_array();
    if values.len() != x.len() {
        return Err(format!("it returned {} values for {}", values.len(), x.len()));
    }
    for (to, from) in y.iter_mut().zip(values) {
        *to = *from;
    }
    Ok(())
}
