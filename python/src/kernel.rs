//! Kernels, diagonals, plans.

use numpy::{PyArray2, PyArrayMethods, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt};
use widelimit::arch::Shape;
use widelimit::exact::{self, Budget, Options, Outputs, Plan, Progress, Want};
use widelimit::linalg::Par;
use widelimit::ndarray::ArrayView2;
use widelimit::{Precision, Scalar, memory};

use crate::arrays::{Input, give1, matrix};
use crate::error::exception;
use crate::network::PyNetwork;
use crate::running::watched;

type Pair<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// NNGP, NTK, and the largest relative error of a dual without closed form.
type Computed<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>, Option<f64>);

/// Which kernels the names ask for.
fn want(names: &[String]) -> PyResult<Want> {
    let mut want = Want { nngp: false, ntk: false };
    for name in names {
        match name.as_str() {
            "nngp" => want.nngp = true,
            "ntk" => want.ntk = true,
            other => {
                return Err(PyValueError::new_err(format!(
                    "get: expected \"nngp\" or \"ntk\", got {other:?}"
                )));
            }
        }
    }
    Ok(want)
}

/// A limit given as bytes or text; None is what the machine can give.
pub fn budget(memory: Option<&Bound<'_, PyAny>>) -> PyResult<Budget> {
    let Some(memory) = memory else { return Ok(memory::budget(None)) };
    if let Ok(bytes) = memory.extract::<u64>() {
        return Ok(Budget::bytes(bytes));
    }
    if memory.is_instance_of::<PyInt>() {
        let message = format!("memory: expected a number of bytes from 0 to 2^64, got {memory}");
        return Err(PyValueError::new_err(message));
    }
    let text: String = memory.extract().map_err(|_| {
        PyTypeError::new_err("memory: expected a number of bytes or text as in \"4GiB\"")
    })?;
    Ok(Budget::bytes(memory::parse(&text).map_err(exception)?))
}

/// Threads as an argument; None is all cores.
pub fn par(threads: Option<&Bound<'_, PyAny>>) -> PyResult<Par> {
    let Some(threads) = threads else { return Ok(Par::new(0)) };
    match threads.extract::<i64>() {
        _ if threads.is_instance_of::<PyBool>() => Err(not_a_count(threads)),
        // More than there are cores is bounded where threads are started.
        Ok(count) if count >= 1 => Ok(Par::new(usize::try_from(count).unwrap_or(usize::MAX))),
        Err(_) if !threads.is_instance_of::<PyInt>() => Err(not_a_count(threads)),
        Err(_) if threads.gt(0)? => Ok(Par::new(usize::MAX)),
        _ => {
            let message = format!("threads: expected at least 1, got {threads}");
            Err(PyValueError::new_err(message))
        }
    }
}

fn not_a_count(threads: &Bound<'_, PyAny>) -> PyErr {
    let kind = threads.get_type();
    let kind = kind.name().map_or_else(|_| "another type".into(), |name| name.to_string());
    PyTypeError::new_err(format!("threads: expected an integer or None, got {kind}"))
}

/// Computes into arrays that NumPy allocated: it asks the system for large pages.
fn compute<'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    network: &widelimit::Network,
    (x1, x2): (ArrayView2<'_, T>, Option<ArrayView2<'_, T>>),
    (options, want): (Options<'_>, Want),
    limit: Option<u64>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Computed<'py>> {
    let (rows, columns) = (x1.nrows(), x2.map_or(x1.nrows(), |x2| x2.nrows()));
    let n2 = x2.map(|x2| x2.nrows());
    let channels = x1.ncols();
    let plan = planned::<T>(py, network, (rows, n2, channels), &options)?;
    if let Some(limit) = limit
        && plan.bytes > limit
    {
        return Err(exception(exact::Error::MemoryLimit { needed: plan.bytes, limit }));
    }
    // NumPy's own failure could not be caught.
    let bytes = usize::try_from(plan.result_bytes).unwrap_or(usize::MAX);
    if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
        return Err(exception(exact::Error::OutOfMemory { needed: plan.result_bytes }));
    }
    let array = |wanted: bool| wanted.then(|| PyArray2::<T>::zeros(py, [rows, columns], false));
    let (nngp, ntk) = (array(want.nngp), array(want.ntk));
    let error = {
        let mut guards = [&nngp, &ntk].map(|array| array.as_ref().map(|array| array.readwrite()));
        let [nngp, ntk] = guards.each_mut().map(|guard| guard.as_mut().map(|g| g.as_array_mut()));
        watched(py, progress, move |cancel, tiles| {
            let report = |progress: Progress| tiles.report(progress);
            let options = options.cancel(cancel).progress(&report);
            Ok(exact::kernel_to(network, x1, x2.map(Into::into), &options, Outputs { nngp, ntk })?)
        })?
    };
    Ok((nngp.map(Bound::into_any), ntk.map(Bound::into_any), error))
}

