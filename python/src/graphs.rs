//! Batches of graphs.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use widelimit::data::{Classes, GraphTables, Targets, TuFiles};
use widelimit::graph::{Graphs, Parts};
use widelimit::ndarray::{ArrayView1, Axis};

use crate::arrays::give;
use crate::error::exception;

/// A checked batch of graphs.
#[pyclass(name = "Graphs", module = "widelimit._core", frozen)]
pub struct PyGraphs {
    pub graphs: Arc<Graphs>,
}

#[pymethods]
impl PyGraphs {
    #[new]
    #[pyo3(signature = (node_offsets, edge_index, features, node_labels, weights, edge_labels, directed))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        node_offsets: PyReadonlyArray1<'_, i64>,
        edge_index: PyReadonlyArray2<'_, i64>,
        features: Option<PyReadonlyArray2<'_, f64>>,
        node_labels: Option<PyReadonlyArray1<'_, i64>>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        edge_labels: Option<PyReadonlyArray1<'_, i64>>,
        directed: bool,
    ) -> PyResult<Self> {
        let ends = edge_index.as_array();
        if ends.nrows() != 2 {
            return Err(PyValueError::new_err(format!(
                "edge_index: expected two rows, sources and targets, got shape {:?}",
                ends.shape()
            )));
        }
        let node_offsets = counts(node_offsets.as_array(), "node_offsets")?;
        let sources = counts(ends.index_axis(Axis(0), 0), "edge_index[0]")?;
        let targets = counts(ends.index_axis(Axis(0), 1), "edge_index[1]")?;
        let node_labels = node_labels.map(|l| labels(l.as_array(), "node_labels")).transpose()?;
        let edge_labels = edge_labels.map(|l| labels(l.as_array(), "edge_labels")).transpose()?;
        let weights = weights.map(|weights| weights.as_array().to_vec());
        let features = features.map(|features| features.as_array().to_owned());
        let graphs = py.detach(move || {
            Graphs::new(Parts {
                node_offsets: &node_offsets,
                edge_index: [&sources, &targets],
                weights: weights.as_deref(),
                edge_labels: edge_labels.as_deref(),
                node_labels: node_labels.as_deref(),
                features,
                directed,
            })
        });
        Ok(Self { graphs: Arc::new(graphs.map_err(exception)?) })
    }

    fn __len__(&self) -> usize {
        self.graphs.len()
    }

    /// Number of nodes of all graphs.
    fn nodes(&self) -> usize {
        self.graphs.nodes()
    }

    /// Number of edges of all graphs; undirected ones count twice.
    fn edges(&self) -> usize {
        self.graphs.edges()
    }

    /// Width of the features; None without.
    fn width(&self) -> Option<usize> {
        self.graphs.features().map(|features| features.width())
    }

    fn directed(&self) -> bool {
        self.graphs.is_directed()
    }

    /// Some of the graphs, in the order given.
    fn select(&self, indices: PyReadonlyArray1<'_, i64>) -> PyResult<Self> {
        let indices = counts(indices.as_array(), "indices")?;
        Ok(Self { graphs: Arc::new(self.graphs.select(&indices).map_err(exception)?) })
    }

    /// One array, by the name it was given under; None where there is none.
    fn array<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let graphs = &*self.graphs;
        Ok(match name {
            "node_offsets" => {
                let offsets = graphs.node_offsets().iter().map(|offset| *offset as i64);
                Some(PyArray1::from_iter(py, offsets).into_any())
            }
            "edge_index" => {
                let ends = edge_index(graphs);
                Some(PyArray2::from_vec2(py, &ends).map_err(wrong)?.into_any())
            }
            "node_features" => graphs.features().map(|features| give(py, features.dense())),
            "node_labels" => graphs.labels().map(|labels| integers(py, labels.iter().copied())),
            "edge_weights" => graphs.is_weighted().then(|| {
                let weights = of_edges(graphs, |graph, node| graph.weights(node));
                PyArray1::from_vec(py, weights).into_any()
            }),
            "edge_labels" => graphs.has_edge_labels().then(|| {
                let labels = of_edges(graphs, |graph, node| graph.edge_labels(node));
                integers(py, labels.into_iter())
            }),
            other => return Err(PyValueError::new_err(format!("graphs have no array {other:?}"))),
        })
    }

    /// All arrays by name.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        for name in [
            "node_offsets",
            "edge_index",
            "node_features",
            "node_labels",
            "edge_weights",
            "edge_labels",
        ] {
            all.set_item(name, self.array(py, name)?)?;
        }
        Ok(all)
    }
}

