//! Layer-by-layer features against the exact kernels: unbiased, and closer the more there are.

#[path = "common/against.rs"]
mod against;

use against::{exact, inputs, map, products};
use ndarray::{Array2, ArrayD};
use widelimit_arch::Network;
use widelimit_embed::{Quantity, Settings, Strategy};

const SETTINGS: [(Strategy, Quantity); 4] = [
    (Strategy::Centred, Quantity::Ntk),
    (Strategy::Centred, Quantity::Nngp),
    (Strategy::Random, Quantity::Ntk),
    (Strategy::Random, Quantity::Nngp),
];

/// Mean of 400 draws of 64 features within 4.5 standard errors in every entry (a few hundred are
/// looked at), for networks with one random layer, which have no bias.
fn unbiased(json: &str, shape: &[usize], scales: &[f64]) {
    let network = Network::from_json(json).unwrap();
    let x = inputs(shape, scales);
    for (strategy, quantity) in SETTINGS {
        let kernel = exact(&network, &x, quantity);
        let draws = 400;
        let (mut sum, mut squares) = (Array2::zeros(kernel.dim()), Array2::zeros(kernel.dim()));
        let first = map(&network, &x, &Settings { dim: 64, quantity, strategy, seed: 0 });
        for seed in 0..draws {
            let z = products(&first.reseeded(seed).unwrap(), &x);
            sum += &z;
            squares += &(&z * &z);
        }
        let mean: Array2<f64> = sum / draws as f64;
        let variance = squares / draws as f64 - &mean * &mean;
        for (at, &k) in kernel.indexed_iter() {
            let error = (variance[at].max(0.0) / draws as f64).sqrt();
            let floor = 2e-6 * (kernel[[at.0, at.0]] * kernel[[at.1, at.1]]).sqrt();
            let off = (mean[at] - k).abs();
            assert!(
                off < 4.5 * error + floor,
                "{json} {strategy:?} {quantity:?} {at:?}: {} for {k}, {:.1} standard errors",
                mean[at],
                off / error
            );
        }
    }
}

#[test]
fn every_activation_is_unbiased() {
    for activation in [
        r#""relu""#,
        r#""abs""#,
        r#""gelu""#,
        r#""erf""#,
        r#""sin""#,
        r#""elu""#,
        r#""gaussian""#,
        r#""tanh""#,
        r#""relu6""#,
        r#""exp_normalized""#,
        r#""softplus""#,
        r#""monomial", "degree": 2"#,
        r#""sign""#,
        r#""rectified_monomial", "degree": 2"#,
    ] {
        let json = format!(
            r#"[{{"layer": "dense", "w_std": 1.2, "b_std": 0.3}}, {{"layer": {activation}}},
                {{"layer": "dense", "w_std": 1.4, "b_std": 0.2}}]"#
        );
        unbiased(&json, &[5], &[1.0, 0.1, 3.0, 1.0, 0.0]);
    }
}

