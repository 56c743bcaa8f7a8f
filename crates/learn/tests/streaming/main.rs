//! Fits to moments of a stream: equal to fits in memory, and to brute force where there is none.

mod choice;
mod classes;
#[path = "../common/mod.rs"]
mod common;
mod fits;
mod jobs;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use widelimit_learn::streaming::{Centre, Moments};
use widelimit_learn::{Par, Ridge, StreamingRidge};

use common::{Random, solve};

const CENTRES: [Centre; 3] = [Centre::Nothing, Centre::Targets, Centre::Both];

/// Features with columns of different scales and means, noisy targets, weights between 0.5 and 2.
fn problem(seed: u64, n: usize, p: usize, m: usize) -> (Array2<f64>, Array2<f64>, Vec<f64>) {
    let mut random = Random(seed);
    let mut z = random.matrix(n, p);
    for (j, mut column) in z.columns_mut().into_iter().enumerate() {
        let scale = 1.0 / (1.0 + j as f64);
        column.mapv_inplace(|v| scale * (v + 0.3));
    }
    let truth = random.matrix(p, m);
    let y = z.dot(&truth) + random.matrix(n, m) * 0.3 + 2.0;
    let w = (0..n).map(|_| 0.5 + 1.5 * random.uniform()).collect();
    (z, y, w)
}

fn moments(z: &Array2<f64>, y: &Array2<f64>, w: Option<&[f64]>, step: usize) -> Moments {
    let par = Par::new(2);
    let mut moments = Moments::new(z.ncols(), y.ncols()).unwrap();
    for start in (0..z.nrows()).step_by(step) {
        let rows = start..z.nrows().min(start + step);
        let (z, y) = (z.slice(s![rows.clone(), ..]), y.slice(s![rows.clone(), ..]));
        moments.accumulate(z, y, w.map(|w| &w[rows]), &par).unwrap();
    }
    moments
}

fn close(got: ArrayView2<f64>, want: ArrayView2<f64>, bound: f64, what: &str) {
    let norm = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
    let error = norm(&(&got - &want)) / norm(&want.to_owned()).max(1e-300);
    assert!(error < bound, "{what}: {error:e}");
}

fn solver(ridge: Ridge, centre: Centre) -> widelimit_learn::streaming::CheckedStreamingRidge {
    StreamingRidge { ridge, centre }.check().unwrap()
}

/// The weighted mean of the rows.
fn mean(a: &Array2<f64>, w: &[f64]) -> Array1<f64> {
    let total: f64 = w.iter().sum();
    Array1::from(w.to_vec()).dot(a) / total
}

/// Hat matrix of the fitted values, mean or intercept included, for weights of mean 1.
fn hat(z: &Array2<f64>, w: &[f64], centre: Centre, ridge: f64) -> Array2<f64> {
    let (n, p) = z.dim();
    let total: f64 = w.iter().sum();
    let w = Array1::from_iter(w.iter().map(|v| v * n as f64 / total));
    let average = Array2::from_shape_fn((n, n), |(_, j)| w[j] / n as f64);
    let identity = Array2::<f64>::eye(n);
    let z = if centre == Centre::Both { z - &average.dot(z) } else { z.clone() };
    let zw = &z * &w.view().insert_axis(Axis(1));
    let smooth =
        z.dot(&solve(&(z.t().dot(&zw) + Array2::<f64>::eye(p) * ridge), &zw.t().to_owned()));
    match centre {
        Centre::Nothing => smooth,
        _ => smooth.dot(&(identity - &average)) + average,
    }
}