#[pyfunction]
#[pyo3(signature = (network, x1, x2, get, threads, memory, progress))]
#[allow(clippy::too_many_arguments)]
pub fn kernel<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x1: &Bound<'py, PyUntypedArray>,
    x2: Option<&Bound<'py, PyUntypedArray>>,
    get: Vec<String>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Computed<'py>> {
    let network = network.on_vectors()?;
    let (want, budget) = (want(&get)?, budget(memory)?);
    let limit = budget.limit();
    // The result is counted before it is allocated; the engine then counts its scratch.
    let options = (Options::new().want(want).par(par(threads)?), want);
    let first = Input::new(x1, "x1")?;
    let second = x2.map(|x2| Input::new(x2, "x2")).transpose()?;
    match (&first, &second) {
        (Input::F32(a), None) => {
            let x1 = matrix(a, "x1").map_err(exception)?;
            compute(py, network, (x1, None), options, limit, progress)
        }
        (Input::F64(a), None) => {
            let x1 = matrix(a, "x1").map_err(exception)?;
            compute(py, network, (x1, None), options, limit, progress)
        }
        (Input::F32(a), Some(Input::F32(b))) => {
            let x1 = matrix(a, "x1").map_err(exception)?;
            let x2 = matrix(b, "x2").map_err(exception)?;
            compute(py, network, (x1, Some(x2)), options, limit, progress)
        }
        (Input::F64(a), Some(Input::F64(b))) => {
            let x1 = matrix(a, "x1").map_err(exception)?;
            let x2 = matrix(b, "x2").map_err(exception)?;
            compute(py, network, (x1, Some(x2)), options, limit, progress)
        }
        _ => Err(PyTypeError::new_err("x1 and x2 must have one dtype")),
    }
}

#[pyfunction]
pub fn diagonal<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x: &Bound<'py, PyUntypedArray>,
    get: Vec<String>,
    threads: Option<&Bound<'py, PyAny>>,
) -> PyResult<Pair<'py>> {
    let network = network.on_vectors()?;
    let options = Options::new().want(want(&get)?).par(par(threads)?);
    match Input::new(x, "x")? {
        Input::F32(x) => diagonal_of(py, network, matrix(&x, "x").map_err(exception)?, options),
        Input::F64(x) => diagonal_of(py, network, matrix(&x, "x").map_err(exception)?, options),
    }
}

fn diagonal_of<'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    network: &widelimit::Network,
    x: ArrayView2<'_, T>,
    options: Options<'_>,
) -> PyResult<Pair<'py>> {
    let diagonal = watched(py, py.None().bind(py), move |cancel, _| {
        Ok(exact::diagonal(network, x, &options.cancel(cancel))?)
    })?;
    Ok((diagonal.nngp.map(|k| give1(py, k)), diagonal.ntk.map(|k| give1(py, k))))
}

/// The plan of a kernel; a function of the user is looked at for it.
fn planned<T: Scalar>(
    py: Python<'_>,
    network: &widelimit::Network,
    (n1, n2, channels): (usize, Option<usize>, usize),
    options: &Options<'_>,
) -> PyResult<Plan> {
    let options = options.clone();
    watched(py, py.None().bind(py), move |_, _| {
        Ok(exact::plan::<T>(network, n1, n2, &Shape::vector(channels), &options)?)
    })
}

#[pyfunction]
pub fn plan<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x1: &Bound<'py, PyUntypedArray>,
    x2: Option<&Bound<'py, PyUntypedArray>>,
    get: Vec<String>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network.on_vectors()?;
    let options = Options::new().want(want(&get)?).par(par(threads)?).budget(budget(memory)?);
    let first = Input::new(x1, "x1")?;
    let precision = first.precision();
    let shape = |input: &Input<'_>, name| match input {
        Input::F32(x) => matrix(x, name).map(|x| x.dim()),
        Input::F64(x) => matrix(x, name).map(|x| x.dim()),
    };
    let (n1, channels) = shape(&first, "x1").map_err(exception)?;
    let n2 = match x2 {
        Some(x2) => {
            let (n2, width) = shape(&Input::new(x2, "x2")?, "x2").map_err(exception)?;
            if width != channels {
                let error = exact::Error::ShapeMismatch {
                    x1: Shape::vector(channels),
                    x2: Shape::vector(width),
                };
                return Err(exception(error));
            }
            Some(n2)
        }
        None => None,
    };
    let size = (n1, n2, channels);
    let plan = match precision {
        Precision::F32 => planned::<f32>(py, network, size, &options)?,
        Precision::F64 => planned::<f64>(py, network, size, &options)?,
    };
    let facts = PyDict::new(py);
    facts.set_item("bytes", plan.bytes)?;
    facts.set_item("result_bytes", plan.result_bytes)?;
    facts.set_item("scratch_bytes", plan.scratch_bytes)?;
    facts.set_item("flops", plan.flops)?;
    facts.set_item("seconds", plan.seconds)?;
    facts.set_item("engine", plan.engine)?;
    facts.set_item("tiles", plan.tiles)?;
    facts.set_item("streams", plan.streams)?;
    Ok(facts)
}
