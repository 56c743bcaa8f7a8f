//! The slow evaluator against golden kernels of images, sequences and graphs.

mod common;

use std::path::Path;

use common::brute;
use ndarray::{Array2, Array3, ArrayD, Axis, concatenate};
use serde_json::Value;
use widelimit_arch::Network;
use widelimit_data::Npz;

/// Arrays and cases of one family.
struct Family {
    inputs: Npz,
    file: Npz,
    cases: Vec<Value>,
}

impl Family {
    fn open(golden: &Path, name: &'static str) -> Self {
        let text = std::fs::read_to_string(golden.join("cases.json")).unwrap();
        let index: Value = serde_json::from_str(&text).unwrap();
        let all = index["cases"].as_array().unwrap().iter();
        Self {
            inputs: Npz::open(golden.join("inputs.npz")).unwrap(),
            file: Npz::open(golden.join(format!("{name}.npz"))).unwrap(),
            cases: all.filter(|case| case["family"] == name).cloned().collect(),
        }
    }

    fn input(&self, case: &Value, field: &str) -> Option<ArrayD<f64>> {
        Some(self.inputs.read(case[field].as_str()?).unwrap().into_f64())
    }

    fn graph(&self, case: &Value, field: &str) -> Option<Array3<f64>> {
        Some(self.input(case, field)?.into_dimensionality().unwrap())
    }

    fn output(&self, case: &Value, name: &str) -> Option<ArrayD<f64>> {
        let key = case["outputs"].get(name)?["key"].as_str().unwrap();
        Some(self.file.read(key).unwrap().into_f64())
    }
}

/// Golden arrays are `(n1, n2)` or `(n1, n2, positions.., positions..)`.
fn as_rows(array: &ArrayD<f64>) -> Array2<f64> {
    let rows = array.shape()[0];
    Array2::from_shape_vec((rows, array.len() / rows), array.iter().copied().collect()).unwrap()
}

/// The entries of a position with itself, of kernels with all pairs of positions.
fn same_position(kernel: &Array2<f64>, positions: usize) -> Array2<f64> {
    let inputs = kernel.ncols() / positions.pow(2);
    Array2::from_shape_fn((kernel.nrows(), inputs * positions), |(i, column)| {
        let (j, p) = (column / positions, column % positions);
        kernel[[i, j * positions.pow(2) + p * positions + p]]
    })
}

/// Off the diagonal, and on it, where square roots amplify the peer's rounding.
fn compare(
    worst: &mut [f64; 2],
    what: &str,
    ours: &Array2<f64>,
    reference: &Array2<f64>,
    (symmetric, limits): (bool, [f64; 2]),
) {
    assert_eq!(ours.dim(), reference.dim(), "{what}");
    let scale = reference.iter().fold(0.0_f64, |m, x| m.max(x.abs())).max(f64::MIN_POSITIVE);
    let each = ours.ncols() / ours.nrows();
    for ((i, j), value) in ours.indexed_iter() {
        let error = (value - reference[[i, j]]).abs() / scale;
        let kind = usize::from(symmetric && j / each == i);
        worst[kind] = worst[kind].max(error);
        assert!(error <= limits[kind], "{what} [{i}, {j}]: {error:.1e}");
    }
}

