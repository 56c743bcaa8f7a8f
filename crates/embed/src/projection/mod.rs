//! Products with random directions: orthogonal in blocks, of Gaussian or of equal length.
//!
//! Few columns: blocks of a random orthogonal matrix each, by a dense product. Many: three rounds of
//! random signs and Walsh-Hadamard transforms, whose rows are orthogonal exactly and uniformly
//! distributed nearly (Yu et al. 2016, *Orthogonal random features*, section 4).

mod dense;
mod structured;

use std::sync::OnceLock;

use ndarray::{ArrayView2, ArrayViewMut2};
use widelimit_sketch::random::Stream;

use self::dense::Dense;
use self::structured::Structured;
use crate::scalar::Scalar;

/// Columns from which on transforms take the place of dense products.
const MANY: usize = 128;

/// Lengths of the directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// Those of standard normal vectors: a row alone is `N(0, I)`.
    Gaussian,
    /// The root of the number of columns: a row alone is uniform on the sphere.
    Sphere,
}

/// Whether rows know of one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Orthogonal to each other, as many at a time as there are columns: less variance.
    Orthogonal,
    /// Independent.
    Independent,
}

/// A random matrix `W` with `dim_out` rows of `dim_in` entries, `E[w w^T] = I`; drawn when it is used
/// first.
#[derive(Debug)]
pub(crate) struct Projection {
    dim_in: usize,
    dim_out: usize,
    law: Law,
    rows: Rows,
    stream: Stream,
    drawn: OnceLock<Drawn>,
}

#[derive(Debug)]
enum Drawn {
    Dense(Dense),
    Structured(Structured),
}

impl Projection {
    /// The matrix of a stream.
    pub fn new(dim_in: usize, dim_out: usize, law: Law, rows: Rows, stream: Stream) -> Self {
        Self { dim_in, dim_out, law, rows, stream, drawn: OnceLock::new() }
    }

    fn drawn(&self) -> &Drawn {
        let Self { dim_in, dim_out, law, rows, stream, .. } = *self;
        self.drawn.get_or_init(|| match rows {
            Rows::Independent => Drawn::Dense(Dense::independent(dim_in, dim_out, law, stream)),
            Rows::Orthogonal if dim_in < MANY => {
                Drawn::Dense(Dense::orthogonal(dim_in, dim_out, law, stream))
            }
            Rows::Orthogonal => Drawn::Structured(Structured::new(dim_in, dim_out, law, stream)),
        })
    }

    /// Overwrites `out`, `(n, dim_out)` with contiguous rows, with `x W^T`; `x` is `(n, dim_in)`. A
    /// row's result has the same bits in any batch.
    pub fn apply<T: Scalar>(&self, x: ArrayView2<T>, mut out: ArrayViewMut2<T>) {
        debug_assert_eq!(x.ncols(), self.dim_in);
        debug_assert_eq!(out.dim(), (x.nrows(), self.dim_out));
        match self.drawn() {
            Drawn::Dense(dense) => dense.apply(x, out),
            Drawn::Structured(structured) => structured.apply(x, &mut out),
        }
    }

    /// Mean length of a Gaussian vector in units of the rows' length: what `E|w . x|` has to be divided
    /// by to be that of a standard normal `w`. 1 where rows are Gaussian.
    pub fn shortening(&self) -> f64 {
        if self.law == Law::Gaussian {
            return 1.0;
        }
        // E[chi_n] / sqrt(n), by the recurrence E[chi_n] E[chi_(n+1)] = n
        let n = match self.drawn() {
            Drawn::Dense(_) => self.dim_in,
            Drawn::Structured(structured) => structured.size(),
        };
        let mean = (1..n).fold((2.0 / std::f64::consts::PI).sqrt(), |mean, k| k as f64 / mean);
        mean / (n as f64).sqrt()
    }

    /// Number of rows.
    pub fn dim_out(&self) -> usize {
        self.dim_out
    }
}

/// Length of a Gaussian vector with `n` entries, from the random numbers of `stream` from `start` on.
fn length(n: usize, stream: Stream, start: u64) -> f64 {
    (0..n as u64).map(|i| stream.normal(start + i).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis};
    use widelimit_linalg::{Par, gram};

    fn matrix(dim_in: usize, dim_out: usize, law: Law) -> Array2<f64> {
        let projection =
            Projection::new(dim_in, dim_out, law, Rows::Orthogonal, Stream::new(3, 0, 0));
        let mut out = Array2::zeros((dim_in, dim_out));
        projection.apply(Array2::eye(dim_in).view(), out.view_mut());
        out.reversed_axes().as_standard_layout().into_owned()
    }

    #[test]
    fn rows_are_orthogonal_within_a_block() {
        for dim_in in [7, 256] {
            let w = matrix(dim_in, 2 * dim_in, Law::Sphere);
            let products = gram(w.view(), None, &Par::single());
            for ((i, j), product) in products.indexed_iter() {
                let expected = if i == j { dim_in as f64 } else { 0.0 };
                let same_block = i / dim_in == j / dim_in;
                assert!(!same_block || (product - expected).abs() < 1e-10, "{i}, {j}: {product}");
            }
        }
    }

    /// Mean 0 within 4 standard errors and second moments within 5 for all columns.
    #[test]
    fn rows_have_unit_covariance() {
        for dim_in in [5, 300] {
            for law in [Law::Gaussian, Law::Sphere] {
                let rows = 4096;
                let w = matrix(dim_in, rows, law);
                let error = (1.0 / rows as f64).sqrt();
                for column in w.axis_iter(Axis(1)) {
                    let mean = column.sum() / rows as f64;
                    let square = column.iter().map(|x| x * x).sum::<f64>() / rows as f64;
                    assert!(mean.abs() < 5.0 * error, "{dim_in} {law:?}: {mean}");
                    assert!((square - 1.0).abs() < 5.0 * 1.5 * error, "{dim_in} {law:?}: {square}");
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_their_batch() {
        for dim_in in [9, 300] {
            let projection =
                Projection::new(dim_in, 700, Law::Gaussian, Rows::Orthogonal, Stream::new(1, 0, 0));
            let x = Array2::from_shape_fn((5, dim_in), |(i, j)| ((3 * i + j) as f32).sin());
            let mut all = Array2::zeros((5, 700));
            projection.apply(x.view(), all.view_mut());
            for (i, row) in x.axis_chunks_iter(Axis(0), 1).enumerate() {
                let mut one = Array2::zeros((1, 700));
                projection.apply(row, one.view_mut());
                assert_eq!(one.row(0), all.row(i));
            }
        }
    }
}
