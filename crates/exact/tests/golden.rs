//! Golden kernels of fully connected networks, in f64.
//!
//! References with the suffix `_hp` come from 60-digit arithmetic and are preferred; tolerances
//! are those of the golden data's own README.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis, Ix2};
use serde_json::{Value, json};
use widelimit_arch::Network;
use widelimit_data::Npz;
use widelimit_exact::{Options, Want, diagonal, kernel};
use widelimit_linalg::Par;

/// Worst relative error of each kind of entry.
#[derive(Default)]
struct Worst {
    cases: usize,
    kinds: BTreeMap<&'static str, (f64, String)>,
    failures: Vec<String>,
}

impl Worst {
    fn add(&mut self, kind: &'static str, error: f64, limit: f64, what: &str) {
        let entry = self.kinds.entry(kind).or_insert((0.0, String::new()));
        if error > entry.0 {
            *entry = (error, what.to_owned());
        }
        // written so that a NaN fails too
        if error.is_nan() || error > limit {
            self.failures.push(format!("{what}: {kind}: {error:.2e} > {limit:.0e}"));
        }
    }

    fn finish(self, family: &str) {
        println!("{family}: {} cases", self.cases);
        for (kind, (error, what)) in &self.kinds {
            println!("  {kind:<24} worst {error:.1e}  {what}");
        }
        assert!(self.cases > 0, "no case of {family}");
        assert!(
            self.failures.is_empty(),
            "{} failures:\n{}",
            self.failures.len(),
            self.failures.join("\n")
        );
    }
}

fn matrix(file: &Npz, name: &str) -> Array2<f64> {
    let array = file.read(name).unwrap().into_f64();
    array.into_dimensionality::<Ix2>().unwrap()
}