fn wrong(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Sources and targets, numbered over all graphs.
fn edge_index(graphs: &Graphs) -> Vec<Vec<i64>> {
    let mut ends = vec![Vec::with_capacity(graphs.edges()), Vec::with_capacity(graphs.edges())];
    for graph in graphs.iter() {
        let first = graph.node_range().start as i64;
        for node in 0..graph.nodes() {
            for &target in graph.neighbours(node) {
                ends[0].push(first + node as i64);
                ends[1].push(first + i64::from(target));
            }
        }
    }
    ends
}

/// What the edges carry, in the order of the edge index.
fn of_edges<'a, T: Copy + 'a>(
    graphs: &'a Graphs,
    of: impl Fn(&widelimit::graph::Graph<'a>, usize) -> Option<&'a [T]>,
) -> Vec<T> {
    let mut all = Vec::with_capacity(graphs.edges());
    for graph in graphs.iter() {
        for node in 0..graph.nodes() {
            all.extend_from_slice(of(&graph, node).unwrap_or_default());
        }
    }
    all
}

fn integers<'py>(py: Python<'py>, values: impl Iterator<Item = u32>) -> Bound<'py, PyAny> {
    PyArray1::from_iter(py, values.map(i64::from).collect::<Vec<_>>()).into_any()
}

/// Numbers that count or name something.
fn counts(values: ArrayView1<'_, i64>, name: &str) -> PyResult<Vec<usize>> {
    numbers(values, name, "from 0 on")
}

/// Labels of nodes or edges.
fn labels(values: ArrayView1<'_, i64>, name: &str) -> PyResult<Vec<u32>> {
    numbers(values, name, "from 0 to 2^32 - 1")
}

fn numbers<T: TryFrom<i64>>(
    values: ArrayView1<'_, i64>,
    name: &str,
    range: &str,
) -> PyResult<Vec<T>> {
    let number = |(position, value): (usize, &i64)| {
        T::try_from(*value).map_err(|_| {
            PyValueError::new_err(format!("{name}[{position}] is {value}; it must be {range}"))
        })
    };
    values.iter().enumerate().map(number).collect()
}

/// Classes of graphs: whole numbers, words or truth values, or the numbers to be predicted; none where there are none,
/// or several for each graph.
fn classes<'py>(py: Python<'py>, targets: Option<Targets>) -> PyResult<Option<Bound<'py, PyAny>>> {
    fn each<T: Clone>(codes: &[usize], classes: &[T]) -> Vec<T> {
        codes.iter().map(|&code| classes[code].clone()).collect()
    }
    let list = match targets {
        None => return Ok(None),
        Some(Targets::Numbers(numbers)) if numbers.ncols() == 1 => {
            PyList::new(py, numbers.column(0).iter())?
        }
        Some(Targets::Numbers(_)) => return Ok(None),
        Some(Targets::Labels { codes, classes }) => match classes {
            Classes::Booleans(classes) => PyList::new(py, each(&codes, &classes))?,
            Classes::Integers(classes) => PyList::new(py, each(&codes, &classes))?,
            Classes::Texts(classes) => PyList::new(py, each(&codes, &classes))?,
        },
    };
    Ok(Some(list.into_any()))
}

/// Graphs of a folder of text files as of TU Dortmund, with their classes (None where there are none).
#[pyfunction]
pub fn graphs_from_tu(
    py: Python<'_>,
    path: PathBuf,
    directed: bool,
) -> PyResult<(PyGraphs, Option<Bound<'_, PyAny>>)> {
    let set = py
        .detach(|| TuFiles::open(&path).and_then(|files| files.read(directed)))
        .map_err(exception)?;
    Ok((PyGraphs { graphs: Arc::new(set.graphs) }, classes(py, set.labels)?))
}

/// Graphs, their labels and their folds.
type Labelled<'py> = (PyGraphs, Option<Bound<'py, PyAny>>, Option<Vec<i64>>);

/// Graphs of tables of edges, nodes and graphs; without the last two, those beside the edges. A fold is -1 for a graph in
/// no test part.
#[pyfunction]
pub fn graphs_from_csv(
    py: Python<'_>,
    edges: PathBuf,
    nodes: Option<PathBuf>,
    graphs: Option<PathBuf>,
    directed: bool,
) -> PyResult<Labelled<'_>> {
    let read = || {
        let tables = match (&nodes, &graphs) {
            (None, None) => GraphTables::beside(&edges)?,
            (nodes, graphs) => GraphTables::open(&edges, nodes.as_deref(), graphs.as_deref())?,
        };
        GraphTables { directed, ..tables }.read()
    };
    let set = py.detach(read).map_err(exception)?;
    let fold = |fold: Option<usize>| fold.and_then(|fold| i64::try_from(fold).ok()).unwrap_or(-1);
    let folds = set.folds.map(|folds| folds.into_iter().map(fold).collect());
    Ok((PyGraphs { graphs: Arc::new(set.graphs) }, classes(py, set.labels)?, folds))
}
