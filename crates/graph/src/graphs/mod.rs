//! Ragged batches of graphs.
//!
//! All nodes of all graphs lie one after another; graph `g` owns the nodes
//! `node_offsets[g]..node_offsets[g + 1]`. Adjacency is one sparse matrix by rows over all nodes, which is
//! block diagonal: neighbours are numbered within their graph.

mod build;
mod features;
mod labels;
mod select;

use std::ops::Range;

use ndarray::Array2;

pub use features::{Features, OneHot};

use crate::Error;

/// What a batch of graphs is made of, as files and other libraries give it.
///
/// Nodes are numbered over all graphs. The edges are columns of a `2 x m` matrix, given as its two rows:
/// sources and targets. An undirected edge is given in both directions.
///
/// * An edge given twice is an error: whether weights should add up is for the caller to say.
/// * An edge from a node to itself is kept as it is (given once, also where graphs are undirected).
///   Kernels that need self loops add one to every node beside it.
#[derive(Clone, Debug, Default)]
pub struct Parts<'a> {
    /// Where the nodes of each graph begin, and the number of all nodes: one more than there are graphs.
    pub node_offsets: &'a [usize],
    /// Sources and targets of the `m` edges.
    pub edge_index: [&'a [usize]; 2],
    /// Weights of the edges, finite and not negative; 1 where there are none.
    pub weights: Option<&'a [f64]>,
    /// A label of every edge.
    pub edge_labels: Option<&'a [u32]>,
    /// A label of every node.
    pub node_labels: Option<&'a [u32]>,
    /// Features of every node: nodes x width.
    pub features: Option<Array2<f64>>,
    /// Whether edges may lack their equal in the other direction.
    pub directed: bool,
}

/// A batch of graphs, checked.
///
/// ```
/// use widelimit_graph::{Graphs, Parts};
///
/// // a triangle, and two nodes with an edge
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 3, 5],
///     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
///     ..Parts::default()
/// })?;
/// assert_eq!((graphs.len(), graphs.nodes(), graphs.edges()), (2, 5, 8));
/// assert_eq!(graphs.graph(0).neighbours(1), &[0, 2]);
/// assert_eq!(graphs.graph(1).neighbours(1), &[0]);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graphs {
    node_offsets: Vec<usize>,
    /// Where the edges of each node begin: one more than there are nodes.
    edge_offsets: Vec<usize>,
    /// Targets of the edges, numbered within their graph, increasing for each node.
    targets: Vec<u32>,
    weights: Option<Vec<f64>>,
    edge_labels: Option<Vec<u32>>,
    labels: Option<Vec<u32>>,
    features: Option<Features>,
    directed: bool,
}

impl Graphs {
    /// Checks the parts and sorts the edges.
    ///
    /// # Errors
    ///
    /// [`Error::NoGraphs`], [`Error::Offset`], [`Error::EmptyGraph`] and [`Error::TooManyNodes`] for the offsets,
    /// [`Error::Length`] for lists of the wrong length, [`Error::EdgeOutOfRange`], [`Error::EdgeAcross`],
    /// [`Error::DuplicateEdge`], [`Error::Weight`] and, unless they are directed, [`Error::Asymmetric`] for
    /// edges, [`Error::Feature`] and [`Error::NoFeatures`] for features.
    pub fn new(parts: Parts<'_>) -> Result<Self, Error> {
        build::build(parts)
    }

    /// Number of graphs, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.node_offsets.len() - 1
    }

    /// Number of nodes of all graphs.
    pub fn nodes(&self) -> usize {
        self.edge_offsets.len() - 1
    }

    /// Number of edges of all graphs; undirected ones count twice.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// Where the nodes of each graph begin, and the number of all nodes.
    pub fn node_offsets(&self) -> &[usize] {
        &self.node_offsets
    }

    /// Whether edges may lack their equal in the other direction.
    pub fn is_directed(&self) -> bool {
        self.directed
    }

    /// Labels of all nodes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Features of all nodes.
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// Whether edges have weights.
    pub fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// Whether edges have labels.
    pub fn has_edge_labels(&self) -> bool {
        self.edge_labels.is_some()
    }

    /// The nodes of a graph.
    ///
    /// # Panics
    ///
    /// When there is no such graph.
    pub fn node_range(&self, graph: usize) -> Range<usize> {
        self.node_offsets[graph]..self.node_offsets[graph + 1]
    }

    /// One of the graphs.
    ///
    /// # Panics
    ///
    /// When there is no such graph.
    pub fn graph(&self, index: usize) -> Graph<'_> {
        Graph { all: self, nodes: self.node_range(index) }
    }

    /// The graphs one after another.
    pub fn iter(&self) -> impl Iterator<Item = Graph<'_>> {
        (0..self.len()).map(|index| self.graph(index))
    }
}

/// One graph of a batch. Its nodes are numbered from 0.
#[derive(Clone, Debug)]
pub struct Graph<'a> {
    all: &'a Graphs,
    nodes: Range<usize>,
}

impl<'a> Graph<'a> {
    /// Number of nodes, at least one.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Number of edges; undirected ones count twice.
    pub fn edges(&self) -> usize {
        self.all.edge_offsets[self.nodes.end] - self.all.edge_offsets[self.nodes.start]
    }

    /// Its nodes, numbered over all graphs.
    pub fn node_range(&self) -> Range<usize> {
        self.nodes.clone()
    }

    /// Whether edges may lack their equal in the other direction.
    pub fn is_directed(&self) -> bool {
        self.all.directed
    }

    /// Where the edges of a node are.
    fn row(&self, node: usize) -> Range<usize> {
        let node = self.nodes.start + node;
        self.all.edge_offsets[node]..self.all.edge_offsets[node + 1]
    }

    /// The nodes that edges of `node` end at, increasing.
    ///
    /// # Panics
    ///
    /// When there is no such node; so in the methods below.
    pub fn neighbours(&self, node: usize) -> &'a [u32] {
        &self.all.targets[self.row(node)]
    }

    /// Number of edges that begin at a node, whatever their weights.
    pub fn degree(&self, node: usize) -> usize {
        self.row(node).len()
    }

    /// Weights of the edges of `node`, in the order of [`neighbours`](Self::neighbours).
    pub fn weights(&self, node: usize) -> Option<&'a [f64]> {
        self.all.weights.as_ref().map(|weights| &weights[self.row(node)])
    }

    /// Labels of the edges of `node`, in the order of [`neighbours`](Self::neighbours).
    pub fn edge_labels(&self, node: usize) -> Option<&'a [u32]> {
        self.all.edge_labels.as_ref().map(|labels| &labels[self.row(node)])
    }

    /// Neighbours of `node` with the weights of the edges to them, 1 where there are none.
    pub fn weighted(&self, node: usize) -> impl Iterator<Item = (usize, f64)> + 'a {
        let weights = self.weights(node);
        self.neighbours(node)
            .iter()
            .enumerate()
            .map(move |(k, &target)| (target as usize, weights.map_or(1.0, |weights| weights[k])))
    }

    /// Labels of the nodes.
    pub fn labels(&self) -> Option<&'a [u32]> {
        self.all.labels.as_ref().map(|labels| &labels[self.nodes.clone()])
    }

    /// The adjacency matrix `A`, dense: `A[u, v]` is the weight of the edge from `u` to `v`.
    pub fn adjacency(&self) -> Array2<f64> {
        let mut out = Array2::zeros((self.nodes(), self.nodes()));
        for node in 0..self.nodes() {
            for (target, weight) in self.weighted(node) {
                out[[node, target]] = weight;
            }
        }
        out
    }
}
