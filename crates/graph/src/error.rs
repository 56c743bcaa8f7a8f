//! What can go wrong, with the numbers a user needs.

use thiserror::Error;

/// Everything that can stop a batch of graphs or a kernel between graphs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A batch without graphs.
    #[error("there are no graphs: node_offsets needs at least two numbers, got {got}")]
    NoGraphs {
        /// How many offsets were given.
        got: usize,
    },
    /// Node offsets that do not start at 0 or go down.
    #[error("node_offsets[{position}] is {got}; it must be {bound} {limit}")]
    Offset {
        /// Position among the offsets.
        position: usize,
        /// Its value.
        got: usize,
        /// How it must compare with `limit`.
        bound: &'static str,
        /// What it is compared with.
        limit: usize,
    },
    /// A graph without nodes.
    #[error("graph {graph} has no nodes: every graph needs at least one")]
    EmptyGraph {
        /// Which graph, from 0.
        graph: usize,
    },
    /// More nodes than indices can count.
    #[error("there are {nodes} nodes; at most {limit} are possible")]
    TooManyNodes {
        /// Nodes of all graphs.
        nodes: usize,
        /// The most.
        limit: usize,
    },
    /// A list that does not have one entry for every edge or node.
    #[error("{what}: expected {expected}, got {got}")]
    Length {
        /// Which list.
        what: &'static str,
        /// How long it must be.
        expected: usize,
        /// How long it is.
        got: usize,
    },
    /// An edge that ends at a node that does not exist.
    #[error("edge {edge} ends at node {node}, but there are {nodes} nodes (numbered from 0)")]
    EdgeOutOfRange {
        /// Column of the edge index.
        edge: usize,
        /// The node.
        node: usize,
        /// Number of nodes of all graphs.
        nodes: usize,
    },
    /// An edge from one graph to another.
    #[error(
        "edge {edge} goes from node {source_node} of graph {source_graph} to node {target_node} of graph \
         {target_graph}: an edge must stay within its graph"
    )]
    EdgeAcross {
        /// Column of the edge index.
        edge: usize,
        /// Where it begins, numbered over all graphs.
        source_node: usize,
        /// Graph of its beginning.
        source_graph: usize,
        /// Where it ends, numbered over all graphs.
        target_node: usize,
        /// Graph of its end.
        target_graph: usize,
    },
    /// An edge that is given more than once.
    #[error(
        "the edge from node {from} to node {to} of graph {graph} is given twice: give it once, with a weight \
         if it counts more"
    )]
    DuplicateEdge {
        /// Which graph, from 0.
        graph: usize,
        /// Where it begins, within the graph.
        from: usize,
        /// Where it ends, within the graph.
        to: usize,
    },
    /// Undirected graphs need every edge both ways.
    #[error(
        "graph {graph} is declared undirected, but its edge from node {from} to node {to} has no equal in the \
         other direction: give both directions with the same weight and label, or declare it directed"
    )]
    Asymmetric {
        /// Which graph, from 0.
        graph: usize,
        /// Where it begins, within the graph.
        from: usize,
        /// Where it ends, within the graph.
        to: usize,
    },
    /// A weight that is negative, NaN or infinite.
    #[error("edge {edge} has the weight {value}: weights must be finite and not negative")]
    Weight {
        /// Column of the edge index.
        edge: usize,
        /// The weight.
        value: f64,
    },
    /// A feature that is NaN or infinite.
    #[error("feature {column} of node {node} is {value}: every feature must be finite")]
    Feature {
        /// The node, numbered over all graphs.
        node: usize,
        /// Which of its features.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// Features with no column.
    #[error("the node features have no columns: at least one is needed")]
    NoFeatures,
    /// A graph that does not exist.
    #[error("graph {index} was asked for, but there are {graphs}")]
    NoSuchGraph {
        /// Which one.
        index: usize,
        /// How many there are.
        graphs: usize,
    },
    /// Labels that were not given.
    #[error("{what} needs node labels, which these graphs do not have")]
    NoLabels {
        /// What needs them.
        what: &'static str,
    },
    /// Graphs without features where a kernel needs them.
    #[error(
        "{side} have no node features: give features, or make them of labels or degrees with OneHot"
    )]
    FeaturesMissing {
        /// `the graphs` or `the other graphs`.
        side: &'static str,
    },
    /// The two sides have features of different width.
    #[error("the graphs have {left} features a node, the other graphs {right}: they must be equal")]
    FeatureWidth {
        /// Width on the left.
        left: usize,
        /// Width on the right.
        right: usize,
    },
    /// A parameter of a kernel out of range.
    #[error("{parameter} is {got}; it must be {range}")]
    Parameter {
        /// Which one.
        parameter: &'static str,
        /// What was given.
        got: usize,
        /// What it must be.
        range: &'static str,
    },
    /// An activation whose kernel vanishes everywhere, so that it cannot be normalised.
    #[error(
        "the activation `{activation}` has E[s(z)^2] = {power} for a standard normal z: it cannot be normalised"
    )]
    Power {
        /// Its name.
        activation: &'static str,
        /// What was found.
        power: f64,
    },
    /// An activation that cannot be evaluated.
    #[error(transparent)]
    Activation(#[from] widelimit_dual::Error),
    /// A network that cannot be.
    #[error(transparent)]
    Network(#[from] widelimit_arch::Error),
    /// A variance or a kernel value too large for the number format.
    #[error(
        "the kernel of {side} graph {graph} overflows {format} at level {level}: make features or weights \
         smaller, or take fewer layers (with Uniform scaling entries grow with the degrees to the power of \
         twice the levels, with Degree scaling they do not)"
    )]
    Overflow {
        /// `left` or `right`.
        side: &'static str,
        /// Which graph of that side, from 0.
        graph: usize,
        /// How many aggregations had been made.
        level: usize,
        /// `f32` or `f64`.
        format: &'static str,
    },
    /// Variances that are not zero, but nearly, in single precision.
    #[error(
        "the kernel of {side} graph {graph} underflows f32 at level {level}: make features or weights larger, \
         or compute in f64"
    )]
    Underflow {
        /// `left` or `right`.
        side: &'static str,
        /// Which graph of that side, from 0.
        graph: usize,
        /// How many aggregations had been made.
        level: usize,
    },
    /// A part of a kernel that lies outside of it.
    #[error("{what} {start}..{end} were asked for, but there are {len}")]
    Range {
        /// `rows` or `columns`.
        what: &'static str,
        /// The first.
        start: usize,
        /// One after the last.
        end: usize,
        /// How many there are.
        len: usize,
    },
    /// Numbers where a kernel counts labels.
    #[error(
        "the nodes have {width} numeric features and no labels, and Weisfeiler-Leman kernels count labels: make \
         labels of the features with wl::HashBins, or ask for Start::Degree or Start::Constant to leave them aside"
    )]
    NumericFeatures {
        /// Number of features of a node.
        width: usize,
    },
    /// Weights where a kernel does not look at them.
    #[error(
        "the edges have weights, which Weisfeiler-Leman kernels do not count: leave them aside with \
         Graphs::without_weights, or give classes of weights as edge labels"
    )]
    Weighted,
    /// Something that only some of the graphs to be compared have.
    #[error("some of the graphs to be compared have {what} and others have not")]
    Unlike {
        /// What only some have.
        what: &'static str,
    },
    /// Intervals of no length.
    #[error("the width of bins is {got}; it must be positive and finite")]
    BinWidth {
        /// What was given.
        got: f64,
    },
    /// An attribute so far from the others that its bin cannot be numbered.
    #[error(
        "the features of node {node} lie more than 2^53 bins away from those that bins were made for: use a \
         larger width, or look at the features of that node"
    )]
    BinRange {
        /// The node, numbered over all graphs.
        node: usize,
    },
    /// A sketch that could not be made.
    #[error(transparent)]
    Sketch(#[from] widelimit_sketch::Error),
    /// Eigenvalues that could not be found.
    #[error(transparent)]
    Linalg(#[from] widelimit_linalg::Error),
    /// The memory limit is too small.
    #[error("{needed} bytes of memory are needed but the limit is {limit} bytes")]
    MemoryLimit {
        /// What the call needs at its peak, graphs not counted.
        needed: u64,
        /// What it may use.
        limit: u64,
    },
    /// The machine has no room for the result.
    #[error("the machine cannot give {needed} bytes of memory for the result")]
    OutOfMemory {
        /// Bytes of the result.
        needed: u64,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}
