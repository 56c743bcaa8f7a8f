//! Kernels against 50-digit values that are committed beside this test.
//!
//! `fixtures/make_networks.py` writes them.

mod common;

use ndarray::Array2;
use serde_json::Value;
use widelimit_arch::Network;
use widelimit_exact::{Kernel, Options, Scalar, Want, kernel};
use widelimit_linalg::Par;

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn compute<T: Scalar>(case: &Value, x1: &Array2<f64>, x2: Option<&Array2<f64>>) -> Kernel<f64> {
    let network = Network::from_json(&case["layers"].to_string()).unwrap();
    let cast = |x: &Array2<f64>| x.mapv(<T as widelimit_linalg::Scalar>::from_f64);
    let widen = |x: Array2<T>| x.mapv(<T as widelimit_linalg::Scalar>::to_f64);
    let (x1, x2) = (cast(x1), x2.map(cast));
    let options = Options::new().want(Want::BOTH).par(Par::single());
    let result =
        kernel(&network, x1.view(), x2.as_ref().map(|x| x.view().into()), &options).unwrap();
    Kernel {
        nngp: result.nngp.map(widen),
        ntk: result.ntk.map(widen),
        error: result.error,
        entry: Vec::new(),
    }
}

/// Largest error of any matrix, relative to its largest entry.
fn worst<T: Scalar>() -> f64 {
    let file: Value = serde_json::from_str(include_str!("fixtures/networks.json")).unwrap();
    let (x1, x2) = (matrix(&file["x1"]), matrix(&file["x2"]));
    let mut worst = 0.0_f64;
    for case in file["cases"].as_array().unwrap() {
        for (name, x2) in [("same", None), ("other", Some(&x2))] {
            let ours = compute::<T>(case, &x1, x2);
            for (quantity, ours) in [("nngp", ours.nngp), ("ntk", ours.ntk)] {
                let error =
                    common::distance(ours.unwrap().view(), matrix(&case[name][quantity]).view());
                println!("{} {name} {quantity}: {error:.1e}", case["name"]);
                worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
            }
        }
    }
    worst
}

/// Repeated, negated and zero rows included: nothing is lost at `rho = ±1`.
#[test]
fn double_precision() {
    assert!(worst::<f64>() < 2e-15);
}

/// Likewise, to the rounding of f32.
#[test]
fn single_precision() {
    assert!(worst::<f32>() < 2e-6);
}
