//! Errors fall with the root of the number of features: every strategy that goes layer by layer and every published
//! system, on every kind of network that it is for. (Zonal features are held to it in `zonal_contract`.)

#[path = "common/against.rs"]
mod against;

use against::{exact, inputs, products};
use ndarray::{Array2, ArrayD};
use widelimit_arch::Network;
use widelimit_embed::{Error, FeatureMap, Quantity, Settings, Strategy};

/// Few and many features, and the draws of both. The error of one draw scatters by half of itself, slopes then by
/// 0.07; directions of the first two are drawn entry by entry, which takes seconds beyond.
const fn plan(strategy: Strategy) -> [(usize, u64); 2] {
    match strategy {
        Strategy::Random => [(128, 128), (1024, 32)],
        Strategy::Centred => [(512, 48), (4096, 12)],
        _ => [(512, 64), (8192, 16)],
    }
}

/// Root mean square of the error of the NTK over draws: against the exact kernel, or for a strategy that cuts series,
/// and stands for another kernel, against the mean of the draws.
fn error(first: &FeatureMap, x: &ArrayD<f64>, seeds: u64) -> f64 {
    let draw = |seed| products(&first.reseeded(seed).unwrap(), x);
    let draws: Vec<Array2<f64>> = (0..seeds).map(draw).collect();
    let count = draws.len() as f64;
    let (centre, known) = match first.settings().strategy.degree() {
        None => (exact(first.network(), x, Quantity::Ntk), count),
        Some(_) => (
            draws.iter().fold(Array2::zeros(draws[0].dim()), |sum, draw| sum + draw) / count,
            count - 1.0,
        ),
    };
    let square = |draw: &Array2<f64>| (draw - &centre).iter().map(|d| d * d).sum::<f64>();
    (draws.iter().map(square).sum::<f64>() / known).sqrt()
}

/// Holds the slope of the log of errors over the log of the number of features, for all strategies that apply, of which
/// there are so many.
fn slopes(json: &str, x: &ArrayD<f64>, applicable: usize) {
    let network = Network::from_json(json).unwrap();
    let mut applied = 0;
    for strategy in Strategy::ALL.into_iter().filter(|&s| s != Strategy::Zonal) {
        let map = |dim| {
            let settings = Settings { strategy, ..Settings::new(dim) };
            FeatureMap::fit(&network, x.view(), &settings)
        };
        let [few, many] = plan(strategy);
        match map(few.0) {
            Ok(_) => applied += 1,
            Err(Error::NotApplicable { .. } | Error::NoRule { .. }) => continue,
            Err(error) => panic!("{strategy:?}: {error}"),
        }
        let error = |(dim, seeds)| error(&map(dim).unwrap(), x, seeds);
        let slope = (error(many) / error(few)).ln() / (many.0 as f64 / few.0 as f64).ln();
        println!("{json} {strategy:?}: {slope:.2}");
        assert!((-0.65..=-0.4).contains(&slope), "{json} {strategy:?}: {slope}");
    }
    assert_eq!(applied, applicable, "{json}");
}

/// Inputs whose variances stay within what a polynomial for variance 1 takes.
fn scaled(count: usize, shape: &[usize]) -> ArrayD<f64> {
    let scales: Vec<f64> = (0..count).map(|i| 0.4 + 0.8 * i as f64 / count as f64).collect();
    inputs(shape, &scales)
}

#[test]
fn of_vectors() {
    let x = scaled(12, &[12]);
    for (depth, activation, applicable) in [(1, "relu", 6), (3, "relu", 6), (1, "gelu", 4)] {
        let hidden =
            format!(r#"{{"layer": "dense"}}, {{"layer": "{activation}"}}, "#).repeat(depth);
        slopes(&format!(r#"[{hidden}{{"layer": "dense"}}]"#), &x, applicable);
    }
}

#[test]
fn of_images() {
    let conv = r#"{"layer": "conv", "filter": [2, 2], "padding": "SAME"}"#;
    let wide = r#"{"layer": "conv", "filter": [2, 2], "padding": "SAME", "w_std": 1.4}"#;
    let strided = r#"{"layer": "conv", "filter": [2, 2], "padding": "VALID", "strides": [1, 2]}"#;
    let pool = r#"{"layer": "avg_pool", "window": [2, 1], "strides": [2, 1]}"#;
    let flat = r#"{"layer": "flatten"}, {"layer": "dense"}"#;
    let global = r#"{"layer": "global_avg_pool"}, {"layer": "dense"}"#;
    let x = scaled(3, &[3, 4, 2]);
    for activation in ["relu", "gelu"] {
        let stack = 4 + usize::from(activation == "relu");
        let activation = format!(r#"{{"layer": "{activation}"}}"#);
        let residual =
            format!(r#"{{"layer": "residual", "body": [{activation}, {conv}], "shortcut": []}}"#);
        let pooled = format!("[{conv}, {activation}, {wide}, {activation}, {global}]");
        slopes(&pooled, &x, stack);
        slopes(&format!("[{strided}, {activation}, {pool}, {flat}]"), &x, stack);
        slopes(&format!("[{conv}, {residual}, {activation}, {global}]"), &x, 4);
    }
}
