//! Ridges chosen by cross-validation and leave-one-out.

use ndarray::{Array2, Axis, concatenate, s};
use widelimit_learn::streaming::{Centre, Moments};
use widelimit_learn::{
    Criterion, Error, FeatureRidge, Par, Ridge, RidgePath, Route, Shift, StreamingRidge,
};

use crate::common::{Random, solve};
use crate::{CENTRES, close, hat, moments, problem, solver};

#[test]
fn cross_validation_is_that_of_the_hat_matrix() {
    let par = Par::new(2);
    for (n, p, m) in [(30, 6, 2), (9, 14, 1), (25, 25, 3)] {
        let (z, y, w) = problem(100 + n as u64, n, p, m);
        for weights in [None, Some(&w[..])] {
            let ones = vec![1.0; n];
            let w = weights.unwrap_or(&ones);
            let scale = n as f64 / w.iter().sum::<f64>();
            for centre in CENTRES {
                let path = RidgePath { lowest: 1e-4, highest: 1e1, ..RidgePath::default() };
                let seen = moments(&z, &y, weights, 4);
                let model = solver(Ridge::Auto(path), centre).solve(&seen, &par).unwrap();
                let path = model.path.clone().unwrap();
                for point in &path.points {
                    let hat = hat(&z, w, centre, point.ridge);
                    let rest = &y - &hat.dot(&y);
                    let squares =
                        |(i, r): (usize, ndarray::ArrayView1<f64>)| w[i] * scale * r.dot(&r);
                    let rss = rest.rows().into_iter().enumerate().map(squares).sum::<f64>();
                    let mse = rss / (n * m) as f64;
                    let degrees = hat.diag().sum();
                    let gcv = mse / (1.0 - degrees / n as f64).powi(2);
                    let what = format!("{n} {p} {centre:?} {:e}", point.ridge);
                    assert!((point.degrees - degrees).abs() < 1e-9 * n as f64, "{what}");
                    assert!((point.mse / mse - 1.0).abs() < 1e-7, "{what} {} {mse}", point.mse);
                    assert!((point.gcv / gcv - 1.0).abs() < 1e-6, "{what} {} {gcv}", point.gcv);
                    assert!(path.best().gcv <= point.gcv);
                }
                assert_eq!(model.ridge, path.best().ridge);
                let given =
                    solver(Ridge::Absolute(model.ridge), centre).solve(&seen, &par).unwrap();
                close(model.weights.view(), given.weights.view(), 1e-9, "eigen and Cholesky");
                let hat = hat(&z, w, centre, model.ridge);
                close(
                    model.predict(z.view(), &par).unwrap().view(),
                    hat.dot(&y).view(),
                    1e-8,
                    "fit",
                );
            }
        }
    }
}

#[test]
fn interpolated_targets_do_not_fool_cross_validation() {
    let par = Par::single();
    // Pure noise, more features than rows: every small ridge interpolates, only rounding tells them apart.
    let mut random = Random(8);
    let (z, y) = (random.matrix(60, 90), random.matrix(60, 1));
    let model =
        solver(Ridge::default(), Centre::Targets).solve(&moments(&z, &y, None, 60), &par).unwrap();
    let path = model.path.unwrap();
    assert!(path.points.iter().all(|p| p.gcv.is_finite() && p.gcv > 0.0));
    // Noise is best met by shrinking it away; its variance is 1.
    assert!(path.best().gcv > 0.5 && path.best().relative > 1e-2, "{:?}", path.best());
}

