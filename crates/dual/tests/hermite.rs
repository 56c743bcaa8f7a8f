//! The Hermite route against nested quadrature, its stated error, and its contracts.

mod reference;

use reference::Rule;
use widelimit_arch::{Activation, Function, NamedFunction, UserFunction};
use widelimit_dual::{Dual, Isa, Row};

type Scalar = fn(f64) -> f64;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn gelu(x: f64) -> f64 {
    x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
}

fn bell(x: f64) -> f64 {
    sigmoid(x) * sigmoid(-x)
}

fn gelu_slope(x: f64) -> f64 {
    let rate = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let argument = rate * (x + 0.044715 * x * x * x);
    sigmoid(argument) + x * bell(argument) * rate * (1.0 + 0.134145 * x * x)
}

fn mish_slope(x: f64) -> f64 {
    let gate = softplus(x);
    gate.tanh() + x * sigmoid(x) * gate.cosh().powi(-2)
}

const FUNCTIONS: [(&str, NamedFunction, Scalar); 9] = [
    ("tanh", NamedFunction::Tanh, f64::tanh),
    ("sigmoid", NamedFunction::Sigmoid, sigmoid),
    ("softplus", NamedFunction::Softplus, softplus),
    ("swish", NamedFunction::Swish, |x| x * sigmoid(x)),
    ("mish", NamedFunction::Mish, |x| x * softplus(x).tanh()),
    ("softsign", NamedFunction::Softsign, |x| x / (1.0 + x.abs())),
    ("log_sigmoid", NamedFunction::LogSigmoid, |x| -softplus(-x)),
    ("gelu_tanh", NamedFunction::GeluTanh, gelu),
    ("arctan", NamedFunction::Arctan, f64::atan),
];

/// Derivatives of [`FUNCTIONS`].
const SLOPES: [Scalar; 9] = [
    |x| 4.0 * bell(2.0 * x),
    bell,
    sigmoid,
    |x| sigmoid(x) + x * bell(x),
    mish_slope,
    |x| (1.0 + x.abs()).powi(-2),
    |x| sigmoid(-x),
    gelu_slope,
    |x| 1.0 / (1.0 + x * x),
];

fn numerical(function: Function) -> Dual {
    Dual::new(&Activation::Numerical { function, degree: None }).expect("no parameters to refuse")
}

/// Correlations at and near 1, where high degrees count.
const NEARLY: [f64; 8] = [-1.0, -0.9995, 0.97, 0.99, 0.9995, 0.999_999, 1.0 - 1e-9, 1.0];

#[test]
fn nearly_parallel_points_are_as_good_as_others() {
    let rule = Rule::new(20);
    let variances =
        [(1e-6, 1e-6), (1.0, 1.0), (0.3, 10.0), (16.0, 64.0), (400.0, 100.0), (25.0, 1e3)];
    for ((name, function, f), slope) in FUNCTIONS.into_iter().zip(SLOPES) {
        let dual = numerical(Function::Named(function));
        for (a, b) in variances {
            let stated = dual.prepare(&[a, b]).expect("finite").error().expect("stated");
            assert!(stated < 1e-11, "{name} ({a}, {b}): {stated:.1e}");
            let (x, y) = (dual.diagonal(a), dual.diagonal(b));
            for rho in NEARLY {
                let pair = dual.pair(a, b, rho * (a * b).sqrt());
                let k = pair.k - rule.pair(&f, (a, b), rho, &[], 1.0);
                let kd = pair.kd - rule.pair(&slope, (a, b), rho, &[], 1.0);
                let k = k.abs() / (x.k * y.k).sqrt();
                let kd = kd.abs() / (x.kd * y.kd).sqrt();
                assert!(k < stated, "{name} ({a}, {b}, {rho}): k off by {k:.1e}, {stated:.1e}");
                assert!(kd < stated, "{name} ({a}, {b}, {rho}): kd {kd:.1e}, {stated:.1e}");
            }
        }
    }
}

