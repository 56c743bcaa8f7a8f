//! Kernels, diagonals, plans.

use std::path::{Path, PathBuf};

use numpy::{PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyTuple};
use widelimit::arch::{Network, Shape};
use widelimit::exact::{self, Budget, Inputs, Options, Outputs, Plan, Progress, Spatial, Want};
use widelimit::linalg::Par;
use widelimit::ndarray::{Array1, ArrayViewMut2};
use widelimit::{Precision, Run, Scalar, Shard, Wanted, memory};

use crate::arrays::Input;
use crate::error::exception;
use crate::inputs::{Set, spatial};
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

/// Refuses a result that does not fit before it is allocated: NumPy's own failure could not be caught.
fn check_room(plan: &Plan, limit: Option<u64>) -> PyResult<()> {
    if let Some(limit) = limit
        && plan.bytes > limit
    {
        if plan.entry.is_empty() {
            return Err(exception(exact::Error::MemoryLimit { needed: plan.bytes, limit }));
        }
        return Err(PyMemoryError::new_err(format!(
            "the network ends on positions: its kernel of shape {:?} needs {} of memory, but at most \
             {} can be used",
            shape(plan),
            memory::show(plan.bytes),
            memory::show(limit)
        )));
    }
    let bytes = usize::try_from(plan.result_bytes).unwrap_or(usize::MAX);
    if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
        return Err(exception(exact::Error::OutOfMemory { needed: plan.result_bytes }));
    }
    Ok(())
}

/// Axes of a kernel: those of an entry behind its own.
fn shape(plan: &Plan) -> Vec<usize> {
    [&[plan.rows, plan.columns], plan.entry.as_slice()].concat()
}

/// The numbers of an array of NumPy as the matrix that the engine fills.
fn as_matrix<'a, T: numpy::Element>(
    guard: &'a mut Option<PyReadwriteArrayDyn<'_, T>>,
    shape: (usize, usize),
) -> PyResult<Option<ArrayViewMut2<'a, T>>> {
    let Some(guard) = guard else { return Ok(None) };
    // NumPy makes arrays in C order.
    let matrix = guard.as_array_mut().into_shape_with_order(shape);
    matrix.map(Some).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Computes into arrays that NumPy allocated: it asks the system for large pages.
fn compute<'a, 'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    network: &Network,
    (x1, x2): (Inputs<'a, T>, Option<Inputs<'a, T>>),
    (options, want): (Options<'_>, Want),
    limit: Option<u64>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Computed<'py>> {
    let size = (x1.len(), x2.as_ref().map(Inputs::len), x1.shape());
    let plan = planned::<T>(py, network, size, &options)?;
    check_room(&plan, limit)?;
    let array = |wanted: bool| wanted.then(|| PyArrayDyn::<T>::zeros(py, shape(&plan), false));
    let (nngp, ntk) = (array(want.nngp), array(want.ntk));
    let error = {
        let matrix = (plan.rows, plan.columns * plan.entry.iter().product::<usize>());
        let [mut first, mut second] =
            [&nngp, &ntk].map(|array| array.as_ref().map(|array| array.readwrite()));
        let outputs =
            Outputs { nngp: as_matrix(&mut first, matrix)?, ntk: as_matrix(&mut second, matrix)? };
        watched(py, progress, move |cancel, tiles| {
            let report = |progress: Progress| tiles.report(progress);
            let options = options.cancel(cancel).progress(&report);
            Ok(exact::kernel_to(network, x1, x2, &options, outputs)?)
        })?
    };
    Ok((nngp.map(Bound::into_any), ntk.map(Bound::into_any), error))
}

#[pyfunction]
#[pyo3(signature = (network, x1, x2, get, threads, memory, progress, *, spatial, adjacency_1, adjacency_2))]
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
    spatial: &str,
    adjacency_1: Option<&Bound<'py, PyUntypedArray>>,
    adjacency_2: Option<&Bound<'py, PyUntypedArray>>,
) -> PyResult<Computed<'py>> {
    let network = &network.network;
    let (want, budget) = (want(&get)?, budget(memory)?);
    let limit = budget.limit();
    // The result is counted before it is allocated; the engine then counts its scratch.
    let options = Options::new().want(want).par(par(threads)?).spatial(self::spatial(spatial)?);
    let options = (options, want);
    let sets = (x1, x2, adjacency_1, adjacency_2);
    match Input::new(x1, "x1")?.precision() {
        Precision::F32 => with_sets::<f32, _>(network, sets, |inputs| {
            compute(py, network, inputs, options, limit, progress)
        }),
        Precision::F64 => with_sets::<f64, _>(network, sets, |inputs| {
            compute(py, network, inputs, options, limit, progress)
        }),
    }
}

