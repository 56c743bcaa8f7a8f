//! Times of one pass over rows of features, beside the plain product of the same rows:
//! `cargo bench -p widelimit-learn --bench streaming -- [features] [rows] [threads]`.

use std::time::Instant;

use ndarray::{Array2, Axis};
use widelimit_learn::streaming::{BLOCK, Centre, Moments};
use widelimit_learn::{Par, Ridge, StreamingRidge};
use widelimit_linalg::matmul;

fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let out = work();
    println!("{what:<44} {:8.3} s", start.elapsed().as_secs_f64());
    out
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let get = |i: usize, default| numbers.get(i).copied().unwrap_or(default);
    let (p, n, par) = (get(0, 2048), get(1, 8 * BLOCK), Par::new(get(2, 1)));
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let z = Array2::from_shape_simple_fn((n, p), &mut next);
    let y = Array2::from_shape_simple_fn((n, 10), &mut next);
    println!("{n} rows of {p} features, single precision, 10 outputs, {par:?}");
    timed("Z^T Z by the general product, f64", || {
        let mut sum = Array2::<f64>::zeros((p, p));
        for rows in z.axis_chunks_iter(Axis(0), BLOCK) {
            let rows = rows.mapv(f64::from);
            sum += &matmul(rows.t(), rows.view(), &par);
        }
        sum
    });
    let mut moments = Moments::new(p, 10).unwrap();
    timed("moments", || moments.accumulate(z.view(), y.view(), None, &par).unwrap());
    let solver = |ridge| StreamingRidge { ridge, centre: Centre::Both }.check().unwrap();
    timed("fit at a given ridge", || solver(Ridge::Value(1e-3)).solve(&moments, &par).unwrap());
    let spectrum =
        timed("eigendecomposition", || solver(Ridge::default()).spectrum(&moments, &par).unwrap());
    timed("generalised cross-validation, whole path", || {
        spectrum.gcv(&Default::default()).unwrap()
    });
    let ridges = spectrum.ridges(&Default::default()).unwrap();
    let mut pass = spectrum.leave_one_out(&ridges).unwrap();
    timed("second pass, leave-one-out", || {
        pass.accumulate(z.view(), y.view(), None, &par).unwrap();
        pass.finish(Default::default(), &par).unwrap()
    });
}
