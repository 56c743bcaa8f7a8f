//! What every dual must satisfy, whatever its formula: the contract suite.

use proptest::prelude::*;
use widelimit_arch::{Activation, Function, NamedFunction, UserFunction};
use widelimit_dual::{Dual, Element, Isa, Row};

fn activations() -> Vec<Activation> {
    let mut list = vec![
        Activation::Relu,
        Activation::LeakyRelu { alpha: 0.1 },
        Activation::AbRelu { a: -0.5, b: 2.0 },
        Activation::Abs,
        Activation::Sign,
        Activation::Step,
        Activation::Polynomial { coef: vec![-0.1, 2.1, 0.0, 0.3, -1.2] },
        Activation::Erf { a: 0.7, b: 1.3, c: 0.2 },
        Activation::SigmoidLike,
        Activation::Probit,
        Activation::Gelu,
        Activation::Sin { a: 1.2, b: 0.8, c: 0.3 },
        Activation::Cos { a: 1.2, b: 0.8, c: 0.3 },
        Activation::Rbf { gamma: 0.7 },
        Activation::Exp { a: 0.9, b: 0.1 },
        Activation::Gaussian { a: 0.9, b: -0.6 },
        Activation::Gabor,
        Activation::Snake { a: 0.8 },
        Activation::ExpNormalized { gamma: 1.0, shift: -1.0, do_clip: true },
        Activation::Elu { alpha: 1.0 },
        Activation::Elu { alpha: 0.6 },
        Activation::Celu { alpha: 1.7 },
        Activation::Selu,
        Activation::Relu6,
        Activation::HardTanh,
        Activation::HardSigmoid,
        named(NamedFunction::Tanh),
        named(NamedFunction::Softplus),
        Activation::Numerical {
            function: Function::User(UserFunction::new("soft step", [], |x| x.atan())),
            degree: None,
        },
    ];
    for degree in 0..5 {
        list.push(Activation::Monomial { degree });
        list.push(Activation::RectifiedMonomial { degree });
        list.push(Activation::Hermite { degree });
    }
    list
}

fn named(function: NamedFunction) -> Activation {
    Activation::Numerical { function: Function::Named(function), degree: None }
}

/// Deterministic numbers in [0, 1).
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// `n` variances over three decades, a zero, a pair of equal ones, and covariances of the first
/// with all.
fn row<T: Element>(n: usize) -> (Vec<T>, Vec<T>) {
    let mut variances: Vec<f64> = (0..n).map(|i| 10f64.powf(3.0 * noise(i as u64) - 2.0)).collect();
    variances[n / 2] = 0.0;
    variances[n / 3] = variances[0];
    // rounded first, so that covariances match the variances the library sees
    let variances: Vec<T> = variances.into_iter().map(T::from_f64).collect();
    let covariances = (0..n)
        .map(|i| {
            let rho = if i == n / 3 { 1.0 } else { 2.0 * noise(1000 + i as u64) - 1.0 };
            T::from_f64(rho * (variances[0].to_f64() * variances[i].to_f64()).sqrt())
        })
        .collect();
    (variances, covariances)
}

/// `(k, kd)` of the first point with all.
fn run<T: Element>(dual: &Dual, isa: Isa, variances: &[T], c: &[T]) -> (Vec<T>, Vec<T>) {
    let prepared = dual.prepare(variances).unwrap();
    let (mut k, mut t) = (c.to_vec(), vec![T::from_f64(1.0); c.len()]);
    dual.apply(
        isa,
        Row { left: &prepared, i: 0, right: &prepared, j0: 0, k: &mut k, t: Some(&mut t) },
    );
    (k, t)
}

fn bits<T: Element>(x: T) -> u64 {
    // -0 and 0 count as one value, everything else bit by bit
    (x.to_f64() + 0.0).to_bits()
}

