//! Fitted models.

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::path::PathBuf;
use std::sync::Arc;
use widelimit::data::Classes;
use widelimit::exact::{Cancel, Progress};
use widelimit::features::FeatureSettings;
use widelimit::learn::{Amplitude, LooPath, Ridge, RidgePath};
use widelimit::ndarray::{Array1, ArrayD};
use widelimit::{Error, Model, Notes, Quantity, Run, Scalar, Settings, Solver, Targets};

use crate::arrays::{Input, give, give1, inputs};
use crate::error::exception;
use crate::features::{self, dim, method};
use crate::kernel::{budget, par};
use crate::network::{PyNetwork, without_functions};
use crate::running::{Tiles, abandonable, watched};

/// A fitted regression or classifier.
#[pyclass(name = "Model", module = "widelimit._core", frozen)]
pub struct PyModel {
    model: Arc<Model>,
}

/// The kernel of this name.
pub fn quantity(name: &str) -> PyResult<Quantity> {
    match name {
        "ntk" => Ok(Quantity::Ntk),
        "nngp" => Ok(Quantity::Nngp),
        other => {
            let message = format!("kernel: expected \"ntk\" or \"nngp\", got {other:?}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// `"auto"` or a relative ridge.
pub fn ridge(given: &Bound<'_, PyAny>) -> PyResult<Ridge> {
    if let Ok(text) = given.extract::<String>() {
        return if text == "auto" {
            Ok(Ridge::Auto(RidgePath::default()))
        } else {
            let message = format!("ridge: expected \"auto\" or a number, got {text:?}");
            Err(PyValueError::new_err(message))
        };
    }
    given
        .extract::<f64>()
        .map(Ridge::Value)
        .map_err(|_| PyTypeError::new_err("ridge: expected \"auto\" or a number"))
}

/// `"auto"` or the factor itself.
fn amplitude(given: &Bound<'_, PyAny>) -> PyResult<Amplitude> {
    if given.extract::<String>().is_ok_and(|text| text == "auto") {
        return Ok(Amplitude::MaximumLikelihood);
    }
    given
        .extract::<f64>()
        .map(Amplitude::Fixed)
        .map_err(|_| PyTypeError::new_err("amplitude: expected \"auto\" or a number"))
}

/// Labels as the classes that a model file keeps.
fn classes(labels: &Bound<'_, PyAny>) -> PyResult<Classes> {
    if let Ok(booleans) = labels.extract::<Vec<bool>>() {
        return Ok(Classes::Booleans(booleans));
    }
    if let Ok(integers) = labels.extract::<Vec<i64>>() {
        return Ok(Classes::Integers(integers));
    }
    Ok(Classes::Texts(labels.extract()?))
}

#[pymethods]
impl PyModel {
    /// Fits rows or images to targets: float64 (n, outputs) for regression, int64 codes (n,) with `labels` for classes.
    #[staticmethod]
    #[pyo3(signature = (network, x, targets, *, kernel, ridge, amplitude, solver, dim, tolerance, method, seed, max_seconds, labels, threads, memory, progress))]
    #[allow(clippy::too_many_arguments)]
    fn fit(
        py: Python<'_>,
        network: &PyNetwork,
        x: &Bound<'_, PyUntypedArray>,
        targets: &Bound<'_, PyAny>,
        kernel: &str,
        ridge: &Bound<'_, PyAny>,
        amplitude: &Bound<'_, PyAny>,
        solver: &str,
        dim: Option<usize>,
        tolerance: Option<f64>,
        method: &str,
        seed: u64,
        max_seconds: Option<f64>,
        labels: Option<&Bound<'_, PyAny>>,
        threads: Option<&Bound<'_, PyAny>>,
        memory: Option<&Bound<'_, PyAny>>,
        progress: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let settings = Settings {
            quantity: quantity(kernel)?,
            ridge: self::ridge(ridge)?,
            amplitude: self::amplitude(amplitude)?,
            solver: Solver::from_name(solver).ok_or_else(|| {
                let expected = "expected \"auto\", \"exact\" or \"features\"";
                PyValueError::new_err(format!("solver: {expected}, got {solver:?}"))
            })?,
            features: FeatureSettings {
                dim: self::dim(dim, tolerance),
                method: self::method(method)?,
                seed,
                max_seconds,
                ..FeatureSettings::default()
            },
            ..Settings::default()
        };
        let targets = match labels {
            None => Targets::Numbers(
                targets.extract::<PyReadonlyArray2<'_, f64>>()?.as_array().to_owned(),
            ),
            Some(labels) => {
                let codes = targets.extract::<PyReadonlyArray1<'_, i64>>()?;
                let codes = codes.as_array().iter().map(|code| *code as usize).collect();
                Targets::Labels { codes, classes: classes(labels)? }
            }
        };
        let means = Means { par: par(threads)?, budget: budget(memory)? };
        let network = network.network.clone();
        let model = match Input::new(x, "X")? {
            Input::F32(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                fit_owned(py, progress, network, x, targets, settings, means)?
            }
            Input::F64(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                fit_owned(py, progress, network, x, targets, settings, means)?
            }
        };
        Ok(Self { model: Arc::new(model) })
    }

    /// The model and the notes of a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, Notes)> {
        let (model, notes) = py.detach(|| Model::load_with_notes(path)).map_err(exception)?;
        Ok((Self { model: Arc::new(model) }, notes))
    }

    /// A model from the bytes of `to_bytes`, with the network it was fitted with.
    #[staticmethod]
    fn from_bytes(
        py: Python<'_>,
        bytes: &Bound<'_, PyBytes>,
        network: &PyNetwork,
    ) -> PyResult<Self> {
        let (bytes, network) = (bytes.as_bytes().to_vec(), &network.network);
        // Functions of the user may be called, from other threads.
        let model = py.detach(|| Model::from_bytes_with(bytes, network)).map_err(exception)?;
        Ok(Self { model: Arc::new(model) })
    }

    fn save(&self, py: Python<'_>, path: PathBuf, notes: Notes) -> PyResult<()> {
        let model = &self.model;
        py.detach(|| model.save_with_notes(path, &notes)).map_err(exception)
    }

    /// The model without the functions of the user in its network.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let plain = without_functions(self.model.network()).map_err(exception)?;
        Ok(PyBytes::new(py, &self.model.to_bytes_with(&plain).map_err(exception)?))
    }

    fn network(&self) -> PyNetwork {
        PyNetwork { network: self.model.network().clone() }
    }

    /// Predictions, rows x outputs.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyUntypedArray>,
        threads: Option<&Bound<'py, PyAny>>,
        memory: Option<&Bound<'py, PyAny>>,
        progress: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let means = Means { par: par(threads)?, budget: budget(memory)? };
        let model = &self.model;
        match Input::new(x, "X")? {
            Input::F32(x) => {
                let x = inputs(&x, "X").map_err(exception)?;
                let predict =
                    |c: &Cancel, t: &Tiles| means.run(c, t, |run| model.predict(x.view(), run));
                Ok(give(py, watched(py, progress, predict)?))
            }
            Input::F64(x) => {
                let x = inputs(&x, "X").map_err(exception)?;
                let predict =
                    |c: &Cancel, t: &Tiles| means.run(c, t, |run| model.predict(x.view(), run));
                Ok(give(py, watched(py, progress, predict)?))
            }
        }
    }

    /// Posterior mean and standard deviation, rows x outputs each.
    fn predict_std<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyUntypedArray>,
        threads: Option<&Bound<'py, PyAny>>,
        memory: Option<&Bound<'py, PyAny>>,
        progress: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let means = Means { par: par(threads)?, budget: budget(memory)? };
        match Input::new(x, "X")? {
            Input::F32(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                self.deviation(py, x, means, progress)
            }
            Input::F64(x) => {
                let x = inputs(&x, "X").map_err(exception)?.to_owned();
                self.deviation(py, x, means, progress)
            }
        }
    }

    /// What the model knows of itself, as a dictionary.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (details, settings) = (self.model.details(), self.model.settings());
        let facts = PyDict::new(py);
        facts.set_item("task", self.model.task().name())?;
        let kernel = if settings.quantity == Quantity::Ntk { "ntk" } else { "nngp" };
        facts.set_item("kernel", kernel)?;
        facts.set_item("solver", settings.solver.name())?;
        let approximation = self.model.features().map(|f| features::facts(py, f)).transpose()?;
        facts.set_item("approximation", approximation)?;
        facts.set_item("features", details.features)?;
        facts.set_item("outputs", details.outputs)?;
        facts.set_item("ridge", details.relative_ridge)?;
        match settings.ridge {
            Ridge::Value(value) => facts.set_item("requested_ridge", value)?,
            Ridge::Absolute(_) => facts.set_item("requested_ridge", details.relative_ridge)?,
            Ridge::Auto(_) => facts.set_item("requested_ridge", "auto")?,
        }
        match settings.amplitude {
            Amplitude::Fixed(value) => facts.set_item("requested_amplitude", value)?,
            Amplitude::MaximumLikelihood => facts.set_item("requested_amplitude", "auto")?,
        }
        match details.amplitude.as_deref() {
            Some([one]) => facts.set_item("amplitude", one)?,
            Some(each) => facts.set_item("amplitude", give1(py, Array1::from(each.to_vec())))?,
            None => facts.set_item("amplitude", py.None())?,
        }
        facts.set_item("log_marginal_likelihood", details.log_marginal_likelihood)?;
        let diagnostics = PyDict::new(py);
        diagnostics.set_item("condition", details.diagnostics.condition)?;
        diagnostics.set_item("jitter", details.diagnostics.jitter)?;
        diagnostics.set_item("residual", details.diagnostics.residual)?;
        diagnostics.set_item("min_eigenvalue", details.diagnostics.min_eigenvalue)?;
        facts.set_item("diagnostics", diagnostics)?;
        facts.set_item("loo", details.path.as_ref().map(|p| path_table(py, p)).transpose()?)?;
        if let Some(path) = &details.path {
            let best = path.best();
            facts.set_item("loo_bracketed", path.bracketed)?;
            facts.set_item("loo_error", best.mse)?;
            facts.set_item("loo_error_rate", best.accuracy.map(|accuracy| 1.0 - accuracy))?;
        }
        let predictions = details.leave_one_out.clone().map(|p| give(py, p));
        facts.set_item("loo_predictions", predictions)?;
        match self.model.classes() {
            Classes::Booleans(labels) => facts.set_item("classes", labels)?,
            Classes::Integers(labels) => facts.set_item("classes", labels)?,
            Classes::Texts(labels) => facts.set_item("classes", labels)?,
        }
        Ok(facts)
    }
}

