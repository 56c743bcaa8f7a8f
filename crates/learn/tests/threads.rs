//! Whole fits do not depend on the number of threads, to the bit.

mod common;

use common::{Random, ntk};
use ndarray::{Array2, Axis};
use widelimit_learn::{
    FeatureRidge, GaussianProcess, KernelRidge, Noise, NoisePath, Par, Prior, Ridge, RidgePath,
    Route, Scalar,
};

/// The same bits from `compute` with 1, 2, 3 and 5 threads.
fn same<T: Scalar>(what: &str, compute: impl Fn(&Par) -> Vec<Array2<T>>) {
    let bits = |threads| -> Vec<u64> {
        let results = compute(&Par::new(threads));
        results.iter().flatten().map(|v| v.to_f64().to_bits()).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(one == bits(threads), "{what} in {} with {threads} threads", T::NAME);
    }
}

/// Kernel, targets and kernel with new points.
fn problem<T: Scalar>(n: usize) -> (Array2<T>, Array2<T>, Array2<T>) {
    let mut random = Random(n as u64);
    let (x, new) = (random.matrix(n, 6), random.matrix(20, 6));
    let y = x.select(Axis(1), &[0, 1]).mapv(|v| (2.0 * v).sin()) + random.matrix(n, 2) * 0.3;
    let narrow = |a: Array2<f64>| a.mapv(T::from_f64);
    (narrow(ntk(x.view(), x.view())), narrow(y), narrow(ntk(new.view(), x.view())))
}

fn fits<T: Scalar>(n: usize) {
    let (k, y, new) = problem::<T>(n);
    let number = |v: f64| Array2::from_elem((1, 1), T::from_f64(v));
    let cholesky = RidgePath { route: Route::Cholesky, ..RidgePath::default() };
    for ridge in [Ridge::Value(1e-3), Ridge::default(), Ridge::Auto(cholesky)] {
        same(&format!("{ridge:?} for {n} rows"), |par| {
            let solver = KernelRidge { ridge: ridge.clone(), centre: true }.check().unwrap();
            let model = solver.fit(k.clone(), y.view(), par).unwrap();
            let predicted = model.predict(new.view(), par).unwrap();
            let d = model.diagnostics;
            let facts = [model.ridge, d.condition, d.residual].map(number);
            [model.dual, predicted].into_iter().chain(facts).collect()
        });
    }
    for noise in [Noise::Value(1e-3), Noise::Auto(NoisePath::default())] {
        same(&format!("{noise:?} for {n} rows"), |par| {
            let process = GaussianProcess { noise: noise.clone(), ..GaussianProcess::default() };
            let model = process.check().unwrap().fit(k.clone(), y.view(), par).unwrap();
            let prior = Array2::from_elem((1, new.nrows()), T::from_f64(9.0));
            let posterior = model.predict(new.view(), Prior::Diagonal(prior.row(0)), par).unwrap();
            let spread = posterior.variance.unwrap().into_dyn().into_shape_with_order((1, 20));
            let facts = [model.noise, model.log_marginal_likelihood].map(number);
            [posterior.mean, spread.unwrap()].into_iter().chain(facts).collect()
        });
    }
    same(&format!("features of {n} rows"), |par| {
        let model = FeatureRidge::default().check().unwrap();
        let model = model.fit(new.t(), y.view(), par).unwrap();
        vec![model.weights, number(model.ridge)]
    });
}

#[test]
fn double_precision() {
    for n in [300, 700, 1500] {
        fits::<f64>(n);
    }
}

#[test]
fn single_precision() {
    for n in [300, 700] {
        fits::<f32>(n);
    }
}
