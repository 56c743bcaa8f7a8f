//! Graphs in a NumPy archive.

use super::numbers::{has, indices, labels, one_axis, whole};
use super::{GraphSet, graph_error, last_edge};
use crate::{Array, Error, Npz, check_finite};
use std::path::Path;
use widelimit_graph::{Graphs, Parts};

/// Reads graphs from an archive with the arrays
///
/// | array | shape | meaning |
/// |---|---|---|
/// | `node_offsets` | graphs + 1 | graph `g` has the nodes `node_offsets[g]` to `node_offsets[g + 1] - 1` |
/// | `edge_index` | 2 x edges | sources and targets, numbered over all graphs |
/// | `edge_offsets` | graphs + 1 | optional: graph `g` has these columns of `edge_index` |
/// | `node_labels` | nodes | optional: whole numbers, not negative |
/// | `node_features` | nodes x width | optional: finite numbers |
/// | `edge_labels` | edges | optional: whole numbers, not negative |
/// | `edge_weights` | edges | optional: finite, not negative |
/// | `graph_labels` | graphs | optional: classes or numbers |
/// | `folds`, or `test_fold` | graphs | optional: which test part a graph is in, from 0; -1 for none |
/// | `directed` | one value | optional: whether edges may lack their equal in the other direction |
///
/// `directed` takes edges for directed whatever the archive says. Undirected edges are given in both directions. Other arrays are let be. Without labels or features of nodes
/// there may be no more nodes than edges and graphs: give graphs of mostly single nodes a label.
///
/// # Errors
/// [`Error::NotFound`] for a missing array, [`Error::NotWhole`] with the place of a number that is no index or
/// label, [`Error::EdgeOffsets`] for an edge in the columns of another graph, [`Error::Graph`] with the column of
/// an edge that breaks a rule of [`Graphs::new`], [`Error::GraphCount`]; and as [`Npz::read`].
///
/// ```
/// use ndarray::{arr1, arr2};
/// use widelimit_data::{Array, read_graphs_npz, write_npz};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("pairs.npz");
/// let offsets = Array::from(arr1(&[0.0, 2.0, 4.0]).into_dyn());
/// let edges = Array::from(arr2(&[[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 3.0, 2.0]]).into_dyn());
/// write_npz(&path, &[("node_offsets", &offsets), ("edge_index", &edges)])?;
/// let set = read_graphs_npz(&path, false)?;
/// assert_eq!((set.graphs.len(), set.graphs.edges()), (2, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_graphs_npz(path: impl AsRef<Path>, directed: bool) -> Result<GraphSet, Error> {
    let path = path.as_ref();
    graphs_from_npz(&Npz::open(path)?, &path.display().to_string(), directed)
}

/// [`read_graphs_npz`] from an open archive; `what` names it in errors.
///
/// # Errors
/// As [`read_graphs_npz`].
pub fn graphs_from_npz(npz: &Npz, what: &str, directed: bool) -> Result<GraphSet, Error> {
    let (offsets, shape) = indices(npz, "node_offsets")?;
    one_axis(npz, "node_offsets", &shape)?;
    let (mut sources, shape) = indices(npz, "edge_index")?;
    let &[2, edges] = &shape[..] else {
        let what = npz.array("edge_index")?.what().to_owned();
        return Err(Error::Shape {
            what,
            shape,
            wanted: "two rows are expected: sources and targets",
        });
    };
    let targets = sources.split_off(edges);
    let directed = directed || is_directed(npz)?;
    if has(npz, "edge_offsets") {
        check_columns(npz, &offsets, &sources)?;
    }
    let node_labels = labels(npz, "node_labels")?;
    let edge_labels = labels(npz, "edge_labels")?;
    let weights = finite(npz, "edge_weights")?;
    let weights = match weights {
        Some(array) => {
            one_axis(npz, "edge_weights", array.shape())?;
            Some(array.into_f64().into_iter().collect::<Vec<f64>>())
        }
        None => None,
    };
    let features = match finite(npz, "node_features")? {
        Some(array) => Some(array.into_matrix::<f64>(npz.array("node_features")?.what())?),
        None => None,
    };
    let told = node_labels.as_ref().map(Vec::len).or(features.as_ref().map(|rows| rows.nrows()));
    check_nodes(npz, &offsets, told, edges)?;
    let parts = Parts {
        node_offsets: &offsets,
        edge_index: [&sources, &targets],
        weights: weights.as_deref(),
        edge_labels: edge_labels.as_deref(),
        node_labels: node_labels.as_deref(),
        features,
        directed,
    };
    let graphs = Graphs::new(parts).map_err(|error| {
        let place = |edge| format!("{what}:edge_index, column {edge} (counted from 0)");
        let ends = |g, u, v| last_edge(&offsets, &sources, &targets, [g, u, v]);
        graph_error(error, what, place, ends)
    })?;
    let labels = match has(npz, "graph_labels") {
        true => Some(npz.array("graph_labels")?.targets()?),
        false => None,
    };
    if let Some(crate::Targets::Numbers(numbers)) = &labels {
        let array = Array::F64(numbers.clone().into_dyn());
        check_finite(&array, npz.array("graph_labels")?.what())?;
    }
    let folds = match ["folds", "test_fold"].into_iter().find(|name| has(npz, name)) {
        Some(name) => {
            let (numbers, shape) = whole(npz, name, -1, i64::from(u32::MAX))?;
            one_axis(npz, name, &shape)?;
            Some(numbers.into_iter().map(|fold| usize::try_from(fold).ok()).collect())
        }
        None => None,
    };
    GraphSet { graphs, labels, folds }.check(what)
}

