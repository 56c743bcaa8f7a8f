//! Kernels between graphs.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use widelimit::exact::Progress;
use widelimit::graph::wl::{Scheme, Start, WlKind, WlParams};
use widelimit::graph::{
    Family, Gntk, Graphs, Method, NodeSketch, Precision, ReadOut, Repair, Report, Scale,
};
use widelimit::graphs::{self, GraphKernel, Words};
use widelimit::ndarray::Array2;
use widelimit::{Error, Run};

use crate::arrays::give;
use crate::error::exception;
use crate::graphs::PyGraphs;
use crate::kernel::{budget, par, shard};
use crate::running::watched;

/// What is asked of a GNTK.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Recipe {
    layers: usize,
    mlp_layers: usize,
    scale: String,
    jumping_knowledge: bool,
    activation: String,
    method: String,
    sketch: Sketch,
    normalise: bool,
    dtype: String,
}

/// How nodes are sketched.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Sketch {
    size: usize,
    family: String,
    deflate: usize,
    principal: Option<usize>,
    repair: String,
    seed: u64,
    tolerance: f64,
}

impl Sketch {
    fn nodes(&self) -> PyResult<NodeSketch> {
        Ok(NodeSketch {
            size: self.size,
            family: choice::<Family>("family", &self.family)?,
            deflate: self.deflate,
            principal: self.principal.unwrap_or(usize::MAX),
            seed: self.seed,
            repair: choice::<Repair>("repair", &self.repair)?,
            tolerance: self.tolerance,
        })
    }
}

impl Recipe {
    pub fn gntk(&self) -> PyResult<Gntk> {
        let sketch = self.sketch.nodes()?;
        let method = match self.method.as_str() {
            "exact" => Method::Decoupled,
            "vectorised" => Method::Vectorised,
            "sketched" => Method::Sketched(sketch),
            "auto" => Method::Auto(sketch),
            other => {
                return Err(PyValueError::new_err(format!(
                    "method: expected \"exact\", \"auto\", \"sketched\" or \"vectorised\", got {other:?}"
                )));
            }
        };
        Ok(Gntk {
            layers: self.layers,
            mlp: self.mlp_layers,
            jumping_knowledge: self.jumping_knowledge,
            scale: choice::<Scale>("scale", &self.scale)?,
            activation: graphs::activation(&self.activation).map_err(exception)?,
            method,
            precision: choice::<Precision>("dtype", &self.dtype)?,
        })
    }

    fn kernel(&self) -> PyResult<GraphKernel> {
        Ok(GraphKernel { normalise: self.normalise, ..self.gntk()?.into() })
    }
}

/// The choice that a word names.
fn choice<T: Words>(name: &str, word: &str) -> PyResult<T> {
    T::from_word(word).ok_or_else(|| {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
        PyValueError::new_err(format!("{name}: expected {}, got {word:?}", words.join(" or ")))
    })
}

/// Both sides of a kernel, kept alive while it is computed.
struct Sides(Arc<Graphs>, Option<Arc<Graphs>>);

impl Sides {
    fn new(graphs: &PyGraphs, others: Option<&PyGraphs>) -> Self {
        Self(Arc::clone(&graphs.graphs), others.map(|others| Arc::clone(&others.graphs)))
    }
}

/// Runs `work` with what the arguments say.
pub fn run<R: Send>(
    py: Python<'_>,
    (threads, memory): (Option<&Bound<'_, PyAny>>, Option<&Bound<'_, PyAny>>),
    progress: &Bound<'_, PyAny>,
    work: impl FnOnce(&Run<'_>) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let (par, budget) = (par(threads)?, budget(memory)?);
    watched(py, progress, move |cancel, tiles| {
        let report = |progress: Progress| tiles.report(progress);
        work(&Run { par, budget, cancel: Some(cancel), progress: Some(&report) })
    })
}

/// Hands a kernel to NumPy in the precision of its recursion.
fn given<'py>(py: Python<'py>, values: Array2<f64>, gntk: &Gntk) -> PyResult<Bound<'py, PyAny>> {
    Ok(match gntk.precision {
        Precision::Double => give(py, values),
        Precision::Single => {
            give(py, graphs::narrow::<f32>(&values, (0, gntk.layers)).map_err(exception)?)
        }
    })
}

/// The kernel among graphs, or between them and others, and where it is asked for, facts about the sketches in it.
#[pyfunction]
#[pyo3(signature = (graphs, others, recipe, report, threads, memory, progress))]
#[allow(clippy::too_many_arguments)]
pub fn gntk<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    others: Option<&PyGraphs>,
    recipe: &Bound<'py, PyDict>,
    report: bool,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyDict>>)> {
    let recipe: Recipe = recipe.extract()?;
    let (gntk, kernel) = (recipe.gntk()?, recipe.kernel()?);
    let Sides(rows, columns) = Sides::new(graphs, others);
    let (values, report) = run(py, (threads, memory), progress, |run| match report {
        true => graphs::kernel_with_report(&gntk, kernel.normalise, &rows, columns.as_deref(), run)
            .map(|(values, report)| (values, Some(report))),
        false => graphs::kernel(&kernel, &rows, columns.as_deref(), run).map(|k| (k, None)),
    })?;
    let facts = report.map(|report| facts(py, report, values.dim())).transpose()?;
    Ok((given(py, values, &gntk)?, facts))
}

