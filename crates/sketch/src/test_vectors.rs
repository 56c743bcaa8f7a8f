//! Random vectors to probe a matrix with.

use ndarray::{Array2, ArrayViewMut2};

use crate::error::{Error, positive};
use crate::random::Stream;
use crate::sketch::sealed::Run;
use crate::{Csr, Gaussian, Osnap, Rows, Scalar, Sketch, Srht};

/// What random vectors are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestMatrix {
    /// Independent normal numbers: the bounds are sharpest, and a dense product is fast.
    #[default]
    Gaussian,
    /// The transpose of an [`Srht`]: `n log n` additions for a dense row instead of `n l`.
    Srht,
    /// The transpose of an [`Osnap`] with so many nonzeros for a coordinate (at most `l` are used):
    /// for sparse rows. With 8 it is hard to tell from [`TestMatrix::Gaussian`].
    Sparse {
        /// Nonzeros for each coordinate.
        nonzeros: usize,
    },
}

/// The matrix `Omega` (`n x l`) of `l` random test vectors; `Omega^T` is a sketch, with
/// `E|Omega^T x|^2 = |x|^2`.
///
/// ```
/// use widelimit_sketch::{TestMatrix, TestVectors, random::Stream};
/// let omega = TestVectors::draw(TestMatrix::Srht, 4, 4, Stream::new(0, 0, 0))?.matrix();
/// assert_eq!(omega.dot(&omega.t()), ndarray::Array2::eye(4));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TestVectors(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Gaussian(Gaussian),
    Srht(Srht),
    Sparse(Osnap),
}

impl TestVectors {
    /// `count` vectors of `length` coordinates.
    ///
    /// Normal vectors are addressed one by one: the first are the same for any count, but for their
    /// common scale.
    ///
    /// # Errors
    /// [`Error::Zero`] for a size of 0, [`Error::TooLarge`] for sizes from `2^31` on.
    pub fn draw(
        kind: TestMatrix,
        length: usize,
        count: usize,
        stream: Stream,
    ) -> Result<Self, Error> {
        positive("length of the test vectors", length)?;
        positive("number of test vectors", count)?;
        Ok(Self(match kind {
            TestMatrix::Gaussian => Kind::Gaussian(Gaussian::new(length, count, stream)?),
            TestMatrix::Srht => Kind::Srht(Srht::new(length, count, stream)?),
            TestMatrix::Sparse { nonzeros } => {
                Kind::Sparse(Osnap::new(length, count, nonzeros.min(count), stream)?)
            }
        }))
    }

    /// Coordinates of a vector, `n`.
    pub fn length(&self) -> usize {
        match &self.0 {
            Kind::Gaussian(sketch) => sketch.dim_in(),
            Kind::Srht(sketch) => sketch.dim_in(),
            Kind::Sparse(sketch) => sketch.dim_in(),
        }
    }

    /// How many vectors there are, `l`.
    pub fn count(&self) -> usize {
        match &self.0 {
            Kind::Gaussian(sketch) => sketch.dim_out(),
            Kind::Srht(sketch) => sketch.dim_out(),
            Kind::Sparse(sketch) => sketch.dim_out(),
        }
    }

    /// The vectors as columns, `n x l`.
    pub fn matrix(&self) -> Array2<f64> {
        match &self.0 {
            Kind::Gaussian(sketch) => sketch.matrix(),
            Kind::Srht(sketch) => {
                Array2::from_shape_fn((self.length(), self.count()), |(i, j)| sketch.entry(i, j))
            }
            Kind::Sparse(sketch) => {
                let (offsets, indices): (Vec<_>, Vec<_>) =
                    ((0..=self.length()).collect(), (0..self.length()).collect());
                let ones = vec![1.0; self.length()];
                let mut out = Array2::zeros((self.length(), self.count()));
                if let Ok(unit) = Csr::new(self.length(), &offsets, &indices, &ones) {
                    sketch.run(Rows::Sparse(unit), out.view_mut());
                }
                out
            }
        }
    }

    /// Whether products are best done with the matrix.
    pub(crate) fn is_dense(&self) -> bool {
        matches!(self.0, Kind::Gaussian(_))
    }

    /// Products of rows with the vectors. `x` must have as many columns as a vector has coordinates.
    pub(crate) fn sketch(
        &self,
        x: Rows<'_, f64>,
        out: ArrayViewMut2<'_, f64>,
    ) -> Result<(), Error> {
        self.check_length(x.columns())?;
        match &self.0 {
            Kind::Gaussian(sketch) => sketch.run(x, out),
            Kind::Srht(sketch) => sketch.run(x, out),
            Kind::Sparse(sketch) => sketch.run(x, out),
        }
        Ok(())
    }

    /// `X^T Omega` in a pass over the rows, or nothing where a product with the matrix is better.
    pub(crate) fn scatter<T: Scalar>(&self, x: Rows<'_, T>) -> Result<Option<Array2<f64>>, Error> {
        self.check_length(x.rows())?;
        let Kind::Sparse(sketch) = &self.0 else { return Ok(None) };
        let mut out = Array2::zeros((self.count(), x.columns()));
        sketch.add_columns(0, x, &mut out);
        Ok(Some(out.reversed_axes()))
    }

    fn check_length(&self, expected: usize) -> Result<(), Error> {
        let what = "length of the test vectors";
        let got = self.length();
        if got == expected { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
    }
}
