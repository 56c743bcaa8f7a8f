//! Golden kernels of images, sequences and graphs.

use std::path::Path;

use ndarray::{Array2, Array3, ArrayD, Axis, concatenate};
use serde_json::Value;
use widelimit_arch::Network;
use widelimit_data::Npz;

/// The four outputs of most cases, and whether they are of one set of inputs.
pub const OUTPUTS: [(&str, bool); 4] =
    [("nngp_11", true), ("ntk_11", true), ("nngp_12", false), ("ntk_12", false)];

/// Arrays and cases of one family.
pub struct Family {
    inputs: Npz,
    file: Npz,
    pub cases: Vec<Value>,
}

/// Inputs of a case.
pub struct Inputs {
    pub x1: ArrayD<f64>,
    pub x2: ArrayD<f64>,
    pub a1: Option<Array3<f64>>,
    pub a2: Option<Array3<f64>>,
}

impl Family {
    /// A family, or a printed line that says what is skipped.
    pub fn open(name: &str) -> Option<Self> {
        let golden = super::shared(name)?.join("golden");
        let text = std::fs::read_to_string(golden.join("cases.json")).unwrap();
        let index: Value = serde_json::from_str(&text).unwrap();
        let all = index["cases"].as_array().unwrap().iter();
        let cases: Vec<Value> = all.filter(|case| case["family"] == name).cloned().collect();
        assert!(!cases.is_empty(), "no case of {name}");
        let open = |path: &Path| Npz::open(path).unwrap();
        let inputs = open(&golden.join("inputs.npz"));
        Some(Self { inputs, file: open(&golden.join(format!("{name}.npz"))), cases })
    }

    fn input(&self, name: &Value) -> Option<ArrayD<f64>> {
        Some(self.inputs.read(name.as_str()?).unwrap().into_f64())
    }

    pub fn inputs(&self, case: &Value) -> Inputs {
        let graph = |field: &str| Some(self.input(&case[field])?.into_dimensionality().unwrap());
        Inputs {
            x1: self.input(&case["x1"]).unwrap(),
            x2: self.input(&case["x2"]).unwrap(),
            a1: graph("adjacency_1"),
            a2: graph("adjacency_2"),
        }
    }

    /// Inputs that a case lists one after the other.
    pub fn joined(&self, case: &Value) -> ArrayD<f64> {
        let parts = case["x"].as_array().unwrap().iter();
        let parts: Vec<_> = parts.map(|name| self.input(name).unwrap()).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(0), &views).unwrap()
    }

    /// An output as a matrix: a row for each first input, then second inputs and positions.
    pub fn output(&self, case: &Value, name: &str) -> Option<Array2<f64>> {
        let key = case["outputs"].get(name)?["key"].as_str().unwrap();
        let array = self.file.read(key).unwrap().into_f64();
        let (rows, entries) = (array.shape()[0], array.into_iter().collect::<Vec<_>>());
        Some(Array2::from_shape_vec((rows, entries.len() / rows), entries).unwrap())
    }

    /// The better reference of an output, and whether it knows that `x` is `x`.
    pub fn reference(&self, case: &Value, name: &str) -> Option<(Array2<f64>, bool)> {
        let precise = ["_hp", "_np"].iter().find_map(|s| self.output(case, &format!("{name}{s}")));
        let precise = precise.map(|reference| (reference, true));
        precise.or_else(|| Some((self.output(case, name)?, false)))
    }

    /// The network and factor that give a kernel of the original CUDA code.
    ///
    /// The golden data has them for the cases without `fix`. With it, the first and the last
    /// layer are not trained: the tangent starts at 0 instead of the first convolution's
    /// covariance, and the last covariance is not added. Everything else, and so the factor,
    /// stays.
    pub fn cuda_equivalent(&self, case: &Value) -> (Network, f64) {
        let same = |other: &Value, field| other[field] == case[field];
        let twin = self.cases.iter().find(|other| {
            same(other, "depth") && same(other, "gap") && other["fix_first_and_last"] == false
        });
        let twin = twin.unwrap();
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
}

pub fn network(case: &Value) -> Network {
    Network::from_json(&case["layers"].to_string()).unwrap()
}

/// Largest errors that the golden data's README grants: off the diagonal, and on it.
///
/// The peer does not know that `x` is `x`, and square roots amplify its rounding there.
pub fn limits(case: &Value, precise: bool) -> [f64; 2] {
    let edge = case["x1"].as_str().is_some_and(|name| name.contains("edge"));
    let off = if edge { 1e-8 } else { 1e-12 };
    [off, if precise { off } else { 1e-7 }]
}

/// The entries of a position with itself, of kernels with all pairs of positions.
pub fn same_position(kernel: &Array2<f64>, positions: usize) -> Array2<f64> {
    let inputs = kernel.ncols() / positions.pow(2);
    Array2::from_shape_fn((kernel.nrows(), inputs * positions), |(i, column)| {
        let (j, p) = (column / positions, column % positions);
        kernel[[i, j * positions.pow(2) + p * positions + p]]
    })
}

/// Worst errors, relative to the largest entry: off the diagonal, and on it.
#[derive(Default)]
pub struct Worst {
    errors: [f64; 2],
    failures: Vec<String>,
}

impl Worst {
    pub fn compare(
        &mut self,
        what: &str,
        [ours, reference]: [&Array2<f64>; 2],
        symmetric: bool,
        limits: [f64; 2],
    ) {
        assert_eq!(ours.dim(), reference.dim(), "{what}");
        let scale = reference.iter().fold(0.0_f64, |m, x| m.max(x.abs())).max(f64::MIN_POSITIVE);
        let each = ours.ncols() / ours.nrows();
        let mut worst = [0.0_f64; 2];
        for ((i, j), value) in ours.indexed_iter() {
            let error = (value - reference[[i, j]]).abs() / scale;
            let kind = usize::from(symmetric && j / each == i);
            worst[kind] = worst[kind].max(if error.is_nan() { f64::INFINITY } else { error });
        }
        for kind in 0..2 {
            self.errors[kind] = self.errors[kind].max(worst[kind]);
            if worst[kind] > limits[kind] {
                let place = ["", ", diagonal"][kind];
                self.failures
                    .push(format!("{what}{place}: {:.1e} > {:.0e}", worst[kind], limits[kind]));
            }
        }
    }

    pub fn finish(self, what: &str) {
        let [off, on] = self.errors;
        println!("{what}: worst {off:.1e}, diagonal {on:.1e}");
        assert!(self.failures.is_empty(), "{what}:\n{}", self.failures.join("\n"));
    }
}
