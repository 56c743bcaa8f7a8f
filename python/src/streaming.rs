//! Moments of streams of rows, and what is fitted to them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use widelimit::learn::streaming::{Centre, GcvPath, GcvPoint, StreamingRidgeModel};
use widelimit::ndarray::{Array1, ArrayView2};
use widelimit::{Error, Gathered, Notes, Run, Scalar, SecondPass};

use crate::arrays::{Input, give, give1, matrix};
use crate::error::exception;
use crate::kernel::par;
use crate::model::{path_table, ridge};
use crate::running::{abandonable, watched};

/// What was gathered of a stream. Changes happen in place; a fit that was left behind keeps what it began with.
#[pyclass(name = "Gathered", module = "widelimit._core", frozen)]
pub struct PyGathered {
    gathered: Mutex<Arc<Gathered>>,
}

impl PyGathered {
    fn new(gathered: Gathered) -> Self {
        Self { gathered: Mutex::new(Arc::new(gathered)) }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Gathered>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is now. The lock may be held by a call that needs the interpreter to end.
    fn now(&self, py: Python<'_>) -> Arc<Gathered> {
        py.detach(|| Arc::clone(&self.lock()))
    }
}

/// What takes rows in.
trait Sink: Send {
    fn numbers<T: Scalar>(
        &mut self,
        z: ArrayView2<T>,
        targets: ArrayView2<f64>,
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error>;

    fn codes<T: Scalar>(
        &mut self,
        z: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error>;
}

macro_rules! sink {
    ($of:ty) => {
        impl Sink for $of {
            fn numbers<T: Scalar>(
                &mut self,
                z: ArrayView2<T>,
                targets: ArrayView2<f64>,
                weights: Option<&[f64]>,
                run: &Run<'_>,
            ) -> Result<(), Error> {
                self.accumulate(z, targets, weights, run)
            }

            fn codes<T: Scalar>(
                &mut self,
                z: ArrayView2<T>,
                codes: &[usize],
                weights: Option<&[f64]>,
                run: &Run<'_>,
            ) -> Result<(), Error> {
                self.accumulate_codes(z, codes, weights, run)
            }
        }
    };
}

sink!(Gathered);
sink!(SecondPass);

/// An object of Python whose rows come in jobs that can be stopped.
trait Taking: Sync {
    type Inside: Sink;

    /// Hands over what is inside.
    fn with(&self, work: impl FnOnce(&mut Self::Inside) -> Result<(), Error>) -> Result<(), Error>;

    fn change(
        &self,
        py: Python<'_>,
        threads: Option<&Bound<'_, PyAny>>,
        work: impl FnOnce(&mut Self::Inside, &Run<'_>) -> Result<(), Error> + Send,
    ) -> PyResult<()> {
        let par = par(threads)?;
        watched(py, py.None().bind(py), |cancel, _| {
            let run = Run { par, cancel: Some(cancel), ..Run::default() };
            self.with(|inside| work(inside, &run))
        })
    }

    fn take<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        targets: PyReadonlyArray2<'py, f64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (z, weights) = (Input::new(z, "Z")?, owned(weights));
        let (targets, weights) = (targets.as_array(), weights.as_deref());
        match z {
            Input::F32(z) => {
                let z = matrix(&z, "Z").map_err(exception)?;
                self.change(py, threads, |inside, run| inside.numbers(z, targets, weights, run))
            }
            Input::F64(z) => {
                let z = matrix(&z, "Z").map_err(exception)?;
                self.change(py, threads, |inside, run| inside.numbers(z, targets, weights, run))
            }
        }
    }

    fn take_codes<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        codes: PyReadonlyArray1<'py, i64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (z, weights) = (Input::new(z, "Z")?, owned(weights));
        // A negative code is refused as one that is too large.
        let code = |code: &i64| usize::try_from(*code).unwrap_or(usize::MAX);
        let codes: Vec<usize> = codes.as_array().iter().map(code).collect();
        let (codes, weights) = (&codes[..], weights.as_deref());
        match z {
            Input::F32(z) => {
                let z = matrix(&z, "Z").map_err(exception)?;
                self.change(py, threads, |inside, run| inside.codes(z, codes, weights, run))
            }
            Input::F64(z) => {
                let z = matrix(&z, "Z").map_err(exception)?;
                self.change(py, threads, |inside, run| inside.codes(z, codes, weights, run))
            }
        }
    }
}

impl Taking for PyGathered {
    type Inside = Gathered;