/// What the archive says of its edges.
fn is_directed(npz: &Npz) -> Result<bool, Error> {
    if !has(npz, "directed") {
        return Ok(false);
    }
    let (values, shape) = whole(npz, "directed", 0, 1)?;
    match values[..] {
        [value] => Ok(value == 1),
        _ => {
            let what = npz.array("directed")?.what().to_owned();
            Err(Error::Shape { what, shape, wanted: "one value is expected, true or false" })
        }
    }
}

/// Offsets must not make lists of nodes that are much longer than the file: where it says nothing of single
/// nodes, there may be no more of them than edges (those in both directions twice) and graphs.
fn check_nodes(
    npz: &Npz,
    offsets: &[usize],
    told: Option<usize>,
    edges: usize,
) -> Result<(), Error> {
    let nodes = offsets.iter().copied().max().unwrap_or(0);
    let most = told.unwrap_or_else(|| edges.saturating_add(offsets.len()));
    if nodes <= most {
        return Ok(());
    }
    let what = npz.array("node_offsets")?.what().to_owned();
    let reason = match told {
        Some(told) => format!("it speaks of {nodes} nodes, the labels or features are of {told}"),
        None => format!("it speaks of {nodes} nodes, and has {edges} edges and no node_labels"),
    };
    Err(Error::malformed(&what, "graph", reason))
}

/// The columns of each graph hold its edges alone.
fn check_columns(npz: &Npz, node_offsets: &[usize], sources: &[usize]) -> Result<(), Error> {
    let (offsets, shape) = indices(npz, "edge_offsets")?;
    one_axis(npz, "edge_offsets", &shape)?;
    let what = || npz.array("edge_offsets").map(|file| file.what().to_owned());
    let ends = offsets.first() == Some(&0) && offsets.last() == Some(&sources.len());
    if offsets.len() != node_offsets.len() || !ends || !offsets.is_sorted() {
        let (graphs, edges) = (node_offsets.len().saturating_sub(1), sources.len());
        return Err(Error::EdgeOffsetsShape { what: what()?, graphs, edges });
    }
    for (graph, (edges, nodes)) in offsets.windows(2).zip(node_offsets.windows(2)).enumerate() {
        let outside = |edge: &usize| !(nodes[0]..nodes[1]).contains(&sources[*edge]);
        if let Some(edge) = (edges[0]..edges[1]).find(outside) {
            return Err(Error::EdgeOffsets { what: what()?, graph, edge, node: sources[edge] });
        }
    }
    Ok(())
}

/// An array of finite numbers, if the archive has it.
fn finite(npz: &Npz, name: &str) -> Result<Option<Array>, Error> {
    if !has(npz, name) {
        return Ok(None);
    }
    let file = npz.array(name)?;
    let array = file.read()?;
    check_finite(&array, file.what())?;
    Ok(Some(array))
}
