//! What can go wrong, with the numbers a user needs.

use thiserror::Error;
use widelimit_arch::Shape;

/// Everything that can stop an exact kernel.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The network does not fit inputs of this width.
    #[error(transparent)]
    Network(#[from] widelimit_arch::Error),
    /// An activation cannot be evaluated for the variances that reach it.
    #[error("{layer}: {source}")]
    Activation {
        /// Position in the network, as `layers[3].body[1]`.
        layer: String,
        /// What its dual says.
        source: widelimit_dual::Error,
    },
    /// An input without rows or without columns.
    #[error("{input} is empty: its shape is {}", tuple(shape))]
    Empty {
        /// `x1` or `x2`.
        input: &'static str,
        /// Its axes.
        shape: Vec<usize>,
    },
    /// An input with more axes than a volume has.
    #[error("{input} has {} axes, {}: at most (inputs, three spatial axes, channels) are expected", shape.len(), tuple(shape))]
    TooManyAxes {
        /// `x1` or `x2`.
        input: &'static str,
        /// Its axes.
        shape: Vec<usize>,
    },
    /// The two inputs have rows of different shape.
    #[error("{}", mismatch(x1, x2))]
    ShapeMismatch {
        /// Shape of one input of the first.
        x1: Shape,
        /// Shape of one input of the second.
        x2: Shape,
    },
    /// A network that aggregates over graphs without their adjacency matrices, or with others.
    #[error(
        "the adjacency of {input} must have the shape {}, got {}",
        tuple(&[expected.0, expected.1, expected.2]),
        got.map_or("none".into(), |got| tuple(&[got.0, got.1, got.2]))
    )]
    Adjacency {
        /// `x1` or `x2`.
        input: &'static str,
        /// One square matrix an input.
        expected: (usize, usize, usize),
        /// What was given.
        got: Option<(usize, usize, usize)>,
    },
    /// A NaN or an infinity in an adjacency matrix.
    #[error("the adjacency of {input} holds {value} at ({}, {}, {}): every entry must be finite", place.0, place.1, place.2)]
    NonFiniteAdjacency {
        /// `x1` or `x2`.
        input: &'static str,
        /// Input, row and column of the first such entry.
        place: (usize, usize, usize),
        /// What stands there.
        value: f64,
    },
    /// A NaN or an infinity in an image.
    #[error("{input} holds {value} in input {row} at {}: every entry must be finite", tuple(place))]
    NonFiniteImage {
        /// `x1` or `x2`.
        input: &'static str,
        /// Number of the input.
        row: usize,
        /// Where in it, channel last.
        place: Vec<usize>,
        /// What stands there.
        value: f64,
    },
    /// A NaN or an infinity in the input.
    #[error("{input} holds {value} at row {row}, column {column}: every entry must be finite")]
    NonFinite {
        /// `x1` or `x2`.
        input: &'static str,
        /// Row of the first such entry.
        row: usize,
        /// Its column.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// A kernel value is larger than the number type can hold.
    #[error(
        "the kernel of row {row} of {input} overflows {dtype} at {layer}: scale the inputs or the weights down"
    )]
    Overflow {
        /// `x1` or `x2`.
        input: &'static str,
        /// The row.
        row: usize,
        /// Position in the network, or `the input`.
        layer: String,
        /// Number type of the result.
        dtype: &'static str,
    },
    /// A matrix for the result that is missing, not wanted, or of another shape.
    #[error("the output for the {quantity} must be {} x {}, got {} x {}", expected.0, expected.1, got.0, got.1)]
    Output {
        /// `nngp` or `ntk`.
        quantity: &'static str,
        /// Rows and columns of the result; zeros if it is not wanted.
        expected: (usize, usize),
        /// Rows and columns given; zeros if none was.
        got: (usize, usize),
    },
    /// The memory limit is too small.
    #[error("{needed} bytes of memory are needed but the limit is {limit} bytes")]
    MemoryLimit {
        /// What the call needs at its peak, inputs not counted.
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
    /// The receiver of the tiles failed.
    #[error("cannot store the kernel: {0}")]
    Sink(String),
}

/// As Python writes it.
fn tuple(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("({})", numbers.join(", "))
}

/// Vectors differ in their columns, images in their shapes.
fn mismatch(x1: &Shape, x2: &Shape) -> String {
    if x1.is_vector() && x2.is_vector() {
        let (a, b) = (x1.channels, x2.channels);
        return format!("x1 has {a} columns but x2 has {b}: they must be equal");
    }
    format!("an input of x1 has the shape {x1}, one of x2 {x2}: they must be equal")
}