#[test]
fn a_second_pass_is_leave_one_out_in_memory() {
    let par = Par::new(2);
    for (n, p, m) in [(1100, 9, 2), (20, 20, 1)] {
        let (z, y, w) = problem(7 + n as u64, n, p, m);
        for weights in [None, Some(&w[..])] {
            for (centre, flag) in [(Centre::Nothing, false), (Centre::Targets, true)] {
                let path = RidgePath { lowest: 1e-4, highest: 1.0, ..RidgePath::default() };
                let memory =
                    FeatureRidge { ridge: Ridge::Auto(path), centre: flag }.check().unwrap();
                let ones = vec![1.0; n];
                let filled = weights.unwrap_or(&ones);
                let want = memory.fit_weighted(z.view(), y.view(), filled, &par).unwrap();
                let want = want.path.unwrap();
                let ridges: Vec<f64> = want.points.iter().map(|p| p.ridge).collect();
                let spectrum = solver(Ridge::default(), centre)
                    .spectrum(&moments(&z, &y, weights, 50), &par)
                    .unwrap();
                let mut pass = spectrum.leave_one_out(&ridges).unwrap();
                for start in (0..n).step_by(70) {
                    let rows = start..n.min(start + 70);
                    let (z, y) = (z.slice(s![rows.clone(), ..]), y.slice(s![rows.clone(), ..]));
                    pass.accumulate(z, y, weights.map(|w| &w[rows]), &par).unwrap();
                }
                let got = pass.finish(Criterion::SquaredError, &par).unwrap();
                assert_eq!(got.points.len(), want.points.len());
                for (a, b) in got.points.iter().zip(&want.points) {
                    assert!((a.mse / b.mse - 1.0).abs() < 1e-8, "{n} {centre:?} {a:?} {b:?}");
                    assert!((a.relative / b.relative - 1.0).abs() < 1e-10);
                }
                assert_eq!(got.chosen, want.chosen);
            }
        }
    }
}

#[test]
fn leave_one_out_with_an_intercept_is_retraining() {
    let par = Par::single();
    let (n, p) = (14, 5);
    let (z, y, w) = problem(21, n, p, 2);
    let total: f64 = w.iter().sum();
    let scaled: Vec<f64> = w.iter().map(|v| v * n as f64 / total).collect();
    let spectrum = solver(Ridge::default(), Centre::Both)
        .spectrum(&moments(&z, &y, Some(&w), 3), &par)
        .unwrap();
    let mut pass = spectrum.leave_one_out(&[0.4]).unwrap();
    pass.accumulate(z.view(), y.view(), Some(&w), &par).unwrap();
    let got = pass.finish(Criterion::SquaredError, &par).unwrap().best().mse;
    let mut squares = 0.0;
    for left in 0..n {
        let others: Vec<usize> = (0..n).filter(|i| *i != left).collect();
        // Rows [z, 1] and no ridge on the last column.
        let rows = concatenate![Axis(1), z.select(Axis(0), &others), Array2::ones((n - 1, 1))];
        let weights = Array2::from_shape_fn((n - 1, 1), |(i, _)| scaled[others[i]]);
        let mut gram = rows.t().dot(&(&rows * &weights));
        gram.diag_mut().slice_mut(s![..p]).mapv_inplace(|v| v + 0.4);
        let fitted = solve(&gram, &rows.t().dot(&(&y.select(Axis(0), &others) * &weights)));
        let missed = &y.row(left) - &z.row(left).dot(&fitted.slice(s![..p, ..])) - fitted.row(p);
        squares += scaled[left] * missed.dot(&missed);
    }
    let want = squares / (2 * n) as f64;
    assert!((got / want - 1.0).abs() < 1e-10, "{got} {want}");
}

