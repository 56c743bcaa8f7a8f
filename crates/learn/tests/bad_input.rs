//! Every refusal is an error that carries its numbers; nothing panics, nothing returns NaN.

mod common;

use common::{Random, ntk};
use ndarray::{Array2, array};
use widelimit_learn::ensemble::{NewPoints, Trained, gradient_descent_mse_ensemble};
use widelimit_learn::gradient_flow::{Training, gradient_descent_mse, max_learning_rate};
use widelimit_learn::{
    Amplitude, Classifier, Criterion, Error, FeatureRidge, GaussianProcess, KernelRidge, Noise,
    NoisePath, Par, Prior, Ridge, RidgePath, Route, Time,
};

fn kernel(n: usize) -> Array2<f64> {
    let x = Random(1).matrix(n, 3);
    ntk(x.view(), x.view())
}

fn given() -> widelimit_learn::CheckedKernelRidge {
    KernelRidge { ridge: Ridge::Value(1e-3), centre: true }.check().unwrap()
}

fn routes() -> [widelimit_learn::CheckedKernelRidge; 3] {
    let auto = |route| Ridge::Auto(RidgePath { route, ..RidgePath::default() });
    [Ridge::Value(1e-3), auto(Route::Eigen), auto(Route::Cholesky)]
        .map(|ridge| KernelRidge { ridge, centre: true }.check().unwrap())
}

#[test]
fn parameters() {
    for ridge in [Ridge::Value(-1e-3), Ridge::Absolute(f64::INFINITY), Ridge::Value(f64::NAN)] {
        assert!(matches!(
            KernelRidge { ridge, centre: true }.check(),
            Err(Error::Parameter { name: "ridge", .. })
        ));
    }
    let gp = GaussianProcess { noise: Noise::Value(-1.0), ..GaussianProcess::default() };
    assert!(matches!(gp.check(), Err(Error::Parameter { name: "noise", .. })));
    let gp = GaussianProcess { amplitude: Amplitude::Fixed(0.0), ..GaussianProcess::default() };
    assert!(matches!(gp.check(), Err(Error::Parameter { name: "amplitude", .. })));
    let path = RidgePath { criterion: Criterion::ErrorRate, ..RidgePath::default() };
    let solver = KernelRidge { ridge: Ridge::Auto(path), centre: true }.check().unwrap();
    let y = Random(2).matrix(5, 1);
    assert!(matches!(
        solver.fit(kernel(5), y.view(), &Par::single()),
        Err(Error::CriterionNeedsClasses)
    ));
}

#[test]
fn shapes() {
    let par = Par::single();
    let y = Random(2).matrix(4, 1);
    for solver in routes() {
        assert!(matches!(
            solver.fit(kernel(5), y.view(), &par),
            Err(Error::Shape { expected: 5, got: 4, .. })
        ));
        let k = Random(3).matrix(4, 3);
        assert!(matches!(
            solver.fit(k, y.view(), &par),
            Err(Error::NotSquare { rows: 4, columns: 3 })
        ));
        let empty = Array2::<f64>::zeros((0, 0));
        assert!(solver.fit(empty.clone(), Array2::zeros((0, 1)).view(), &par).is_err());
        assert!(matches!(
            solver.fit(kernel(4), Array2::zeros((4, 0)).view(), &par),
            Err(Error::Empty { .. })
        ));
    }
    let model = given().fit(kernel(4), y.view(), &par).unwrap();
    assert!(matches!(
        model.predict(kernel(5).view(), &par),
        Err(Error::Shape { expected: 4, got: 5, .. })
    ));
    let none = model.predict(Array2::zeros((0, 4)).view(), &par).unwrap();
    assert_eq!(none.dim(), (0, 1));
}

#[test]
fn values_that_are_not_finite() {
    let par = Par::single();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut y = Random(2).matrix(4, 2);
        y[[2, 1]] = bad;
        let mut k = kernel(4);
        k[[3, 1]] = bad;
        for solver in routes() {
            assert!(matches!(
                solver.fit(kernel(4), y.view(), &par),
                Err(Error::NotFinite { row: 2, column: 1, .. })
            ));
            let good = Random(2).matrix(4, 2);
            assert!(matches!(
                solver.fit(k.clone(), good.view(), &par),
                Err(Error::NotFinite { row: 3, column: 1, .. })
            ));
        }
        let flow = gradient_descent_mse(k.clone(), y.view(), Training::default(), &par);
        assert!(matches!(flow, Err(Error::NotFinite { .. })));
        let solver = FeatureRidge::default().check().unwrap();
        assert!(matches!(
            solver.fit(k.view(), Random(2).matrix(4, 2).view(), &par),
            Err(Error::NotFinite { row: 3, column: 1, .. })
        ));
    }
}

