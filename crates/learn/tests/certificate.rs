//! Certificates against kernels whose errors are known.

mod common;

use common::Random;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use widelimit_learn::certificate::{Certificate, Certify, Estimate};
use widelimit_learn::{Error, Par, Shift};
use widelimit_linalg::{symmetric_eigen, symmetric_eigenvalues};
use widelimit_sketch::random::Stream;

/// `A` with `K = A A^T`: a few strong directions with rows of different size, and a tail.
fn root(seed: u64, n: usize, rank: usize, tail: usize) -> Array2<f64> {
    let mut random = Random(seed);
    let mut a = random.matrix(n, rank + tail);
    for (j, mut column) in a.columns_mut().into_iter().enumerate() {
        column *= if j < rank { 1.0 / (1.0 + j as f64) } else { 0.5 / (tail as f64).sqrt() };
    }
    for mut row in a.rows_mut() {
        row *= 0.7 + 0.6 * random.uniform();
    }
    a
}

/// `m` Gaussian features: `E Z Z^T = A A^T`.
fn features(a: &Array2<f64>, m: usize, seed: u64) -> Array2<f64> {
    a.dot(&Random(seed).matrix(a.ncols(), m)) / (m as f64).sqrt()
}

fn part(a: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    a.select(Axis(0), rows)
}