/// Computes the tiles of one part of a kernel into a store; returns how many tiles were there, were found
/// damaged, and are missing now.
#[pyfunction]
#[pyo3(signature = (network, x1, x2, get, path, shard, threads, memory, progress, *, spatial, adjacency_1, adjacency_2))]
#[allow(clippy::too_many_arguments)]
pub fn kernel_to_store<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x1: &Bound<'py, PyUntypedArray>,
    x2: Option<&Bound<'py, PyUntypedArray>>,
    get: Vec<String>,
    path: PathBuf,
    shard: (usize, usize),
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
    spatial: &str,
    adjacency_1: Option<&Bound<'py, PyUntypedArray>>,
    adjacency_2: Option<&Bound<'py, PyUntypedArray>>,
) -> PyResult<(usize, usize, usize)> {
    let part = self::shard(shard)?;
    let wanted = Wanted { kernels: want(&get)?, spatial: self::spatial(spatial)? };
    let sets = (x1, x2, adjacency_1, adjacency_2);
    let means = (par(threads)?, budget(memory)?, progress);
    match Input::new(x1, "x1")?.precision() {
        Precision::F32 => with_sets::<f32, _>(&network.network, sets, |inputs| {
            store(py, &network.network, inputs, wanted, (&path, part), means)
        }),
        Precision::F64 => with_sets::<f64, _>(&network.network, sets, |inputs| {
            store(py, &network.network, inputs, wanted, (&path, part), means)
        }),
    }
}

/// A part of a store as an argument.
pub fn shard((number, count): (usize, usize)) -> PyResult<Shard> {
    Shard::new(number, count).ok_or_else(|| {
        PyValueError::new_err(format!(
            "shard: expected (part, parts) with a part from 1 to parts, got ({number}, {count})"
        ))
    })
}

fn store<'a, 'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    network: &Network,
    (x1, x2): (Inputs<'a, T>, Option<Inputs<'a, T>>),
    wanted: Wanted,
    to: (&Path, Shard),
    (par, budget, progress): (Par, Budget, &Bound<'py, PyAny>),
) -> PyResult<(usize, usize, usize)> {
    let state = watched(py, progress, move |cancel, tiles| {
        let report = |progress: Progress| tiles.report(progress);
        let run = Run { par, budget, cancel: Some(cancel), progress: Some(&report) };
        Ok(widelimit::kernel_to_store(network, x1, x2, wanted, to, &run)?.store)
    })?;
    Ok((state.found, state.damaged, state.missing))
}

/// `x1`, `x2` and their adjacency matrices as given.
type Given<'b, 'py> = (
    &'b Bound<'py, PyUntypedArray>,
    Option<&'b Bound<'py, PyUntypedArray>>,
    Option<&'b Bound<'py, PyUntypedArray>>,
    Option<&'b Bound<'py, PyUntypedArray>>,
);

/// Calls `work` with the inputs of a kernel.
fn with_sets<'py, T: Scalar + numpy::Element, R>(
    network: &Network,
    (x1, x2, adjacency_1, adjacency_2): Given<'_, 'py>,
    work: impl for<'a> FnOnce((Inputs<'a, T>, Option<Inputs<'a, T>>)) -> PyResult<R>,
) -> PyResult<R> {
    let first = Set::<'py, T>::borrow(network, (Some(x1), "x1"), (adjacency_1, "adjacency_1"))?;
    let second = Set::<'py, T>::borrow(network, (x2, "x2"), (adjacency_2, "adjacency_2"))?;
    let second = second.as_ref().map(Set::view).transpose()?;
    match &first {
        Some(first) => work((first.view()?, second)),
        None => Err(PyTypeError::new_err("x1: expected an array")),
    }
}

#[pyfunction]
#[pyo3(signature = (network, x, get, threads, *, spatial, adjacency))]
pub fn diagonal<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x: &Bound<'py, PyUntypedArray>,
    get: Vec<String>,
    threads: Option<&Bound<'py, PyAny>>,
    spatial: &str,
    adjacency: Option<&Bound<'py, PyUntypedArray>>,
) -> PyResult<Pair<'py>> {
    let network = &network.network;
    let pairs = self::spatial(spatial)?;
    let options = Options::new().want(want(&get)?).par(par(threads)?).spatial(pairs);
    match Input::new(x, "x")?.precision() {
        Precision::F32 => diagonal_of::<f32>(py, network, x, adjacency, options, pairs),
        Precision::F64 => diagonal_of::<f64>(py, network, x, adjacency, options, pairs),
    }
}

