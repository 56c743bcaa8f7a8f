//! Golden family `predict`: all cases, started from the stored kernel blocks.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::relative;
use ndarray::{Array1, Array2};
use serde_json::Value;
use widelimit_data::Npz;
use widelimit_learn::ensemble::{NewPoints, Trained, gp_inference, gradient_descent_mse_ensemble};
use widelimit_learn::gradient_flow::{Start, Training, gradient_descent_mse, max_learning_rate};
use widelimit_learn::{GaussianProcess, Noise, Par, Prior, Shift, Time};

/// `golden/README.md`, section on tolerances: predictions from stored kernel blocks.
const TOLERANCE: f64 = 1e-11;

struct Golden {
    inputs: Npz,
    predict: Npz,
    kernels: BTreeMap<String, Array2<f64>>,
    targets: Array2<f64>,
    par: Par,
    worst: BTreeMap<String, f64>,
}

fn folder() -> PathBuf {
    let shared = std::env::var("WIDELIMIT_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    PathBuf::from(shared).join("golden")
}

fn read(archive: &Npz, key: &str) -> Array2<f64> {
    let array = archive.read(key).unwrap().into_f64();
    let columns = if array.ndim() == 2 { array.shape()[1] } else { 1 };
    let rows = array.shape()[0];
    array.to_shape((rows, columns)).unwrap().into_owned()
}

impl Golden {
    fn output(&self, case: &Value, name: &str) -> Array2<f64> {
        let key = case["outputs"][name]["key"].as_str().unwrap();
        read(&self.predict, key)
    }

    fn compare(&mut self, case: &Value, name: &str, got: &Array2<f64>) {
        let error = relative(got, &self.output(case, name));
        assert!(error <= TOLERANCE, "{} {name}: {error:e}", case["id"]);
        let worst = self.worst.entry(case["method"].as_str().unwrap().into()).or_insert(0.0);
        *worst = worst.max(error);
    }

    fn kernel(&self, name: &str) -> Array2<f64> {
        self.kernels[name].clone()
    }

    fn run(&mut self, case: &Value) {
        match case["method"].as_str().unwrap() {
            "kernels" => {
                for name in case["outputs"].as_object().unwrap().keys() {
                    let block = self.output(case, name);
                    self.kernels.insert(name.clone(), block);
                }
                self.targets = read(&self.inputs, case["y_train"].as_str().unwrap());
            }
            "gp_inference" => self.gp_inference(case),
            "gradient_descent_mse" => self.gradient_descent_mse(case),
            "gradient_descent_mse_ensemble" => self.ensemble(case),
            "max_learning_rate" => {
                for name in ["nngp", "ntk"] {
                    let kernel = self.kernel(&format!("{name}_train_train"));
                    let momentum = case["momentum"].as_f64().unwrap();
                    let got = max_learning_rate(kernel, self.targets.ncols(), momentum, &self.par)
                        .unwrap();
                    self.compare(case, name, &Array2::from_elem((1, 1), got));
                }
            }
            other => panic!("unknown method {other}"),
        }
    }

    fn gp_inference(&mut self, case: &Value) {
        let par = self.par;
        for (name, kernel) in [("nngp", "nngp"), ("ntkgp", "ntk")] {
            let noise = match shift(case) {
                Shift::Relative(v) => Noise::Value(v),
                Shift::Absolute(v) => Noise::Absolute(v),
            };
            let gp = GaussianProcess { noise, ..GaussianProcess::default() }.check().unwrap();
            let train = self.kernel(&format!("{kernel}_train_train"));
            let model = gp.fit(train, self.targets.view(), &par).unwrap();
            let new = self.kernel(&format!("{kernel}_test_train"));
            let all = self.kernel(&format!("{kernel}_test_test"));
            let got = model.predict(new.view(), Prior::Full(all.view()), &par).unwrap();
            self.compare(case, &format!("{name}_mean"), &got.mean);
            self.compare(case, &format!("{name}_cov"), &got.covariance.unwrap());
        }
        let (nngp, ntk) = (self.kernel("nngp_test_train"), self.kernel("ntk_test_train"));
        let all = self.kernel("nngp_test_test");
        let new =
            NewPoints { nngp: nngp.view(), ntk: Some(ntk.view()), prior: Prior::Full(all.view()) };
        let train = self.kernel("nngp_train_train");
        let got = gp_inference(
            train.view(),
            self.kernel("ntk_train_train"),
            self.targets.view(),
            shift(case),
            new,
            &par,
        )
        .unwrap();
        self.compare(case, "ntk_mean", &got.mean);
        self.compare(case, "ntk_cov", &got.covariance.unwrap());
    }

    fn gradient_descent_mse(&mut self, case: &Value) {
        let par = self.par;
        let name = case["kernel"].as_str().unwrap();
        let kernel = self.kernel(&format!("{name}_train_train"));
        let flow = gradient_descent_mse(kernel, self.targets.view(), training(case), &par).unwrap();
        let (train, new) = (self.output(case, "fx_train_0"), self.output(case, "fx_test_0"));
        let block = self.kernel(&format!("{name}_test_train"));
        for (label, time) in self.times(case) {
            let got = flow.train(time, Some(train.view()), &par).unwrap();
            self.compare(case, &format!("train_{label}"), &got);
            let start = Start { train: train.view(), new: new.view() };
            let got = flow.predict(time, block.view(), Some(start), &par).unwrap();
            self.compare(case, &format!("test_{label}"), &got);
        }
        let got = flow.predict(Time::Infinite, block.view(), None, &par).unwrap();
        self.compare(case, "test_inf_from_zero", &got);
    }

    fn ensemble(&mut self, case: &Value) {
        let par = self.par;
        let ensemble = gradient_descent_mse_ensemble(
            self.kernel("nngp_train_train"),
            Some(self.kernel("ntk_train_train")),
            self.targets.view(),
            training(case),
            &par,
        )
        .unwrap();
        let (nngp, ntk) = (self.kernel("nngp_test_train"), self.kernel("ntk_test_train"));
        let all = self.kernel("nngp_test_test");
        for (label, time) in self.times(case) {
            for (name, trained) in [("nngp", Trained::LastLayer), ("ntk", Trained::AllLayers)] {
                let prior = Prior::Full(all.view());
                let new = NewPoints { nngp: nngp.view(), ntk: Some(ntk.view()), prior };
                let got = ensemble.predict(trained, time, new, &par).unwrap();
                self.compare(case, &format!("{name}_test_mean_{label}"), &got.mean);
                self.compare(case, &format!("{name}_test_cov_{label}"), &got.covariance.unwrap());
                if time != Time::Infinite {
                    let got = ensemble.train(trained, time, &par).unwrap();
                    self.compare(case, &format!("{name}_train_mean_{label}"), &got.mean);
                    self.compare(
                        case,
                        &format!("{name}_train_cov_{label}"),
                        &got.covariance.unwrap(),
                    );
                }
            }
        }
    }

    fn times(&self, case: &Value) -> Vec<(String, Time)> {
        let finite: Array1<f64> = self.output(case, "t").column(0).to_owned();
        let mut times: Vec<_> =
            finite.iter().enumerate().map(|(i, t)| (format!("t{i}"), Time::At(*t))).collect();
        times.push(("inf".into(), Time::Infinite));
        times
    }
}

fn shift(case: &Value) -> Shift {
    let value = case["diag_reg"].as_f64().unwrap();
    if case["diag_reg_absolute_scale"].as_bool().unwrap() {
        Shift::Absolute(value)
    } else {
        Shift::Relative(value)
    }
}

fn training(case: &Value) -> Training {
    Training { learning_rate: case["learning_rate"].as_f64().unwrap(), shift: shift(case) }
}

#[test]
fn every_case() {
    let folder = folder();
    let Ok(index) = std::fs::read_to_string(folder.join("cases.json")) else {
        println!("skipped: {} not found", folder.display());
        return;
    };
    let index: Value = serde_json::from_str(&index).unwrap();
    let mut golden = Golden {
        inputs: Npz::open(folder.join("inputs.npz")).unwrap(),
        predict: Npz::open(folder.join("predict.npz")).unwrap(),
        kernels: BTreeMap::new(),
        targets: Array2::zeros((0, 0)),
        par: Par::single(),
        worst: BTreeMap::new(),
    };
    let mut count = 0;
    for case in index["cases"].as_array().unwrap().iter().filter(|c| c["family"] == "predict") {
        golden.run(case);
        count += 1;
    }
    assert!(count >= 28, "only {count} cases");
    println!("{count} cases, largest relative errors {:?}", golden.worst);
}