fn swapping_keeps_every_bit<T: Element>() {
    let (variances, c) = row::<T>(53);
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let prepared = dual.prepare(&variances).unwrap();
        for isa in Isa::available() {
            let (k, t) = run(&dual, isa, &variances, &c);
            for j in 0..c.len() {
                let (mut k2, mut t2) = ([c[j]], [T::from_f64(1.0)]);
                dual.apply(
                    isa,
                    Row {
                        left: &prepared,
                        i: j,
                        right: &prepared,
                        j0: 0,
                        k: &mut k2,
                        t: Some(&mut t2),
                    },
                );
                assert_eq!(bits(k[j]), bits(k2[0]), "{activation:?} {isa:?} k at {j}");
                assert_eq!(bits(t[j]), bits(t2[0]), "{activation:?} {isa:?} kd at {j}");
            }
        }
    }
}

#[test]
fn swapping_the_arguments_keeps_every_bit() {
    swapping_keeps_every_bit::<f64>();
    swapping_keeps_every_bit::<f32>();
}

fn place_does_not_matter<T: Element>() {
    let (variances, c) = row::<T>(53);
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let prepared = dual.prepare(&variances).unwrap();
        for isa in Isa::available() {
            let (k, t) = run(&dual, isa, &variances, &c);
            for (start, end) in [(1, 53), (7, 20), (17, 18), (30, 47), (5, 5)] {
                let mut k2 = c[start..end].to_vec();
                let mut t2 = vec![T::from_f64(1.0); end - start];
                dual.apply(
                    isa,
                    Row {
                        left: &prepared,
                        i: 0,
                        right: &prepared,
                        j0: start,
                        k: &mut k2,
                        t: Some(&mut t2),
                    },
                );
                let mut alone = c[start..end].to_vec();
                dual.apply(
                    isa,
                    Row {
                        left: &prepared,
                        i: 0,
                        right: &prepared,
                        j0: start,
                        k: &mut alone,
                        t: None,
                    },
                );
                for m in 0..k2.len() {
                    assert_eq!(bits(k2[m]), bits(k[start + m]), "{activation:?} {isa:?}");
                    assert_eq!(bits(t2[m]), bits(t[start + m]), "{activation:?} {isa:?}");
                    assert_eq!(bits(alone[m]), bits(k[start + m]), "{activation:?} {isa:?}");
                }
            }
        }
    }
}

#[test]
fn an_entry_does_not_depend_on_its_place() {
    place_does_not_matter::<f64>();
    place_does_not_matter::<f32>();
}

/// Largest difference relative to the diagonals, `k` and `kd`; equal points are left out, where
/// derivatives with a corner move by the root of the rounding.
fn difference<T: Element, U: Element>(
    dual: &Dual,
    variances: &[T],
    (k, t): &(Vec<T>, Vec<T>),
    (k2, t2): &(Vec<U>, Vec<U>),
) -> (f64, f64) {
    let first = dual.diagonal(variances[0].to_f64());
    let mut worst = (0f64, 0f64);
    for j in (0..k.len()).filter(|&j| j != k.len() / 3) {
        let own = dual.diagonal(variances[j].to_f64());
        let unit = (first.k * own.k).sqrt() + 1e-30;
        // derivatives at a zero vector are a convention, and may vanish
        let unit_slope = (first.kd * own.kd).sqrt().max(1e-2 * first.kd) + 1e-30;
        worst.0 = worst.0.max((k[j].to_f64() - k2[j].to_f64()).abs() / unit);
        worst.1 = worst.1.max((t[j].to_f64() - t2[j].to_f64()).abs() / unit_slope);
    }
    worst
}