fn diagonal_of<'py, T: Scalar + numpy::Element>(
    py: Python<'py>,
    network: &Network,
    x: &Bound<'py, PyUntypedArray>,
    adjacency: Option<&Bound<'py, PyUntypedArray>>,
    options: Options<'_>,
    pairs: Spatial,
) -> PyResult<Pair<'py>> {
    let set = Set::<T>::borrow(network, (Some(x), "x"), (adjacency, "adjacency"))?;
    let Some(set) = &set else { return Ok((None, None)) };
    let inputs = set.view()?;
    let (rows, shape) = (inputs.len(), inputs.shape());
    let diagonal = watched(py, py.None().bind(py), move |cancel, _| {
        Ok(exact::diagonal(network, inputs, &options.cancel(cancel))?)
    })?;
    let positions = network.output_shape(&shape).map_err(exception)?.spatial;
    let others: &[usize] = if pairs == Spatial::Full { &positions } else { &[] };
    let axes = [&[rows], positions.as_slice(), others].concat();
    let give = |values: Option<Array1<T>>| {
        values
            .map(|values| {
                let values = values.into_shape_with_order(axes.clone());
                let values = values.map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
                Ok::<_, PyErr>(PyArrayDyn::from_owned_array(py, values).into_any())
            })
            .transpose()
    };
    Ok((give(diagonal.nngp)?, give(diagonal.ntk)?))
}

/// The plan of a kernel; a function of the user is looked at for it.
fn planned<T: Scalar>(
    py: Python<'_>,
    network: &Network,
    (n1, n2, shape): (usize, Option<usize>, Shape),
    options: &Options<'_>,
) -> PyResult<Plan> {
    let options = options.clone();
    watched(py, py.None().bind(py), move |_, _| {
        Ok(exact::plan::<T>(network, n1, n2, &shape, &options)?)
    })
}

#[pyfunction]
#[pyo3(signature = (network, x1, x2, get, threads, memory, *, spatial))]
#[allow(clippy::too_many_arguments)]
pub fn plan<'py>(
    py: Python<'py>,
    network: &PyNetwork,
    x1: &Bound<'py, PyUntypedArray>,
    x2: Option<&Bound<'py, PyUntypedArray>>,
    get: Vec<String>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    spatial: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let network = &network.network;
    let options = Options::new().want(want(&get)?).par(par(threads)?).budget(budget(memory)?);
    let options = options.spatial(self::spatial(spatial)?);
    let sets = (x1, x2, None, None);
    let plan = match Input::new(x1, "x1")?.precision() {
        Precision::F32 => with_sets::<f32, _>(network, sets, |(x1, x2)| {
            planned::<f32>(py, network, sizes(&x1, x2.as_ref())?, &options)
        }),
        Precision::F64 => with_sets::<f64, _>(network, sets, |(x1, x2)| {
            planned::<f64>(py, network, sizes(&x1, x2.as_ref())?, &options)
        }),
    }?;
    let facts = PyDict::new(py);
    facts.set_item("bytes", plan.bytes)?;
    facts.set_item("result_bytes", plan.result_bytes)?;
    facts.set_item("scratch_bytes", plan.scratch_bytes)?;
    facts.set_item("flops", plan.flops)?;
    facts.set_item("seconds", plan.seconds)?;
    facts.set_item("engine", plan.engine)?;
    facts.set_item("tiles", plan.tiles)?;
    facts.set_item("streams", plan.streams)?;
    facts.set_item("pair_activations", plan.pair_activations)?;
    facts.set_item("shape", PyTuple::new(py, shape(&plan))?)?;
    Ok(facts)
}

/// Numbers of inputs and the shape of one, which is that of all.
fn sizes<T: Scalar>(
    x1: &Inputs<'_, T>,
    x2: Option<&Inputs<'_, T>>,
) -> PyResult<(usize, Option<usize>, Shape)> {
    let shape = x1.shape();
    match x2 {
        Some(x2) if x2.shape() != shape => {
            Err(exception(exact::Error::ShapeMismatch { x1: shape, x2: x2.shape() }))
        }
        _ => Ok((x1.len(), x2.map(Inputs::len), shape)),
    }
}
