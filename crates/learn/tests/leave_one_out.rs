//! Closed-form leave-one-out against fitting `n` times, on every route.

mod common;

use common::{On, Random, ntk, refit, refit_features, refit_without_each, relative};
use ndarray::{Array1, Array2};
use widelimit_learn::classification::{balanced_weights, one_hot, winners};
use widelimit_learn::{
    Classifier, Criterion, FeatureRidge, KernelRidge, LooPath, Par, Ridge, RidgePath, Route,
};

/// The closed form and the refits differ by rounding times the condition number only.
const TOLERANCE: f64 = 1e-8;

fn path(route: Route) -> RidgePath {
    RidgePath { lowest: 1e-5, highest: 10.0, route, candidates: 4, ..RidgePath::default() }
}

fn problem(n: usize, m: usize) -> (Array2<f64>, Array2<f64>) {
    let mut random = Random(11);
    let x = random.matrix(n, 3);
    let noise = random.matrix(n, m);
    let y = Array2::from_shape_fn((n, m), |(i, k)| {
        (x[[i, k % 3]] * 1.5).sin() + 7.0 + 0.3 * noise[[i, k]]
    });
    (x, y)
}

fn brute_force(
    on: On,
    y: &Array2<f64>,
    weights: &Array1<f64>,
    centre: bool,
    path: &LooPath,
    codes: Option<&[usize]>,
) {
    assert!(path.points.len() >= 3);
    for point in &path.points {
        let f = refit_without_each(on, y, weights, point.ridge, centre);
        let squares = (&f - y).mapv(|d| d * d).sum_axis(ndarray::Axis(1));
        let mse = (&squares * weights).sum() / (weights.sum() * y.ncols() as f64);
        assert!((point.mse / mse - 1.0).abs() < TOLERANCE, "{point:?} {mse}");
        let accuracy = codes.map(|codes| {
            let hit = |i: usize| if winners(f.view())[i] == codes[i] { weights[i] } else { 0.0 };
            (0..y.nrows()).map(hit).sum::<f64>() / weights.sum()
        });
        match (point.accuracy, accuracy) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{a} {b}"),
            (a, b) => assert_eq!(a, b),
        }
    }
    let best = path.best();
    assert!(path.points.windows(2).all(|w| w[0].ridge < w[1].ridge));
    match path.criterion {
        Criterion::SquaredError => assert!(path.points.iter().all(|p| best.mse <= p.mse)),
        _ => assert!(path.points.iter().all(|p| best.accuracy >= p.accuracy)),
    }
}

#[test]
fn kernel_regression() {
    let (x, y) = problem(25, 2);
    let k = ntk(x.view(), x.view());
    let ones = Array1::ones(25);
    for route in [Route::Eigen, Route::Cholesky] {
        for centre in [true, false] {
            let solver = KernelRidge { ridge: Ridge::Auto(path(route)), centre }.check().unwrap();
            let model = solver.fit(k.clone(), y.view(), &Par::single()).unwrap();
            let found = model.path.as_ref().unwrap();
            assert_eq!(found.route, route);
            brute_force(On::Kernel(&k), &y, &ones, centre, found, None);
            let want = refit(&k, &k, &y, &ones, model.ridge, centre);
            let got = model.predict(k.view(), &Par::single()).unwrap();
            assert!(relative(&got, &want) < 1e-11);
        }
    }
}

#[test]
fn weighted_kernel_regression() {
    let (x, y) = problem(20, 2);
    let k = ntk(x.view(), x.view());
    let mut random = Random(5);
    let weights = Array1::from_shape_simple_fn(20, || 0.2 + random.uniform());
    // The ridge refers to weights of mean 1.
    let scaled = &weights / weights.mean().unwrap();
    for route in [Route::Eigen, Route::Cholesky] {
        let solver = KernelRidge { ridge: Ridge::Auto(path(route)), centre: true }.check().unwrap();
        let model = solver
            .fit_weighted(k.clone(), y.view(), weights.as_slice().unwrap(), &Par::single())
            .unwrap();
        brute_force(On::Kernel(&k), &y, &scaled, true, model.path.as_ref().unwrap(), None);
        let want = refit(&k, &k, &y, &scaled, model.ridge, true);
        assert!(relative(&model.predict(k.view(), &Par::single()).unwrap(), &want) < 1e-11);
    }
}

#[test]
fn classification() {
    let (x, _) = problem(30, 1);
    let k = ntk(x.view(), x.view());
    let mut random = Random(3);
    let codes: Vec<usize> = (0..30)
        .map(|i| {
            let v = x[[i, 0]] + 0.5 * random.normal();
            if v < -0.3 { 0 } else { 1 + usize::from(v > 0.9) }
        })
        .collect();
    let y = one_hot::<f64>(&codes, 3).unwrap();
    for route in [Route::Eigen, Route::Cholesky] {
        for balanced in [false, true] {
            let classifier = Classifier { ridge: Ridge::Auto(path(route)), centre: true, balanced };
            let model = classifier
                .check()
                .unwrap()
                .fit_kernel(k.clone(), &codes, 3, &Par::single())
                .unwrap();
            let weights = if balanced {
                Array1::from(balanced_weights(&codes, 3).unwrap())
            } else {
                Array1::ones(30)
            };
            brute_force(
                On::Kernel(&k),
                &y,
                &weights,
                true,
                model.regression.path.as_ref().unwrap(),
                Some(&codes),
            );
        }
    }
}