#[test]
fn kernels_that_are_not_kernels() {
    let par = Par::single();
    let y = Random(2).matrix(3, 1);
    let indefinite = array![[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let [value, eigen, cholesky] = routes();
    match value.fit(indefinite.clone(), y.view(), &par) {
        Err(Error::NotPositiveDefinite { pivot, value, min_eigenvalue, .. }) => {
            assert_eq!(pivot, 1);
            assert!(value < 0.0);
            assert!((min_eigenvalue.unwrap() + 1.0).abs() < 1e-12);
        }
        other => panic!("{other:?}"),
    }
    for solver in [eigen, cholesky] {
        assert!(matches!(
            solver.fit(indefinite.clone(), y.view(), &par),
            Err(Error::Indefinite { .. } | Error::NotPositiveDefinite { .. })
        ));
    }
    let skewed = array![[1.0, 0.5, 0.0], [0.2, 1.0, 0.0], [0.0, 0.0, 1.0]];
    assert!(matches!(
        given().fit(skewed, y.view(), &par),
        Err(Error::NotSymmetric { row: 1, column: 0, .. })
    ));
    assert!(gradient_descent_mse(indefinite.clone(), y.view(), Training::default(), &par).is_err());
    for noise in [Noise::Value(1e-3), Noise::Auto(NoisePath::default())] {
        let gp = GaussianProcess { noise, ..GaussianProcess::default() }.check().unwrap();
        assert!(gp.fit(indefinite.clone(), y.view(), &par).is_err());
    }
}

#[test]
fn zero_kernel() {
    let par = Par::single();
    let y = Random(2).matrix(3, 1);
    let zero = Array2::<f64>::zeros((3, 3));
    for solver in routes() {
        assert_eq!(
            solver.fit(zero.clone(), y.view(), &par).unwrap_err(),
            Error::DiagonalNotPositive { mean: 0.0 }
        );
    }
    let solver = KernelRidge { ridge: Ridge::Absolute(1.0), centre: true }.check().unwrap();
    let model = solver.fit(zero.clone(), y.view(), &par).unwrap();
    let f = model.predict(zero.view(), &par).unwrap();
    assert!((f[[0, 0]] - y.mean().unwrap()).abs() < 1e-15);
    let flow = gradient_descent_mse(zero.clone(), y.view(), Training::default(), &par).unwrap();
    assert_eq!(
        flow.train::<f64>(Time::Infinite, None, &par).unwrap(),
        Array2::<f64>::zeros((3, 1))
    );
    assert!(max_learning_rate(zero, 1, 0.0, &par).unwrap().is_finite());
}

#[test]
fn duplicate_rows_are_solved_and_reported() {
    let par = Par::single();
    let mut x = Random(1).matrix(12, 3);
    for i in 0..6 {
        let row = x.row(i).to_owned();
        x.row_mut(i + 6).assign(&row);
    }
    let k = ntk(x.view(), x.view());
    let y = Random(2).matrix(12, 1);
    for solver in routes() {
        let model = solver.fit(k.clone(), y.view(), &par).unwrap();
        assert!(model.dual.iter().all(|v| v.is_finite()));
        assert!(model.diagnostics.residual < 1e-6);
    }
    // Without a ridge the kernel is singular: either rounding lets the factorisation through, or jitter does.
    let solver = KernelRidge { ridge: Ridge::Absolute(0.0), centre: true }.check().unwrap();
    let model = solver.fit(k.clone(), y.view(), &par).unwrap();
    assert!(model.dual.iter().all(|v| v.is_finite()));
    assert!(
        model.diagnostics.jitter > 0.0 || model.diagnostics.condition > 1e12,
        "{:?}",
        model.diagnostics
    );
    // Gradient flow converges to the mean of the duplicates' targets.
    let flow = gradient_descent_mse(k, y.view(), Training::default(), &par).unwrap();
    assert_eq!(flow.rank(), 6);
    let f = flow.train::<f64>(Time::Infinite, None, &par).unwrap();
    for i in 0..6 {
        assert!((f[[i, 0]] - 0.5 * (y[[i, 0]] + y[[i + 6, 0]])).abs() < 1e-9);
    }
}

#[test]
fn constant_targets() {
    let par = Par::single();
    let y = Array2::from_elem((6, 2), 1.0e6 / 3.0);
    for solver in routes() {
        let model = solver.fit(kernel(6), y.view(), &par).unwrap();
        let f = model.predict(kernel(6).view(), &par).unwrap();
        assert!(common::relative(&f, &y) < 1e-15);
        assert!(model.diagnostics.residual.is_finite());
    }
    let gp = GaussianProcess {
        noise: Noise::Auto(NoisePath::default()),
        amplitude: Amplitude::MaximumLikelihood,
        centre: true,
    };
    let model = gp.check().unwrap().fit(kernel(6), y.view(), &par).unwrap();
    assert!(model.log_marginal_likelihood.is_finite());
}

#[test]
fn one_row() {
    let par = Par::single();
    let (k, y) = (array![[2.0]], array![[3.0]]);
    let [value, eigen, cholesky] = routes();
    let model = value.fit(k.clone(), y.view(), &par).unwrap();
    assert_eq!(model.predict(k.view(), &par).unwrap(), y);
    for solver in [eigen, cholesky] {
        assert!(matches!(
            solver.fit(k.clone(), y.view(), &par),
            Err(Error::TooFewRows { needed: 2, got: 1, .. })
        ));
    }
    let gp = GaussianProcess::default().check().unwrap();
    assert!(gp.fit(k.clone(), y.view(), &par).is_ok());
    let two = KernelRidge::default().check().unwrap();
    let (x, y) = (Random(4).matrix(2, 3), Random(5).matrix(2, 1));
    assert!(two.fit(ntk(x.view(), x.view()), y.view(), &par).is_ok());
}

#[test]
fn classes() {
    let par = Par::single();
    let classifier = Classifier::default().check().unwrap();
    assert!(matches!(
        classifier.fit_kernel(kernel(3), &[1, 1, 1], 2, &par),
        Err(Error::OneClass { class: 1, rows: 3 })
    ));
    assert!(matches!(
        classifier.fit_kernel(kernel(3), &[0, 2, 1], 2, &par),
        Err(Error::ClassCode { row: 1, code: 2, classes: 2 })
    ));
    assert!(matches!(
        classifier.fit_kernel(kernel(3), &[0, 1], 2, &par),
        Err(Error::Shape { expected: 3, got: 2, .. })
    ));
    // A class that no row has keeps the score 0 and never wins here.
    let model = classifier.fit_kernel(kernel(6), &[0, 2, 0, 2, 0, 2], 3, &par).unwrap();
    let scores = model.scores(kernel(6).view(), &par).unwrap();
    assert!(scores.column(1).iter().all(|v| *v == 0.0));
    assert!(scores.sum_axis(ndarray::Axis(1)).iter().all(|s| (s - 1.0).abs() < 1e-12));
}

#[test]
fn huge_values() {
    let par = Par::single();
    let y = Array2::from_shape_fn((5, 1), |(i, _)| if i % 2 == 0 { 1e30f32 } else { -3e30 });
    let k = kernel(5).mapv(|v| (v * 1e-30) as f32);
    // The dual coefficients would be about 1e60.
    assert!(matches!(given().fit(k, y.view(), &par), Err(Error::Overflow { .. })));
    let k = kernel(5) * 1e300;
    let y = Random(2).matrix(5, 1);
    for solver in routes() {
        let model = solver.fit(k.clone(), y.view(), &par).unwrap();
        assert!(model.dual.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn times_and_blocks() {
    let par = Par::single();
    let y = Random(2).matrix(4, 1);
    let flow = gradient_descent_mse(kernel(4), y.view(), Training::default(), &par).unwrap();
    for t in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(flow.train::<f64>(Time::At(t), None, &par).is_err());
    }
    assert!(flow.train(Time::At(1.0), Some(Random(1).matrix(3, 1).view()), &par).is_err());
    assert!(flow.predict(Time::At(1.0), kernel(3).view(), None, &par).is_err());
    for learning_rate in [0.0, -1.0, f64::INFINITY] {
        let training = Training { learning_rate, ..Training::default() };
        assert!(gradient_descent_mse(kernel(4), y.view(), training, &par).is_err());
    }
    let only = gradient_descent_mse_ensemble(kernel(4), None, y.view(), Training::default(), &par)
        .unwrap();
    assert!(matches!(
        only.train::<f64>(Trained::AllLayers, Time::Infinite, &par),
        Err(Error::NtkMissing)
    ));
    let k = kernel(4);
    let new = NewPoints { nngp: k.view(), ntk: None, prior: Prior::Unknown };
    assert!(only.predict(Trained::LastLayer, Time::At(1.0), new, &par).is_ok());
    let short = array![1.0];
    let new = NewPoints { prior: Prior::Diagonal(short.view()), ..new };
    assert!(only.predict(Trained::LastLayer, Time::At(1.0), new, &par).is_err());
}
