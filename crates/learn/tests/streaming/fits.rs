//! Models at a given ridge.

use ndarray::{Array2, Axis, s};
use widelimit_learn::streaming::{Centre, Moments};
use widelimit_learn::{Error, FeatureRidge, Par, Ridge};

use crate::common::Random;
use crate::{close, mean, moments, problem, solver};

#[test]
fn equals_the_fit_in_memory_at_the_same_ridge() {
    let par = Par::new(2);
    for (n, p, m) in [(40, 7, 1), (1500, 30, 3), (12, 40, 2), (5, 5, 1)] {
        let (z, y, w) = problem(n as u64, n, p, m);
        for weights in [None, Some(&w[..])] {
            for (centre, flag) in [(Centre::Nothing, false), (Centre::Targets, true)] {
                for ridge in [Ridge::Value(1e-3), Ridge::Value(0.5), Ridge::Absolute(0.7)] {
                    let memory =
                        FeatureRidge { ridge: ridge.clone(), centre: flag }.check().unwrap();
                    let want = match weights {
                        None => memory.fit(z.view(), y.view(), &par),
                        Some(w) => memory.fit_weighted(z.view(), y.view(), w, &par),
                    };
                    let want = want.unwrap();
                    let seen = moments(&z, &y, weights, 17);
                    let got = solver(ridge, centre).solve(&seen, &par).unwrap();
                    let what = format!("{n} {p} {m} {centre:?}");
                    close(got.weights.view(), want.weights.view(), 1e-10, &what);
                    let intercept = got.intercept.view().insert_axis(Axis(0));
                    close(intercept, want.mean.view().insert_axis(Axis(0)), 1e-12, &what);
                    assert!((got.ridge / want.ridge - 1.0).abs() < 1e-12, "{what}");
                    assert!((got.relative_ridge / want.relative_ridge - 1.0).abs() < 1e-12);
                    let (p, q) = (got.predict(z.view(), &par), want.predict(z.view(), &par));
                    close(p.unwrap().view(), q.unwrap().view(), 1e-10, &what);
                    assert!(got.diagnostics.residual < 1e-12);
                }
            }
        }
    }
}

#[test]
fn single_precision_rows_are_summed_in_double_precision() {
    let par = Par::single();
    let (z, y, _) = problem(5, 3000, 20, 2);
    let (z, y) = (z.mapv(|v| v as f32), y.mapv(|v| v as f32));
    let mut narrow = Moments::new(20, 2).unwrap();
    narrow.accumulate(z.view(), y.view(), None, &par).unwrap();
    let wide = moments(&z.mapv(f64::from), &y.mapv(f64::from), None, 3000);
    assert_eq!(narrow.into_parts(), wide.into_parts());
}

#[test]
fn an_intercept_survives_a_mean_far_from_zero() {
    let par = Par::new(2);
    let (n, p, m) = (2600, 8, 2);
    let (spread, y, w) = problem(3, n, p, m);
    for weights in [None, Some(&w[..])] {
        let ones = vec![1.0; n];
        let w = weights.unwrap_or(&ones);
        // Shifts that the doubles of the rows can carry exactly, so that the truth is known.
        let spread = spread.mapv(|v| (v * 1024.0).round() / 1024.0);
        let far = &spread + 10_000.0;
        let centred = &spread - &mean(&spread, w);
        let memory = FeatureRidge { ridge: Ridge::Value(1e-6), centre: true }.check().unwrap();
        let want = memory.fit_weighted(centred.view(), y.view(), w, &par).unwrap();
        let model = solver(Ridge::Value(1e-6), Centre::Both)
            .solve(&moments(&far, &y, weights, 100), &par)
            .unwrap();
        close(model.weights.view(), want.weights.view(), 1e-10, "weights");
        assert!((model.ridge / want.ridge - 1.0).abs() < 1e-10);
        let (got, want) = (model.predict(far.view(), &par), want.predict(centred.view(), &par));
        close(got.unwrap().view(), want.unwrap().view(), 1e-10, "predictions");
    }
}

