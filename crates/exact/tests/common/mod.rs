//! What several tests share.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod brute;
pub mod engine;
pub mod golden;
pub mod random_nets;
pub mod sampled;

use std::path::PathBuf;

use ndarray::{Array2, ArrayView2};
use widelimit_arch::{Activation, Dense, Function, Layer, LayerNorm, NamedFunction, Network};

/// The folder with golden values, or a printed line that says what is skipped.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = std::env::var_os("WIDELIMIT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    if path.join("golden").is_dir() {
        return Some(path);
    }
    println!("skipped: {what}: {} not found", path.display());
    None
}

/// A small generator (SplitMix64 with Box-Muller), so that tests are the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        // `uniform` is below 1, but rounding may not keep the product below `n`.
        ((self.uniform() * n as f64) as usize).min(n - 1)
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub fn matrix(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || self.normal())
    }
}

/// Largest difference relative to the largest entry of the second.
pub fn distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let scale = b.iter().fold(0.0_f64, |m, x| m.max(x.abs())).max(f64::MIN_POSITIVE);
    a.iter().zip(&b).fold(0.0_f64, |m, (a, b)| if a == b { m } else { m.max((a - b).abs()) })
        / scale
}

/// Every activation with parameters away from its defaults, and the JSON-free layers around it.
pub fn activations() -> Vec<Activation> {
    let named = |name| Activation::Numerical { function: Function::Named(name), degree: None };
    vec![
        Activation::Relu,
        Activation::LeakyRelu { alpha: 0.2 },
        Activation::AbRelu { a: -0.3, b: 1.1 },
        Activation::Abs,
        Activation::Sign,
        Activation::Step,
        Activation::RectifiedMonomial { degree: 0 },
        Activation::RectifiedMonomial { degree: 1 },
        Activation::RectifiedMonomial { degree: 2 },
        Activation::Monomial { degree: 1 },
        Activation::Monomial { degree: 2 },
        Activation::Polynomial { coef: vec![0.2, 0.7, -0.1, 0.05] },
        Activation::Hermite { degree: 2 },
        Activation::Erf { a: 1.2, b: 0.8, c: 0.1 },
        Activation::SigmoidLike,
        Activation::Probit,
        Activation::Gelu,
        Activation::Sin { a: 1.1, b: 0.9, c: 0.3 },
        Activation::Cos { a: 1.1, b: 0.9, c: 0.3 },
        Activation::Rbf { gamma: 0.4 },
        Activation::Exp { a: 0.7, b: 0.5 },
        Activation::Gaussian { a: 1.3, b: -0.6 },
        Activation::Gabor,
        Activation::Elu { alpha: 0.8 },
        Activation::Celu { alpha: 1.3 },
        Activation::Selu,
        Activation::Relu6,
        Activation::HardTanh,
        Activation::HardSigmoid,
        Activation::Snake { a: 1.0 },
        Activation::ExpNormalized { gamma: 0.9, shift: -1.0, do_clip: true },
        named(NamedFunction::Tanh),
        named(NamedFunction::Sigmoid),
        named(NamedFunction::Softplus),
        named(NamedFunction::Swish),
        named(NamedFunction::Mish),
        named(NamedFunction::Softsign),
        named(NamedFunction::LogSigmoid),
        named(NamedFunction::GeluTanh),
        named(NamedFunction::Arctan),
        named(NamedFunction::Elu),
        named(NamedFunction::Selu),
    ]
}

/// `depth` hidden layers of an activation; those that grow fast get normalised inputs.
pub fn hidden(activation: &Activation, depth: usize) -> Network {
    let grows = matches!(
        activation,
        Activation::Monomial { .. }
            | Activation::RectifiedMonomial { degree: 2.. }
            | Activation::Polynomial { .. }
            | Activation::Hermite { .. }
            | Activation::Exp { .. }
    );
    let mut layers: Vec<Layer> = Vec::new();
    for _ in 0..depth {
        layers.push(Dense::new(1.3).bias(0.2).into());
        if grows {
            layers.push(LayerNorm::channels().eps(1e-3).into());
        }
        layers.push(activation.clone().into());
    }
    layers.push(Dense::new(1.1).bias(0.1).into());
    Network::new(layers).unwrap()
}

/// Random rows with a repeated, a negated, a doubled and a zero one among them.
pub fn awkward(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut x = Random::new(seed).matrix(rows, columns);
    let first = x.row(0).to_owned();
    x.row_mut(rows / 2).assign(&first);
    x.row_mut(rows / 3).assign(&-&first);
    x.row_mut(rows - 2).assign(&(2.0 * &first));
    x.row_mut(rows - 1).fill(0.0);
    // so that f32 holds the same numbers
    x.mapv(|x| f64::from(x as f32))
}