impl PyModel {
    /// Owns its arguments: the first call factors the training kernel, which cannot be stopped midway.
    fn deviation<'py, T: Scalar + numpy::Element>(
        &self,
        py: Python<'py>,
        x: ArrayD<T>,
        means: Means,
        progress: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let model = Arc::clone(&self.model);
        let (mean, deviation) = abandonable(py, progress, move |cancel, tiles| {
            means.run(cancel, tiles, |run| model.predict_with_deviation(x.view(), run))
        })?;
        Ok((give(py, mean), give(py, deviation)))
    }
}

/// Threads and memory of a call.
pub struct Means {
    pub par: widelimit::linalg::Par,
    pub budget: widelimit::exact::Budget,
}

impl Means {
    /// Runs a job that reports to `tiles` and stops at `cancel`.
    pub fn run<R>(
        &self,
        cancel: &Cancel,
        tiles: &Tiles,
        job: impl FnOnce(&Run<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let report = |progress: Progress| tiles.report(progress);
        job(&Run {
            par: self.par,
            budget: self.budget,
            cancel: Some(cancel),
            progress: Some(&report),
        })
    }
}

fn fit_owned<T: Scalar>(
    py: Python<'_>,
    progress: &Bound<'_, PyAny>,
    network: widelimit::Network,
    x: ArrayD<T>,
    targets: Targets,
    settings: Settings,
    means: Means,
) -> PyResult<Model> {
    abandonable(py, progress, move |cancel, tiles| {
        means.run(cancel, tiles, |run| Model::fit_owned(&network, x, &targets, &settings, run))
    })
}

/// Arrays `ridge` (relative), `mse` and, for classes, `error_rate`, one entry a candidate.
pub fn path_table<'py>(py: Python<'py>, path: &LooPath) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let column = |f: &dyn Fn(&widelimit::learn::LooPoint) -> f64| {
        give1(py, path.points.iter().map(f).collect::<Array1<f64>>())
    };
    table.set_item("ridge", column(&|point| point.relative))?;
    table.set_item("mse", column(&|point| point.mse))?;
    if path.points.iter().all(|point| point.accuracy.is_some()) {
        table.set_item("error_rate", column(&|point| 1.0 - point.accuracy.unwrap_or(0.0)))?;
    }
    Ok(table)
}
