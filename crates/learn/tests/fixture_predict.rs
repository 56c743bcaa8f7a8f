//! Predictions against 50-digit arithmetic (`fixtures/make_predict.py`).

mod common;

use common::relative;
use ndarray::Array2;
use serde_json::Value;
use widelimit_learn::ensemble::{NewPoints, Trained, gp_inference, gradient_descent_mse_ensemble};
use widelimit_learn::gradient_flow::{Start, Training, gradient_descent_mse, max_learning_rate};
use widelimit_learn::{GaussianProcess, Noise, Par, Prior, Shift, Time};

struct Fixture(Value);

impl Fixture {
    fn load() -> Self {
        Fixture(serde_json::from_str(include_str!("fixtures/predict.json")).unwrap())
    }

    fn table(v: &Value) -> Array2<f64> {
        let rows: Vec<Vec<f64>> = serde_json::from_value(v.clone()).unwrap();
        let shape = (rows.len(), rows[0].len());
        Array2::from_shape_vec(shape, rows.concat()).unwrap()
    }

    fn get(&self, name: &str) -> Array2<f64> {
        Self::table(&self.0[name])
    }

    fn shift(&self, relative: bool) -> Shift {
        let s = self.0["shift"].as_f64().unwrap();
        if relative { Shift::Relative(s) } else { Shift::Absolute(s) }
    }

    fn cases(&self) -> impl Iterator<Item = (bool, Time, &Value)> {
        self.0["cases"].as_array().unwrap().iter().map(|c| {
            let time = c["time"].as_f64().map_or(Time::Infinite, Time::At);
            (c["relative"].as_bool().unwrap(), time, c)
        })
    }
}

/// The kernels have condition numbers of 1e3 to 1e4, so 1e-12 leaves one decimal beyond rounding.
const TOLERANCE: f64 = 1e-12;

fn close(what: &str, got: &Array2<f64>, case: &Value) {
    let want = Fixture::table(&case[what]);
    // At late times residuals vanish: compare with the scale of the start.
    let scale = want.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    let error = (got - &want).iter().fold(0.0f64, |m, v| m.max(v.abs())) / scale;
    assert!(error <= TOLERANCE, "{what} at {}: {error:e}", case["time"]);
}

#[test]
fn gradient_flow() {
    let (f, par) = (Fixture::load(), Par::single());
    let (start, start_new, y) = (f.get("start"), f.get("start_new"), f.get("y"));
    for (relative, time, case) in f.cases() {
        let training = Training {
            learning_rate: f.0["learning_rate"].as_f64().unwrap(),
            shift: f.shift(relative),
        };
        for name in ["nngp", "ntk"] {
            let flow = gradient_descent_mse(f.get(name), y.view(), training, &par).unwrap();
            let got = flow.train(time, Some(start.view()), &par).unwrap();
            close(&format!("{name}_flow_train"), &got, case);
            let new = f.get(&format!("{name}_new"));
            let from = Start { train: start.view(), new: start_new.view() };
            let got = flow.predict(time, new.view(), Some(from), &par).unwrap();
            close(&format!("{name}_flow_new"), &got, case);
            let got = flow.predict(time, new.view(), None, &par).unwrap();
            close(&format!("{name}_mean"), &got, case);
        }
    }
}

#[test]
fn ensemble() {
    let (f, par) = (Fixture::load(), Par::single());
    let y = f.get("y");
    let (nngp, ntk, all) = (f.get("nngp_new"), f.get("ntk_new"), f.get("nngp_all"));
    for (relative, time, case) in f.cases() {
        let training = Training {
            learning_rate: f.0["learning_rate"].as_f64().unwrap(),
            shift: f.shift(relative),
        };
        let ensemble = gradient_descent_mse_ensemble(
            f.get("nngp"),
            Some(f.get("ntk")),
            y.view(),
            training,
            &par,
        )
        .unwrap();
        for (name, trained) in [("nngp", Trained::LastLayer), ("ntk", Trained::AllLayers)] {
            let new = NewPoints {
                nngp: nngp.view(),
                ntk: Some(ntk.view()),
                prior: Prior::Full(all.view()),
            };
            let full = ensemble.predict(trained, time, new, &par).unwrap();
            close(&format!("{name}_mean"), &full.mean, case);
            let covariance = full.covariance.unwrap();
            close(&format!("{name}_cov"), &covariance, case);
            assert_eq!(covariance, covariance.t());
            let diagonal = all.diag();
            let new = NewPoints { prior: Prior::Diagonal(diagonal), ..new };
            let part = ensemble.predict(trained, time, new, &par).unwrap();
            assert!(part.covariance.is_none());
            let (a, b) = (part.variance.unwrap(), full.variance.unwrap());
            assert!((&a - &b).iter().all(|d| d.abs() < 1e-14), "{a} {b}");
            let train = ensemble.train(trained, time, &par).unwrap();
            close(&format!("{name}_cov_train"), &train.covariance.unwrap(), case);
            if time == Time::Infinite && trained == Trained::AllLayers {
                let new = NewPoints { prior: Prior::Full(all.view()), ..new };
                let kernel = f.get("nngp");
                let got =
                    gp_inference(kernel.view(), f.get("ntk"), y.view(), training.shift, new, &par)
                        .unwrap();
                close("ntk_mean", &got.mean, case);
                close("ntk_cov", &got.covariance.unwrap(), case);
            }
        }
    }
}

#[test]
fn gaussian_process() {
    let (f, par) = (Fixture::load(), Par::single());
    let s = f.0["shift"].as_f64().unwrap();
    for (name, noise) in [("gp_relative", Noise::Value(s)), ("gp_absolute", Noise::Absolute(s))] {
        let case = &f.0[name];
        let gp = GaussianProcess { noise, ..GaussianProcess::default() }.check().unwrap();
        let model = gp.fit(f.get("ntk"), f.get("y").view(), &par).unwrap();
        let (new, all) = (f.get("ntk_new"), f.get("ntk_all"));
        let got = model.predict(new.view(), Prior::Full(all.view()), &par).unwrap();
        close("mean", &got.mean, case);
        close("cov", &got.covariance.unwrap(), case);
        let want = case["log_marginal_likelihood"].as_f64().unwrap();
        assert!((model.log_marginal_likelihood / want - 1.0).abs() < TOLERANCE);
        assert!(model.diagnostics.residual < 1e-13);
    }
}

#[test]
fn learning_rate() {
    let f = Fixture::load();
    let got = max_learning_rate(f.get("ntk"), 2, 0.0, &Par::single()).unwrap();
    assert!((got / f.0["max_learning_rate"].as_f64().unwrap() - 1.0).abs() < 1e-14);
    let with_momentum = max_learning_rate(f.get("ntk"), 2, 0.5, &Par::single()).unwrap();
    assert!((with_momentum / got - 1.5).abs() < 1e-14);
    assert!(relative(&f.get("ntk"), &f.get("ntk").reversed_axes()) < 1e-16);
}
