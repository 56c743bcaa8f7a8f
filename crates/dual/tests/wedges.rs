//! The families built on wedges of the bivariate normal law, ELU and the clipped lines, against
//! nested quadrature.

mod reference;

use reference::Rule;
use widelimit_arch::Activation;
use widelimit_dual::{Dual, Element, Isa, Row};

const SELU: (f64, f64) = (1.0507009873554805, 1.6732632423543772);

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn elu_slope(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { 1.0 } else { alpha * x.exp() }
}

fn between(x: f64, low: f64, high: f64) -> f64 {
    if x > low && x < high { 1.0 } else { 0.0 }
}

type Scalar = Box<dyn Fn(f64) -> f64>;

fn activations() -> Vec<(Activation, Scalar, Scalar, Vec<f64>)> {
    vec![
        (
            Activation::Elu { alpha: 1.0 },
            Box::new(|x| elu(x, 1.0)),
            Box::new(|x| elu_slope(x, 1.0)),
            vec![0.0],
        ),
        (
            Activation::Elu { alpha: 0.6 },
            Box::new(|x| elu(x, 0.6)),
            Box::new(|x| elu_slope(x, 0.6)),
            vec![0.0],
        ),
        (
            Activation::Celu { alpha: 1.7 },
            Box::new(|x| 1.7 * elu(x / 1.7, 1.0)),
            Box::new(|x| elu_slope(x / 1.7, 1.0)),
            vec![0.0],
        ),
        (
            Activation::Selu,
            Box::new(|x| SELU.0 * elu(x, SELU.1)),
            Box::new(|x| SELU.0 * elu_slope(x, SELU.1)),
            vec![0.0],
        ),
        (
            Activation::Relu6,
            Box::new(|x| x.clamp(0.0, 6.0)),
            Box::new(|x| between(x, 0.0, 6.0)),
            vec![0.0, 6.0],
        ),
        (
            Activation::HardTanh,
            Box::new(|x| x.clamp(-1.0, 1.0)),
            Box::new(|x| between(x, -1.0, 1.0)),
            vec![-1.0, 1.0],
        ),
        (
            Activation::HardSigmoid,
            Box::new(|x| (x / 6.0 + 0.5).clamp(0.0, 1.0)),
            Box::new(|x| between(x, -3.0, 3.0) / 6.0),
            vec![-3.0, 3.0],
        ),
    ]
}

const VARIANCES: [(f64, f64); 14] = [
    (1.0, 1.0),
    (0.3, 0.8),
    (2.0, 0.05),
    (0.01, 0.02),
    (1e-4, 1e-4),
    (1e-12, 1e-12),
    (1e-12, 1.0),
    (1e-3, 10.0),
    (100.0, 80.0),
    (1e4, 1e4),
    (1e6, 1e6),
    (1e6, 3e5),
    (1e6, 1e-6),
    (1e6, 1.0),
];

#[test]
fn agree_with_nested_quadrature() {
    let rule = Rule::new(16);
    for (activation, value, slope, kinks) in activations() {
        let dual = Dual::new(&activation).expect("valid parameters");
        for (a, b) in VARIANCES {
            let (x, y) = (dual.diagonal(a), dual.diagonal(b));
            for rho in [-1.0, -0.999, -0.5, 0.0, 0.9, 0.99999999, 1.0] {
                let pair = dual.pair(a, b, rho * f64::sqrt(a * b));
                let k = rule.pair(&value, (a, b), rho, &kinks, 1.0);
                let kd = rule.pair(&slope, (a, b), rho, &kinks, 1.0);
                let k_error = (pair.k - k).abs() / (x.k * y.k).sqrt();
                let kd_error = (pair.kd - kd).abs() / (x.kd * y.kd).sqrt();
                assert!(
                    k_error < 1e-12,
                    "{activation:?} ({a}, {b}, {rho}): k off by {k_error:.1e}"
                );
                // towards correlation 1 a jump of the slope turns the covariance's last bit into
                // its square root; equal variances leave no such bit at 1 itself
                let bound = match f64::abs(rho) {
                    1.0 if a == b => 1e-12,
                    1.0 => 1e-7,
                    r if r > 0.9999 => 1e-9,
                    _ => 1e-12,
                };
                assert!(kd_error < bound, "{activation:?} ({a}, {b}, {rho}): kd {kd_error:.1e}");
            }
        }
    }
}

