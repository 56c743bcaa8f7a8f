//! Quantities of each point that its pairs share.

use crate::Aligned;
use crate::lanes::Element;

/// Room behind each column, so that a full vector can be loaded from any point.
const PADDING: usize = 16;

/// Numbers from column to column, for so many points: whole vectors.
#[inline(always)]
fn stride(len: usize) -> usize {
    (len + PADDING).next_multiple_of(PADDING)
}

/// What the dual of one activation needs to know of each point (square roots, reciprocals, series
/// coefficients ...), as a structure of arrays.
///
/// Made by [`Dual::prepare`](crate::Dual::prepare), read by [`Dual::apply`](crate::Dual::apply) of
/// the same dual.
#[derive(Clone, Debug)]
pub struct Prepared<T> {
    values: Aligned<T>,
    columns: usize,
    len: usize,
    error: Option<f64>,
    /// The same points for the derivative, where it needs numbers of its own.
    slope: Option<Box<Self>>,
    /// The same points for the kinks alone, where they are treated apart.
    kinks: Option<Box<Self>>,
}

impl<T: Element> Prepared<T> {
    /// `columns` numbers for each of `len` points, all zero.
    pub(crate) fn zeros(len: usize, columns: usize) -> Self {
        let values = Aligned::zeros(stride(len) * columns);
        Self { values, columns, len, error: None, slope: None, kinks: None }
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
        let others = [&self.slope, &self.kinks].into_iter().flatten();
        self.values.bytes() + others.map(|other| other.bytes()).sum::<usize>()
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

    /// Adds the numbers for the derivative; the larger error counts.
    pub(crate) fn with_slope(mut self, slope: Self) -> Self {
        self.error = self.error.into_iter().chain(slope.error).reduce(f64::max);
        self.slope = Some(Box::new(slope));
        self
    }

    /// The numbers for the derivative, where there are other ones.
    pub(crate) fn slope(&self) -> Option<&Self> {
        self.slope.as_deref()
    }

    /// Adds the numbers for the kinks alone.
    pub(crate) fn with_kinks(mut self, kinks: Self) -> Self {
        self.kinks = Some(Box::new(kinks));
        self
    }

    /// The numbers for the kinks alone.
    pub(crate) fn kinks(&self) -> Option<&Self> {
        self.kinks.as_deref()
    }

    /// No points yet: room for [`take_lane`](Self::take_lane).
    pub fn empty() -> Self {
        Self::zeros(0, 0)
    }

    /// Becomes the points `lane`, `lane + width`, `lane + 2 width`, ... of `all`: one image of several
    /// interleaved ones.
    ///
    /// # Panics
    ///
    /// When `width` is 0 or `lane` is not below it.
    pub fn take_lane(&mut self, all: &Self, lane: usize, width: usize) {
        assert!(lane < width, "lane {lane} of {width}");
        let len = all.len / width;
        self.values.reset(stride(len) * all.columns);
        (self.columns, self.len, self.error) = (all.columns, len, all.error);
        for column in 0..all.columns {
            let from = all.column(column)[lane..].iter().step_by(width);
            let to = &mut self.values[column * stride(len)..][..len];
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        for (own, theirs) in [(&mut self.slope, &all.slope), (&mut self.kinks, &all.kinks)] {
            match theirs {
                Some(theirs) => own
                    .get_or_insert_with(|| Box::new(Self::empty()))
                    .take_lane(theirs, lane, width),
                None => *own = None,
            }
        }
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// One number of every point, followed by zeros: any `&column(c)[j..]` with `j < len` holds
    /// at least one full vector.
    #[inline(always)]
    pub(crate) fn column(&self, column: usize) -> &[T] {
        let stride = stride(self.len);
        &self.values[column * stride..(column + 1) * stride]
    }

    /// Writes one number of one point.
    pub(crate) fn set(&mut self, column: usize, point: usize, value: T) {
        let stride = stride(self.len);
        self.values[column * stride + point] = value;
    }
}
