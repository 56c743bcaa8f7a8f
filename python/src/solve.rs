//! Solvers on kernels that the caller has already.

use std::sync::Arc;

use numpy::{PyReadonlyArray2, PyReadonlyArrayDyn, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use widelimit::learn::ensemble::Trained;
use widelimit::learn::gradient_flow::Training;
use widelimit::learn::{KernelRidge, Shift, Time};
use widelimit::linalg::{SymmetricEigen, symmetric_eigen};
use widelimit::ndarray::{Array2, ArrayView2};
use widelimit::{Flow, Run, Scalar};

use crate::arrays::{Input, give, give1, matrix};
use crate::error::exception;
use crate::kernel::par;
use crate::model::{path_table, ridge};
use crate::network::PyNetwork;
use crate::running::abandonable;

/// Kernel ridge regression on a given kernel.
#[pyfunction]
#[pyo3(signature = (kernel, targets, ridge, centre, threads))]
pub fn kernel_ridge<'py>(
    py: Python<'py>,
    kernel: &Bound<'py, PyUntypedArray>,
    targets: PyReadonlyArray2<'py, f64>,
    ridge: &Bound<'py, PyAny>,
    centre: bool,
    threads: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let solver = KernelRidge { ridge: self::ridge(ridge)?, centre }.check().map_err(exception)?;
    let targets = targets.as_array().to_owned();
    match Input::new(kernel, "kernel")? {
        Input::F32(k) => {
            let k = matrix(&k, "kernel").map_err(exception)?.to_owned();
            solution(py, k, targets, solver, threads)
        }
        Input::F64(k) => {
            let k = matrix(&k, "kernel").map_err(exception)?.to_owned();
            solution(py, k, targets, solver, threads)
        }
    }
}

fn solution<'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    kernel: Array2<T>,
    targets: Array2<f64>,
    solver: widelimit::learn::CheckedKernelRidge,
    threads: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let par = par(threads)?;
    let model = abandonable(py, py.None().bind(py), move |_, _| {
        Ok(solver.fit(kernel, targets.mapv(T::narrow).view(), &par)?)
    })?;
    let facts = PyDict::new(py);
    facts.set_item("dual", give(py, model.dual))?;
    facts.set_item("mean", give1(py, model.mean))?;
    facts.set_item("ridge", model.relative_ridge)?;
    facts.set_item("loo", model.path.as_ref().map(|path| path_table(py, path)).transpose()?)?;
    let diagnostics = PyDict::new(py);
    diagnostics.set_item("condition", model.diagnostics.condition)?;
    diagnostics.set_item("jitter", model.diagnostics.jitter)?;
    diagnostics.set_item("residual", model.diagnostics.residual)?;
    facts.set_item("diagnostics", diagnostics)?;
    Ok(facts)
}

/// Eigenvalues, ascending, and eigenvectors as columns.
#[pyfunction]
pub fn eigh<'py>(
    py: Python<'py>,
    matrix: &Bound<'py, PyUntypedArray>,
    threads: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    match Input::new(matrix, "matrix")? {
        Input::F32(m) => decompose(py, self::matrix(&m, "matrix").map_err(exception)?, threads),
        Input::F64(m) => decompose(py, self::matrix(&m, "matrix").map_err(exception)?, threads),
    }
}

fn decompose<'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    matrix: ArrayView2<'_, T>,
    threads: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let (matrix, par) = (matrix.to_owned(), par(threads)?);
    let SymmetricEigen { values, vectors } =
        abandonable(py, py.None().bind(py), move |_, _| Ok(symmetric_eigen(matrix, &par)?))?;
    Ok((give1(py, values), give(py, vectors)))
}

/// Predictions of networks trained by gradient flow.
#[pyclass(name = "Flow", module = "widelimit._core", frozen)]
pub struct PyFlow {
    flow: Arc<Flow>,
}

#[pymethods]
impl PyFlow {
    #[new]
    fn new(
        py: Python<'_>,
        network: &PyNetwork,
        x: PyReadonlyArrayDyn<'_, f64>,
        targets: PyReadonlyArray2<'_, f64>,
        learning_rate: f64,
        ridge: f64,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (x, targets) = (x.as_array().to_owned(), targets.as_array().to_owned());
        let (network, par) = (network.network.clone(), par(threads)?);
        let training = Training { learning_rate, shift: Shift::Relative(ridge) };
        let flow = abandonable(py, py.None().bind(py), move |cancel, _| {
            let run = Run { par, cancel: Some(cancel), ..Run::default() };
            Flow::new(&network, x.view(), targets.view(), training, &run)
        })?;
        Ok(Self { flow: Arc::new(flow) })
    }

    /// Mean (rows x outputs), and the covariance (rows x rows) if wanted. `time` None is infinity.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArrayDyn<'py, f64>,
        all_layers: bool,
        time: Option<f64>,
        covariance: bool,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)> {
        let trained = if all_layers { Trained::AllLayers } else { Trained::LastLayer };
        let time = time.map_or(Time::Infinite, Time::At);
        let (x, par) = (x.as_array().to_owned(), par(threads)?);
        let flow = Arc::clone(&self.flow);
        let posterior = abandonable(py, py.None().bind(py), move |cancel, _| {
            let run = Run { par, cancel: Some(cancel), ..Run::default() };
            flow.predict(x.view(), trained, time, covariance, &run)
        })?;
        Ok((give(py, posterior.mean), posterior.covariance.map(|c| give(py, c))))
    }
}
