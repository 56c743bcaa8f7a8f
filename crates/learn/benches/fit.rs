//! Times of the fits, one line each: `cargo bench -p widelimit-learn --bench fit -- [rows] [threads]`.
//!
//! The same systems in SciPy, for comparison: `benches/fit_scipy.py [rows]`.

use std::time::Instant;

use ndarray::{Array2, Zip};
use widelimit_learn::{Diagnostics, KernelRidge, LooPath, Par, Ridge, RidgePath, Route};
use widelimit_linalg::gram;

/// NTK of one hidden ReLU layer on points of a fixed pseudo-random sequence, and noisy targets.
fn problem(n: usize, par: &Par) -> (Array2<f64>, Array2<f64>) {
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let x = Array2::from_shape_simple_fn((n, 10), &mut next);
    let y = Array2::from_shape_fn((n, 10), |(i, k)| (3.0 * x[[i, k]]).sin() + 0.1 * next());
    let mut k = gram(x.view(), None, par);
    let norms = k.diag().mapv(f64::sqrt);
    Zip::indexed(&mut k).par_for_each(|(i, j), v| {
        let n = norms[i] * norms[j];
        let c = (*v / n).clamp(-1.0, 1.0);
        let t = std::f64::consts::PI - c.acos();
        *v = n * ((1.0 - c * c).max(0.0).sqrt() + 2.0 * t * c) / std::f64::consts::PI;
    });
    (k, y)
}

fn report(name: &str, start: Instant, ridge: f64, diagnostics: Diagnostics, path: Option<LooPath>) {
    let seconds = start.elapsed().as_secs_f64();
    let Diagnostics { condition, residual, .. } = diagnostics;
    print!(
        "{name:24} {seconds:8.2} s  ridge {ridge:.2e}  condition {condition:.1e}  residual {residual:.1e}"
    );
    match path {
        Some(path) => println!("  loo {:.5} ({} points)", path.best().mse, path.points.len()),
        None => println!(),
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let n = numbers.first().copied().unwrap_or(4000);
    let par = Par::new(numbers.get(1).copied().unwrap_or(0));
    let (k, y) = problem(n, &par);
    println!("{n} rows, {} outputs, {} threads", y.ncols(), par.threads());
    let (k32, y32) = (k.mapv(|v| v as f32), y.mapv(|v| v as f32));
    let auto = |route| Ridge::Auto(RidgePath { route, ..RidgePath::default() });
    let solvers = [
        ("given", Ridge::Value(1e-3)),
        ("given, tiny", Ridge::Value(1e-6)),
        ("factorisations", auto(Route::Cholesky)),
        ("eigendecomposition", auto(Route::Eigen)),
    ];
    for (name, ridge) in solvers {
        let Ok(solver) = (KernelRidge { ridge, centre: true }).check() else { return };
        let (kernel, kernel32) = (k.clone(), k32.clone());
        let start = Instant::now();
        match solver.fit(kernel, y.view(), &par) {
            Ok(m) => report(&format!("f64 {name}"), start, m.relative_ridge, m.diagnostics, m.path),
            Err(error) => println!("f64 {name}: {error}"),
        }
        let start = Instant::now();
        match solver.fit(kernel32, y32.view(), &par) {
            Ok(m) => report(&format!("f32 {name}"), start, m.relative_ridge, m.diagnostics, m.path),
            Err(error) => println!("f32 {name}: {error}"),
        }
    }
}
