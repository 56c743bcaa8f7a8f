//! From parts to a checked batch.

use ndarray::Array2;

use super::{Features, Graphs, Parts};
use crate::Error;

/// See [`Graphs::new`].
pub(super) fn build(parts: Parts<'_>) -> Result<Graphs, Error> {
    let graph_of = graph_of_node(parts.node_offsets)?;
    let nodes = graph_of.len();
    let edges = Edges::check(&parts, &graph_of)?;
    let order = edges.order();
    let mut edge_offsets = vec![0; nodes + 1];
    for &source in edges.sources {
        edge_offsets[source + 1] += 1;
    }
    for node in 0..nodes {
        edge_offsets[node + 1] += edge_offsets[node];
    }
    // a batch has fewer than 2^32 nodes
    let local = |edge: &usize| {
        (edges.targets[*edge] - parts.node_offsets[graph_of[edges.targets[*edge]] as usize]) as u32
    };
    if let Some(labels) = parts.node_labels {
        equal("number of node labels", nodes, labels.len())?;
    }
    let features = parts.features.map(|features| check_features(features, nodes)).transpose()?;
    let graphs = Graphs {
        node_offsets: parts.node_offsets.to_vec(),
        edge_offsets,
        targets: order.iter().map(local).collect(),
        weights: parts.weights.map(|weights| order.iter().map(|&edge| weights[edge]).collect()),
        edge_labels: parts
            .edge_labels
            .map(|labels| order.iter().map(|&edge| labels[edge]).collect()),
        labels: parts.node_labels.map(<[u32]>::to_vec),
        features,
        directed: parts.directed,
    };
    check_rows(&graphs)?;
    Ok(graphs)
}

/// Nodes of two batches together are numbered in 32 bits.
const MOST_NODES: usize = (u32::MAX / 2) as usize;

/// The graph of every node.
fn graph_of_node(offsets: &[usize]) -> Result<Vec<u32>, Error> {
    if offsets.len() < 2 {
        return Err(Error::NoGraphs { got: offsets.len() });
    }
    if offsets[0] != 0 {
        return Err(Error::Offset { position: 0, got: offsets[0], bound: "equal to", limit: 0 });
    }
    let mut graph_of = Vec::new();
    for (graph, pair) in offsets.windows(2).enumerate() {
        let (got, limit_below) = (pair[1], pair[0]);
        if got < limit_below {
            return Err(Error::Offset {
                position: graph + 1,
                got,
                bound: "at least",
                limit: limit_below,
            });
        }
        if got == limit_below {
            return Err(Error::EmptyGraph { graph });
        }
        if got > MOST_NODES {
            return Err(Error::TooManyNodes { nodes: got, limit: MOST_NODES });
        }
        // a failing allocation without this would abort the process
        if got > graph_of.capacity() && graph_of.try_reserve(got - graph_of.len()).is_err() {
            return Err(Error::OutOfMemory { needed: 4 * got as u64 });
        }
        graph_of.resize(got, graph as u32);
    }
    Ok(graph_of)
}

/// Edges whose ends exist and lie in one graph.
struct Edges<'a> {
    sources: &'a [usize],
    targets: &'a [usize],
}

impl<'a> Edges<'a> {
    fn check(parts: &Parts<'a>, graph_of: &[u32]) -> Result<Self, Error> {
        let [sources, targets] = parts.edge_index;
        equal("number of edge targets", sources.len(), targets.len())?;
        if let Some(labels) = parts.edge_labels {
            equal("number of edge labels", sources.len(), labels.len())?;
        }
        for (edge, (&source, &target)) in sources.iter().zip(targets).enumerate() {
            let nodes = graph_of.len();
            if let Some(node) = [source, target].into_iter().find(|&node| node >= nodes) {
                return Err(Error::EdgeOutOfRange { edge, node, nodes });
            }
            let [source_graph, target_graph] = [source, target].map(|node| graph_of[node] as usize);
            if source_graph != target_graph {
                return Err(Error::EdgeAcross {
                    edge,
                    source_node: source,
                    source_graph,
                    target_node: target,
                    target_graph,
                });
            }
        }
        if let Some(weights) = parts.weights {
            equal("number of edge weights", sources.len(), weights.len())?;
            let bad = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
            if let Some(edge) = weights.iter().position(bad) {
                return Err(Error::Weight { edge, value: weights[edge] });
            }
        }
        Ok(Self { sources, targets })
    }

    /// The edges by source, then by target.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        let ends = |&edge: &usize| (self.sources[edge], self.targets[edge]);
        if !order.is_sorted_by_key(ends) {
            order.sort_unstable_by_key(ends);
        }
        order
    }
}

/// No edge twice; where graphs are undirected, every edge in both directions.
fn check_rows(graphs: &Graphs) -> Result<(), Error> {
    for (index, graph) in graphs.iter().enumerate() {
        for from in 0..graph.nodes() {
            let targets = graph.neighbours(from);
            if let Some(pair) = targets.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::DuplicateEdge { graph: index, from, to: pair[0] as usize });
            }
        }
        if graphs.directed {
            continue;
        }
        for from in 0..graph.nodes() {
            for (k, &to) in graph.neighbours(from).iter().enumerate() {
                let to = to as usize;
                let back = graph.neighbours(to).binary_search(&(from as u32));
                let same = back.is_ok_and(|back| {
                    let weight = |node, k: usize| graph.weights(node).map(|weights| weights[k]);
                    let label = |node, k: usize| graph.edge_labels(node).map(|labels| labels[k]);
                    weight(from, k) == weight(to, back) && label(from, k) == label(to, back)
                });
                if !same {
                    return Err(Error::Asymmetric { graph: index, from, to });
                }
            }
        }
    }
    Ok(())
}

/// A row of finite numbers for every node.
pub(super) fn check_features(features: Array2<f64>, nodes: usize) -> Result<Features, Error> {
    equal("number of rows of the node features", nodes, features.nrows())?;
    if features.ncols() == 0 {
        return Err(Error::NoFeatures);
    }
    if let Some(((node, column), &value)) = features.indexed_iter().find(|(_, x)| !x.is_finite()) {
        return Err(Error::Feature { node, column, value });
    }
    let standard = features.is_standard_layout();
    Ok(Features::Dense(if standard {
        features
    } else {
        features.as_standard_layout().into_owned()
    }))
}

pub(super) fn equal(what: &'static str, expected: usize, got: usize) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Length { what, expected, got }) }
}
