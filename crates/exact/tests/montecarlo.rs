//! Kernels against sampled networks of finite width.
//!
//! A network of width `WIDTH` is drawn `DRAWS` times; the NNGP is the mean of the products of its
//! outputs, the NTK the mean of the inner products of its gradients. Finite width biases the NTK
//! by O(1/WIDTH), which is small against the standard error here.

mod common;

use common::Random;
use ndarray::{Array1, Array2, array};
use widelimit_arch::{Activation, Dense, Layer, Network};
use widelimit_exact::{Options, Want, kernel};
use widelimit_linalg::Par;

const WIDTH: usize = 256;
const DRAWS: usize = 400;

/// Activation and derivative.
type Scalars = fn(f64) -> (f64, f64);

fn relu(x: f64) -> (f64, f64) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

fn sine(x: f64) -> (f64, f64) {
    (x.sin(), x.cos())
}

fn hard_tanh(x: f64) -> (f64, f64) {
    (x.clamp(-1.0, 1.0), if x.abs() < 1.0 { 1.0 } else { 0.0 })
}

/// One dense layer: `z = w_std / sqrt(fan_in) W h + b_std b`.
struct Sampled {
    w: Array2<f64>,
    b: Array1<f64>,
    scale: f64,
    b_std: f64,
}

impl Sampled {
    fn draw(random: &mut Random, inputs: usize, outputs: usize, w_std: f64, b_std: f64) -> Self {
        let w = random.matrix(outputs, inputs);
        let b = random.matrix(1, outputs).row(0).to_owned();
        Self { w, b, scale: w_std / (inputs as f64).sqrt(), b_std }
    }

    fn apply(&self, h: &Array1<f64>) -> Array1<f64> {
        self.w.dot(h) * self.scale + &self.b * self.b_std
    }

    /// Gradient with respect to the input.
    fn back(&self, g: &Array1<f64>) -> Array1<f64> {
        self.w.t().dot(g) * self.scale
    }

    /// Inner product of the parameter gradients of two inputs.
    fn overlap(&self, h: [&Array1<f64>; 2], g: [&Array1<f64>; 2]) -> f64 {
        let g = g[0].dot(g[1]);
        g * (self.scale * self.scale * h[0].dot(h[1]) + self.b_std * self.b_std)
    }
}

/// `f(x) f(x')` and `<grad f(x), grad f(x')>` of one sampled network with two hidden layers.
fn draw(
    random: &mut Random,
    x: [&Array1<f64>; 2],
    stds: [(f64, f64); 3],
    s: Scalars,
) -> (f64, f64) {
    let sizes = [x[0].len(), WIDTH, WIDTH, 1];
    let layers: Vec<Sampled> = (0..3)
        .map(|l| Sampled::draw(random, sizes[l], sizes[l + 1], stds[l].0, stds[l].1))
        .collect();
    let run = |x: &Array1<f64>| {
        let mut inputs = vec![x.clone()];
        let mut slopes = Vec::new();
        for layer in &layers[..2] {
            let z = layer.apply(inputs.last().unwrap());
            inputs.push(z.mapv(|z| s(z).0));
            slopes.push(z.mapv(|z| s(z).1));
        }
        let output = layers[2].apply(&inputs[2])[0];
        let mut gradients = vec![Array1::ones(1)];
        for l in (1..3).rev() {
            let g = layers[l].back(gradients.last().unwrap()) * &slopes[l - 1];
            gradients.push(g);
        }
        gradients.reverse();
        (output, inputs, gradients)
    };
    let (a, b) = (run(x[0]), run(x[1]));
    let ntk = (0..3).map(|l| layers[l].overlap([&a.1[l], &b.1[l]], [&a.2[l], &b.2[l]])).sum();
    (a.0 * b.0, ntk)
}

fn check(activation: Activation, s: Scalars, stds: [(f64, f64); 3]) {
    let x = array![[0.9, -0.4, 1.3, 0.2], [-0.3, 0.8, 1.1, -0.6]];
    let mut layers: Vec<Layer> = Vec::new();
    for (l, (w_std, b_std)) in stds.into_iter().enumerate() {
        if l > 0 {
            layers.push(activation.clone().into());
        }
        layers.push(Dense::new(w_std).bias(b_std).into());
    }
    let network = Network::new(layers).unwrap();
    let options = Options::new().want(Want::BOTH).par(Par::single());
    let exact = kernel(&network, x.view(), None, &options).unwrap();
    let (nngp, ntk) = (exact.nngp.unwrap(), exact.ntk.unwrap());
    let mut random = Random::new(7);
    for (i, j) in [(0, 1), (0, 0)] {
        let rows = [&x.row(i).to_owned(), &x.row(j).to_owned()];
        let draws: Vec<_> = (0..DRAWS).map(|_| draw(&mut random, rows, stds, s)).collect();
        for (what, exact, values) in [
            ("nngp", nngp[[i, j]], draws.iter().map(|d| d.0).collect::<Vec<_>>()),
            ("ntk", ntk[[i, j]], draws.iter().map(|d| d.1).collect()),
        ] {
            let mean = values.iter().sum::<f64>() / DRAWS as f64;
            let variance =
                values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (DRAWS - 1) as f64;
            let error = (variance / DRAWS as f64).sqrt();
            println!("{activation:?} {what}[{i},{j}]: {exact:.4} sampled {mean:.4} ± {error:.4}");
            assert!((mean - exact).abs() < 4.0 * error);
        }
    }
}

#[test]
fn relu_network() {
    check(Activation::Relu, relu, [(1.4, 0.1), (1.5, 0.2), (1.1, 0.3)]);
}

#[test]
fn sine_network() {
    check(Activation::Sin { a: 1.0, b: 1.0, c: 0.0 }, sine, [(1.2, 0.0), (1.4, 0.1), (1.0, 0.0)]);
}

#[test]
fn hard_tanh_network() {
    check(Activation::HardTanh, hard_tanh, [(1.5, 0.3), (1.3, 0.0), (1.2, 0.1)]);
}
