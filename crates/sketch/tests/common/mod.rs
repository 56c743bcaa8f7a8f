//! What several test files need.
#![allow(dead_code)]

use ndarray::{Array2, ArrayView2, Axis};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Csr, Scalar, Sketch};

pub fn stream(seed: u64) -> Stream {
    Stream::new(seed, 0, 0)
}

/// Normal entries, a share of them zero.
pub fn points<T: Scalar>(rows: usize, columns: usize, density: f64, seed: u64) -> Array2<T> {
    let (values, kept) = (stream(seed).child(8), stream(seed).child(9));
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let index = (i * columns + j) as u64;
        T::from_f64(if kept.unit(index) < density { values.normal(index) } else { 0.0 })
    })
}

/// The parts of a sparse matrix.
pub struct Stored<T> {
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<usize>,
    values: Vec<T>,
}

impl<T: Scalar> Stored<T> {
    pub fn of(x: ArrayView2<'_, T>) -> Self {
        let (mut offsets, mut indices, mut values) = (vec![0], vec![], vec![]);
        for row in x.outer_iter() {
            for (j, &v) in row.indexed_iter().filter(|(_, v)| **v != T::default()) {
                indices.push(j);
                values.push(v);
            }
            offsets.push(indices.len());
        }
        Self { columns: x.ncols(), offsets, indices, values }
    }

    pub fn view(&self) -> Csr<'_, T> {
        Csr::new(self.columns, &self.offsets, &self.indices, &self.values).unwrap()
    }
}

pub fn apply<T: Scalar>(sketch: &impl Sketch, x: ArrayView2<'_, T>) -> Array2<T> {
    let mut out = Array2::from_elem((x.nrows(), sketch.dim_out()), T::from_f64(77.0));
    sketch.apply(x, out.view_mut()).unwrap();
    out
}

pub fn apply_csr<T: Scalar>(sketch: &impl Sketch, x: Csr<'_, T>) -> Array2<T> {
    let mut out = Array2::from_elem((x.rows(), sketch.dim_out()), T::from_f64(77.0));
    sketch.apply_csr(x, out.view_mut()).unwrap();
    out
}

/// Rows one at a time.
pub fn apply_each<T: Scalar>(sketch: &impl Sketch, x: ArrayView2<'_, T>) -> Array2<T> {
    let rows: Vec<_> = x.outer_iter().map(|row| apply(sketch, row.insert_axis(Axis(0)))).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::concatenate(Axis(0), &views).unwrap()
}

pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Mean, variance, and the standard errors of both, from independent draws.
#[derive(Debug)]
pub struct Moments {
    pub mean: f64,
    pub mean_error: f64,
    pub variance: f64,
    pub variance_error: f64,
}

impl Moments {
    pub fn of(draws: &[f64]) -> Self {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let central = |p| draws.iter().map(|d| (d - mean).powi(p)).sum::<f64>() / n;
        let (variance, fourth) = (central(2), central(4));
        let variance_error = ((fourth - variance * variance) / n).sqrt();
        Self { mean, mean_error: (variance / n).sqrt(), variance, variance_error }
    }

    /// The mean is `expected` within four standard errors (or rounding).
    pub fn assert_mean(&self, expected: f64, what: &str) {
        let bound = 4.0 * self.mean_error + 1e-12;
        assert!((self.mean - expected).abs() <= bound, "{what}: {expected}, got {self:?}");
    }
}

/// Squared norms of images and inner products of the images of two points, a draw a seed.
pub fn draws<S: Sketch>(
    seeds: u64,
    x: &[f64],
    y: &[f64],
    make: impl Fn(u64) -> S,
) -> (Vec<f64>, Vec<f64>) {
    let both = Array2::from_shape_fn((2, x.len()), |(i, j)| if i == 0 { x[j] } else { y[j] });
    (0..seeds)
        .map(|seed| {
            let z = apply(&make(seed), both.view());
            (z.row(0).dot(&z.row(0)), z.row(0).dot(&z.row(1)))
        })
        .unzip()
}