fn family(name: &'static str) {
    let Some(shared) = common::shared(name) else { return };
    let family = Family::open(&shared.join("golden"), name);
    let mut worst = [0.0; 2];
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let network = Network::from_json(&case["layers"].to_string()).unwrap();
        let x1 = family.input(case, "x1").unwrap();
        let x2 = family.input(case, "x2").unwrap();
        let a1 = family.graph(case, "adjacency_1");
        let a2 = family.graph(case, "adjacency_2");
        let same = brute::evaluate(&network, &x1, None, a1.as_ref().map(|a| (a, None)));
        let graphs = a1.as_ref().map(|a| (a, a2.as_ref()));
        let other = brute::evaluate(&network, &x1, Some(&x2), graphs);
        let positions = same.spatial.iter().product();
        let edge = case["x1"].as_str().unwrap().contains("edge");
        for (output, ours, symmetric) in [
            ("nngp_11", &same.nngp, true),
            ("ntk_11", &same.ntk, true),
            ("nngp_12", &other.nngp, false),
            ("ntk_12", &other.ntk, false),
        ] {
            let what = format!("{id}.{output}");
            let precise =
                ["_np", "_hp"].map(|suffix| family.output(case, &format!("{output}{suffix}")));
            let tight = if edge { [1e-8; 2] } else { [1e-12; 2] };
            if let Some(reference) = precise.into_iter().flatten().next() {
                compare(&mut worst, &what, ours, &as_rows(&reference), (symmetric, tight));
            } else if let Some(reference) = family.output(case, output) {
                let limits = (symmetric, [tight[0], 1e-7]);
                compare(&mut worst, &what, ours, &as_rows(&reference), limits);
            }
            if let Some(reference) = family.output(case, &format!("{output}_pixel_diagonal")) {
                let ours = same_position(ours, positions);
                compare(&mut worst, &what, &ours, &as_rows(&reference), (symmetric, tight));
            }
        }
    }
    let [off, on] = worst;
    println!("{name}: {} cases, worst {off:.1e}, diagonal {on:.1e}", family.cases.len());
    assert!(!family.cases.is_empty());
}

/// The layers and factor that give the original code's kernel, per case without `fix`.
///
/// `fix` leaves the first and the last layer untrained: the tangent starts at 0 instead of the
/// first convolution's covariance, and the last covariance is not added. Everything else, and so
/// the factor, stays.
fn equivalent(family: &Family, case: &Value) -> (Network, f64) {
    let twin = |other: &&Value| {
        other["depth"] == case["depth"]
            && other["gap"] == case["gap"]
            && other["fix_first_and_last"] == false
    };
    let twin = family.cases.iter().find(twin).unwrap();
    let mut layers = twin["equivalent_layers"].as_array().unwrap().clone();
    if case["fix_first_and_last"] == true {
        let last = layers.len() - 1;
        for layer in [0, last] {
            layers[layer]["trainable"] = false.into();
        }
    }
    let network = Network::from_json(&Value::from(layers).to_string()).unwrap();
    (network, twin["equivalent_factor"].as_f64().unwrap())
}

#[test]
fn cntk_cuda_definition() {
    let Some(shared) = common::shared("cntk_cuda_definition") else { return };
    let family = Family::open(&shared.join("golden"), "cntk_cuda_definition");
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let [x1, x2] =
            [0, 1].map(|i| family.inputs.read(case["x"][i].as_str().unwrap()).unwrap().into_f64());
        let x = concatenate(Axis(0), &[x1.view(), x2.view()]).unwrap();
        let reference = as_rows(&family.output(case, "kernel").unwrap());
        let (network, factor) = equivalent(&family, case);
        let ours = brute::evaluate(&network, &x, None, None).ntk * factor;
        let mut worst = [0.0; 2];
        compare(&mut worst, id, &ours, &reference, (true, [1e-12, 3e-9]));
        let [off, on] = worst;
        println!("{id}: worst {off:.1e}, diagonal {on:.1e}, largest {:.1e}", reference.diag()[0]);
    }
    assert!(!family.cases.is_empty());
}

#[test]
fn conv() {
    family("conv");
}

#[test]
fn pooling() {
    family("pooling");
}

#[test]
fn nets() {
    family("nets");
}

#[test]
fn other_spatial() {
    family("other_spatial");
}

#[test]
fn raw_spatial() {
    family("raw_spatial");
}

#[test]
fn aggregate() {
    family("aggregate");
}

/// Vectors are images of one position; these nets have the standard parameterisation.
#[test]
fn fc_structure() {
    family("fc_structure");
}
