//! Means of the zonal features over many draws are the kernel.

mod common;

use common::{exact, features, fit, network, normal, settings};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use widelimit_arch::Network;
use widelimit_embed::Quantity;

const DRAWS: u64 = 400;

/// Activations of several families, as JSON.
const ACTIVATIONS: [&str; 8] = [
    r#"{"layer": "relu"}"#,
    r#"{"layer": "gelu"}"#,
    r#"{"layer": "tanh"}"#,
    r#"{"layer": "sin"}"#,
    r#"{"layer": "erf"}"#,
    r#"{"layer": "abs"}"#,
    r#"{"layer": "gaussian", "a": 1, "b": -0.5}"#,
    r#"{"layer": "elu"}"#,
];

/// Pairs of rows with cosines -0.9, 0, 0.5 and 0.99, in a space of 8 dimensions.
fn pairs(lengths: [f64; 2]) -> Array2<f64> {
    let base = common::unit(normal(4, 8, 3));
    let other = common::unit(normal(4, 8, 4));
    let mut second = Array2::zeros((4, 8));
    for (i, rho) in [-0.9, 0.0, 0.5, 0.99f64].into_iter().enumerate() {
        let (u, v) = (base.row(i), other.row(i));
        let across = &v - &(&u * u.dot(&v));
        let across = &across / across.dot(&across).sqrt();
        second.row_mut(i).assign(&(&u * rho + across * (1.0 - rho * rho).sqrt()));
    }
    let (first, second) = (base * lengths[0], second * lengths[1]);
    concatenate(Axis(0), &[first.view(), second.view()]).unwrap()
}

/// Largest distance of a mean from the kernel in standard errors; the series may be off by `slack` of the
/// diagonal.
fn deviation(
    network: &Network,
    quantity: Quantity,
    sample: ArrayView2<f64>,
    x: ArrayView2<f64>,
    slack: f64,
) -> f64 {
    let k = exact(network, x, quantity);
    let map = fit(network, &settings(64, quantity, 0), sample);
    let (mut sum, mut squares) = ([0.0; 4], [0.0; 4]);
    for seed in 0..DRAWS {
        let z = features(&map.reseeded(seed), x);
        for i in 0..4 {
            let product = z.row(i).dot(&z.row(i + 4));
            sum[i] += product;
            squares[i] += product * product;
        }
    }
    let n = DRAWS as f64;
    let error = |i: usize| {
        let mean = sum[i] / n;
        let error = ((squares[i] / n - mean * mean).max(0.0) / n).sqrt();
        let size = (k[[i, i]] * k[[i + 4, i + 4]]).sqrt();
        ((mean - k[[i, i + 4]]).abs() - slack * size).max(0.0) / (error + 1e-12 * size)
    };
    (0..4).map(error).fold(0.0, f64::max)
}

/// The slack is what the end of a kinked function's series and the rank of its factorisation leave.
#[test]
fn means_are_the_kernel() {
    for (i, activation) in ACTIVATIONS.into_iter().enumerate() {
        let all = [(1, 0.0), (3, 0.5), (3, 0.0), (1, 0.5)];
        for (depth, bias) in if i == 0 { &all[..] } else { &all[i % 2..=i % 2] }.iter().copied() {
            let network = network(activation, depth, bias);
            let quantity = if i % 2 == 0 { Quantity::Ntk } else { Quantity::Nngp };
            // norms from 0.1 to 10 times that of normal rows
            let x = pairs([[0.3, 28.0], [2.8, 2.8]][depth / 2]);
            let sample = concatenate(Axis(0), &[normal(40, 8, 5).view(), x.view()]).unwrap();
            let deviation = deviation(&network, quantity, sample.view(), x.view(), 2e-3);
            assert!(deviation < 4.0, "{activation} {depth} {bias} {quantity:?}: {deviation}");
        }
    }
}

/// A sample of rank two knows nothing of most of what `x` has.
#[test]
fn inputs_outside_the_span_of_the_sample() {
    let x = pairs([2.0, 3.0]);
    let sample = normal(30, 2, 1).dot(&normal(2, 8, 2));
    for activation in [r#"{"layer": "relu"}"#, r#"{"layer": "gelu"}"#] {
        let network = network(activation, 1, 0.0);
        let deviation = deviation(&network, Quantity::Ntk, sample.view(), x.view(), 2e-3);
        assert!(deviation < 4.0, "{activation}: {deviation}");
    }
}

#[test]
fn no_sample() {
    let x = pairs([2.0, 3.0]);
    let network = network(r#"{"layer": "erf"}"#, 2, 0.3);
    let sample = Array2::zeros((0, 8));
    let deviation = deviation(&network, Quantity::Ntk, sample.view(), x.view(), 2e-3);
    assert!(deviation < 4.0, "{deviation}");
}

/// Norms far from all of the sample: the kernel with inputs of the sample stays right.
#[test]
fn norms_outside_the_range_of_the_sample() {
    let x = pairs([2.8, 30.0]);
    let network = network(r#"{"layer": "tanh"}"#, 1, 0.5);
    let sample = normal(40, 8, 5);
    let deviation = deviation(&network, Quantity::Nngp, sample.view(), x.view(), 2e-3);
    assert!(deviation < 4.0, "{deviation}");
}
