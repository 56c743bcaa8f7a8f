//! What can go wrong.

use ndarray::{Array2, ArrayView2};

/// Why a sketch, or a decomposition from one, could not be made or applied.
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
    /// A product with a matrix that is NaN or infinite.
    #[error(
        "row {row} of the product of the matrix with vector {column} is {value}; the entries of the \
         matrix must be finite and their products must not overflow"
    )]
    Product {
        /// Row of the product, from 0.
        row: usize,
        /// Which vector, from 0.
        column: usize,
        /// The entry of the product.
        value: f64,
    },
    /// A number outside of its range.
    #[error("the {what} is {got}; it must be {range}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What was given.
        got: f64,
        /// Where it must lie.
        range: &'static str,
    },
    /// A matrix that should be symmetric and is not.
    #[error(
        "the matrix is not symmetric: entries ({row}, {column}) and ({column}, {row}) differ by \
         {difference:e}, with a largest entry of {largest:e}"
    )]
    NotSymmetric {
        /// Row of the entry that differs most from its mirror image, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// By how much.
        difference: f64,
        /// The largest absolute value in the matrix.
        largest: f64,
    },
    /// A matrix that should be positive semidefinite and is not, by more than rounding.
    #[error(
        "the matrix is not positive semidefinite: its {what} is {value:e}, with a largest of {largest:e}"
    )]
    Indefinite {
        /// What is negative.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The largest number of its kind.
        largest: f64,
    },
    /// The caller's function that yields entries of a matrix failed.
    #[error("the entries of the {what} from {start} to {end} could not be read: {message}")]
    Read {
        /// `"rows"` or `"columns"`.
        what: &'static str,
        /// The first one asked for.
        start: usize,
        /// One after the last.
        end: usize,
        /// What the function said.
        message: String,
    },
    /// A dense factorisation failed.
    #[error(transparent)]
    Linalg(#[from] widelimit_linalg::Error),
}

/// Fails for a size of zero.
pub(crate) fn positive(what: &'static str, value: usize) -> Result<usize, Error> {
    if value == 0 { Err(Error::Zero { what }) } else { Ok(value) }
}

/// Fails for a value beyond `limit`.
pub(crate) fn at_most(what: &'static str, got: usize, limit: usize) -> Result<usize, Error> {
    if got > limit { Err(Error::TooLarge { what, got, limit }) } else { Ok(got) }
}

/// Fails unless two sizes agree.
pub(crate) fn equal(what: &'static str, expected: usize, got: usize) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
}

/// Fails unless the number is finite and positive.
pub(crate) fn above_zero(what: &'static str, got: f64) -> Result<f64, Error> {
    let range = "positive and finite";
    if got > 0.0 && got.is_finite() { Ok(got) } else { Err(Error::OutOfRange { what, got, range }) }
}

/// Fails unless the number is finite and not negative.
pub(crate) fn not_negative(what: &'static str, got: f64) -> Result<f64, Error> {
    let range = "0 or positive, and finite";
    if got >= 0.0 && got.is_finite() {
        Ok(got)
    } else {
        Err(Error::OutOfRange { what, got, range })
    }
}

/// Fails for a product with an entry that is not finite.
pub(crate) fn finite_product(y: Array2<f64>) -> Result<Array2<f64>, Error> {
    match y.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), &value)) => Err(Error::Product { row, column, value }),
        None => Ok(y),
    }
}

/// Fails for an entry that is not finite.
pub(crate) fn finite(x: ArrayView2<'_, f64>) -> Result<(), Error> {
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), &value)) => Err(Error::NonFinite { row, column, value }),
        None => Ok(()),
    }
}