/// Functions of the user with a closed form to compare with.
fn kinked() -> Vec<(Activation, UserFunction)> {
    let user = |kinks: &[f64], f: Scalar| UserFunction::new("kinked", kinks, f);
    vec![
        (Activation::Relu, user(&[0.0], |x| x.max(0.0))),
        (Activation::Abs, user(&[], f64::abs)),
        (Activation::Sign, user(&[0.0], f64::signum)),
        (Activation::Step, user(&[], |x| if x > 0.0 { 1.0 } else { 0.0 })),
        (
            Activation::Elu { alpha: 0.6 },
            user(&[0.0], |x| if x > 0.0 { x } else { 0.6 * x.exp_m1() }),
        ),
        (Activation::HardTanh, user(&[-1.0, 1.0], |x| x.clamp(-1.0, 1.0))),
        (Activation::Relu6, user(&[0.0, 6.0], |x| x.clamp(0.0, 6.0))),
    ]
}

#[test]
fn kinked_functions_match_their_closed_forms() {
    for (activation, function) in kinked() {
        let (closed, dual) =
            (Dual::new(&activation).expect("valid"), numerical(Function::User(function)));
        for (a, b) in [(1e-6, 1e-6), (1.0, 1.0), (0.7, 7.0), (40.0, 40.0), (25.0, 1e3)] {
            let stated = dual.prepare(&[a, b]).expect("finite").error().expect("stated");
            assert!(stated < 1e-9, "{activation:?} ({a}, {b}): {stated:.1e}");
            let (u, v) = (closed.diagonal(a), closed.diagonal(b));
            let (unit, slope_unit) = ((u.k * v.k).sqrt(), (u.kd * v.kd).sqrt());
            for rho in NEARLY.into_iter().chain(CORRELATIONS) {
                let c = rho * f64::sqrt(a * b);
                let (x, y) = (closed.pair(a, b, c), dual.pair(a, b, c));
                let (k, kd) = ((x.k - y.k).abs(), (x.kd - y.kd).abs());
                // the root of the rounding of a correlation of 1
                let loose = 3e-8;
                let k_loose = if u.kd == 0.0 { loose } else { 0.0 };
                let kd_loose = loose * slope_unit + 1e-20;
                assert!(
                    k <= (stated + k_loose) * unit,
                    "{activation:?} ({a}, {b}, {rho}): {k:.1e}"
                );
                assert!(
                    kd <= stated * slope_unit + kd_loose,
                    "{activation:?} ({a}, {b}, {rho}): {kd:.1e}"
                );
            }
        }
    }
}

/// A bend that no straight line takes away: the error is stated.
#[test]
fn curved_pieces_stay_within_the_stated_error() {
    let f = |x: f64| if x < 0.7 { x } else { 0.7 + (x - 0.7).sin() * 0.3 };
    let slope = |x: f64| if x < 0.7 { 1.0 } else { 0.3 * (x - 0.7).cos() };
    let rule = Rule::new(16);
    let dual = numerical(Function::User(UserFunction::new("bent", vec![0.7], f)));
    for a in [0.1, 1.0, 4.0] {
        let stated = dual.prepare(&[a]).expect("finite").error().expect("stated");
        assert!(stated < 1e-5, "{a}: {stated:.1e}");
        for rho in NEARLY {
            let pair = dual.pair(a, a, rho * a);
            let k = (pair.k - rule.pair(&f, (a, a), rho, &[0.7], 1.0)).abs();
            let kd = (pair.kd - rule.pair(&slope, (a, a), rho, &[0.7], 1.0)).abs();
            assert!(k <= stated * dual.diagonal(a).k, "{a} {rho}: {k:.1e} {stated:.1e}");
            assert!(kd <= stated * dual.diagonal(a).kd, "{a} {rho}: {kd:.1e} {stated:.1e}");
        }
    }
}