fn sets_agree<T: Element>(bound: f64) {
    let (variances, c) = row::<T>(501);
    let available = Isa::available();
    println!("tested: {available:?}");
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let best = run(&dual, available[0], &variances, &c);
        for &isa in &available[1..] {
            let other = run(&dual, isa, &variances, &c);
            let (k, kd) = difference(&dual, &variances, &best, &other);
            println!("{activation:?} {isa:?}: {k:.1e} {kd:.1e}");
            // the exponential unit is a sum of six terms that partly cancel
            let exponential = matches!(
                activation,
                Activation::Elu { .. } | Activation::Celu { .. } | Activation::Selu
            );
            let bound = if exponential { 8.0 * bound } else { bound };
            assert!(k <= bound && kd <= bound, "{activation:?} {isa:?}: {k:e} {kd:e}");
            // both have fused multiply-adds, and the same source
            if isa == Isa::Avx2 {
                assert!(
                    (0..c.len()).all(|j| bits(best.0[j]) == bits(other.0[j])),
                    "{activation:?}"
                );
                assert!(
                    (0..c.len()).all(|j| bits(best.1[j]) == bits(other.1[j])),
                    "{activation:?}"
                );
            }
        }
    }
}

#[test]
fn instruction_sets_agree() {
    // with fused multiply-adds or without, results differ by rounding only
    sets_agree::<f64>(8.0 * f64::EPSILON);
    sets_agree::<f32>(8.0 * f64::from(f32::EPSILON));
}

#[test]
fn single_precision_follows_double() {
    let (variances, c) = row::<f32>(501);
    let wide: Vec<f64> = variances.iter().map(|x| f64::from(*x)).collect();
    let wide_c: Vec<f64> = c.iter().map(|x| f64::from(*x)).collect();
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let exact = run(&dual, Isa::Portable, &wide, &wide_c);
        for isa in Isa::available() {
            let single = run(&dual, isa, &variances, &c);
            let (k, kd) = difference(&dual, &variances, &single, &exact);
            println!("{activation:?} {isa:?}: {k:.1e} {kd:.1e}");
            assert!(k <= 2e-6 && kd <= 2e-5, "{activation:?} {isa:?}: {k:e} {kd:e}");
        }
    }
}

#[test]
fn the_pair_at_equal_points_meets_the_diagonal() {
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        for v in [1e-10, 0.03, 1.0, 7.0, 90.0] {
            let (pair, diagonal) = (dual.pair(v, v, v), dual.diagonal(v));
            let error = (pair.k - diagonal.k).abs() / (diagonal.k + 1e-300);
            let error_slope = (pair.kd - diagonal.kd).abs() / (diagonal.kd + 1e-300);
            // a truncated series ends early where the correlation is 1: its stated error is the
            // bound there, for the value only
            let stated = dual.prepare(&[v]).unwrap().error();
            let bound = stated.unwrap_or(1e-12);
            assert!(error <= bound, "{activation:?} at {v}: {error:e}, {bound:e}");
            assert!(
                stated.is_some() || error_slope <= bound,
                "{activation:?} at {v}: {error_slope:e}"
            );
        }
    }
}

#[test]
fn the_derivative_dual_is_the_derivative() {
    for activation in activations() {
        // derivatives of jumps are distributions, and count as 0
        if matches!(
            activation,
            Activation::Sign | Activation::Step | Activation::RectifiedMonomial { degree: 0 }
        ) {
            continue;
        }
        let dual = Dual::new(&activation).unwrap();
        for (a, b) in [(1.0, 1.0), (0.3, 1.6), (2.0, 0.05)] {
            let p = f64::sqrt(a * b);
            let unit = (dual.diagonal(a).kd * dual.diagonal(b).kd).sqrt() + 1e-300;
            for rho in [-0.98, -0.7, -0.2, 0.0, 0.4, 0.9, 0.98] {
                let h = 3e-3 * p * (1.0 - f64::abs(rho));
                let k = |c: f64| dual.pair(a, b, c).k;
                let c = rho * p;
                let near = k(c + h) - k(c - h);
                let middle = k(c + 2.0 * h) - k(c - 2.0 * h);
                let far = k(c + 3.0 * h) - k(c - 3.0 * h);
                let slope = (45.0 * near - 9.0 * middle + far) / (60.0 * h);
                let error = (dual.pair(a, b, c).kd - slope).abs() / unit;
                assert!(error <= 1e-9, "{activation:?} {a} {b} {rho}: {error:e}");
            }
        }
    }
}

