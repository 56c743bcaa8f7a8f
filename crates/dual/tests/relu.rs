//! The piecewise-linear pair: values, edges, symmetry, and agreement of the instruction sets.

use std::f64::consts::PI;

use widelimit_arch::Activation;
use widelimit_dual::{Dual, Element, Isa, Row};

fn apply<T: Element>(isa: Isa, activation: &Activation, points: &[(T, T, T)]) -> Vec<(f64, f64)> {
    let dual = Dual::new(activation).unwrap();
    points
        .iter()
        .map(|&(a, b, c)| {
            let (left, right) = (dual.prepare(&[a]).unwrap(), dual.prepare(&[b]).unwrap());
            let (mut k, mut t) = ([c], [T::from_f64(1.0)]);
            dual.apply(
                isa,
                Row { left: &left, i: 0, right: &right, j0: 0, k: &mut k, t: Some(&mut t) },
            );
            (k[0].to_f64(), t[0].to_f64())
        })
        .collect()
}

#[test]
fn known_values() {
    let relu = Dual::new(&Activation::Relu).unwrap();
    for degrees in [1e-9, 1e-3, 1.0, 60.0, 90.0, 120.0, 179.0] {
        let theta: f64 = f64::to_radians(degrees);
        let pair = relu.pair(4.0, 0.25, theta.cos());
        assert!((pair.k - (theta.sin() + (PI - theta) * theta.cos()) / (2.0 * PI)).abs() < 3e-16);
        // the rounding of cos(theta) moves the angle by up to 2^-53 / sin(theta)
        let bound = 2e-16 + 2f64.powi(-53) / theta.sin();
        assert!((pair.kd - (PI - theta) / (2.0 * PI)).abs() < bound);
    }
}

#[test]
fn equal_and_opposite_points_are_exact() {
    let relu = Dual::new(&Activation::Relu).unwrap();
    for v in [1e-300, 1e-12, 0.7, 3.0, 1e12, 1e300] {
        let same = relu.pair(v, v, v);
        assert_eq!((same.k, same.kd), (v / 2.0, 0.5));
        let opposite = relu.pair(v, v, -v);
        assert_eq!((opposite.k, opposite.kd), (0.0, 0.0));
    }
    for v in [1e-30f32, 0.7, 1e30] {
        for isa in Isa::available() {
            let [(k, kd)] = apply(isa, &Activation::Relu, &[(v, v, v)])[..] else { unreachable!() };
            assert!((k / f64::from(v) - 0.5).abs() < 1e-7, "{isa:?} {v}: {k}");
            assert!((kd - 0.5).abs() < 1e-7, "{isa:?} {v}: {kd}");
        }
    }
}

#[test]
fn single_precision_stays_within_its_bounds() {
    // normalised with factor 2: kappa0 = 2 kd, kappa1 = 2 k at unit variance
    let mut points = Vec::new();
    for i in 0..=400_000 {
        let x = i as f64 / 400_000.0;
        // dense at both ends
        points.push((1f32, 1f32, (PI * x).cos() as f32));
    }
    let relu = Dual::new(&Activation::Relu).unwrap();
    for isa in Isa::available() {
        let prepared = relu.prepare(&[1f32]).unwrap();
        let right = relu.prepare(&vec![1f32; points.len()]).unwrap();
        let mut k: Vec<f32> = points.iter().map(|p| p.2).collect();
        let mut t = vec![1f32; k.len()];
        relu.apply(
            isa,
            Row { left: &prepared, i: 0, right: &right, j0: 0, k: &mut k, t: Some(&mut t) },
        );
        let (mut worst0, mut worst1) = (0f64, 0f64);
        for ((_, _, c), (k, t)) in points.iter().zip(k.iter().zip(&t)) {
            let exact = relu.pair(1.0, 1.0, f64::from(*c));
            worst0 = worst0.max(2.0 * (exact.kd - f64::from(*t)).abs());
            worst1 = worst1.max(2.0 * (exact.k - f64::from(*k)).abs());
        }
        println!("{isa:?}: kappa0 {worst0:.2e}, kappa1 {worst1:.2e}");
        assert!(worst0 <= 1.5e-7 && worst1 <= 1.0e-7, "{isa:?}: {worst0:.2e} {worst1:.2e}");
    }
}