#[test]
fn spectra_give_models_at_any_ridge() {
    let par = Par::single();
    let (z, y, _) = problem(31, 300, 10, 2);
    // A copy of a feature: the system without a ridge is singular.
    let z = concatenate![Axis(1), z, z.slice(s![.., ..1])];
    let seen = moments(&z, &y, None, 300);
    let spectrum = solver(Ridge::default(), Centre::Both).spectrum(&seen, &par).unwrap();
    let free = spectrum.model(Shift::Absolute(0.0), &par).unwrap();
    assert!((free.weights[[0, 0]] / free.weights[[10, 0]] - 1.0).abs() < 1e-9, "least norm");
    assert!(free.diagnostics.residual < 1e-12);
    let dimension = spectrum.effective_dimension(0.0).unwrap();
    assert!((dimension - 10.0).abs() < 1.5, "{dimension}");
    let half = spectrum.model(Shift::Relative(0.5), &par).unwrap();
    let want = solver(Ridge::Value(0.5), Centre::Both).solve(&seen, &par).unwrap();
    close(half.weights.view(), want.weights.view(), 1e-10, "weights");
    assert!(half.effective_dimension.unwrap() < dimension);
    assert!(spectrum.model(Shift::Absolute(-1.0), &par).is_err());
    assert!(spectrum.effective_dimension(f64::NAN).is_err());
    assert!(matches!(spectrum.leave_one_out(&[]), Err(Error::Empty { .. })));
    assert!(matches!(spectrum.leave_one_out(&[0.0]), Err(Error::Parameter { .. })));
    let mut pass = spectrum.leave_one_out(&[1.0]).unwrap();
    pass.accumulate(z.view(), y.view(), None, &par).unwrap();
    let more = pass.accumulate(z.slice(s![..1, ..]), y.slice(s![..1, ..]), None, &par);
    assert!(matches!(more, Err(Error::Shape { expected: 300, got: 301, .. })));
    let error = pass.finish(Criterion::ErrorRate, &par).unwrap_err();
    assert_eq!(error, Error::CriterionNeedsClasses);
    let pass = spectrum.leave_one_out(&[1.0]).unwrap();
    let error = pass.finish(Criterion::SquaredError, &par).unwrap_err();
    assert!(matches!(error, Error::Shape { expected: 300, got: 0, .. }));
}

/// Of 60 degrees of freedom 64 probes miss 1.4 at most (one standard deviation), of 400 rows; the two routes
/// must choose ridges at which the exact score is the same within 3 %, and fit the same model at one ridge.
#[test]
fn a_few_factorisations_find_what_the_eigendecomposition_finds() {
    let par = Par::single();
    let z = Array2::from_shape_fn((400, 60), |(i, j)| {
        ((i * (j + 3)) as f64 * 0.37).sin() / (1.0 + j as f64)
    });
    let y = Array2::from_shape_fn((400, 2), |(i, c)| {
        z[[i, 0]] - 2.0 * z[[i, c + 3]] + 0.2 * ((i * 7919 + c) as f64).sin()
    });
    for centre in [Centre::Nothing, Centre::Targets, Centre::Both] {
        let mut moments = Moments::new(60, 2).unwrap();
        moments.accumulate(z.view(), y.view(), None, &par).unwrap();
        let solve = |route| {
            let path = RidgePath { route, ..RidgePath::default() };
            let solver = StreamingRidge { ridge: Ridge::Auto(path), centre }.check().unwrap();
            (solver.solve(&moments, &par).unwrap(), solver.spectrum(&moments, &par).unwrap())
        };
        let (few, spectrum) = solve(Route::Cholesky);
        let (exact, _) = solve(Route::Eigen);
        let path = few.path.as_ref().unwrap();
        let at = |ridge: f64| {
            let relative = ridge / few.ridge * few.relative_ridge;
            let path = RidgePath { lowest: relative, highest: relative, ..RidgePath::default() };
            spectrum.gcv(&path).unwrap().best()
        };
        for point in &path.points {
            let known = at(point.ridge);
            assert!((point.degrees - known.degrees).abs() < 6.0, "{point:?} {known:?}");
            assert!((point.mse / known.mse - 1.0).abs() < 1e-6, "{point:?} {known:?}");
        }
        let best = exact.path.as_ref().unwrap().best().gcv;
        assert!(at(few.ridge).gcv < 1.03 * best, "{} {best}", at(few.ridge).gcv);
        let same = spectrum.model(Shift::Absolute(few.ridge), &par).unwrap();
        let error = (&same.weights - &few.weights).mapv(f64::abs).sum();
        assert!(error < 1e-7 * same.weights.mapv(f64::abs).sum(), "{error:e}");
    }
}
