//! Random orthogonal matrices, written out.

use std::any::Any;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use widelimit_linalg::{GramScratch, Par, Qr, gram_tile};
use widelimit_sketch::random::Stream;

use super::{Law, length};
use crate::Error;
use crate::scalar::{Scalar, round};

/// Blocks of orthogonal rows.
#[derive(Debug)]
pub(super) struct Dense {
    double: Array2<f64>,
    single: Array2<f32>,
}

impl Dense {
    pub fn new(dim_in: usize, dim_out: usize, law: Law, stream: Stream) -> Result<Self, Error> {
        let mut double = Array2::zeros((dim_out, dim_in));
        let (entries, lengths) = (stream.child(0), stream.child(1));
        for start in (0..dim_out).step_by(dim_in) {
            let rows = dim_in.min(dim_out - start);
            let q = orthogonal(dim_in, entries, (start * dim_in) as u64)?;
            for i in 0..rows {
                let length = match law {
                    Law::Sphere => (dim_in as f64).sqrt(),
                    Law::Gaussian => length(dim_in, lengths, ((start + i) * dim_in) as u64),
                };
                double.row_mut(start + i).assign(&(&q.column(i) * length));
            }
        }
        let single = double.mapv(|x| x as f32);
        Ok(Self { double, single })
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

/// A uniformly distributed orthogonal matrix: `Q` of a Gaussian one, with the signs of `R`'s diagonal
/// (Mezzadri 2007, *How to generate random matrices from the classical compact groups*).
fn orthogonal(n: usize, stream: Stream, start: u64) -> Result<Array2<f64>, Error> {
    let gaussian = Array2::from_shape_fn((n, n), |(i, j)| stream.normal(start + (i * n + j) as u64));
    let par = Par::single();
    let qr = Qr::factor(gaussian, &par)?;
    let (mut q, r) = (qr.q(&par)?, qr.r());
    for j in 0..n {
        if r[[j, j]] < 0.0 {
            q.column_mut(j).mapv_inplace(|x| -x);
        }
    }
    Ok(q)
}
