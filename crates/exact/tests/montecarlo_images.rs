//! Kernels of images against sampled networks of finite width.
//!
//! A network is drawn `DRAWS` times, with `WIDTH` channels in every hidden layer. Its NNGP is the
//! covariance over the readout's weights, the NTK the product of the gradients. Finite width
//! biases both by O(1/WIDTH), which is small against the standard errors here.

mod common;

use common::Random;
use common::engine::{Set, both, options};
use common::sampled::Sampled;
use ndarray::{ArrayD, Axis, stack};
use widelimit_arch::{Activation, Conv, Dense, Layer, Network, Padding, Pool};

const WIDTH: usize = 256;
const DRAWS: usize = 80;

/// Mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

fn check(what: &str, layers: Vec<Layer>, sizes: [usize; 2]) {
    let channels = 2;
    let mut random = Random::new(17);
    let images = [0, 1].map(|_| random.matrix(sizes[0] * sizes[1], channels));
    let x = stack(Axis(0), &[images[0].view(), images[1].view()]).unwrap();
    let shape = [2, sizes[0], sizes[1], channels];
    let x: ArrayD<f64> = x.into_shape_with_order(shape).unwrap().into_dyn();
    let network = Network::new(layers.clone()).unwrap();
    let [nngp, ntk] = both(&network, &Set::<f64>::new(&x, None), None, &options());
    let pairs = [(0, 1), (0, 0)];
    let draws: Vec<_> = (0..DRAWS)
        .map(|_| {
            let sampled = Sampled::draw(&mut random, &layers, sizes, channels);
            pairs.map(|(i, j)| sampled.kernels(&images[i], &images[j]))
        })
        .collect();
    for (pair, (i, j)) in pairs.into_iter().enumerate() {
        for (name, exact, values) in [
            ("nngp", nngp[[i, j]], draws.iter().map(|draw| draw[pair].0).collect::<Vec<_>>()),
            ("ntk", ntk[[i, j]], draws.iter().map(|draw| draw[pair].1).collect()),
        ] {
            let (mean, error) = mean(&values);
            println!("{what} {name}[{i},{j}]: {exact:.5} sampled {mean:.5} ± {error:.5}");
            assert!((mean - exact).abs() < 4.0 * error, "{what} {name}[{i},{j}]");
        }
    }
}

fn conv(filter: [usize; 2], w_std: f64, padding: Padding) -> Conv {
    Conv::new(filter, w_std).padding(padding).width(WIDTH)
}

#[test]
fn convolutions_and_a_global_average() {
    let layers = vec![
        conv([3, 3], 1.3, Padding::Same).bias(0.2).into(),
        Activation::Relu.into(),
        conv([3, 2], 1.4, Padding::Same).bias(0.1).into(),
        Activation::Relu.into(),
        Layer::GlobalAvgPool,
        Dense::new(1.2).bias(0.3).into(),
    ];
    check("average", layers, [5, 4]);
}

#[test]
fn strided_and_dilated_convolutions_and_flatten() {
    let layers = vec![
        conv([3, 3], 1.2, Padding::Circular).dilation([2, 1]).bias(0.1).into(),
        Activation::Relu.into(),
        conv([3, 3], 1.4, Padding::Same).strides([2, 2]).bias(0.3).frozen().into(),
        Activation::Relu.into(),
        Layer::Flatten,
        Dense::new(1.3).into(),
    ];
    check("flatten", layers, [6, 5]);
}

#[test]
fn pooling_between_convolutions() {
    let layers = vec![
        conv([3, 3], 1.3, Padding::Same).bias(0.2).standard(1.0, 1.0).into(),
        Activation::sin().into(),
        Pool::new([2, 2]).strides([2, 2]).average(),
        conv([2, 2], 1.4, Padding::Same).bias(0.2).standard(1.0, 1.0).into(),
        Activation::Relu.into(),
        Layer::GlobalAvgPool,
        Dense::new(1.1).bias(0.2).into(),
    ];
    check("pooling", layers, [6, 6]);
}

#[test]
fn residual_blocks() {
    let layers = vec![
        conv([3, 3], 1.2, Padding::Same).into(),
        Layer::residual(
            vec![
                Activation::Relu.into(),
                conv([3, 3], 1.3, Padding::Circular).strides([2, 1]).bias(0.2).into(),
            ],
            vec![conv([1, 1], 0.9, Padding::Same).strides([2, 1]).into()],
        ),
        Activation::Relu.into(),
        Layer::GlobalAvgPool,
        Dense::new(1.2).into(),
    ];
    check("residual", layers, [4, 5]);
}
