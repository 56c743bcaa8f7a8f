//! What can go wrong.

/// Why a sketch could not be made or applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A size, degree or bound of zero.
    #[error("the {what} is 0; it must be at least 1")]
    Zero {
        /// Which number.
        what: &'static str,
    },
    /// A number beyond its limit.
    #[error("the {what} is {got}; it must be at most {limit}")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// What was given.
        got: usize,
        /// The largest that works.
        limit: usize,
    },
    /// A length that is not a power of two.
    #[error("the length {got} is not a power of two")]
    NotPowerOfTwo {
        /// The length.
        got: usize,
    },
    /// Two sizes that do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which size of which argument.
        what: &'static str,
        /// The size it must have.
        expected: usize,
        /// The size it has.
        got: usize,
    },
    /// An entry that is NaN or infinite.
    #[error("the entry in row {row}, column {column} is {value}; it must be finite")]
    NonFinite {
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// Row offsets of a sparse matrix that do not start at 0 or go down.
    #[error("row offset {position} is {got}; it must be {bound} {limit}")]
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
    /// A column index of a sparse matrix that is too large.
    #[error("row {row} has an entry in column {column}, but there are {columns} columns")]
    Column {
        /// The row, from 0.
        row: usize,
        /// The index found there.
        column: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// Column indices of a row that do not increase.
    #[error("row {row}: column {column} comes after column {previous}; columns must increase")]
    Unsorted {
        /// The row, from 0.
        row: usize,
        /// The earlier index.
        previous: usize,
        /// The one after it.
        column: usize,
    },
}

/// Fails for a size of zero.
pub(crate) fn positive(what: &'static str, value: usize) -> Result<usize, Error> {
    if value == 0 { Err(Error::Zero { what }) } else { Ok(value) }
}

/// Fails for a value beyond `limit`.
pub(crate) fn at_most(what: &'static str, got: usize, limit: usize) -> Result<usize, Error> {
    if got > limit { Err(Error::TooLarge { what, got, limit }) } else { Ok(got) }
}
