//! Checks at the door.

use ndarray::ArrayView2;

use crate::error::Error;
use crate::scalar::Scalar;

/// The side of a square matrix.
pub(crate) fn square<T>(a: ArrayView2<'_, T>) -> Result<usize, Error> {
    let (rows, columns) = a.dim();
    if rows == columns { Ok(rows) } else { Err(Error::NotSquare { rows, columns }) }
}

/// All entries are finite.
pub(crate) fn finite<T: Scalar>(a: ArrayView2<'_, T>) -> Result<(), Error> {
    for (row, line) in a.outer_iter().enumerate() {
        if let Some((column, value)) = line.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NonFinite { row, column, value: value.to_f64() });
        }
    }
    Ok(())
}

/// A size is what it must be.
pub(crate) fn size(what: &'static str, expected: usize, got: usize) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
}