#[test]
fn every_layer_is_unbiased() {
    let body = r#"{"layer": "dense", "w_std": 1.3}, {"layer": "gelu"}, {"layer": "dense", "w_std": 0.7, "b_std": 0.5}"#;
    for json in [
        format!(
            r#"[{{"layer": "residual", "body": [{body}], "shortcut": []}}, {{"layer": "dense"}}]"#
        ),
        format!(r#"[{{"layer": "dense"}}, {{"layer": "layer_norm"}}, {body}]"#),
        format!(
            r#"[{{"layer": "dense"}}, {{"layer": "dropout", "keep_rate": 0.5, "mode": "test"}}, {body}]"#
        ),
        format!(
            r#"[{{"layer": "parallel", "combine": "sum", "branches": [[{body}], [{{"layer": "dense", "b_std": 0.1}}]]}}]"#
        ),
        format!(
            r#"[{{"layer": "parallel", "combine": "concat", "branches": [[{body}], [{{"layer": "dense", "b_std": 0.1}}]]}}]"#
        ),
        format!(
            r#"[{{"layer": "parallel", "combine": "product", "branches": [[{body}], [{{"layer": "dense", "b_std": 0.1}}]]}}]"#
        ),
        r#"[{"layer": "dense", "parameterization": "standard", "width": 8, "b_std": 0.3}, {"layer": "relu"}, {"layer": "dense", "trainable": false}]"#
            .to_owned(),
    ] {
        unbiased(&json, &[5], &[1.0, 0.4, 2.0]);
    }
}

#[test]
fn every_layer_on_images_is_unbiased() {
    let conv =
        r#"{"layer": "conv", "filter": [3, 3], "padding": "SAME", "w_std": 1.4, "b_std": 0.1}"#;
    for json in [
        format!(r#"[{conv}, {{"layer": "relu"}}, {{"layer": "global_avg_pool"}}, {{"layer": "dense"}}]"#),
        format!(r#"[{conv}, {{"layer": "relu"}}, {{"layer": "flatten"}}, {{"layer": "dense"}}]"#),
        format!(
            r#"[{conv}, {{"layer": "gelu"}}, {{"layer": "avg_pool", "window": [2, 2], "strides": [2, 2]}}, {conv}, {{"layer": "global_sum_pool"}}]"#
        ),
        r#"[{"layer": "conv", "filter": [2, 3], "padding": "VALID", "strides": [1, 2], "b_std": 0.2}, {"layer": "erf"}, {"layer": "conv", "filter": [2, 2], "padding": "CIRCULAR"}, {"layer": "flatten"}, {"layer": "dense"}]"#
            .to_owned(),
        format!(
            r#"[{{"layer": "residual", "body": [{conv}, {{"layer": "layer_norm"}}, {{"layer": "relu"}}, {conv}], "shortcut": []}}, {{"layer": "sum_pool", "window": [2, 2], "strides": [2, 2]}}, {{"layer": "global_avg_pool"}}, {{"layer": "dense"}}]"#
        ),
    ] {
        unbiased(&json, &[4, 5, 2], &[1.0, 0.5, 2.0]);
    }
}

/// Relative Frobenius error, mean of five seeds.
fn error(network: &Network, x: &ArrayD<f64>, strategy: Strategy, dim: usize) -> f64 {
    let kernel = exact(network, x, Quantity::Ntk);
    let norm = kernel.iter().map(|k| k * k).sum::<f64>().sqrt();
    let first = map(network, x, &Settings { dim, quantity: Quantity::Ntk, strategy, seed: 0 });
    let one = |seed| {
        let difference = products(&first.reseeded(seed).unwrap(), x) - &kernel;
        difference.iter().map(|d| d * d).sum::<f64>().sqrt() / norm
    };
    (0..5).map(one).sum::<f64>() / 5.0
}

#[test]
fn errors_fall_with_the_root_of_the_number_of_features() {
    let scales: Vec<f64> = (0..30).map(|i| 0.5 + 0.05 * f64::from(i)).collect();
    let x = inputs(&[12], &scales);
    for preset in ["mlp:1:relu", "mlp:3:relu", "mlp:2:gelu"] {
        let network = Network::preset(preset).unwrap();
        for strategy in [Strategy::Centred, Strategy::Random] {
            let [few, many] = [512, 8192].map(|dim| error(&network, &x, strategy, dim));
            let slope = (many / few).ln() / 16f64.ln();
            println!("{preset} {strategy:?}: {few:.4} {many:.4}, slope {slope:.2}");
            assert!((-0.7..=-0.35).contains(&slope), "{preset} {strategy:?}: {few} {many} {slope}");
        }
    }
}

/// Units that are a bias and nothing else still have a row at every position.
#[test]
fn constant_units_are_exact_on_images() {
    let json = r#"[{"layer": "conv", "filter": [1, 1], "padding": "SAME", "w_std": 0, "b_std": 1}, {"layer": "relu"},
        {"layer": "conv", "filter": [3, 3], "padding": "SAME"}, {"layer": "global_avg_pool"}]"#;
    unbiased(json, &[3, 4, 2], &[1.0, 0.5]);
}
