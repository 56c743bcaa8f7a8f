//! Time an entry takes in one layer, `k` and `kd` together, for each activation and instruction
//! set: rows of 512 entries that stay in the first-level cache, one core.
//!
//! `cargo bench -p widelimit-dual` prints nanoseconds per entry and, beside each, how many times
//! faster than one entry at a time.

use std::hint::black_box;
use std::time::Instant;

use widelimit_arch::{Activation, Function, NamedFunction};
use widelimit_dual::{Dual, Element, Isa, Row};

const ROW: usize = 512;

fn main() {
    let activations = [
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu { alpha: 0.1 }),
        ("sign", Activation::Sign),
        ("step", Activation::Step),
        ("monomial 3", Activation::Monomial { degree: 3 }),
        ("rectified 2", Activation::RectifiedMonomial { degree: 2 }),
        ("polynomial 3", Activation::Polynomial { coef: vec![0.2, 0.5, -0.3, 0.1] }),
        ("hermite 5", Activation::Hermite { degree: 5 }),
        ("erf", Activation::Erf { a: 1.0, b: 1.0, c: 0.0 }),
        ("gelu", Activation::Gelu),
        ("sin", Activation::Sin { a: 1.0, b: 1.0, c: 0.2 }),
        ("snake", Activation::Snake { a: 1.0 }),
        ("rbf", Activation::Rbf { gamma: 0.5 }),
        ("exp", Activation::Exp { a: 1.0, b: 0.5 }),
        ("exp_normalized", Activation::ExpNormalized { gamma: 1.0, shift: -1.0, do_clip: true }),
        ("gaussian", Activation::Gaussian { a: 1.0, b: -1.0 }),
        ("gabor", Activation::Gabor),
        ("elu", Activation::Elu { alpha: 1.0 }),
        ("relu6", Activation::Relu6),
        ("hard_tanh", Activation::HardTanh),
        ("tanh", named(NamedFunction::Tanh)),
        ("softplus", named(NamedFunction::Softplus)),
        ("softsign", named(NamedFunction::Softsign)),
    ];
    println!("{:<16} {:>5} {:>22} {:>22} {:>22}", "activation", "", "avx512", "avx2", "portable");
    for (name, activation) in activations {
        row::<f32>(name, &activation);
        row::<f64>(name, &activation);
    }
}

fn named(function: NamedFunction) -> Activation {
    Activation::Numerical { function: Function::Named(function), degree: None }
}

fn row<T: Element>(name: &str, activation: &Activation) {
    let format = if T::SINGLE { "f32" } else { "f64" };
    let reference = time::<T>(activation, Isa::Portable);
    let mut line = format!("{name:<16} {format:>5}");
    for isa in [Isa::Avx512, Isa::Avx2, Isa::Portable] {
        if isa.is_available() {
            let ns = time::<T>(activation, isa);
            line += &format!(" {:>22}", format!("{ns:.3} ns ({:.1}x)", reference / ns));
        } else {
            line += &format!(" {:>22}", "-");
        }
    }
    println!("{line}");
}

/// Best of many: other work on the machine only ever adds time.
fn time<T: Element>(activation: &Activation, isa: Isa) -> f64 {
    let dual = Dual::new(activation).expect("a valid activation");
    let variances: Vec<T> = (0..ROW).map(|i| T::from_f64(0.5 + i as f64 / ROW as f64)).collect();
    let prepared = dual.prepare(&variances).expect("usable variances");
    let covariances: Vec<T> =
        (0..ROW).map(|i| T::from_f64((i as f64 * 0.37).sin() * 0.7)).collect();
    let mut k = covariances.clone();
    let mut t = covariances.clone();
    let mut best = f64::INFINITY;
    for _ in 0..40 {
        let start = Instant::now();
        let rounds = 50;
        for i in 0..rounds {
            k.copy_from_slice(&covariances);
            t.copy_from_slice(&covariances);
            dual.apply(
                isa,
                Row {
                    left: &prepared,
                    i,
                    right: &prepared,
                    j0: 0,
                    k: black_box(&mut k),
                    t: Some(black_box(&mut t)),
                },
            );
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / (rounds * ROW) as f64);
    }
    best
}