#[test]
fn single_precision_follows_within_its_stated_error() {
    for (name, function, _) in FUNCTIONS {
        let dual = numerical(Function::Named(function));
        for (a, b) in [(1.0f32, 1.0f32), (10.0, 10.0), (16.0, 64.0), (400.0, 400.0)] {
            let prepared = dual.prepare(&[a, b]).expect("finite");
            let stated = prepared.error().expect("stated");
            let [x, y] = [a, b].map(|v| dual.diagonal(f64::from(v)));
            for rho in NEARLY.into_iter().chain(CORRELATIONS) {
                let c = (rho * f64::from(a * b).sqrt()) as f32;
                let exact = dual.pair(f64::from(a), f64::from(b), f64::from(c));
                let (mut k, mut t) = ([c], [1.0f32]);
                let (k_row, t_row) = (&mut k[..], Some(&mut t[..]));
                let row =
                    Row { left: &prepared, i: 0, right: &prepared, j0: 1, k: k_row, t: t_row };
                dual.apply(Isa::best(), row);
                let k = (f64::from(k[0]) - exact.k).abs() / (x.k * y.k).sqrt();
                let kd = (f64::from(t[0]) - exact.kd).abs() / (x.kd * y.kd).sqrt();
                assert!(k <= stated, "{name} ({a}, {b}, {rho}): k off by {k:.1e}, {stated:.1e}");
                assert!(kd <= stated, "{name} ({a}, {b}, {rho}): kd {kd:.1e}, {stated:.1e}");
            }
        }
    }
}

const CORRELATIONS: [f64; 9] = [-1.0, -0.999, -0.9, -0.3, 0.0, 0.5, 0.9, 0.999, 1.0];

#[test]
fn agrees_with_nested_quadrature_within_the_stated_error() {
    let rule = Rule::new(16);
    for (name, function, f) in FUNCTIONS {
        let dual = numerical(Function::Named(function));
        for (a, b) in [(1.0, 1.0), (0.1, 0.5), (2.0, 4.0), (0.05, 10.0), (100.0, 100.0)] {
            let stated = dual
                .prepare(&[a, b])
                .expect("finite variances")
                .error()
                .expect("a numerical route");
            let scale = (dual.diagonal(a).k * dual.diagonal(b).k).sqrt();
            for rho in CORRELATIONS {
                let k = dual.pair(a, b, rho * (a * b).sqrt()).k;
                let exact = rule.pair(&f, (a, b), rho, &[], 1.0);
                let error = (k - exact).abs() / scale;
                assert!(error <= stated, "{name} ({a}, {b}, {rho}): {error:.1e} > {stated:.1e}");
                assert!(error <= 1e-11, "{name} ({a}, {b}, {rho}): {error:.1e}");
            }
        }
    }
}

#[test]
fn the_slope_dual_is_the_derivative() {
    for (name, function, _) in FUNCTIONS {
        let dual = numerical(Function::Named(function));
        for (a, b) in [(1.0, 1.0), (0.1, 0.5), (2.0, 8.0)] {
            let p = f64::sqrt(a * b);
            let scale = (dual.diagonal(a).kd * dual.diagonal(b).kd).sqrt();
            for rho in [-0.95, -0.4, 0.0, 0.3, 0.9] {
                let h = 1e-3 * p * (1.0 - f64::abs(rho));
                let k = |steps: f64| dual.pair(a, b, rho * p + steps * h).k;
                let slope = (8.0 * (k(1.0) - k(-1.0)) - (k(2.0) - k(-2.0))) / (12.0 * h);
                let error = (dual.pair(a, b, rho * p).kd - slope).abs() / scale;
                assert!(error < 1e-9, "{name} ({a}, {b}, {rho}): {error:.1e}");
            }
        }
    }
}

#[test]
fn the_series_meets_the_diagonal() {
    for (name, function, _) in FUNCTIONS {
        let dual = numerical(Function::Named(function));
        for a in [0.0, 1e-12, 1e-4, 0.3, 1.0, 3.0, 30.0, 1e3, 1e6] {
            let stated = dual.prepare(&[a]).expect("finite").error().expect("a numerical route");
            let (pair, diagonal) = (dual.pair(a, a, a), dual.diagonal(a));
            let k = (pair.k - diagonal.k).abs();
            let kd = (pair.kd - diagonal.kd).abs();
            assert!(k <= stated * diagonal.k, "{name} at {a}: k off by {k:.1e}");
            // at variance 0 the correlation counts as 0, and only the slope at 0 is left
            assert!(kd <= stated * diagonal.kd, "{name} at {a}: kd off by {kd:.1e}");
        }
    }
}