#[test]
fn features_fewer_and_more_than_rows() {
    let (_, y) = problem(24, 2);
    for p in [5, 40] {
        let z = Random(p as u64).matrix(24, p);
        for centre in [true, false] {
            let ridge = Ridge::Auto(path(Route::Auto));
            let solver = FeatureRidge { ridge, centre }.check().unwrap();
            let model = solver.fit(z.view(), y.view(), &Par::single()).unwrap();
            brute_force(
                On::Features(&z),
                &y,
                &Array1::ones(24),
                centre,
                model.path.as_ref().unwrap(),
                None,
            );
            let want = refit_features(&z, &z, &y, &Array1::ones(24), model.ridge, centre);
            assert!(relative(&model.predict(z.view(), &Par::single()).unwrap(), &want) < 1e-9);
            assert!(model.diagnostics.residual < 1e-12);
        }
    }
}

#[test]
fn weighted_features() {
    let (_, y) = problem(24, 1);
    let z = Random(9).matrix(24, 6);
    let mut random = Random(5);
    let weights = Array1::from_shape_simple_fn(24, || 0.2 + random.uniform());
    let scaled = &weights / weights.mean().unwrap();
    let solver =
        FeatureRidge { ridge: Ridge::Auto(path(Route::Auto)), centre: true }.check().unwrap();
    let model = solver
        .fit_weighted(z.view(), y.view(), weights.as_slice().unwrap(), &Par::single())
        .unwrap();
    brute_force(On::Features(&z), &y, &scaled, true, model.path.as_ref().unwrap(), None);
    let want = refit_features(&z, &z, &y, &scaled, model.ridge, true);
    assert!(relative(&model.predict(z.view(), &Par::single()).unwrap(), &want) < 1e-9);
}

#[test]
fn both_routes_find_the_same_minimum() {
    let (x, y) = problem(60, 1);
    let k = ntk(x.view(), x.view());
    let fit = |route| {
        let ridge = Ridge::Auto(RidgePath { route, ..RidgePath::default() });
        let solver = KernelRidge { ridge, centre: true }.check().unwrap();
        solver.fit(k.clone(), y.view(), &Par::single()).unwrap()
    };
    let (a, b) = (fit(Route::Eigen), fit(Route::Cholesky));
    let (best_a, best_b) = (a.path.unwrap().best(), b.path.unwrap().best());
    // Steps of half a decade around a flat minimum.
    assert!(
        best_b.mse <= best_a.mse * 1.02 && best_b.mse >= best_a.mse * (1.0 - 1e-9),
        "{best_a:?} {best_b:?}"
    );
}

#[test]
fn single_precision_kernels() {
    let (x, y) = problem(60, 2);
    let k = ntk(x.view(), x.view());
    let (k32, y32) = (k.mapv(|v| v as f32), y.mapv(|v| v as f32));
    for route in [Route::Eigen, Route::Cholesky] {
        let ridge = Ridge::Auto(path(route));
        let fit64 = KernelRidge { ridge: ridge.clone(), centre: true }.check().unwrap();
        let want = fit64.fit(k.clone(), y.view(), &Par::single()).unwrap();
        let got = fit64.fit(k32.clone(), y32.view(), &Par::single()).unwrap();
        let (p, q) = (want.path.unwrap(), got.path.unwrap());
        assert!((p.best().mse / q.best().mse - 1.0).abs() < 1e-3, "{:?} {:?}", p.best(), q.best());
        assert!(got.diagnostics.residual < 1e-6, "{}", got.diagnostics.residual);
    }
}

#[test]
fn rows_in_a_pattern_do_not_mislead_the_start() {
    // Every second row without noise: the rows of a stride of 2 would ask for no ridge at all.
    let n = 2100;
    let mut random = Random(17);
    let x = random.matrix(n, 3);
    let y = Array2::from_shape_fn((n, 1), |(i, _)| {
        (x[[i, 0]] * 1.5).sin() + if i % 2 == 0 { 0.0 } else { random.normal() }
    });
    let k = ntk(x.view(), x.view());
    let fit = |route| {
        let ridge = Ridge::Auto(RidgePath { route, ..RidgePath::default() });
        let solver = KernelRidge { ridge, centre: true }.check().unwrap();
        solver.fit(k.clone(), y.view(), &Par::new(2)).unwrap().path.unwrap()
    };
    let (all, few) = (fit(Route::Eigen), fit(Route::Cholesky));
    assert!(few.bracketed && few.points.len() <= 4, "{:?}", few.points);
    let (a, b) = (all.best(), few.best());
    assert!((a.ridge / b.ridge).log10().abs() < 0.5 && b.mse < a.mse * 1.02, "{a:?} {b:?}");
}
