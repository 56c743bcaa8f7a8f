//! What can go wrong.

/// Why a factorisation or a solve could not be done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A square matrix was needed.
    #[error("a square matrix is needed, this one has {rows} rows and {columns} columns")]
    NotSquare {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// Two shapes do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which size of which argument.
        what: &'static str,
        /// The size it must have.
        expected: usize,
        /// The size it has.
        got: usize,
    },
    /// An entry is NaN or infinite.
    #[error("the entry in row {row}, column {column} is {value}")]
    NonFinite {
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A Cholesky factorisation met a pivot that is not positive.
    #[error("the matrix is not positive definite: pivot {pivot} is {value:e}")]
    NotPositiveDefinite {
        /// Row of the first pivot that is not positive, from 0.
        pivot: usize,
        /// What is left of the diagonal entry there; NaN after an overflow.
        value: f64,
    },
    /// A triangular matrix has a zero on its diagonal, or a least-squares problem
    /// columns that depend on each other.
    #[error("the matrix is singular: diagonal entry {index} of its triangle is {value:e}")]
    Singular {
        /// The row of the entry, from 0.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// An iteration for eigenvalues or singular values did not converge.
    #[error("the {what} did not converge")]
    NoConvergence {
        /// `"eigenvalues"` or `"singular values"`.
        what: &'static str,
    },
    /// The workspace of a factorisation could not be allocated.
    #[error("a workspace of {bytes} bytes could not be allocated")]
    OutOfMemory {
        /// Its size.
        bytes: usize,
    },
}