/// Points whose series differ much in length.
const VARIANCES: [f64; 11] = [1.0, 0.0, 2.5, 1e-9, 0.4, 1.0, 20.0, 0.01, 3.0, 1e-310, 0.9];

fn rows<T: widelimit_dual::Element>(dual: &Dual, isa: Isa, chosen: &[usize]) -> Vec<(T, T)> {
    let pick: Vec<T> = chosen.iter().map(|&i| T::from_f64(VARIANCES[i])).collect();
    let prepared = dual.prepare(&pick).expect("finite variances");
    let mut out = Vec::new();
    for (row, &i) in chosen.iter().enumerate() {
        let covariance = |&j: &usize| {
            let p = (VARIANCES[i] * VARIANCES[j]).sqrt();
            // some at an angle, some parallel or nearly so
            let rho = match (i + j) % 4 {
                0 => (0.37 * ((i + 1) * (j + 1)) as f64).sin(),
                1 => 1.0,
                2 => -1.0 + 1e-4,
                _ => 1.0 - 1e-3,
            };
            T::from_f64(p * rho)
        };
        let mut k: Vec<T> = chosen.iter().map(covariance).collect();
        let mut t = vec![T::from_f64(1.0); k.len()];
        dual.apply(
            isa,
            Row { left: &prepared, i: row, right: &prepared, j0: 0, k: &mut k, t: Some(&mut t) },
        );
        out.extend(k.into_iter().zip(t));
    }
    out
}

fn contracts<T: widelimit_dual::Element + PartialEq>() {
    let named = FUNCTIONS.map(|(name, function, _)| (name, numerical(Function::Named(function))));
    let users = kinked().into_iter().map(|(_, f)| ("kinked", numerical(Function::User(f))));
    for (name, dual) in named.into_iter().chain(users) {
        for isa in Isa::available() {
            // a long set, so that blocks of several vectors take part
            let all: Vec<usize> = (0..77).map(|m| m % VARIANCES.len()).collect();
            let whole = rows::<T>(&dual, isa, &all);
            let n = all.len();
            for i in 0..n {
                for j in 0..n {
                    let (k, kd) = whole[i * n + j];
                    assert!(k.to_f64().is_finite() && kd.to_f64().is_finite());
                    assert!((k, kd) == whole[j * n + i], "{name}: ({i}, {j}) is not symmetric");
                }
            }
            for chosen in [vec![0], vec![3, 4], vec![0, 2, 4, 8, 10], (1..9).collect()] {
                let m = chosen.len();
                for (entry, part) in rows::<T>(&dual, isa, &chosen).into_iter().enumerate() {
                    let (i, j) = (chosen[entry / m], chosen[entry % m]);
                    assert!(part == whole[i * n + j], "{name}: ({i}, {j}) depends on its company");
                }
            }
        }
    }
}

#[test]
fn entries_do_not_depend_on_their_company() {
    contracts::<f64>();
    contracts::<f32>();
}

#[test]
fn instruction_sets_agree() {
    for (name, function, _) in FUNCTIONS {
        let dual = numerical(Function::Named(function));
        let all: Vec<usize> = (0..VARIANCES.len()).collect();
        let portable = rows::<f64>(&dual, Isa::Portable, &all);
        for isa in Isa::available() {
            for ((k, kd), (k0, kd0)) in rows::<f64>(&dual, isa, &all).into_iter().zip(&portable) {
                assert!((k - k0).abs() <= 1e-14 * (1.0 + k0.abs()), "{name}: {k} and {k0}");
                assert!((kd - kd0).abs() <= 1e-14, "{name}: {kd} and {kd0}");
            }
        }
        for ((k, kd), (k0, kd0)) in rows::<f32>(&dual, Isa::best(), &all).into_iter().zip(&portable)
        {
            // slopes up to 5 in the correlation, which is rounded to 6e-8
            assert!((f64::from(k) - k0).abs() <= 4e-6 * (1.0 + k0.abs()), "{name}: {k} and {k0}");
            // and parallel points of variance 20 double that
            assert!((f64::from(kd) - kd0).abs() <= 8e-6, "{name}: {kd} and {kd0}");
        }
    }
}