fn norm(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The errors of the whole matrices, through the root of the inverse.
fn truth(k: &Array2<f64>, z: &Array2<f64>, lambda: f64) -> (f64, f64) {
    let par = Par::single();
    let error = z.dot(&z.t()) - k;
    let eigen = symmetric_eigen(k.clone(), &par).unwrap();
    let filter = eigen.values.mapv(|w| 1.0 / (w + lambda).sqrt());
    let inverse = (&eigen.vectors * &filter).dot(&eigen.vectors.t());
    let seen = inverse.dot(&error).dot(&inverse);
    let values = symmetric_eigenvalues(seen, &par).unwrap();
    (norm(&error) / norm(k), values[0].abs().max(values[values.len() - 1].abs()))
}

fn certify(params: Certify, k: &Array2<f64>, z: &[ArrayView2<f64>]) -> Result<Certificate, Error> {
    params.check()?.certify(k.view(), z, &Par::single())
}

fn holds(estimate: Estimate, truth: f64) -> bool {
    assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
    estimate.low <= truth && truth <= estimate.high
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let (n, s, runs) = (500, 60, 300);
    let a = root(1, n, 6, 40);
    let k = a.dot(&a.t());
    let z = features(&a, 80, 2);
    // Effective dimension 5.8, a tenth of the sample.
    let lambda = 5e-2 * k.diag().sum();
    let (frobenius, spectral) = truth(&k, &z, lambda);
    for confidence in [0.8, 0.95] {
        let (mut covered, mut seen, mut total) = (0, 0, 0.0);
        for run in 0..runs {
            let rows = Stream::new(5, 0, 0).child(run).sample(n, s).unwrap();
            let (a, z) = (part(&a, &rows), part(&z, &rows));
            let params = Certify { confidence, lambda: Shift::Absolute(lambda), ..Certify::new(n) };
            let got = certify(params, &a.dot(&a.t()), &[z.view()]).unwrap();
            covered += usize::from(holds(got.frobenius, frobenius));
            seen += usize::from(holds(got.spectral, spectral));
            total += got.frobenius.value / frobenius;
        }
        let error = (confidence * (1.0 - confidence) / runs as f64).sqrt();
        let share = |count: usize| count as f64 / runs as f64;
        // Neither too narrow nor so wide that they say nothing.
        let gap = share(covered) - confidence;
        assert!(gap.abs() <= 3.0 * error, "{confidence}: {}", share(covered));
        assert!(share(seen) >= confidence - 3.0 * error, "{confidence}: {}", share(seen));
        assert!((total / runs as f64 - 1.0).abs() < 0.03);
    }
}

#[test]
fn a_sample_of_everything_is_the_truth() {
    let n = 60;
    let a = root(3, n, 4, 20);
    let k = a.dot(&a.t());
    let (small, large) = (features(&a, 30, 4), features(&a, 90, 5));
    let params = Certify { lambda: Shift::Relative(0.5), ..Certify::new(n) };
    let got = certify(params, &k, &[small.view(), large.view()]).unwrap();
    let lambda = 0.5 * k.diag().mean().unwrap();
    let (frobenius, spectral) = truth(&k, &large, lambda);
    assert!((got.lambda / lambda - 1.0).abs() < 1e-14);
    for (estimate, truth) in [(got.frobenius, frobenius), (got.spectral, spectral)] {
        assert!((estimate.value / truth - 1.0).abs() < 1e-10);
        assert!(estimate.low == estimate.value && estimate.high == estimate.value);
    }
    assert_eq!((got.dim, got.sample, got.population), (90, n, n));
    assert_eq!((got.draws[0].dim, got.draws[1].dim), (30, 90));
    assert!((got.draws[0].frobenius / truth(&k, &small, lambda).0 - 1.0).abs() < 1e-10);
    let values = symmetric_eigenvalues(k, &Par::single()).unwrap();
    let dimension: f64 = values.iter().map(|w| w / (w + lambda)).sum();
    assert!((got.effective_dimension / dimension - 1.0).abs() < 1e-10);
}

/// For Gaussian features `E |Z Z^T - K|_F^2 = (|K|_F^2 + (trace K)^2) / m`.
#[test]
fn the_dimension_for_a_tolerance_is_that_of_the_variance() {
    let (n, s) = (400, 150);
    let a = root(7, n, 8, 30);
    let k = a.dot(&a.t());
    let v = 1.0 + (k.diag().sum() / norm(&k)).powi(2);
    let rows = Stream::new(8, 0, 0).sample(n, s).unwrap();
    let (a, sampled) = (part(&a, &rows), |m, seed| features(&part(&a, &rows), m, seed));
    let z: Vec<_> = (0..6).map(|i| sampled(100 + 40 * (i % 2), 20 + i as u64)).collect();
    let views: Vec<_> = z.iter().map(|z| z.view()).collect();
    let got = certify(Certify::new(n), &a.dot(&a.t()), &views).unwrap();
    let dim = got.dim_for(0.05).unwrap().unwrap() as f64;
    // The squared error of a draw with q strong directions spreads by about (2 / q)^(1/2); 6 draws, 3 errors.
    assert!((dim * 0.05f64.powi(2) / v - 1.0).abs() < 0.5, "{dim} {}", v / 0.05f64.powi(2));
    assert!(got.bias.unwrap() < 0.3 * got.frobenius.value);
    // One draw: the law alone.
    let one = certify(Certify::new(n), &a.dot(&a.t()), &views[..1]).unwrap();
    let want = (100.0 * (one.frobenius.value / 0.05).powi(2)).ceil();
    assert!(one.bias.is_none());
    assert!((one.dim_for(0.05).unwrap().unwrap() as f64 - want).abs() <= 1.0);
}

#[test]
fn a_bias_is_found_and_is_not_promised_away() {
    let n = 200;
    let a = root(9, n, 4, 10);
    let k = a.dot(&a.t());
    // Features of 1.2 K: a relative error of 0.2 that no dimension removes.
    let z: Vec<_> = (0..4).map(|i| features(&a, 4000, 30 + i) * 1.2f64.sqrt()).collect();
    let views: Vec<_> = z.iter().map(|z| z.view()).collect();
    let got = certify(Certify::new(n), &k, &views).unwrap();
    let bias = got.bias.unwrap();
    assert!((bias - 0.2).abs() < 0.02, "{bias}");
    assert_eq!(got.dim_for(0.15).unwrap(), None);
    assert!(got.dim_for(0.3).unwrap().is_some());
    // Twice the same draw has nothing that falls.
    let twice = certify(Certify::new(n), &k, &[views[0], views[0]]).unwrap();
    assert!((twice.bias.unwrap() / twice.frobenius.value - 1.0).abs() < 1e-12);
    assert_eq!(twice.dim_for(0.9 * twice.frobenius.value).unwrap(), None);
    assert_eq!(twice.dim, 4000);
}

#[test]
fn exact_features_duplicates_and_scales() {
    let n = 50;
    let a = root(11, 20, 3, 4);
    // Every point of the sample twice: a singular kernel.
    let a = concatenate![Axis(0), a, a];
    let k = a.dot(&a.t());
    let exact = certify(Certify::new(n), &k, &[a.view()]).unwrap();
    assert!(exact.frobenius.high < 1e-14 && exact.spectral.high < 1e-12);
    assert!(exact.dim_for(1e-3).unwrap().is_some());
    let z = features(&a, 30, 12);
    let params = Certify::new(n);
    let one = certify(params, &k, &[z.view()]).unwrap();
    for scale in [2f64.powi(-300), 2f64.powi(300)] {
        let other = certify(params, &(&k * (scale * scale)), &[(&z * scale).view()]).unwrap();
        assert_eq!((other.frobenius, other.spectral), (one.frobenius, one.spectral));
    }
    // Single precision in, the same numbers up to its rounding.
    let narrow = params.check().unwrap();
    let (k32, z32) = (k.mapv(|v| v as f32), z.mapv(|v| v as f32));
    let narrow = narrow.certify(k32.view(), &[z32.view()], &Par::new(2)).unwrap();
    assert!((narrow.frobenius.value / one.frobenius.value - 1.0).abs() < 1e-5);
    assert!((narrow.spectral.value / one.spectral.value - 1.0).abs() < 1e-3);
    // Threads change nothing, another seed only the spread of the halves.
    let again = params.check().unwrap().certify(k.view(), &[z.view()], &Par::new(3)).unwrap();
    assert_eq!(again, one);
    let seeded = certify(Certify { seed: 1, ..params }, &k, &[z.view()]).unwrap();
    assert_eq!(seeded.spectral.value, one.spectral.value);
    assert_ne!(seeded.spectral.high, one.spectral.high);
}

#[test]
fn an_error_of_one_point_is_not_bounded_away() {
    let k = Array2::<f64>::eye(10);
    let mut z = k.clone();
    z[[4, 4]] = 2.0;
    let got = certify(Certify::new(100), &k, &[z.view()]).unwrap();
    assert!(got.frobenius.value > 0.0 && got.frobenius.low == 0.0);
    assert!(got.frobenius.high.is_finite() && got.frobenius.high > 1.5 * got.frobenius.value);
    // A kernel of one point bounds nothing.
    let mut lonely = Array2::zeros((10, 10));
    lonely[[4, 4]] = 1.0;
    let got = certify(Certify::new(100), &lonely, &[z.view()]).unwrap();
    assert_eq!((got.frobenius.low, got.frobenius.high), (0.0, f64::INFINITY));
}

#[test]
fn refusals() {
    let k = Array2::<f64>::eye(8);
    let z = k.clone();
    let par = Par::single();
    let error = |params: Certify, k: &Array2<f64>, z: &Array2<f64>| {
        certify(params, k, &[z.view()]).expect_err("refused")
    };
    let params = Certify::new(8);
    let two = Array2::eye(2);
    assert!(matches!(error(params, &two, &two), Error::TooFewRows { needed: 4, got: 2, .. }));
    let zero = Array2::zeros((8, 8));
    assert_eq!(error(params, &zero, &z), Error::DiagonalNotPositive { mean: 0.0 });
    let mut nan = k.clone();
    nan[[2, 3]] = f64::NAN;
    assert!(matches!(error(params, &nan, &z), Error::NotFinite { row: 2, column: 3, .. }));
    assert!(matches!(error(params, &k, &nan), Error::NotFinite { row: 2, column: 3, .. }));
    let huge = &z * 1e200;
    assert!(matches!(error(params, &k, &huge), Error::Overflow { .. }));
    let short = Array2::eye(7);
    assert!(matches!(error(params, &k, &short), Error::Shape { expected: 8, got: 7, .. }));
    assert!(matches!(error(Certify::new(7), &k, &z), Error::Parameter { value: 7.0, .. }));
    assert!(matches!(certify(params, &k, &[]), Err(Error::Empty { .. })));
    let empty = Array2::<f64>::zeros((8, 0));
    assert!(matches!(error(params, &k, &empty), Error::Empty { .. }));
    let wide = Array2::<f64>::zeros((8, 9));
    let refused = params.check().unwrap().certify(wide.view(), &[z.view()], &par);
    assert!(matches!(refused, Err(Error::NotSquare { .. })));
    let ones = Array2::ones((8, 8));
    let singular = Certify { lambda: Shift::Absolute(0.0), ..params };
    assert!(matches!(error(singular, &ones, &z), Error::NotPositiveDefinite { pivot: 1, .. }));
    for bad in [
        Certify { confidence: 1.0, ..params },
        Certify { confidence: f64::NAN, ..params },
        Certify { lambda: Shift::Relative(-1.0), ..params },
        Certify { splits: 0, ..params },
    ] {
        assert!(matches!(bad.check(), Err(Error::Parameter { .. })), "{bad:?}");
    }
}