/// What a report says, by names of Python.
fn facts<'py>(
    py: Python<'py>,
    report: Report,
    shape: (usize, usize),
) -> PyResult<Bound<'py, PyDict>> {
    let sketched = match report.sketched.is_empty() {
        true => Array2::from_elem(shape, false),
        false => Array2::from_shape_vec(shape, report.sketched)
            .map_err(|error| PyValueError::new_err(error.to_string()))?,
    };
    let facts = PyDict::new(py);
    facts.set_item("exact_pairs", report.exact_pairs)?;
    facts.set_item("sketched_pairs", report.sketched_pairs)?;
    facts.set_item("sketched", give(py, sketched))?;
    facts.set_item("flops", report.flops)?;
    facts.set_item("relative_error", report.relative_error)?;
    facts.set_item("smallest_eigenvalue", report.smallest_eigenvalue)?;
    facts.set_item("ridge", report.ridge)?;
    Ok(facts)
}

/// The kernels of several depths, with (true) or without jumping knowledge, in one pass.
#[pyfunction]
#[pyo3(signature = (graphs, others, recipe, read_outs, threads, memory, progress))]
#[allow(clippy::too_many_arguments)]
pub fn gntk_grid<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    others: Option<&PyGraphs>,
    recipe: &Bound<'py, PyDict>,
    read_outs: Vec<(usize, bool)>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let recipe: Recipe = recipe.extract()?;
    let gntk = recipe.gntk()?;
    let Sides(rows, columns) = Sides::new(graphs, others);
    let read_out = |(layers, jumping_knowledge)| ReadOut { layers, jumping_knowledge };
    let read_outs: Vec<ReadOut> = read_outs.into_iter().map(read_out).collect();
    let kernels = run(py, (threads, memory), progress, |run| {
        graphs::grid(&gntk, &read_outs, &rows, columns.as_deref(), recipe.normalise, run)
    })?;
    kernels.into_iter().map(|values| given(py, values, &gntk)).collect()
}

/// What a kernel will cost.
#[pyfunction]
#[pyo3(signature = (graphs, others, recipe, threads))]
pub fn gntk_plan<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    others: Option<&PyGraphs>,
    recipe: &Bound<'py, PyDict>,
    threads: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let recipe: Recipe = recipe.extract()?;
    let run = Run { par: par(threads)?, ..Run::default() };
    let Sides(rows, columns) = Sides::new(graphs, others);
    let plan = graphs::plan(&recipe.gntk()?, &rows, columns.as_deref(), &run).map_err(exception)?;
    let facts = PyDict::new(py);
    facts.set_item("shape", (plan.rows, plan.columns))?;
    facts.set_item("bytes", plan.bytes)?;
    facts.set_item("result_bytes", plan.result_bytes)?;
    facts.set_item("scratch_bytes", plan.scratch_bytes)?;
    facts.set_item("pairs", plan.pairs)?;
    facts.set_item("activations", plan.activations)?;
    facts.set_item("flops", plan.flops)?;
    Ok(facts)
}

/// Computes the tiles of one part of a kernel into a store; returns how many tiles were there, were found
/// damaged, and are missing now.
#[pyfunction]
#[pyo3(signature = (graphs, others, recipe, path, shard, threads, memory, progress))]
#[allow(clippy::too_many_arguments)]
pub fn gntk_to_store<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    others: Option<&PyGraphs>,
    recipe: &Bound<'py, PyDict>,
    path: PathBuf,
    shard: (usize, usize),
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<(usize, usize, usize)> {
    let kernel = recipe.extract::<Recipe>()?.kernel()?;
    let part = self::shard(shard)?;
    let Sides(rows, columns) = Sides::new(graphs, others);
    let state = run(py, (threads, memory), progress, move |run| {
        graphs::kernel_to_store(&kernel, &rows, columns.as_deref(), (&path, part), run)
    })?;
    Ok((state.found, state.damaged, state.missing))
}

/// What is asked of a Weisfeiler-Leman kernel.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct WlRecipe {
    rounds: usize,
    kind: String,
    scheme: String,
    start: String,
    normalise: bool,
}

impl WlRecipe {
    fn params(&self) -> PyResult<WlParams> {
        Ok(WlParams {
            kind: choice::<WlKind>("kind", &self.kind)?,
            scheme: choice::<Scheme>("scheme", &self.scheme)?,
            start: choice::<Start>("start", &self.start)?,
            rounds: self.rounds,
            ..WlParams::default()
        })
    }
}

/// The Weisfeiler-Leman kernel among graphs, or between them and others.
#[pyfunction]
#[pyo3(signature = (graphs, others, recipe, threads, memory, progress))]
pub fn wl_kernel<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    others: Option<&PyGraphs>,
    recipe: &Bound<'py, PyDict>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let recipe: WlRecipe = recipe.extract()?;
    let kernel = GraphKernel { normalise: recipe.normalise, ..recipe.params()?.into() };
    let Sides(rows, columns) = Sides::new(graphs, others);
    let values = run(py, (threads, memory), progress, move |run| {
        graphs::kernel(&kernel, &rows, columns.as_deref(), run)
    })?;
    Ok(give(py, values))
}

/// The Weisfeiler-Leman kernels of every number of rounds.
#[pyfunction]
#[pyo3(signature = (graphs, recipe, threads, memory, progress))]
pub fn wl_kernel_grid<'py>(
    py: Python<'py>,
    graphs: &PyGraphs,
    recipe: &Bound<'py, PyDict>,
    threads: Option<&Bound<'py, PyAny>>,
    memory: Option<&Bound<'py, PyAny>>,
    progress: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let recipe: WlRecipe = recipe.extract()?;
    let (params, graphs) = (recipe.params()?, Arc::clone(&graphs.graphs));
    let kernels = run(py, (threads, memory), progress, |run| {
        graphs::rounds(&params, &graphs, recipe.normalise, run)
    })?;
    Ok(kernels.into_iter().map(|values| give(py, values)).collect())
}
