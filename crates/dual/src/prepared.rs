//! Quantities of each point that its pairs share.

use crate::lanes::Element;

/// Room behind each column, so that a full vector can be loaded from any point.
const PADDING: usize = 16;

/// What the dual of one activation needs to know of each point (square roots, reciprocals, series
/// coefficients ...), as a structure of arrays.
///
/// Made by [`Dual::prepare`](crate::Dual::prepare), read by [`Dual::apply`](crate::Dual::apply) of
/// the same dual.
#[derive(Clone, Debug)]
pub struct Prepared<T> {
    values: Vec<T>,
    columns: usize,
    len: usize,
    error: Option<f64>,
}

impl<T: Element> Prepared<T> {
    /// `columns` numbers for each of `len` points, all zero.
    pub(crate) fn zeros(len: usize, columns: usize) -> Self {
        let values = vec![T::default(); (len + PADDING) * columns];
        Self { values, columns, len, error: None }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<T>()
    }

    /// Relative error of the numerical route for these variances; `None` for a closed form.
    pub fn error(&self) -> Option<f64> {
        self.error
    }

    /// States the error of a numerical route.
    pub(crate) fn with_error(mut self, error: f64) -> Self {
        self.error = Some(error);
        self
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// One number of every point, followed by zeros: any `&column(c)[j..]` with `j < len` holds
    /// at least one full vector.
    #[inline(always)]
    pub(crate) fn column(&self, column: usize) -> &[T] {
        let stride = self.len + PADDING;
        &self.values[column * stride..(column + 1) * stride]
    }

    /// Writes one number of one point.
    pub(crate) fn set(&mut self, column: usize, point: usize, value: T) {
        let stride = self.len + PADDING;
        self.values[column * stride + point] = value;
    }
}
