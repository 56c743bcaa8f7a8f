//! Times of decompositions of low rank beside the dense one, as ratios within one run:
//! `cargo bench -p widelimit-sketch --bench lowrank -- [rows] [rank] [threads]`.

use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, gram, svd as dense_svd, symmetric_eigen};
use widelimit_sketch::TestMatrix;
use widelimit_sketch::landmarks::{KernelEntries, RandomPivots};
use widelimit_sketch::lowrank::{RangeFinder, nystrom, svd, svd_from_rows};
use widelimit_sketch::random::Stream;

/// Seconds of a call, and what it gives.
fn timed<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn report(name: &str, seconds: f64, dense: f64, error: f64) {
    println!("{name:28} {seconds:8.3} s  {:7.1} times faster  error {error:.2e}", dense / seconds);
}

fn frobenius(a: ArrayView2<'_, f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// A smooth kernel of points in a cube.
fn kernel(n: usize, par: &Par) -> Array2<f64> {
    let x = Array2::from_shape_fn((n, 3), |(i, j)| Stream::new(1, 0, 0).unit((3 * i + j) as u64));
    let mut k = gram(x.view(), None, par);
    let norms = k.diag().to_owned();
    k.indexed_iter_mut().for_each(|((i, j), v)| *v = (*v - 0.5 * (norms[i] + norms[j])).exp());
    k
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse::<usize>().ok());
    let (n, k) = (arguments.next().unwrap_or(2000), arguments.next().unwrap_or(50));
    let par = Par::new(arguments.next().unwrap_or(1));
    let stream = Stream::new(0, 0, 0);
    println!("n = {n}, rank {k}, {par:?}; errors relative to the best of this rank");

    let slope = 10.0 / n as f64;
    let noise = Array2::from_shape_fn((n, n), |(i, j)| stream.normal((i * n + j) as u64));
    let smooth = Array2::from_shape_fn((n, n), |(i, j)| 1.0 / (1.0 + slope * i.abs_diff(j) as f64));
    let a = smooth + noise * 1e-4;
    let (dense, exact) = timed(|| dense_svd(a.view(), &par).expect("finite"));
    println!("{:28} {dense:8.3} s", "dense svd");
    let best = exact.s.iter().skip(k).map(|s| s * s).sum::<f64>().sqrt();
    let kinds = [TestMatrix::Gaussian, TestMatrix::Srht, TestMatrix::Sparse { nonzeros: 8 }];
    for test_matrix in kinds {
        let finder = RangeFinder { test_matrix, ..RangeFinder::new(k) };
        let (seconds, found) = timed(|| svd(&a.view(), &finder, stream, &par).expect("finite"));
        let rest = &a - &(&found.u * &found.s).dot(&found.vt);
        report(&format!("svd, {test_matrix:?}"), seconds, dense, frobenius(rest.view()) / best);
    }
    let finder = RangeFinder::new(k);
    let (seconds, found) =
        timed(|| svd_from_rows(&a.view(), &finder, stream, &par).expect("finite"));
    let rest = &a - &(&found.u * &found.s).dot(&found.vt);
    report("svd from rows", seconds, dense, frobenius(rest.view()) / best);

    let matrix = kernel(n, &par);
    let (dense, exact) = timed(|| symmetric_eigen(matrix.clone(), &par).expect("finite"));
    println!("{:28} {dense:8.3} s", "dense eigenvalues");
    let best: f64 = exact.values.iter().rev().skip(k).map(|v| v.max(0.0)).sum();
    let finder = RangeFinder { power_iterations: 0, ..finder };
    let (seconds, found) =
        timed(|| nystrom(&matrix.view(), &finder, stream, &par).expect("a kernel"));
    report("nystrom", seconds, dense, (n as f64 - found.values.sum()) / best);
    let entries = KernelEntries::new(matrix.diag().to_owned(), |rows, columns, mut out| {
        out.indexed_iter_mut().for_each(|((i, j), v)| *v = matrix[[rows[i], columns[j]]]);
        Ok(())
    })
    .expect("a diagonal of ones");
    for block in [1, 10] {
        let pivots = RandomPivots { rank: k, tolerance: 0.0, block };
        let (seconds, found) = timed(|| pivots.factor(&entries, stream, &par).expect("a kernel"));
        let rest = found.residual_trace.last().copied().unwrap_or(f64::NAN);
        report(&format!("random pivots, block {block}"), seconds, dense, rest / best);
    }
}