#[test]
fn three_layers_are_positive_semidefinite() {
    let n = 200;
    let points: Vec<Vec<f64>> =
        (0..n).map(|i| (0..5).map(|d| 2.0 * noise(7 * i + 1000 * d) - 1.0).collect()).collect();
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let mut kernel: Vec<Vec<f64>> = points
            .iter()
            .map(|x| points.iter().map(|y| x.iter().zip(y).map(|(x, y)| x * y).sum()).collect())
            .collect();
        for _ in 0..3 {
            let variances: Vec<f64> = (0..n as usize).map(|i| kernel[i][i]).collect();
            let prepared = dual.prepare(&variances).unwrap();
            for (i, row) in kernel.iter_mut().enumerate() {
                dual.apply(
                    Isa::best(),
                    Row { left: &prepared, i, right: &prepared, j0: 0, k: row, t: None },
                );
                row[i] = dual.diagonal(variances[i]).k;
            }
            // bring the scale back to 1, as the next layer's weights would
            let mean = (0..n as usize).map(|i| kernel[i][i]).sum::<f64>() / n as f64;
            kernel.iter_mut().flatten().for_each(|x| *x /= mean);
        }
        let smallest = smallest_pivot(kernel);
        assert!(smallest >= -1e-10, "{activation:?}: {smallest:e}");
    }
}

/// The smallest pivot of a Cholesky elimination with diagonal pivoting, which has the sign of the
/// smallest eigenvalue; rows of vanishing pivots are left out once everything left vanishes.
fn smallest_pivot(mut a: Vec<Vec<f64>>) -> f64 {
    let n = a.len();
    let mut left: Vec<usize> = (0..n).collect();
    let mut smallest = f64::INFINITY;
    while let Some(at) =
        (0..left.len()).max_by(|&i, &j| a[left[i]][left[i]].total_cmp(&a[left[j]][left[j]]))
    {
        let pivot = left.swap_remove(at);
        let value = a[pivot][pivot];
        if value < 1e-9 {
            // the rest must vanish as a whole
            for &i in left.iter().chain([&pivot]) {
                smallest = smallest.min(a[i][i]);
            }
            break;
        }
        smallest = smallest.min(value);
        for &i in &left {
            let factor = a[i][pivot] / value;
            for &j in &left {
                let change = factor * a[pivot][j];
                a[i][j] -= change;
            }
        }
    }
    smallest
}

#[test]
fn zero_vectors_and_extreme_variances_are_finite() {
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let prepare_fails = |v: f64| dual.prepare(&[v]).is_err();
        for a in [0.0, 5e-324, 1e-300, 1e-12, 1.0, 1e6, 1e12, 1e100, 1e300] {
            for b in [0.0, 1e-300, 1e-12, 1.0, 1e12, 1e300] {
                if prepare_fails(a) || prepare_fails(b) {
                    continue;
                }
                for rho in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                    let c = rho * f64::sqrt(a) * f64::sqrt(b);
                    let pair = dual.pair(a, b, c);
                    assert!(
                        pair.k.is_finite() && pair.kd.is_finite(),
                        "{activation:?} at {a} {b} {c}: {pair:?}"
                    );
                }
            }
        }
        for v in [f64::NAN, f64::INFINITY, -1.0] {
            let message = dual.prepare(&[1.0, v]).unwrap_err().to_string();
            assert!(message.contains("point 1"), "{message}");
        }
    }
}

#[test]
fn collinear_points_stay_collinear_through_layers_of_signs() {
    let sign = Dual::new(&Activation::Sign).unwrap();
    for factor in [1.0, 3.0, 0.7, -2.5, -1.0] {
        for i in 0..100 {
            let a = 0.1 + noise(i);
            // c differs from sqrt(ab) by rounding
            let pair = sign.pair(a, a * factor * factor, a * factor);
            assert_eq!(pair.k, f64::signum(factor));
        }
    }
}

#[test]
fn duals_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Dual>();
}

