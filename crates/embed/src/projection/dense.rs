//! Random matrices, written out.

use std::any::Any;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use widelimit_linalg::{GramScratch, gram_tile};
use widelimit_sketch::random::Stream;

use super::{Law, length};
use crate::scalar::{Scalar, round};

/// All rows, in both formats.
#[derive(Debug)]
pub(super) struct Dense {
    double: Array2<f64>,
    single: Array2<f32>,
}

impl Dense {
    /// Blocks of orthogonal rows.
    pub fn orthogonal(dim_in: usize, dim_out: usize, law: Law, stream: Stream) -> Self {
        let mut double = Array2::zeros((dim_out, dim_in));
        let (entries, lengths) = (stream.child(0), stream.child(1));
        for start in (0..dim_out).step_by(dim_in) {
            let rows = dim_in.min(dim_out - start);
            let q = orthogonal(dim_in, entries, (start * dim_in) as u64);
            for i in 0..rows {
                let length = match law {
                    Law::Sphere => (dim_in as f64).sqrt(),
                    Law::Gaussian => length(dim_in, lengths, ((start + i) * dim_in) as u64),
                };
                double.row_mut(start + i).assign(&(&q.row(i) * length));
            }
        }
        Self::of(double)
    }

    /// Independent rows.
    pub fn independent(dim_in: usize, dim_out: usize, law: Law, stream: Stream) -> Self {
        let mut double = Array2::from_shape_fn((dim_out, dim_in), |(i, j)| {
            stream.normal((i * dim_in + j) as u64)
        });
        if law == Law::Sphere {
            for mut row in double.outer_iter_mut() {
                let square: f64 = row.iter().map(|x| x * x).sum();
                let scale = (dim_in as f64 / square).sqrt();
                row.mapv_inplace(|x| x * scale);
            }
        }
        Self::of(double)
    }

    fn of(double: Array2<f64>) -> Self {
        let single = double.mapv(|x| x as f32);
        Self { double, single }
    }

    pub fn apply<T: Scalar>(&self, x: ArrayView2<T>, out: ArrayViewMut2<T>) {
        let known: [&dyn Any; 2] = [&self.double, &self.single];
        match known.into_iter().find_map(|matrix| matrix.downcast_ref::<Array2<T>>()) {
            Some(matrix) => gram_tile(x, matrix.view(), &mut GramScratch::new(), out),
            None => {
                let matrix = self.double.mapv(round::<T>);
                gram_tile(x, matrix.view(), &mut GramScratch::new(), out);
            }
        }
    }
}

/// The rows of a uniformly distributed orthogonal matrix: those of a Gaussian one, orthogonalised in
/// turn, twice for the last digits.
fn orthogonal(n: usize, stream: Stream, start: u64) -> Array2<f64> {
    let mut q = Array2::zeros((n, n));
    for i in 0..n {
        let first = start + (i * n) as u64;
        let mut row: Vec<f64> = (0..n as u64).map(|j| stream.normal(first + j)).collect();
        for _ in 0..2 {
            for known in q.outer_iter().take(i) {
                let along: f64 = row.iter().zip(known).map(|(x, q)| x * q).sum();
                row.iter_mut().zip(known).for_each(|(x, q)| *x -= along * q);
            }
        }
        let inverse = row.iter().map(|x| x * x).sum::<f64>().sqrt().recip();
        q.row_mut(i).iter_mut().zip(&row).for_each(|(q, x)| *q = x * inverse);
    }
    q
}
