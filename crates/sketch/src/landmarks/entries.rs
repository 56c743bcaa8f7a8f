//! Kernel matrices known by their entries.

use std::error::Error as StdError;

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2};

use crate::Error;
use crate::error::{finite, positive};

/// A symmetric positive semidefinite matrix of which a function computes blocks of entries.
///
/// ```
/// use ndarray::{Array1, array};
/// use widelimit_sketch::landmarks::KernelEntries;
///
/// let x = array![0.0, 1.0, 5.0_f64];
/// let kernel = KernelEntries::new(Array1::ones(3), |rows, columns, mut out| {
///     out.indexed_iter_mut().for_each(|((i, j), v)| *v = (-(x[rows[i]] - x[columns[j]]).abs()).exp());
///     Ok(())
/// })?;
/// assert_eq!(kernel.block(&[0], &[1, 2])?[[0, 0]], (-1.0f64).exp());
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KernelEntries<F> {
    diagonal: Array1<f64>,
    all: Vec<usize>,
    block: F,
}

impl<F> KernelEntries<F>
where
    F: Fn(
        &[usize],
        &[usize],
        ArrayViewMut2<'_, f64>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>,
{
    /// The matrix with this diagonal (`n`); `block(rows, columns, out)` overwrites `out`
    /// (`rows.len() x columns.len()`, zeros at first) with the entries there. Whole columns are asked
    /// for with all `n` rows, in order.
    ///
    /// # Errors
    /// [`Error::Zero`] for an empty diagonal, [`Error::NonFinite`] and [`Error::Indefinite`] for an
    /// entry of it that is not finite or negative.
    pub fn new(diagonal: Array1<f64>, block: F) -> Result<Self, Error> {
        positive("number of rows of the kernel matrix", diagonal.len())?;
        if let Some((i, &value)) = diagonal.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NonFinite { row: i, column: i, value });
        }
        let largest = diagonal.iter().fold(0.0f64, |most, &v| most.max(v));
        if let Some(&value) = diagonal.iter().find(|v| **v < 0.0) {
            return Err(Error::Indefinite { what: "diagonal entry", value, largest });
        }
        Ok(Self { all: (0..diagonal.len()).collect(), diagonal, block })
    }

    /// Number of rows, `n`.
    pub fn order(&self) -> usize {
        self.all.len()
    }

    /// The diagonal.
    pub fn diagonal(&self) -> ArrayView1<'_, f64> {
        self.diagonal.view()
    }

    /// The entries in these rows and columns.
    ///
    /// # Errors
    /// [`Error::Read`] where the function fails, [`Error::NonFinite`] for an entry (with its place in
    /// the block) that is not finite.
    pub fn block(&self, rows: &[usize], columns: &[usize]) -> Result<Array2<f64>, Error> {
        let mut out = Array2::zeros((rows.len(), columns.len()));
        if out.is_empty() {
            return Ok(out);
        }
        (self.block)(rows, columns, out.view_mut()).map_err(|error| Error::Read {
            what: "columns",
            start: columns.iter().min().copied().unwrap_or(0),
            end: columns.iter().max().map_or(0, |&last| last + 1),
            message: error.to_string(),
        })?;
        finite(out.view())?;
        Ok(out)
    }

    /// Whole columns, `n x columns.len()`.
    ///
    /// # Errors
    /// As [`KernelEntries::block`].
    pub fn columns(&self, columns: &[usize]) -> Result<Array2<f64>, Error> {
        self.block(&self.all, columns)
    }
}
