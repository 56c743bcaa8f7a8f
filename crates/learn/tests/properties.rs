//! Laws that hold for every kernel, on random problems.

mod common;

use common::{Random, ntk, refit, relative};
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;
use widelimit_learn::classification::{balanced_weights, one_hot};
use widelimit_learn::ensemble::{NewPoints, Trained, gradient_descent_mse_ensemble};
use widelimit_learn::gradient_flow::{Start, Training, gradient_descent_mse};
use widelimit_learn::{
    Amplitude, Classifier, FeatureRidge, GaussianProcess, KernelRidge, Noise, NoisePath, Par,
    Prior, Ridge, RidgePath, Route, Shift, Time,
};

struct Problem {
    k: Array2<f64>,
    new: Array2<f64>,
    all: Array2<f64>,
    y: Array2<f64>,
    start: Array2<f64>,
    start_new: Array2<f64>,
}

fn problem(seed: u64, n: usize, m: usize, new: usize) -> Problem {
    let mut random = Random(seed);
    let (x, z) = (random.matrix(n, 4), random.matrix(new, 4));
    Problem {
        k: ntk(x.view(), x.view()),
        new: ntk(z.view(), x.view()),
        all: ntk(z.view(), z.view()),
        y: random.matrix(n, m),
        start: random.matrix(n, m),
        start_new: random.matrix(new, m),
    }
}

/// A positive semi-definite NNGP to go with the kernel of a [`Problem`]: its entrywise square, scaled.
fn nngp(k: &Array2<f64>) -> Array2<f64> {
    k.mapv(|v| 0.3 * v * v)
}

