//! Blocks of rows, dense or sparse.

use ndarray::{ArrayView2, ArrayViewMut2, CowArray, Ix1};

use crate::error::Error;
use crate::{Csr, Scalar};

/// A block of rows: the points to be sketched.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a, T> {
    /// All entries are stored; any strides.
    Dense(ArrayView2<'a, T>),
    /// Few entries are stored.
    Sparse(Csr<'a, T>),
}

impl<'a, T> From<ArrayView2<'a, T>> for Rows<'a, T> {
    fn from(x: ArrayView2<'a, T>) -> Self {
        Self::Dense(x)
    }
}

impl<'a, T> From<Csr<'a, T>> for Rows<'a, T> {
    fn from(x: Csr<'a, T>) -> Self {
        Self::Sparse(x)
    }
}

impl<T: Scalar> Rows<'_, T> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(x) => x.nrows(),
            Self::Sparse(x) => x.rows(),
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match self {
            Self::Dense(x) => x.ncols(),
            Self::Sparse(x) => x.columns(),
        }
    }

    /// Fails unless there are `columns` columns of finite numbers.
    pub(crate) fn check(&self, columns: usize) -> Result<(), Error> {
        if self.columns() != columns {
            let what = "number of columns of the input";
            return Err(Error::Shape { what, expected: columns, got: self.columns() });
        }
        // a sparse matrix was checked when it was made
        let Self::Dense(x) = self else { return Ok(()) };
        for (row, values) in x.outer_iter().enumerate() {
            if let Some((column, value)) = values.iter().enumerate().find(|(_, v)| !v.finite()) {
                return Err(Error::NonFinite { row, column, value: (*value).into() });
            }
        }
        Ok(())
    }

    /// Row `row`, its entries side by side.
    pub(crate) fn with_row<R>(&self, row: usize, work: impl FnOnce(Row<'_, T>) -> R) -> R {
        match self {
            Self::Dense(x) => {
                let view = x.row(row);
                let values: CowArray<'_, T, Ix1> = match view.is_standard_layout() {
                    true => view.into(),
                    false => view.to_owned().into(),
                };
                work(Row::Dense(values.as_slice().unwrap_or_default()))
            }
            Self::Sparse(x) => {
                let (indices, values) = x.row(row);
                work(Row::Sparse(indices, values))
            }
        }
    }
}

/// Fails unless the output has `rows` rows and `columns` columns.
pub(crate) fn check_output<T>(
    out: &ArrayViewMut2<'_, T>,
    rows: usize,
    columns: usize,
) -> Result<(), Error> {
    let sizes = [
        ("number of rows of the output", rows, out.nrows()),
        ("number of columns of the output", columns, out.ncols()),
    ];
    match sizes.into_iter().find(|(_, expected, got)| expected != got) {
        Some((what, expected, got)) => Err(Error::Shape { what, expected, got }),
        None => Ok(()),
    }
}

/// One row with its entries side by side.
#[derive(Clone, Copy)]
pub(crate) enum Row<'a, T> {
    Dense(&'a [T]),
    Sparse(&'a [usize], &'a [T]),
}

impl<T: Scalar> Row<'_, T> {
    /// Calls `work` with column and value of every stored entry, columns increasing.
    #[inline(always)]
    pub(crate) fn each(self, mut work: impl FnMut(usize, T)) {
        match self {
            Row::Dense(values) => values.iter().enumerate().for_each(|(i, &v)| work(i, v)),
            Row::Sparse(indices, values) => {
                indices.iter().zip(values).for_each(|(&i, &v)| work(i, v));
            }
        }
    }

    /// Writes the row at the front of `out` and zeros after it.
    pub(crate) fn write(self, out: &mut [T]) {
        match self {
            Row::Dense(values) => {
                let (front, back) = out.split_at_mut(values.len());
                front.copy_from_slice(values);
                back.fill(T::default());
            }
            Row::Sparse(..) => {
                out.fill(T::default());
                self.each(|i, v| out[i] = v);
            }
        }
    }
}

/// Runs `work` over the rows of the output, each side by side in memory; `work` fills the row.
pub(crate) fn by_row<T: Scalar>(
    mut out: ArrayViewMut2<'_, T>,
    mut work: impl FnMut(usize, &mut [T]),
) {
    let mut copy = Vec::new();
    for (row, mut target) in out.outer_iter_mut().enumerate() {
        if let Some(slice) = target.as_slice_mut() {
            work(row, slice);
        } else {
            copy.resize(target.len(), T::default());
            work(row, &mut copy);
            target.iter_mut().zip(&copy).for_each(|(to, &from)| *to = from);
        }
    }
}