#[test]
fn pairs_meet_the_diagonal() {
    for (activation, ..) in activations() {
        let dual = Dual::new(&activation).expect("valid parameters");
        for a in [0.0, 1e-300, 1e-12, 1e-4, 0.01, 0.3, 1.0, 10.0, 1e4, 1e6] {
            let (pair, diagonal) = (dual.pair(a, a, a), dual.diagonal(a));
            assert!(
                (pair.k - diagonal.k).abs() <= 1e-12 * diagonal.k,
                "{activation:?} at {a}: {pair:?} {diagonal:?}"
            );
            assert!(
                (pair.kd - diagonal.kd).abs() <= 1e-12 * diagonal.kd,
                "{activation:?} at {a}: {pair:?} {diagonal:?}"
            );
        }
    }
}

#[test]
fn every_pair_is_finite_and_symmetric() {
    let variances =
        [0.0, 5e-324, 1e-300, 1e-30, 1e-12, 1e-3, 0.7, 1.0, 6.0, 36.0, 1e6, 1e12, 1e300];
    for (activation, ..) in activations() {
        let dual = Dual::new(&activation).expect("valid parameters");
        for a in variances {
            for b in variances {
                for rho in [-1.0, -1.0 + 1e-15, -0.7, 0.0, 1e-200, 0.4, 1.0 - 1e-16, 1.0] {
                    let c = rho * (f64::sqrt(a) * f64::sqrt(b));
                    let (pair, swapped) = (dual.pair(a, b, c), dual.pair(b, a, c));
                    assert!(
                        pair.k.is_finite() && pair.kd.is_finite(),
                        "{activation:?} {a} {b} {c}"
                    );
                    assert!(pair == swapped, "{activation:?} ({a}, {b}, {c}) is not symmetric");
                }
            }
        }
    }
}

/// All pairs of points whose variances span what normalised and raw inputs have.
fn rows<T: Element>(dual: &Dual, isa: Isa) -> Vec<(f64, f64)> {
    let variances: Vec<T> =
        [1.0, 0.0, 2.5, 1e-3, 0.4, 40.0, 1.0, 0.01, 3.0, 7.0, 0.9].map(T::from_f64).to_vec();
    let prepared = dual.prepare(&variances).expect("finite variances");
    let mut out = Vec::new();
    for (i, a) in variances.iter().enumerate() {
        let covariance = |(j, b): (usize, &T)| {
            T::from_f64((a.to_f64() * b.to_f64()).sqrt() * (0.37 * (i * j) as f64).sin())
        };
        let mut k: Vec<T> = variances.iter().enumerate().map(covariance).collect();
        let mut t = vec![T::from_f64(1.0); k.len()];
        dual.apply(
            isa,
            Row { left: &prepared, i, right: &prepared, j0: 0, k: &mut k, t: Some(&mut t) },
        );
        out.extend(k.into_iter().zip(t).map(|(k, t)| (k.to_f64(), t.to_f64())));
    }
    out
}

#[test]
fn instruction_sets_and_formats_agree() {
    for (activation, ..) in activations() {
        let dual = Dual::new(&activation).expect("valid parameters");
        let portable = rows::<f64>(&dual, Isa::Portable);
        for isa in Isa::available() {
            for ((k, kd), (k0, kd0)) in rows::<f64>(&dual, isa).into_iter().zip(&portable) {
                assert!((k - k0).abs() <= 4e-15 * (1.0 + k0.abs()), "{activation:?}: {k} and {k0}");
                assert!((kd - kd0).abs() <= 4e-15, "{activation:?}: {kd} and {kd0}");
            }
            for ((k, kd), (k0, kd0)) in rows::<f32>(&dual, isa).into_iter().zip(&portable) {
                assert!((k - k0).abs() <= 4e-6 * (1.0 + k0.abs()), "{activation:?}: {k} and {k0}");
                assert!((kd - kd0).abs() <= 4e-6, "{activation:?} {isa:?}: {kd} and {kd0}");
            }
        }
    }
}

#[test]
fn celu_refuses_a_growing_exponential() {
    for alpha in [0.0, -1.0, f64::NAN] {
        let error = Dual::new(&Activation::Celu { alpha }).err().expect("must be refused");
        assert!(error.to_string().contains("alpha"), "{error}");
    }
}
