//! Feature maps.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use widelimit::arch::Shape;
use widelimit::exact::Cancel;
use widelimit::features::{Dim, FeaturePlan, FeatureSettings, Features, Method};
use widelimit::ndarray::ArrayD;
use widelimit::{Certificate, Network, Precision, Quantity, Scalar};

use crate::arrays::{AXES, Input, give, inputs};
use crate::error::exception;
use crate::kernel::{budget, par};
use crate::model::{Means, quantity};
use crate::network::{PyNetwork, without_functions};
use crate::running::{Tiles, abandonable, watched};

/// Fitted features.
#[pyclass(name = "Features", module = "widelimit._core", frozen)]
pub struct PyFeatures {
    features: Arc<Features>,
}

/// The method of this name.
pub fn method(name: &str) -> PyResult<Method> {
    Method::from_name(name).ok_or_else(|| {
        let names: Vec<String> = Method::all().map(|m| format!("{:?}", m.name())).collect();
        let message = format!("method: expected one of {}, got {name:?}", names.join(", "));
        PyValueError::new_err(message)
    })
}

/// A number of features, a tolerance, or neither.
pub fn dim(dim: Option<usize>, tolerance: Option<f64>) -> Dim {
    match (dim, tolerance) {
        (_, Some(tolerance)) => Dim::Tolerance(tolerance),
        (Some(dim), None) => Dim::Given(dim),
        (None, None) => Dim::Auto,
    }
}

/// What is asked of features: a dictionary with all of these keys.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked<'py> {
    kernel: String,
    method: String,
    dim: Option<usize>,
    tolerance: Option<f64>,
    seed: u64,
    certify: usize,
    max_seconds: Option<f64>,
    threads: Option<Bound<'py, PyAny>>,
    memory: Option<Bound<'py, PyAny>>,
}

impl Asked<'_> {
    fn read(self) -> PyResult<(Quantity, FeatureSettings, Means)> {
        let settings = FeatureSettings {
            dim: dim(self.dim, self.tolerance),
            method: method(&self.method)?,
            seed: self.seed,
            certify: self.certify,
            max_seconds: self.max_seconds,
        };
        let (threads, memory) = (self.threads.as_ref(), self.memory.as_ref());
        let means = Means { par: par(threads)?, budget: budget(memory)? };
        Ok((quantity(&self.kernel)?, settings, means))
    }
}

#[pymethods]
impl PyFeatures {
    /// Fits features to rows or images.
    #[staticmethod]
    fn fit(
        py: Python<'_>,
        network: &PyNetwork,
        x: &Bound<'_, PyUntypedArray>,
        asked: Asked<'_>,
        progress: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let (quantity, settings, means) = asked.read()?;
        let network = network.network.clone();
        let features = match Input::new(x, "X")? {
            Input::F32(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                fitted(py, progress, network, x, quantity, settings, means)?
            }
            Input::F64(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                fitted(py, progress, network, x, quantity, settings, means)?
            }
        };
        Ok(Self { features: Arc::new(features) })
    }

    /// What features of an array like this one will cost, as a dictionary.
    #[staticmethod]
    fn plan<'py>(
        py: Python<'py>,
        network: &PyNetwork,
        x: &Bound<'py, PyUntypedArray>,
        asked: Asked<'py>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (quantity, settings, means) = asked.read()?;
        let network = &network.network;
        let (rows, input) = size(x)?;
        let single = Input::new(x, "X")?.precision() == Precision::F32;
        let work = |cancel: &Cancel, tiles: &Tiles| {
            means.run(cancel, tiles, |run| match single {
                true => Features::plan::<f32>(network, rows, &input, quantity, &settings, run),
                false => Features::plan::<f64>(network, rows, &input, quantity, &settings, run),
            })
        };
        planned(py, &watched(py, py.None().bind(py), work)?)
    }

    /// Features of inputs, one a row.
    fn transform<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyUntypedArray>,
        threads: Option<&Bound<'py, PyAny>>,
        memory: Option<&Bound<'py, PyAny>>,
        progress: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let means = Means { par: par(threads)?, budget: budget(memory)? };
        let features = &self.features;
        match Input::new(x, "X")? {
            Input::F32(x) => {
                let x = inputs(&x, "X").map_err(exception)?;
                let work = |c: &Cancel, t: &Tiles| {
                    means.run(c, t, |run| features.transform(x.view(), run))
                };
                Ok(give(py, watched(py, progress, work)?))
            }
            Input::F64(x) => {
                let x = inputs(&x, "X").map_err(exception)?;
                let work = |c: &Cancel, t: &Tiles| {
                    means.run(c, t, |run| features.transform(x.view(), run))
                };
                Ok(give(py, watched(py, progress, work)?))
            }
        }
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let features = py.detach(|| Features::load(path)).map_err(exception)?;
        Ok(Self { features: Arc::new(features) })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let features = &self.features;
        py.detach(|| features.save(path)).map_err(exception)
    }

    /// Features from the bytes of `to_bytes`, with the network they were fitted with.
    #[staticmethod]
    fn from_bytes(
        py: Python<'_>,
        bytes: &Bound<'_, PyBytes>,
        network: &PyNetwork,
    ) -> PyResult<Self> {
        let (bytes, network) = (bytes.as_bytes().to_vec(), &network.network);
        // Functions of the user may be called, from other threads.
        let features = py.detach(|| Features::from_bytes(bytes, network)).map_err(exception)?;
        Ok(Self { features: Arc::new(features) })
    }

    /// The features without the functions of the user in their network.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let plain = without_functions(self.features.network()).map_err(exception)?;
        Ok(PyBytes::new(py, &self.features.to_bytes_with(&plain).map_err(exception)?))
    }

    fn network(&self) -> PyNetwork {
        PyNetwork { network: self.features.network().clone() }
    }

    /// What they know of themselves, as a dictionary.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts(py, &self.features)
    }
}

