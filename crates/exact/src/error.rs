//! What can go wrong, with the numbers a user needs.

use thiserror::Error;

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
    /// The network has layers that act on pixels.
    #[error("the exact engine for images is not built yet")]
    ImagesNotBuilt,
    /// An input without rows or without columns.
    #[error("{input} is empty: its shape is ({rows}, {columns})")]
    Empty {
        /// `x1` or `x2`.
        input: &'static str,
        /// Number of inputs.
        rows: usize,
        /// Number of coordinates of an input.
        columns: usize,
    },
    /// The two inputs have rows of different length.
    #[error("x1 has {x1} columns but x2 has {x2}: they must be equal")]
    WidthMismatch {
        /// Columns of the first.
        x1: usize,
        /// Columns of the second.
        x2: usize,
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