#[test]
fn zero_vectors_follow_the_conventions() {
    let pair =
        |activation: &Activation, a: f64, b: f64| Dual::new(activation).unwrap().pair(a, b, 0.0);
    for (a, b) in [(0.0, 2.0), (0.0, 0.0)] {
        assert_eq!(pair(&Activation::Relu, a, b).k, 0.0);
        assert_eq!(pair(&Activation::Relu, a, b).kd, 0.25);
        let bent = pair(&Activation::AbRelu { a: 0.5, b: -1.0 }, a, b);
        assert!(bent.k == 0.0 && (bent.kd - 0.0625).abs() < 1e-16);
        assert_eq!(pair(&Activation::Sign, a, b).k, 0.0);
        assert_eq!(pair(&Activation::Step, a, b).k, 0.0);
        assert_eq!(
            pair(&Activation::ExpNormalized { gamma: 1.0, shift: -1.0, do_clip: true }, a, b).k,
            0.0
        );
    }
    let closed = pair(&Activation::RectifiedMonomial { degree: 0 }, 0.0, 2.0);
    assert_eq!(closed.k, 0.5);
    // s(0) E[s(v)]
    let cosine = pair(&Activation::Cos { a: 1.0, b: 1.0, c: 0.0 }, 0.0, 2.0).k;
    assert!((cosine - f64::exp(-1.0)).abs() < 1e-15);
}

#[test]
fn overflow_is_an_error_that_names_the_point() {
    let exp = Dual::new(&Activation::Exp { a: 1.0, b: 1.0 }).unwrap();
    let message = exp.prepare(&[1.0f64, 400.0]).unwrap_err().to_string();
    assert!(message.contains("point 1") && message.contains("400"), "{message}");
    assert!(exp.prepare(&[40.0f32]).is_ok() && exp.prepare(&[50.0f32]).is_err());
    let cube = Dual::new(&Activation::Monomial { degree: 3 }).unwrap();
    assert!(cube.prepare(&[1e12f32]).is_ok() && cube.prepare(&[1e13f32]).is_err());
}

#[test]
fn homogeneity_is_as_stated() {
    for activation in activations() {
        let dual = Dual::new(&activation).unwrap();
        let Some(h) = dual.homogeneity() else { continue };
        let scaled = dual.pair(3.0 * 0.7, 3.0 * 1.9, 3.0 * 0.6).k;
        let expected = 3f64.powf(h) * dual.pair(0.7, 1.9, 0.6).k;
        assert!((scaled / expected - 1.0).abs() < 1e-14, "{activation:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the variances and the correlation, rounding beyond +-1 included, results are
    /// finite and obey the inequality of Cauchy and Schwarz.
    #[test]
    fn results_are_finite_and_bounded(
        a in -8f64..3.0, b in -8f64..3.0, rho in -1.0000001f64..1.0000001, which in 0usize..40,
    ) {
        let activations = activations();
        let activation = &activations[which % activations.len()];
        let dual = Dual::new(activation).unwrap();
        let (a, b) = (10f64.powf(a), 10f64.powf(b));
        let c = rho * (a * b).sqrt();
        let single = [a as f32, b as f32];
        if let (Ok(_), Ok(prepared)) = (dual.prepare(&[a, b]), dual.prepare(&single)) {
            let pair = dual.pair(a, b, c);
            let (left, right) = (dual.diagonal(a), dual.diagonal(b));
            let slack = 1.0 + 1e-5;
            prop_assert!(pair.k.abs() <= slack * (left.k * right.k).sqrt(), "{activation:?} {pair:?}");
            prop_assert!(pair.kd.abs() <= slack * (left.kd * right.kd).sqrt(), "{activation:?} {pair:?}");
            for isa in Isa::available() {
                let (mut k, mut t) = ([c as f32], [1f32]);
                dual.apply(isa, Row { left: &prepared, i: 0, right: &prepared, j0: 1, k: &mut k, t: Some(&mut t) });
                prop_assert!(k[0].is_finite() && t[0].is_finite(), "{activation:?} {isa:?}");
            }
        }
    }
}