#[test]
fn features_without_spread_get_no_weight() {
    let par = Par::single();
    let (mut z, y, w) = problem(23, 500, 5, 2);
    z.column_mut(1).fill(0.1);
    z.column_mut(3).fill(0.0);
    for ridge in [Ridge::Value(1e-14), Ridge::Value(0.1), Ridge::default()] {
        let seen = moments(&z, &y, Some(&w), 33);
        let both = solver(ridge.clone(), Centre::Both).solve(&seen, &par).unwrap();
        // Eigenvectors are orthogonal up to rounding only.
        assert!(both.weights.row(1).iter().chain(both.weights.row(3)).all(|v| v.abs() < 1e-13));
        let without = moments(&z.select(Axis(1), &[0, 2, 4]), &y, Some(&w), 33);
        let want = solver(Ridge::Absolute(both.ridge), Centre::Both).solve(&without, &par).unwrap();
        close(both.weights.select(Axis(0), &[0, 2, 4]).view(), want.weights.view(), 1e-9, "rest");
        // A zero feature is no obstacle without an intercept either.
        let targets = solver(ridge, Centre::Targets).solve(&seen, &par).unwrap();
        assert!(targets.weights.row(3).iter().all(|v| v.abs() < 1e-13));
        assert!(targets.weights.row(1).iter().all(|v| v.abs() > 1e-6));
    }
    let nothing = moments(&Array2::zeros((20, 3)), &y.slice(s![..20, ..]).to_owned(), None, 20);
    let error = solver(Ridge::Value(0.1), Centre::Targets).solve(&nothing, &par).unwrap_err();
    assert_eq!(error, Error::DiagonalNotPositive { mean: 0.0 });
    let error = solver(Ridge::default(), Centre::Targets).solve(&nothing, &par).unwrap_err();
    assert_eq!(error, Error::DiagonalNotPositive { mean: 0.0 });
    let model = solver(Ridge::Absolute(1.0), Centre::Targets).solve(&nothing, &par).unwrap();
    assert!(model.weights.iter().all(|v| *v == 0.0));
    let constant =
        moments(&Array2::from_elem((20, 3), 0.1), &y.slice(s![..20, ..]).to_owned(), None, 7);
    let error = solver(Ridge::Value(0.1), Centre::Both).solve(&constant, &par).unwrap_err();
    assert_eq!(error, Error::DiagonalNotPositive { mean: 0.0 });
}

#[test]
fn few_rows() {
    let par = Par::single();
    let empty = Moments::new(3, 1).unwrap();
    let error = solver(Ridge::Value(0.1), Centre::Targets).solve(&empty, &par).unwrap_err();
    assert!(matches!(error, Error::TooFewRows { needed: 1, got: 0, .. }));
    let (z, y, _) = problem(29, 1, 3, 1);
    let one = moments(&z, &y, None, 1);
    let model = solver(Ridge::Value(0.1), Centre::Targets).solve(&one, &par).unwrap();
    assert_eq!(model.predict(z.view(), &par).unwrap(), y);
    let model = solver(Ridge::Value(1.0), Centre::Nothing).solve(&one, &par).unwrap();
    let halved = model.predict(z.view(), &par).unwrap()[[0, 0]] * 2.0;
    assert!((halved / y[[0, 0]] - 1.0).abs() < 1e-12);
    let error = solver(Ridge::default(), Centre::Targets).solve(&one, &par).unwrap_err();
    assert!(matches!(error, Error::TooFewRows { needed: 2, got: 1, .. }));
    assert!(matches!(Moments::new(0, 1), Err(Error::Empty { .. })));
    assert!(matches!(Moments::new(1, 0), Err(Error::Empty { .. })));
}

#[test]
fn targets_keep_their_precision_beside_narrow_features() {
    let par = Par::single();
    let mut random = Random(11);
    let z = random.matrix(1500, 4).mapv(|v| v as f32);
    let y = random.matrix(1500, 2);
    let mut mixed = Moments::new(4, 2).unwrap();
    mixed.accumulate(z.view(), y.view(), None, &par).unwrap();
    let wide = moments(&z.mapv(f64::from), &y, None, 700);
    assert_eq!(mixed.into_parts(), wide.into_parts());
}
