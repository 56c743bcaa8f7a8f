//! What can go wrong, with the numbers a user needs.

use thiserror::Error;
use widelimit_arch::Shape;

/// Everything that can stop a feature map.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The network does not fit inputs of this shape.
    #[error(transparent)]
    Network(#[from] widelimit_arch::Error),
    /// A sketch that cannot be made.
    #[error(transparent)]
    Sketch(#[from] widelimit_sketch::Error),
    /// A factorisation that failed.
    #[error(transparent)]
    Linalg(#[from] widelimit_linalg::Error),
    /// An activation cannot be evaluated for the variances that reach it.
    #[error("{layer}: {source}")]
    Activation {
        /// Position in the network, as `layers[3].body[1]`.
        layer: String,
        /// What its dual says.
        source: widelimit_dual::Error,
    },
    /// A layer that this strategy has no rule for.
    #[error("{layer}: `{kind}` has no {strategy} features ({reason})")]
    NoRule {
        /// Position in the network.
        layer: String,
        /// Name of the layer.
        kind: String,
        /// The strategy asked for.
        strategy: &'static str,
        /// What is in the way.
        reason: &'static str,
    },
    /// A strategy that is not for this network.
    #[error("the strategy `{strategy}` does not apply: {reason}")]
    NotApplicable {
        /// The strategy asked for.
        strategy: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// Fewer features than the map needs.
    #[error("{got} features are too few: `{strategy}` needs at least {needed} for this network")]
    TooFewFeatures {
        /// The strategy asked for.
        strategy: &'static str,
        /// The least number that works.
        needed: usize,
        /// What was asked for.
        got: usize,
    },
    /// A largest degree out of range.
    #[error("`{strategy}` has degrees from {least} to {most}, got {got}")]
    Degree {
        /// The strategy asked for.
        strategy: &'static str,
        /// What was asked for.
        got: usize,
        /// The least that works.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// A variance that a series is not for.
    #[error("{layer}: `{strategy}` is for variances up to {limit}, a unit here has {got}")]
    Variance {
        /// Position in the network.
        layer: String,
        /// The strategy asked for.
        strategy: &'static str,
        /// The variance.
        got: f64,
        /// The largest that works.
        limit: f64,
    },
    /// No features at all.
    #[error("the number of features is 0; it must be at least 1")]
    NoFeatures,
    /// Inputs without rows or without columns.
    #[error("{input} is empty: its shape is {shape:?}")]
    Empty {
        /// Which argument.
        input: &'static str,
        /// Its axes.
        shape: Vec<usize>,
    },
    /// Inputs of another shape than those the map was made for.
    #[error("the map is for inputs of shape {expected}, got {got}")]
    Shape {
        /// Shape of one input at `fit`.
        expected: Shape,
        /// Shape of one input now.
        got: Shape,
    },
    /// An output array of the wrong size.
    #[error("the output must have {expected:?} rows and columns, has {got:?}")]
    Output {
        /// `(n, dim)`.
        expected: (usize, usize),
        /// What was given.
        got: (usize, usize),
    },
    /// Node offsets that do not start at 0 or do not go up.
    #[error(
        "node_offsets[{position}] is {got}; it must be {}",
        before.map_or_else(|| "0".to_owned(), |before| format!("greater than {before}"))
    )]
    NodeOffset {
        /// Position among the offsets.
        position: usize,
        /// Its value.
        got: usize,
        /// The offset before, if there is one.
        before: Option<usize>,
    },
    /// Rows that are not one for every node.
    #[error("there must be a row for each of {expected} nodes, there are {got}")]
    Nodes {
        /// How many nodes there are.
        expected: usize,
        /// How many rows.
        got: usize,
    },
    /// A weight between nodes of two graphs.
    #[error("node {node} of graph {graph} aggregates node {other} of another graph")]
    Across {
        /// The graph.
        graph: usize,
        /// The node, numbered over all graphs.
        node: usize,
        /// What it aggregates, numbered over all graphs.
        other: usize,
    },
    /// Nodes with another number of features than those the map was made for.
    #[error("the map is for nodes of {expected} numbers, these have {got}")]
    Channels {
        /// Numbers of a node at the start.
        expected: usize,
        /// Numbers of a node now.
        got: usize,
    },
    /// Something learned that this map knows nothing of.
    #[error("`{name}` is not an array of this feature map")]
    UnknownArray {
        /// Its name.
        name: String,
    },
    /// A NaN or an infinity in the inputs.
    #[error("input {row} holds {value} at entry {entry}: every entry must be finite")]
    NonFinite {
        /// Number of the input.
        row: usize,
        /// Which of its numbers, in row-major order.
        entry: usize,
        /// What stands there.
        value: f64,
    },
    /// Features that leave the range of the number format.
    #[error("the features of input {row} overflow {format}")]
    Overflow {
        /// Number of the input.
        row: usize,
        /// `f32` or `f64`.
        format: &'static str,
    },
}
