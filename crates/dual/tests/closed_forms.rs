//! Every closed form against nested quadrature, and its derivative against the derivative.

mod reference;

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use reference::Rule;
use widelimit_arch::Activation;
use widelimit_dual::Dual;

/// An activation with its function and derivative; `kinks` are where either jumps.
struct Case {
    activation: Activation,
    s: Box<dyn Fn(f64) -> f64>,
    slope: Box<dyn Fn(f64) -> f64>,
    kinks: Vec<f64>,
    /// Variances up to this one are tried.
    largest: f64,
}

fn case(
    activation: Activation,
    s: impl Fn(f64) -> f64 + 'static,
    slope: impl Fn(f64) -> f64 + 'static,
) -> Case {
    Case { activation, s: Box::new(s), slope: Box::new(slope), kinks: Vec::new(), largest: 2.0 }
}

fn step(x: f64) -> f64 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

fn polynomial(coef: &[f64], x: f64) -> f64 {
    coef.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Orthonormal Hermite polynomial.
fn hermite(n: u32, x: f64) -> f64 {
    let (mut before, mut value) = (0.0, 1.0);
    for k in 0..n {
        let k = f64::from(k);
        (before, value) = (value, (x * value - k.sqrt() * before) / (k + 1.0).sqrt());
    }
    value
}

fn pieces(a: f64, b: f64, activation: Activation) -> Case {
    let case = case(
        activation,
        move |x| if x > 0.0 { b * x } else { a * x },
        move |x| if x > 0.0 { b } else { a },
    );
    Case { kinks: vec![0.0], ..case }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        pieces(0.0, 1.0, Activation::Relu),
        pieces(0.1, 1.0, Activation::LeakyRelu { alpha: 0.1 }),
        pieces(-0.5, 2.0, Activation::AbRelu { a: -0.5, b: 2.0 }),
        pieces(-1.0, 1.0, Activation::Abs),
        Case { kinks: vec![0.0], ..case(Activation::Sign, f64::signum, |_| 0.0) },
        Case { kinks: vec![0.0], ..case(Activation::Step, step, |_| 0.0) },
        case(Activation::Gelu, |x| x * normal(x), |x| normal(x) + x * density(x)),
        case(Activation::Probit, normal, density),
        case(
            Activation::Erf { a: 0.7, b: 1.3, c: 0.2 },
            |x| 0.7 * libm::erf(1.3 * x) + 0.2,
            |x| 0.7 * 1.3 * 2.0 / PI.sqrt() * (-1.69 * x * x).exp(),
        ),
        case(
            Activation::SigmoidLike,
            |x| 0.5 * libm::erf(x / 2.4020563531719796) + 0.5,
            |x| (-(x / 2.4020563531719796).powi(2)).exp() / PI.sqrt() / 2.4020563531719796,
        ),
        case(
            Activation::Rbf { gamma: 0.7 },
            |x| 2f64.sqrt() * (1.4f64.sqrt() * x + PI / 4.0).sin(),
            |x| 2.8f64.sqrt() * (1.4f64.sqrt() * x + PI / 4.0).cos(),
        ),
        case(
            Activation::Exp { a: 0.9, b: 0.6 },
            |x| 0.9 * (0.6 * x).exp(),
            |x| 0.54 * (0.6 * x).exp(),
        ),
        case(
            Activation::Gaussian { a: 0.9, b: -0.6 },
            |x| 0.9 * (-0.6 * x * x).exp(),
            |x| -1.08 * x * (-0.6 * x * x).exp(),
        ),
        case(
            Activation::Gabor,
            |x| (-x * x).exp() * x.sin(),
            |x| (-x * x).exp() * (x.cos() - 2.0 * x * x.sin()),
        ),
        case(
            Activation::Snake { a: 0.8 },
            |x| x + (0.8 * x).sin().powi(2) / 0.8,
            |x| 1.0 + (1.6 * x).sin(),
        ),
    ];
    for (a, b, c) in [(1.2, 0.8, 0.3), (1.0, 1.0, 0.0), (0.7, 1.5, 2.0)] {
        cases.push(case(
            Activation::Sin { a, b, c },
            move |x| a * (b * x + c).sin(),
            move |x| a * b * (b * x + c).cos(),
        ));
        cases.push(case(
            Activation::Cos { a, b, c },
            move |x| a * (b * x + c).cos(),
            move |x| -a * b * (b * x + c).sin(),
        ));
    }
    for degree in 0..=8 {
        let n = degree as i32;
        let power = case(
            Activation::Monomial { degree },
            move |x| x.powi(n),
            move |x| if n == 0 { 0.0 } else { f64::from(n) * x.powi(n - 1) },
        );
        cases.push(power);
        let rectified = case(
            Activation::RectifiedMonomial { degree },
            move |x| step(x) * x.powi(n),
            move |x| if n == 0 { 0.0 } else { step(x) * f64::from(n) * x.powi(n - 1) },
        );
        cases.push(Case { kinks: vec![0.0], ..rectified });
    }
    let coef = vec![-0.1, 2.1, 0.0, 0.3, -1.2, -0.5, 0.0, 0.05];
    let slope: Vec<f64> = coef.iter().enumerate().skip(1).map(|(k, c)| k as f64 * c).collect();
    let (copy, largest) = (coef.clone(), 1.2);
    let poly = case(
        Activation::Polynomial { coef },
        move |x| polynomial(&copy, x),
        move |x| polynomial(&slope, x),
    );
    cases.push(Case { largest, ..poly });
    for degree in [0, 1, 2, 3, 5, 12] {
        cases.push(case(
            Activation::Hermite { degree },
            move |x| hermite(degree, x),
            move |x| {
                if degree == 0 { 0.0 } else { f64::from(degree).sqrt() * hermite(degree - 1, x) }
            },
        ));
    }
    cases
}

