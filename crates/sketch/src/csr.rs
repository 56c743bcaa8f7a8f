//! Sparse rows.

use crate::Scalar;
use crate::error::Error;

/// A checked view of a matrix in compressed sparse row format.
///
/// Row `i` has its entries at positions `offsets[i]..offsets[i + 1]` of `indices` (columns,
/// increasing) and `values` (finite); what is not stored is zero.
///
/// ```
/// use widelimit_sketch::Csr;
/// // [[0, 5, 0], [0, 0, 0], [1, 0, 2]]
/// let x = Csr::new(3, &[0, 1, 1, 3], &[1, 0, 2], &[5.0, 1.0, 2.0])?;
/// assert_eq!((x.rows(), x.columns(), x.stored()), (3, 3, 3));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a, T> {
    columns: usize,
    offsets: &'a [usize],
    indices: &'a [usize],
    values: &'a [T],
}

impl<'a, T: Scalar> Csr<'a, T> {
    /// Checks the parts of a matrix with `columns` columns and `offsets.len() - 1` rows.
    ///
    /// # Errors
    /// [`Error::Zero`] without offsets, [`Error::Offset`] for offsets that do not start at 0 or go
    /// down, [`Error::Shape`] if lengths differ from the last offset, [`Error::Column`] and
    /// [`Error::Unsorted`] for column indices, [`Error::NonFinite`] for a value.
    pub fn new(
        columns: usize,
        offsets: &'a [usize],
        indices: &'a [usize],
        values: &'a [T],
    ) -> Result<Self, Error> {
        let stored = check_offsets(offsets)?;
        for (what, got) in
            [("number of column indices", indices.len()), ("number of values", values.len())]
        {
            if got != stored {
                return Err(Error::Shape { what, expected: stored, got });
            }
        }
        let matrix = Self { columns, offsets, indices, values };
        for row in 0..matrix.rows() {
            matrix.check_row(row)?;
        }
        Ok(matrix)
    }

    /// The same places with other values, as many and finite.
    pub(crate) fn with_values<'b, U>(&self, values: &'b [U]) -> Csr<'b, U>
    where
        'a: 'b,
    {
        Csr { columns: self.columns, offsets: self.offsets, indices: self.indices, values }
    }

    fn check_row(&self, row: usize) -> Result<(), Error> {
        let (indices, values) = self.row(row);
        let mut last = None;
        for (&column, &value) in indices.iter().zip(values) {
            if column >= self.columns {
                return Err(Error::Column { row, column, columns: self.columns });
            }
            if let Some(previous) = last.filter(|&previous| column <= previous) {
                return Err(Error::Unsorted { row, previous, column });
            }
            if !value.finite() {
                return Err(Error::NonFinite { row, column, value: value.into() });
            }
            last = Some(column);
        }
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of stored entries.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// Columns and values of the entries of row `row`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> (&'a [usize], &'a [T]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }
}

/// The last offset, if all of them are in order.
fn check_offsets(offsets: &[usize]) -> Result<usize, Error> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Err(Error::Zero { what: "number of row offsets" });
    };
    if first != 0 {
        return Err(Error::Offset { position: 0, got: first, bound: "equal to", limit: 0 });
    }
    for (position, pair) in (1..).zip(offsets.windows(2)) {
        if pair[1] < pair[0] {
            let (got, limit) = (pair[1], pair[0]);
            return Err(Error::Offset { position, got, bound: "at least", limit });
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_error() {
        fn new(offsets: &[usize], indices: &[usize], values: &[f64]) -> Option<Error> {
            Csr::new(3, offsets, indices, values).err()
        }
        assert!(matches!(new(&[], &[], &[]), Some(Error::Zero { .. })));
        assert!(matches!(new(&[1], &[], &[]), Some(Error::Offset { position: 0, got: 1, .. })));
        let falling = new(&[0, 2, 1], &[0, 1], &[1.0, 1.0]);
        assert!(matches!(falling, Some(Error::Offset { position: 2, got: 1, limit: 2, .. })));
        let short = new(&[0, 2], &[0], &[1.0, 1.0]);
        assert!(matches!(short, Some(Error::Shape { expected: 2, got: 1, .. })));
        let short = new(&[0, 2], &[0, 1], &[1.0]);
        assert!(matches!(short, Some(Error::Shape { expected: 2, got: 1, .. })));
        let outside = Error::Column { row: 1, column: 3, columns: 3 };
        assert_eq!(new(&[0, 1, 2], &[0, 3], &[1.0, 1.0]), Some(outside));
        for (second, row) in [(1, 0), (2, 0)] {
            let unsorted = Error::Unsorted { row, previous: 2, column: second };
            assert_eq!(new(&[0, 2], &[2, second], &[1.0, 1.0]), Some(unsorted));
        }
        let nan = new(&[0, 1, 2], &[0, 2], &[1.0, f64::NAN]);
        assert!(matches!(nan, Some(Error::NonFinite { row: 1, column: 2, .. })));
        assert_eq!(new(&[0], &[], &[]), None);
    }
}