/// Is `a + tolerance I` positive definite?
fn positive(a: &Array2<f64>, tolerance: f64) -> bool {
    let mut l = a + &Array2::from_diag_elem(a.nrows(), tolerance);
    for j in 0..l.nrows() {
        let row = l.row(j).to_owned();
        let pivot = row[j] - (0..j).map(|k| row[k] * row[k]).sum::<f64>();
        if pivot <= 0.0 {
            return false;
        }
        l[[j, j]] = pivot.sqrt();
        for i in j + 1..l.nrows() {
            let dot: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] = (l[[i, j]] - dot) / l[[j, j]];
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ridge_is_the_textbook_formula(seed: u64, n in 1usize..30, m in 1usize..4, exponent in -6.0f64..2.0, centre: bool) {
        let p = problem(seed, n, m, 5);
        let par = Par::single();
        let value = 10f64.powf(exponent);
        let solver = KernelRidge { ridge: Ridge::Value(value), centre }.check().unwrap();
        let model = solver.fit(p.k.clone(), p.y.view(), &par).unwrap();
        let unit = p.k.diag().mean().unwrap();
        prop_assert!((model.ridge / (value * unit) - 1.0).abs() < 1e-15);
        prop_assert!((model.relative_ridge / value - 1.0).abs() < 1e-15);
        let want = refit(&p.k, &p.new, &p.y, &Array1::ones(n), model.ridge, centre);
        let got = model.predict(p.new.view(), &par).unwrap();
        prop_assert!(relative(&got, &want) < 1e-8);
        prop_assert!(model.diagnostics.residual < 1e-9 && model.diagnostics.jitter == 0.0);
        // Scaling the kernel scales nothing else.
        let model = solver.fit(&p.k * 64.0, p.y.view(), &par).unwrap();
        let scaled = model.predict((&p.new * 64.0).view(), &par).unwrap();
        prop_assert!(relative(&scaled, &got) < 1e-8);
    }

    #[test]
    fn both_routes_solve_alike(seed: u64, n in 2usize..30, exponent in -4.0f64..1.0) {
        let p = problem(seed, n, 2, 5);
        let par = Par::single();
        let value = 10f64.powf(exponent);
        let fit = |ridge| KernelRidge { ridge, centre: true }.check().unwrap().fit(p.k.clone(), p.y.view(), &par).unwrap();
        let given = fit(Ridge::Value(value));
        for route in [Route::Eigen, Route::Cholesky] {
            let one = RidgePath { lowest: value, highest: value, route, ..RidgePath::default() };
            let model = fit(Ridge::Auto(one));
            prop_assert!((model.ridge / given.ridge - 1.0).abs() < 1e-14);
            prop_assert!(relative(&model.dual, &given.dual) < 1e-8);
            prop_assert!(model.diagnostics.residual < 1e-9);
        }
    }

    #[test]
    fn features_are_the_kernel_of_their_products(seed: u64, n in 2usize..25, p in 1usize..40, m in 1usize..3) {
        let mut random = Random(seed);
        let (z, z_new, y) = (random.matrix(n, p), random.matrix(4, p), random.matrix(n, m));
        let par = Par::single();
        let by_features = FeatureRidge { ridge: Ridge::Value(0.1), centre: true }.check().unwrap();
        let by_kernel = KernelRidge { ridge: Ridge::Value(0.1), centre: true }.check().unwrap();
        let a = by_features.fit(z.view(), y.view(), &par).unwrap();
        let b = by_kernel.fit(z.dot(&z.t()), y.view(), &par).unwrap();
        prop_assert!((a.ridge / b.ridge - 1.0).abs() < 1e-12);
        let want = b.predict(z_new.dot(&z.t()).view(), &par).unwrap();
        prop_assert!(relative(&a.predict(z_new.view(), &par).unwrap(), &want) < 1e-8);
    }

    #[test]
    fn integer_weights_are_repeated_rows(seed: u64, n in 2usize..12) {
        let p = problem(seed, n, 1, 3);
        let par = Par::single();
        let mut random = Random(seed ^ 1);
        let times: Vec<usize> = (0..n).map(|_| 1 + (random.bits() % 3) as usize).collect();
        let weights: Vec<f64> = times.iter().map(|t| *t as f64).collect();
        let rows: Vec<usize> = (0..n).flat_map(|i| vec![i; times[i]]).collect();
        let mean = rows.len() as f64 / n as f64;
        let fit = |ridge| KernelRidge { ridge: Ridge::Absolute(ridge), centre: true }.check().unwrap();
        // Weights are scaled to mean 1, and the ridge with them.
        let weighted = fit(0.3 / mean).fit_weighted(p.k.clone(), p.y.view(), &weights, &par).unwrap();
        let k = p.k.select(Axis(0), &rows).select(Axis(1), &rows);
        let repeated = fit(0.3).fit(k, p.y.select(Axis(0), &rows).view(), &par).unwrap();
        let want = repeated.predict(p.new.select(Axis(1), &rows).view(), &par).unwrap();
        prop_assert!(relative(&weighted.predict(p.new.view(), &par).unwrap(), &want) < 1e-9);
    }

    #[test]
    fn gradient_flow_has_its_limits(seed: u64, n in 1usize..20, shift in 1e-3f64..1.0) {
        let p = problem(seed, n, 2, 4);
        let par = Par::single();
        let training = Training { learning_rate: 0.7, shift: Shift::Absolute(shift) };
        let flow = gradient_descent_mse(p.k.clone(), p.y.view(), training, &par).unwrap();
        let start = || Some(Start { train: p.start.view(), new: p.start_new.view() });
        let at = |time| flow.predict(time, p.new.view(), start(), &par).unwrap();
        prop_assert_eq!(at(Time::At(0.0)), p.start_new.clone());
        prop_assert_eq!(flow.train(Time::At(0.0), Some(p.start.view()), &par).unwrap(), p.start.clone());
        prop_assert_eq!(flow.train(Time::Infinite, Some(p.start.view()), &par).unwrap(), p.y.clone());
        let limit = &p.start_new + &refit(&p.k, &p.new, &(&p.y - &p.start), &Array1::ones(n), shift, false);
        prop_assert!(relative(&at(Time::Infinite), &limit) < 1e-9);
        prop_assert!(relative(&at(Time::At(1e12)), &limit) < 1e-9);
        // Semigroup: from the state at t on, s more is t + s in all.
        let (now, now_new) = (flow.train(Time::At(2.0), Some(p.start.view()), &par).unwrap(), at(Time::At(2.0)));
        let then = Some(Start { train: now.view(), new: now_new.view() });
        let two_steps = flow.predict(Time::At(3.5), p.new.view(), then, &par).unwrap();
        prop_assert!(relative(&two_steps, &at(Time::At(5.5))) < 1e-11);
    }

    #[test]
    fn ensembles_have_covariances(seed: u64, n in 1usize..15, log_t in -2.0f64..6.0, shift in 0.0f64..0.1) {
        let p = problem(seed, n, 1, 6);
        let par = Par::single();
        let (s, s_new, s_all) = (nngp(&p.k), nngp(&p.new), nngp(&p.all));
        let training = Training { learning_rate: 1.0, shift: Shift::Relative(shift) };
        let ensemble =
            gradient_descent_mse_ensemble(s.clone(), Some(p.k.clone()), p.y.view(), training, &par).unwrap();
        let new = NewPoints { nngp: s_new.view(), ntk: Some(p.new.view()), prior: Prior::Full(s_all.view()) };
        let largest = s_all.diag().fold(0.0f64, |m, v| m.max(*v)) + s.diag().fold(0.0f64, |m, v| m.max(*v));
        for trained in [Trained::LastLayer, Trained::AllLayers] {
            for time in [Time::At(0.0), Time::At(10f64.powf(log_t)), Time::Infinite] {
                let at = ensemble.predict(trained, time, new, &par).unwrap();
                prop_assert!(at.variance.unwrap().iter().all(|v| *v >= 0.0));
                prop_assert!(positive(&at.covariance.unwrap(), 1e-9 * largest));
                let train = ensemble.train::<f64>(trained, time, &par).unwrap();
                prop_assert!(positive(&train.covariance.unwrap(), 1e-9 * largest));
            }
            let untrained = ensemble.predict(trained, Time::At(0.0), new, &par).unwrap();
            prop_assert_eq!(untrained.covariance.unwrap(), s_all.clone());
            prop_assert!(untrained.mean.iter().all(|v| *v == 0.0));
        }
    }

    #[test]
    fn marginal_likelihood_is_the_density(seed: u64, n in 1usize..20, m in 1usize..3, centre: bool) {
        let p = problem(seed, n, m, 3);
        let par = Par::single();
        for amplitude in [Amplitude::Fixed(2.5), Amplitude::MaximumLikelihood] {
            for noise in [Noise::Absolute(0.2), Noise::Auto(NoisePath::default())] {
                let gp = GaussianProcess { noise, amplitude, centre: centre && n > 1 }.check().unwrap();
                let model = gp.fit(p.k.clone(), p.y.view(), &par).unwrap();
                // The density of each output under N(mean, a (K + noise I)), by its definition.
                let mut want = 0.0;
                for (k, a) in model.amplitude.iter().enumerate() {
                    let covariance = (&p.k + &Array2::from_diag_elem(n, model.noise)) * *a;
                    let rest = (&p.y - &model.mean).select(Axis(1), &[k]);
                    let fit = (&rest * &common::solve(&covariance, &rest)).sum();
                    let entries = n as f64;
                    want -= 0.5 * (fit + log_det(&covariance) + entries * std::f64::consts::TAU.ln());
                    if let Amplitude::MaximumLikelihood = amplitude {
                        prop_assert!((fit / entries - 1.0).abs() < 1e-6);
                    }
                }
                let got = model.log_marginal_likelihood;
                prop_assert!((got - want).abs() <= 1e-7 * want.abs().max(1.0), "{} {}", got, want);
                if let Some(path) = &model.path {
                    prop_assert!(path.iter().all(|q| q.log_marginal_likelihood <= got));
                }
                let prior = p.all.diag();
                let at = model.predict(p.new.view(), Prior::Diagonal(prior), &par).unwrap();
                let deviation = at.deviation().unwrap();
                prop_assert!(at.variance.unwrap().iter().zip(prior).all(|(v, k)| v <= k));
                prop_assert_eq!(&at.amplitude, &model.amplitude);
                for (row, k) in deviation.rows().into_iter().zip(prior) {
                    let bound = model.amplitude.mapv(|a| (a * k).sqrt() * (1.0 + 1e-15));
                    prop_assert!(row.iter().zip(&bound).all(|(d, most)| d <= most));
                }
            }
        }
    }

    #[test]
    fn scores_add_up(seed: u64, n in 4usize..25, balanced: bool) {
        let p = problem(seed, n, 1, 5);
        let par = Par::single();
        let codes: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let classifier = Classifier { balanced, ..Classifier::default() }.check().unwrap();
        let model = classifier.fit_kernel(p.k.clone(), &codes, 3, &par).unwrap();
        let scores = model.scores(p.new.view(), &par).unwrap();
        prop_assert!(scores.sum_axis(Axis(1)).iter().all(|s| (s - 1.0).abs() < 1e-9));
        let weights = if balanced { balanced_weights(&codes, 3).unwrap() } else { vec![1.0; n] };
        let y = one_hot::<f64>(&codes, 3).unwrap();
        let want = refit(&p.k, &p.new, &y, &Array1::from(weights), model.regression.ridge, true);
        prop_assert!(relative(&scores, &want) < 1e-7);
    }
}

/// Sum of the logarithms of the pivots of elimination.
fn log_det(a: &Array2<f64>) -> f64 {
    let mut a = a.clone();
    let mut total = 0.0;
    for k in 0..a.nrows() {
        total += a[[k, k]].ln();
        let row = a.row(k).to_owned();
        for i in k + 1..a.nrows() {
            let f = a[[i, k]] / row[k];
            a.row_mut(i).scaled_add(-f, &row);
        }
    }
    total
}

/// Targets of any size, down to the smallest number and up to the largest, have the same ridge and
/// predictions as large as they are.
#[test]
fn the_size_of_the_targets_changes_nothing_else() {
    let (n, par) = (40, Par::single());
    let mut random = Random(23);
    let x = random.matrix(n, 3);
    let y = x.select(Axis(1), &[0]).mapv(|v| (2.0 * v).sin()) + random.matrix(n, 1) * 0.2;
    let k = ntk(x.view(), x.view());
    for route in [Route::Eigen, Route::Cholesky] {
        let ridge = Ridge::Auto(RidgePath { route, ..RidgePath::default() });
        let solver = KernelRidge { ridge: ridge.clone(), centre: true }.check().unwrap();
        let linear = FeatureRidge { ridge, centre: true }.check().unwrap();
        let one = solver.fit(k.clone(), y.view(), &par).unwrap();
        let line = linear.fit(x.view(), y.view(), &par).unwrap();
        assert!(one.relative_ridge < 10.0, "{}", one.relative_ridge);
        for exponent in [-700, -549, 900, 990] {
            // In two steps, as one of these powers alone may not be a number.
            let times = |v: f64| v * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            let model = solver.fit(k.clone(), y.mapv(times).view(), &par).unwrap();
            assert_eq!(model.ridge, one.ridge, "2^{exponent}");
            assert_eq!(model.dual, one.dual.mapv(times));
            assert_eq!(model.mean, one.mean.mapv(times));
            assert_eq!(
                model.leave_one_out.unwrap(),
                one.leave_one_out.clone().unwrap().mapv(times)
            );
            let weights = linear.fit(x.view(), y.mapv(times).view(), &par).unwrap().weights;
            assert_eq!(weights, line.weights.mapv(times));
        }
    }
}