/// Number of inputs and the shape of one.
fn size(x: &Bound<'_, PyUntypedArray>) -> PyResult<(usize, Shape)> {
    match x.shape() {
        [rows, spatial @ .., channels] if spatial.len() <= 3 => {
            Ok((*rows, Shape::image(spatial, *channels)))
        }
        shape => {
            let (what, got) = ("X", shape.len());
            Err(exception(widelimit::Error::Dimensions { what, got, expected: AXES }))
        }
    }
}

/// A plan as a dictionary.
fn planned<'py>(py: Python<'py>, plan: &FeaturePlan) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("rows", plan.rows)?;
    facts.set_item("dim", plan.dim)?;
    facts.set_item("result_bytes", plan.result_bytes)?;
    facts.set_item("scratch_bytes", plan.scratch_bytes)?;
    facts.set_item("regression_bytes", plan.regression_bytes)?;
    facts.set_item("regression_seconds", plan.regression_seconds)?;
    let (seconds, refused) = (PyDict::new(py), PyDict::new(py));
    for tried in &plan.methods {
        match &tried.seconds {
            Ok(expected) => seconds.set_item(tried.method.to_string(), expected)?,
            Err(reason) => refused.set_item(tried.method.to_string(), reason)?,
        }
    }
    facts.set_item("seconds", seconds)?;
    facts.set_item("refused", refused)?;
    Ok(facts)
}

/// A certificate as a dictionary.
pub fn stated<'py>(py: Python<'py>, certificate: &Certificate) -> PyResult<Bound<'py, PyDict>> {
    let stated = PyDict::new(py);
    stated.set_item("error", certificate.error)?;
    stated.set_item("interval", certificate.interval)?;
    stated.set_item("spectral_error", certificate.spectral_error)?;
    stated.set_item("spectral_interval", certificate.spectral_interval)?;
    stated.set_item("ridge", certificate.lambda)?;
    stated.set_item("effective_dimension", certificate.effective_dimension)?;
    stated.set_item("sample", certificate.sample)?;
    stated.set_item("population", certificate.population)?;
    stated.set_item("dim", certificate.dim)?;
    Ok(stated)
}

/// What features know of themselves, as a dictionary.
pub fn facts<'py>(py: Python<'py>, features: &Features) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    let kernel = if features.quantity() == Quantity::Ntk { "ntk" } else { "nngp" };
    facts.set_item("kernel", kernel)?;
    facts.set_item("method", features.method().to_string())?;
    facts.set_item("dim", features.dim())?;
    facts.set_item("seed", features.seed())?;
    let certificate = features.certificate().map(|certificate| stated(py, certificate));
    facts.set_item("certificate", certificate.transpose()?)?;
    let trial = PyList::empty(py);
    for candidate in features.trial() {
        let tried = PyDict::new(py);
        tried.set_item("method", candidate.method.name())?;
        tried.set_item("dim", candidate.dim)?;
        tried.set_item("error", candidate.error.as_ref().ok())?;
        tried.set_item("refused", candidate.error.as_ref().err())?;
        tried.set_item("seconds_per_thousand", candidate.seconds_per_thousand)?;
        trial.append(tried)?;
    }
    facts.set_item("trial", trial)?;
    Ok(facts)
}

/// Owns its arguments: factorisations cannot be stopped midway.
fn fitted<T: Scalar>(
    py: Python<'_>,
    progress: &Bound<'_, PyAny>,
    network: Network,
    x: ArrayD<T>,
    quantity: Quantity,
    settings: FeatureSettings,
    means: Means,
) -> PyResult<Features> {
    abandonable(py, progress, move |cancel, tiles| {
        means.run(cancel, tiles, |run| Features::fit(&network, x.view(), quantity, &settings, run))
    })
}