    fn with(&self, work: impl FnOnce(&mut Gathered) -> Result<(), Error>) -> Result<(), Error> {
        work(Arc::make_mut(&mut self.lock()))
    }
}

impl Taking for PySecondPass {
    type Inside = SecondPass;

    /// One that is finished takes nothing.
    fn with(&self, work: impl FnOnce(&mut SecondPass) -> Result<(), Error>) -> Result<(), Error> {
        match &mut *self.pass.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pass) => work(pass),
            None => Ok(()),
        }
    }
}

fn centre(name: &str) -> PyResult<Centre> {
    match name {
        "nothing" => Ok(Centre::Nothing),
        "targets" => Ok(Centre::Targets),
        "both" => Ok(Centre::Both),
        other => Err(PyValueError::new_err(format!("centre: unknown value {other:?}"))),
    }
}

/// Weights as the core takes them: contiguous.
fn owned(weights: Option<PyReadonlyArray1<'_, f64>>) -> Option<Vec<f64>> {
    weights.map(|weights| weights.as_array().to_vec())
}

#[pymethods]
impl PyGathered {
    /// Of no rows yet, with numbers as targets.
    #[staticmethod]
    fn regression(features: usize, outputs: usize) -> PyResult<Self> {
        Gathered::regression(features, outputs).map(Self::new).map_err(exception)
    }

    /// Of no rows yet, with class codes; `weights` one a class.
    #[staticmethod]
    fn classes(features: usize, classes: usize, weights: Option<Vec<f64>>) -> PyResult<Self> {
        Gathered::classes(features, classes, weights).map(Self::new).map_err(exception)
    }

    /// Takes rows in: features (k, p) of either precision, targets (k, m).
    fn accumulate<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        targets: PyReadonlyArray2<'py, f64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.take(py, z, targets, weights, threads)
    }

    /// Takes rows in by their class codes (k,).
    fn accumulate_codes<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        codes: PyReadonlyArray1<'py, i64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.take_codes(py, z, codes, weights, threads)
    }

    /// Takes the rows of another one in, which stays as it is.
    fn merge(
        &self,
        py: Python<'_>,
        other: &Bound<'_, PyGathered>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let other = other.get().now(py);
        self.change(py, threads, move |gathered, run| {
            gathered.merge(Arc::unwrap_or_clone(other), &run.par)
        })
    }

    /// Fits what was gathered so far.
    fn solve(
        &self,
        py: Python<'_>,
        ridge: &Bound<'_, PyAny>,
        centre: &str,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyStreamingModel> {
        let (ridge, centre, par) = (self::ridge(ridge)?, self::centre(centre)?, par(threads)?);
        let gathered = self.now(py);
        let model =
            abandonable(py, py.None().bind(py), move |_, _| gathered.solve(ridge, centre, &par))?;
        Ok(PyStreamingModel { model: Arc::new(model) })
    }

    /// Begins a second pass for leave-one-out errors, at these relative ridges or at the usual ones.
    fn second_pass(
        &self,
        py: Python<'_>,
        ridges: Option<Vec<f64>>,
        centre: &str,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PySecondPass> {
        let (centre, par) = (self::centre(centre)?, par(threads)?);
        let gathered = self.now(py);
        let pass = abandonable(py, py.None().bind(py), move |_, _| {
            gathered.second_pass(ridges.as_deref(), centre, &par)
        })?;
        Ok(PySecondPass { pass: Mutex::new(Some(pass)) })
    }

    /// Weights of the classes; None where they do not weigh.
    fn class_weights(&self, py: Python<'_>) -> Option<Vec<f64>> {
        self.now(py).class_weights().map(<[f64]>::to_vec)
    }

    /// Rows taken in.
    fn rows(&self, py: Python<'_>) -> usize {
        self.now(py).rows()
    }

    /// Number of features.
    fn features(&self, py: Python<'_>) -> usize {
        self.now(py).features()
    }

    /// Number of outputs, or of classes.
    fn outputs(&self, py: Python<'_>) -> usize {
        self.now(py).outputs()
    }

    /// Rows of each class; None without classes.
    fn class_counts(&self, py: Python<'_>) -> Option<Vec<usize>> {
        match &*self.now(py) {
            Gathered::Regression(_) => None,
            Gathered::Classes(moments) => Some(moments.counts().to_vec()),
        }
    }

    /// Writes everything to one file, with notes of the caller.
    fn save(&self, py: Python<'_>, path: PathBuf, notes: Notes) -> PyResult<()> {
        let gathered = self.now(py);
        py.detach(|| gathered.save(path, &notes)).map_err(exception)
    }

    /// Reads what `save` wrote, and the notes.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, Notes)> {
        let (gathered, notes) = py.detach(|| Gathered::load(path)).map_err(exception)?;
        Ok((Self::new(gathered), notes))
    }

    /// The bytes of the file without notes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let gathered = self.now(py);
        let bytes = py.detach(|| gathered.to_bytes()).map_err(exception)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// What `to_bytes` gave.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Self> {
        py.detach(|| Gathered::from_bytes(bytes)).map(Self::new).map_err(exception)
    }

    /// One of its own with the same rows.
    fn copy(&self, py: Python<'_>) -> Self {
        Self { gathered: Mutex::new(self.now(py)) }
    }
}