const CORRELATIONS: [f64; 11] = [-1.0, -0.999, -0.9, -0.5, -0.1, 0.0, 0.2, 0.6, 0.95, 0.999, 1.0];

#[test]
fn closed_forms_equal_quadrature() {
    // a kink seen through a correlation near 1 asks for more
    let (smooth, kinked) = (Rule::new(16), Rule::new(40));
    let mut failures = Vec::new();
    for Case { activation, s, slope, kinks, largest } in cases() {
        let dual = Dual::new(&activation).unwrap();
        assert!(dual.is_closed_form());
        let rule = if kinks.is_empty() { &smooth } else { &kinked };
        let jumps = !kinks.is_empty() && s(1e-9) - s(-1e-9) > 0.5;
        let (mut worst, mut worst_slope) = (0f64, 0f64);
        for (a, b) in [(1.0, 1.0), (0.15 * largest, 0.8 * largest), (largest, 0.05)] {
            let (left, right) = (dual.diagonal(a), dual.diagonal(b));
            let unit = (left.k * right.k).sqrt() + 1e-300;
            let unit_slope = (left.kd * right.kd).sqrt() + 1e-300;
            for rho in CORRELATIONS {
                let pair = dual.pair(a, b, rho * (a * b).sqrt());
                let k = rule.pair(&s, (a, b), rho, &kinks, 1.0);
                let kd = rule.pair(&slope, (a, b), rho, &kinks, 1.0);
                // where the angle has a square root in it, the rounding of c to 2^-53 shows as its
                // root: that excess is allowed for, at collinear points only
                let collinear = rho.abs() == 1.0 && !kinks.is_empty();
                let excess = if collinear && jumps { 1e-8 } else { 0.0 };
                let excess_slope = if collinear { 2e-8 } else { 0.0 };
                worst = worst.max((pair.k - k).abs() / unit - excess);
                worst_slope = worst_slope.max((pair.kd - kd).abs() / unit_slope - excess_slope);
            }
            let exact = rule.pair(&s, (a, a), 1.0, &kinks, 1.0);
            let exact_slope = rule.pair(&slope, (a, a), 1.0, &kinks, 1.0);
            worst = worst.max((left.k - exact).abs() / (exact + 1e-300));
            worst_slope = worst_slope.max((left.kd - exact_slope).abs() / (exact_slope + 1e-300));
        }
        println!("{activation:?}: {worst:.1e} {worst_slope:.1e}");
        if !(worst <= 1e-12 && worst_slope <= 1e-12) {
            failures.push(format!("{activation:?}: {worst:e} {worst_slope:e}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