fn cases(golden: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(golden.join("cases.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    index["cases"].as_array().unwrap().clone()
}

/// Whether two rows are collinear: where square-root singularities sit.
fn coincident(x1: ArrayView2<f64>, x2: ArrayView2<f64>, i: usize, j: usize) -> bool {
    let (x, y) = (x1.row(i), x2.row(j));
    let (a, b, c) = (x.dot(&x), y.dot(&y), x.dot(&y));
    a * b > 0.0 && c.abs() >= (1.0 - 1e-13) * (a * b).sqrt()
}

/// Off coincidence: 1e-12, but for the listed maps that amplify rounding themselves.
fn tolerance(id: &str, layers: &Value) -> f64 {
    let text = layers.to_string();
    if text.contains("\"numerical\"") {
        return 1e-8;
    }
    if !id.contains("depth10") {
        return 1e-12;
    }
    let has = |layer: &str, degree: u64| {
        layers.as_array().unwrap().iter().any(|l| l["layer"] == layer && l["degree"] == degree)
    };
    match () {
        () if text.contains("\"rbf\"") => 4e-12,
        () if has("hermite", 3) => 1e-11,
        () if has("hermite", 4) => 2e-10,
        () if has("hermite", 5) => 2e-9,
        () if has("monomial", 5) => 8e-12,
        () => 1e-12,
    }
}

fn compare(
    worst: &mut Worst,
    what: &str,
    (x1, x2, symmetric): (ArrayView2<f64>, ArrayView2<f64>, bool),
    (ours, reference): (ArrayView2<f64>, ArrayView2<f64>),
    limit: f64,
) {
    assert_eq!(ours.dim(), reference.dim(), "{what}");
    let scale = reference.iter().fold(0.0_f64, |m, x| m.max(x.abs())).max(f64::MIN_POSITIVE);
    for ((i, j), &value) in ours.indexed_iter() {
        let error = (value - reference[[i, j]]).abs() / scale;
        let (kind, limit) = if symmetric && i == j {
            ("diagonal", limit)
        } else if coincident(x1, x2, i, j) {
            ("repeated or collinear", 1e-7_f64.max(limit))
        } else if limit == 1e-12 {
            ("elsewhere", limit)
        } else {
            ("elsewhere, amplifying", limit)
        };
        worst.add(kind, error, limit, &format!("{what} [{i}, {j}]"));
    }
}

fn family(name: &str) {
    let Some(shared) = common::shared(name) else { return };
    let golden = shared.join("golden");
    let inputs = Npz::open(golden.join("inputs.npz")).unwrap();
    let file = Npz::open(golden.join(format!("{name}.npz"))).unwrap();
    let mut worst = Worst::default();
    for case in cases(&golden).iter().filter(|case| case["family"] == name) {
        let id = case["id"].as_str().unwrap();
        let network = Network::from_json(&case["layers"].to_string()).unwrap();
        let x1 = matrix(&inputs, case["x1"].as_str().unwrap());
        let x2 = matrix(&inputs, case["x2"].as_str().unwrap());
        let options = Options::new().want(Want::BOTH).par(Par::single());
        let same = kernel(&network, x1.view(), None, &options).unwrap();
        let other = kernel(&network, x1.view(), Some(x2.view().into()), &options).unwrap();
        let limit = tolerance(id, &case["layers"]);
        worst.cases += 1;
        let outputs = case["outputs"].as_object().unwrap();
        for (output, ours, symmetric) in [
            ("nngp_11", &same.nngp, true),
            ("ntk_11", &same.ntk, true),
            ("nngp_12", &other.nngp, false),
            ("ntk_12", &other.ntk, false),
        ] {
            let precise = outputs.get(&format!("{output}_hp"));
            let Some(reference) = precise.or_else(|| outputs.get(output)) else { continue };
            let reference = matrix(&file, reference["key"].as_str().unwrap());
            let points = (x1.view(), if symmetric { x1.view() } else { x2.view() }, symmetric);
            let ours = ours.as_ref().unwrap().view();
            // without the precise reference the diagonal is the peer's
            let limit = if precise.is_some() { limit } else { limit.max(1e-7) };
            compare(&mut worst, &format!("{id}.{output}"), points, (ours, reference.view()), limit);
        }
        let alone = diagonal(&network, x1.view(), &options).unwrap();
        assert_eq!(alone.nngp.unwrap(), same.nngp.unwrap().diag());
        assert_eq!(alone.ntk.unwrap(), same.ntk.unwrap().diag());
    }
    worst.finish(name);
}

#[test]
fn fc_activations() {
    family("fc_activations");
}

#[test]
fn fc_edge() {
    family("fc_edge");
}

#[test]
fn fc_structure() {
    family("fc_structure");
}

/// Kernels of the UCI benchmark: no division by the width, ReLU without a factor 2, the first
/// `fix` dense layers not trained.
fn uci_network(depth: usize, fix: usize, width: usize) -> Network {
    let mut layers = Vec::new();
    for dense in 0..depth {
        let w_std = if dense == 0 { (width as f64).sqrt() } else { 1.0 };
        if dense > 0 {
            layers.push(json!({"layer": "relu"}));
        }
        layers.push(json!({"layer": "dense", "w_std": w_std, "trainable": dense >= fix}));
    }
    Network::from_json(&Value::from(layers).to_string()).unwrap()
}

#[test]
fn fc_ntk_uci() {
    let Some(shared) = common::shared("fc_ntk_uci") else { return };
    let golden = shared.join("golden");
    let inputs = Npz::open(golden.join("inputs.npz")).unwrap();
    let file = Npz::open(golden.join("fc_ntk_uci.npz")).unwrap();
    let mut worst = Worst::default();
    for case in cases(&golden).iter().filter(|case| case["family"] == "fc_ntk_uci") {
        let id = case["id"].as_str().unwrap();
        let x = matrix(&inputs, case["x"].as_str().unwrap());
        let key = case["outputs"]["kernels"]["key"].as_str().unwrap();
        let kernels = file.read(key).unwrap().into_f64();
        worst.cases += 1;
        for depth in 1..=kernels.shape()[0] {
            for fix in 0..depth {
                let reference = kernels.index_axis(Axis(0), depth - 1);
                let reference = reference.index_axis(Axis(0), fix);
                let reference = reference.into_dimensionality::<Ix2>().unwrap();
                let network = uci_network(depth, fix, x.ncols());
                let options = Options::new().par(Par::single());
                let ours = kernel(&network, x.view(), None, &options).unwrap().ntk.unwrap();
                let what = format!("{id}[{depth}][{fix}]");
                let points = (x.view(), x.view(), true);
                let mut reference = reference.to_owned();
                for (row, x) in x.rows().into_iter().enumerate() {
                    if x.iter().all(|&x| x == 0.0) {
                        // the original floors products of norms at 1e-9, where 0 is right
                        let largest = kernels.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
                        for entry in reference.row_mut(row) {
                            worst.add("floored by the peer", entry.abs() / largest, 1e-6, &what);
                            *entry = 0.0;
                        }
                        reference.column_mut(row).fill(0.0);
                    }
                }
                compare(&mut worst, &what, points, (ours.view(), reference.view()), 1e-12);
            }
        }
    }
    worst.finish("fc_ntk_uci");
}