#[test]
fn user_functions_match_named_ones() {
    for (name, function, f) in FUNCTIONS {
        let named = numerical(Function::Named(function));
        let user = numerical(Function::User(UserFunction::new(name, Vec::new(), f)));
        for (a, b) in [(1.0, 1.0), (1e-6, 1e-6), (0.0, 1.0), (0.3, 2.0)] {
            let stated = user.prepare(&[a, b]).expect("finite").error().expect("stated");
            for rho in [-0.9, 0.2, 1.0] {
                let c = rho * f64::sqrt(a * b);
                let (x, y) = (named.pair(a, b, c), user.pair(a, b, c));
                let power = (named.diagonal(a).k * named.diagonal(b).k).sqrt();
                assert!((x.k - y.k).abs() <= (1e-12 + stated) * power, "{name} {a} {b} {rho}");
                assert!((x.kd - y.kd).abs() < 1e-9 + stated, "{name} {a} {b} {rho}");
            }
            let (x, y) = (named.diagonal(a), user.diagonal(a));
            assert!((x.k - y.k).abs() <= 1e-12 * x.k, "{name} at {a}: {} and {}", x.k, y.k);
            assert!((x.kd - y.kd).abs() <= 1e-9, "{name} at {a}: {} and {}", x.kd, y.kd);
        }
    }
}

/// ReLU has a closed form to compare with, and the slowest series of a continuous function.
#[test]
fn kinks_are_covered_by_the_stated_error() {
    let closed = Dual::new(&Activation::Relu).expect("no parameters");
    for (kinks, shift) in [(vec![0.0], 0.0), (Vec::new(), 0.0), (Vec::new(), 1e-3)] {
        let relu = UserFunction::new("relu", kinks.clone(), move |x: f64| (x - shift).max(0.0));
        let dual = numerical(Function::User(relu));
        for a in [0.2, 1.0, 7.0] {
            let stated = dual.prepare(&[a]).expect("finite").error().expect("stated");
            for rho in CORRELATIONS {
                let (x, y) = (dual.pair(a, a, rho * a), closed.pair(a, a, rho * a));
                // the shift itself moves k by less than shift sqrt(a), kd by shift / sqrt(a)
                let k = ((x.k - y.k).abs() - shift * a.sqrt()) / closed.diagonal(a).k;
                let kd = ((x.kd - y.kd).abs() - shift / a.sqrt()) / closed.diagonal(a).kd;
                assert!(k <= stated, "{kinks:?} {shift} {a} {rho}: k off by {k:.1e}, {stated:.1e}");
                assert!(kd <= stated, "{kinks:?} {shift} {a} {rho}: kd {kd:.1e}, {stated:.1e}");
            }
            let diagonal = dual.diagonal(a);
            if !kinks.is_empty() {
                assert!((diagonal.k - a / 2.0).abs() < 1e-13 * a, "{}", diagonal.k);
                assert!((diagonal.kd - 0.5).abs() < 1e-11, "{}", diagonal.kd);
            }
        }
    }
}

#[test]
fn failing_functions_are_named() {
    let error = |function: UserFunction| {
        numerical(Function::User(function)).prepare(&[1.0]).expect_err("must fail").to_string()
    };
    let pole = error(UserFunction::new("log", Vec::new(), f64::ln));
    assert!(pole.contains("log") && pole.contains("x = "), "{pole}");
    let failing = error(UserFunction::from_slices("broken", Vec::new(), |_, _| {
        Err("out of order".to_owned())
    }));
    assert!(failing.contains("broken") && failing.contains("out of order"), "{failing}");
}
