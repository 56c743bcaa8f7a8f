//! What several tests share.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;

use ndarray::{Array2, ArrayView2, Axis, Slice, concatenate};
use widelimit_arch::{Network, Shape};
use widelimit_data::Npz;
use widelimit_embed::{Quantity, Settings, Strategy, Zonal};
use widelimit_exact::{Options, Want, kernel};
use widelimit_sketch::random::Stream;

/// scikit-learn's digits as `scripts/digits.py` writes them, 1000 unit rows, or a line that says what is
/// skipped.
pub fn digits(what: &str) -> Option<Array2<f64>> {
    let path = std::env::var_os("WIDELIMIT_DIGITS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/digits.npz")),
        PathBuf::from,
    );
    if !path.is_file() {
        println!("skipped: {what}: {} not found", path.display());
        return None;
    }
    let npz = Npz::open(path).unwrap();
    let read = |name: &str| npz.read(name).unwrap().into_matrix::<f64>(name).unwrap();
    let (train, test) = (read("x_train"), read("x_test"));
    let all = concatenate(Axis(0), &[train.view(), test.view()]).unwrap();
    Some(unit(all.slice_axis(Axis(0), Slice::from(..1000)).to_owned()))
}

/// Rows of length 1.
pub fn unit(mut x: Array2<f64>) -> Array2<f64> {
    for mut row in x.outer_iter_mut() {
        let norm = row.dot(&row).sqrt();
        row.mapv_inplace(|x| x / norm);
    }
    x
}

/// Standard normal rows.
pub fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let stream = Stream::new(seed, 0, 99);
    Array2::from_shape_fn((rows, columns), |(i, j)| stream.normal((i * columns + j) as u64))
}

/// Hidden layers of an activation given as JSON; biases of this size, none for 0.
pub fn network(activation: &str, depth: usize, bias: f64) -> Network {
    let dense = format!(r#"{{"layer": "dense", "w_std": 1.4, "b_std": {bias}}}"#);
    let hidden = format!("{dense}, {activation}, ").repeat(depth);
    Network::from_json(&format!("[{hidden}{dense}]")).unwrap()
}

pub fn settings(dim: usize, quantity: Quantity, seed: u64) -> Settings {
    Settings { dim, quantity, strategy: Strategy::Zonal, seed }
}

pub fn fit(network: &Network, settings: &Settings, sample: ArrayView2<f64>) -> Zonal {
    Zonal::fit(network, &Shape::vector(sample.ncols()), settings, sample).unwrap()
}

pub fn features(map: &Zonal, x: ArrayView2<f64>) -> Array2<f64> {
    let mut z = Array2::zeros((x.nrows(), map.dim()));
    map.block(x, z.view_mut()).unwrap();
    z
}

pub fn exact(network: &Network, x: ArrayView2<f64>, quantity: Quantity) -> Array2<f64> {
    let both = kernel(network, x, None, &Options::new().want(Want::BOTH)).unwrap();
    match quantity {
        Quantity::Ntk => both.ntk.unwrap(),
        Quantity::Nngp => both.nngp.unwrap(),
    }
}

/// Relative Frobenius norm of the difference.
pub fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let norm = |x: &Array2<f64>| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    norm(&(a - b)) / norm(b)
}