/// Leave-one-out errors on the way: rows come by a second time.
#[pyclass(name = "SecondPass", module = "widelimit._core", frozen)]
pub struct PySecondPass {
    /// Until the pass is finished.
    pass: Mutex<Option<SecondPass>>,
}

#[pymethods]
impl PySecondPass {
    /// Takes the next rows, as the first pass had them.
    fn accumulate<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        targets: PyReadonlyArray2<'py, f64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.take(py, z, targets, weights, threads)
    }

    /// Takes the next rows by their class codes, as the first pass had them.
    fn accumulate_codes<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        codes: PyReadonlyArray1<'py, i64>,
        weights: Option<PyReadonlyArray1<'py, f64>>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.take_codes(py, z, codes, weights, threads)
    }

    /// The errors: arrays `ridge`, `mse` and, for classes, `error_rate`.
    fn finish<'py>(
        &self,
        py: Python<'py>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let par = par(threads)?;
        let pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pass) = pass else {
            return Err(PyValueError::new_err("the second pass is finished already"));
        };
        let path = py.detach(|| pass.finish(&par)).map_err(exception)?;
        path_table(py, &path)
    }
}

/// Weights of classes under which every class counts the same.
#[pyfunction]
pub fn balanced_class_weights(counts: Vec<usize>) -> Vec<f64> {
    widelimit::learn::streaming::balanced_class_weights(&counts)
}

/// Ridge regression fitted to what was gathered.
#[pyclass(name = "StreamingModel", module = "widelimit._core", frozen)]
pub struct PyStreamingModel {
    model: Arc<StreamingRidgeModel>,
}

#[pymethods]
impl PyStreamingModel {
    /// Predictions (n, m) from features, in their precision.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        z: &Bound<'py, PyUntypedArray>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match Input::new(z, "Z")? {
            Input::F32(z) => self.predicted(py, matrix(&z, "Z").map_err(exception)?, threads),
            Input::F64(z) => self.predicted(py, matrix(&z, "Z").map_err(exception)?, threads),
        }
    }

    /// Everything that was found, by name.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let model = &*self.model;
        let facts = PyDict::new(py);
        facts.set_item("coef", give(py, model.weights.clone()))?;
        facts.set_item("intercept", give1(py, model.intercept.clone()))?;
        facts.set_item("ridge", model.relative_ridge)?;
        facts.set_item("effective_dimension", model.effective_dimension)?;
        facts.set_item("path", model.path.as_ref().map(|path| table(py, path)).transpose()?)?;
        let diagnostics = PyDict::new(py);
        diagnostics.set_item("condition", model.diagnostics.condition)?;
        diagnostics.set_item("jitter", model.diagnostics.jitter)?;
        diagnostics.set_item("residual", model.diagnostics.residual)?;
        facts.set_item("diagnostics", diagnostics)?;
        Ok(facts)
    }
}

impl PyStreamingModel {
    fn predicted<'py, T: Scalar + numpy::Element>(
        &self,
        py: Python<'py>,
        z: ArrayView2<'_, T>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let par = par(threads)?;
        let none = py.None();
        Ok(give(py, watched(py, none.bind(py), |_, _| Ok(self.model.predict(z, &par)?))?))
    }
}

/// Arrays `ridge` (relative), `gcv`, `mse` and `degrees`, one entry a candidate.
fn table<'py>(py: Python<'py>, path: &GcvPath) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let column = |f: &dyn Fn(&GcvPoint) -> f64| {
        give1(py, path.points.iter().map(f).collect::<Array1<f64>>())
    };
    table.set_item("ridge", column(&|point| point.relative))?;
    table.set_item("gcv", column(&|point| point.gcv))?;
    table.set_item("mse", column(&|point| point.mse))?;
    table.set_item("degrees", column(&|point| point.degrees))?;
    Ok(table)
}
