//! Leverage scores against their definitions.

mod common;

use common::*;
use ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate};
use widelimit_linalg::{Par, symmetric_eigen, symmetric_eigenvalues};
use widelimit_sketch::leverage::{
    RecursiveRidge, SketchedLeverage, WeightedSample, effective_dimension,
    feature_ridge_leverage_scores, leverage_scores, ridge_leverage_scores, sample_by_weight,
};
use widelimit_sketch::{Error, TestMatrix};

/// Rows of which a few are large.
fn uneven(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut x = points::<f64>(n, d, 1.0, seed);
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        row *= if i % 97 == 5 { 30.0 } else { 1.0 };
    }
    x
}

fn close(x: &Array1<f64>, y: &Array1<f64>, tolerance: f64) {
    assert_eq!(x.len(), y.len());
    let error = x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    assert!(error <= tolerance, "{error:e}");
}

/// The diagonal of `K (K + ridge)^{-1}` from eigenvectors.
fn scores_by_eigenvectors(k: &Array2<f64>, ridge: f64) -> Array1<f64> {
    let eigen = symmetric_eigen(k.clone(), &Par::single()).unwrap();
    let shares = eigen.values.mapv(|v| v.max(0.0) / (v.max(0.0) + ridge));
    eigen.vectors.outer_iter().map(|row| (&row * &row).dot(&shares)).collect()
}

/// With `ridge -> 0`, and adding up to the rank, dependent columns or not.
#[test]
fn exact_scores_are_those_of_the_projection() {
    let x = uneven(200, 6, 60);
    let scores = leverage_scores(x.view(), &Par::new(2)).unwrap();
    close(&scores, &scores_by_eigenvectors(&x.dot(&x.t()), 1e-5), 1e-6);
    assert!((scores.sum() - 6.0).abs() < 1e-12);
    let dependent =
        concatenate![Axis(1), x, x.dot(&points::<f64>(6, 3, 1.0, 61)), Array2::zeros((200, 1))];
    close(&leverage_scores(dependent.view(), &Par::single()).unwrap(), &scores, 1e-11);
    let wide = leverage_scores(points::<f64>(4, 9, 1.0, 62).view(), &Par::single()).unwrap();
    close(&wide, &Array1::ones(4), 1e-12);
    assert_eq!(
        leverage_scores(Array2::zeros((3, 2)).view(), &Par::single()).unwrap(),
        Array1::zeros(3)
    );
    let error = leverage_scores(array![[f64::NAN]].view(), &Par::single()).unwrap_err();
    assert!(matches!(error, Error::Linalg(_)), "{error}");
}

/// A sketch of `16 d` rows keeps squared norms up to `(1 +- 1/4)^2` where it is as good as normal
/// numbers; `g = 64` projections have 64 degrees of freedom, within 0.35 and 2.2 for 2000 of them.
#[test]
fn sketched_scores_are_within_their_factor() {
    for (d, lower, upper) in [(8, 0.6, 1.8), (80, 0.25, 3.0)] {
        let x = uneven(2000, d, 63);
        let exact = leverage_scores(x.view(), &Par::single()).unwrap();
        for test_matrix in [TestMatrix::Sparse { nonzeros: 8 }, TestMatrix::Srht] {
            for seed in 0..5 {
                let sketched = SketchedLeverage { test_matrix, ..SketchedLeverage::for_columns(d) };
                let scores = sketched.scores(&x.view(), stream(seed), &Par::single()).unwrap();
                let ratios = || scores.iter().zip(&exact).map(|(s, e)| s / e);
                assert!(
                    ratios().all(|r| (lower..upper).contains(&r)),
                    "{d}, {test_matrix:?}: {:?} {:?}",
                    ratios().fold(9.0, f64::min),
                    ratios().fold(0.0, f64::max)
                );
                let stored = Stored::of(x.view());
                let sparse = sketched.scores(&stored.view(), stream(seed), &Par::new(3)).unwrap();
                close(&sparse, &scores, 1e-9);
            }
        }
    }
    let nan = Array2::from_elem((40, 2), f64::NAN);
    let error = SketchedLeverage::for_columns(2).scores(&nan.view(), stream(1), &Par::single());
    assert!(matches!(error, Err(Error::Product { .. })), "{error:?}");
}

#[test]
fn ridge_scores_are_those_of_the_definition() {
    let x = uneven(120, 15, 64);
    let k = x.dot(&x.t());
    for ridge in [1e-3, 1.0, 1e4] {
        let expected = scores_by_eigenvectors(&k, ridge);
        close(&ridge_leverage_scores(k.view(), ridge, &Par::new(2)).unwrap(), &expected, 1e-8);
        let features = feature_ridge_leverage_scores(x.view(), ridge, &Par::new(2)).unwrap();
        close(&features, &expected, 1e-8);
        let values = symmetric_eigenvalues(k.clone(), &Par::single()).unwrap();
        let dimension = effective_dimension(values.view(), ridge).unwrap();
        assert!((dimension - expected.sum()).abs() < 1e-8);
    }
    for ridge in [0.0, -1.0, f64::NAN] {
        let error = ridge_leverage_scores(k.view(), ridge, &Par::single()).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
        let error = feature_ridge_leverage_scores(x.view(), ridge, &Par::single()).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    }
    let error = ridge_leverage_scores(x.view(), 1.0, &Par::single()).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let error = ridge_leverage_scores((-&k).view(), 1.0, &Par::single()).unwrap_err();
    assert!(matches!(error, Error::Linalg(_)), "{error}");
}

/// A kernel of three clusters of very different sizes.
fn clustered(n: usize) -> Array2<f64> {
    let noise = points::<f64>(n, 2, 1.0, 65);
    let place = |i: usize| {
        if i % 100 == 3 {
            8.0
        } else if i % 10 == 1 {
            4.0
        } else {
            0.0
        }
    };
    Array2::from_shape_fn((n, n), |(i, j)| {
        let gap = place(i) - place(j);
        let squares = (0..2).map(|c| (noise[[i, c]] - noise[[j, c]]).powi(2)).sum::<f64>();
        (-0.5 * (squares + gap * gap)).exp()
    })
}

/// Musco and Musco, lemma 6 and theorem 7: scores from the final sample lie between the true ones and
/// three times those, with a probability of 0.9 that is higher in practice, and the sample has at most
/// `c sum t` landmarks on average, `t` at most three times the scores.
#[test]
fn recursive_scores_are_within_a_factor_of_three() {
    let k = clustered(800);
    let kernel = entries(&k);
    let ridge = 2.0;
    let exact = ridge_leverage_scores(k.view(), ridge, &Par::single()).unwrap();
    let most = 3.0 * exact.sum() * (30.0 * exact.sum()).ln();
    let recursive = RecursiveRidge::new(ridge);
    for seed in 0..10 {
        let sample = recursive.sample(&kernel, stream(seed), &Par::single()).unwrap();
        let size = sample.rows.len() as f64;
        assert!(size < most && size < 410.0, "{size} landmarks, {most} on average");
        assert!(sample.rows.windows(2).all(|pair| pair[0] < pair[1]));
        let scores = sample.ridge_scores(&kernel, None, ridge, &Par::single()).unwrap();
        for (score, exact) in scores.iter().zip(&exact) {
            let ratio = score / exact;
            assert!(*score == 1.0 || (1.0..3.0).contains(&ratio), "{ratio}, seed {seed}");
        }
        let part = sample.ridge_scores(&kernel, Some(&[7, 3]), ridge, &Par::single()).unwrap();
        close(&part, &array![scores[7], scores[3]], 1e-12);
    }
    let one = recursive.sample(&kernel, stream(1), &Par::single()).unwrap();
    assert_eq!(one, recursive.sample(&kernel, stream(1), &Par::new(3)).unwrap());
}

#[test]
fn recursion_takes_all_of_a_few_points_and_refuses_bad_numbers() {
    let k = clustered(50);
    let kernel = entries(&k);
    let run = |r: RecursiveRidge| r.sample(&kernel, stream(1), &Par::single());
    let sample = run(RecursiveRidge::new(0.1)).unwrap();
    assert_eq!((sample.rows, sample.weights), ((0..50).collect(), vec![1.0; 50]));
    let good = RecursiveRidge { smallest: 10, ..RecursiveRidge::new(0.1) };
    assert!(run(good).is_ok());
    for bad in [
        RecursiveRidge { ridge: 0.0, ..good },
        RecursiveRidge { ridge: f64::NAN, ..good },
        RecursiveRidge { oversampling: -1.0, ..good },
    ] {
        assert!(matches!(run(bad), Err(Error::OutOfRange { .. })), "{bad:?}");
    }
    assert!(matches!(run(RecursiveRidge { smallest: 0, ..good }), Err(Error::Zero { .. })));
    let zero = Array2::zeros((200, 200));
    let none = RecursiveRidge::new(1.0).sample(&entries(&zero), stream(1), &Par::single()).unwrap();
    assert_eq!(none.rows, []);
}

/// Weighted sums over a sample are right on average.
#[test]
fn samples_by_scores_are_unbiased() {
    let scores: Array1<f64> = (0..30).map(|i| 0.01 * (i % 7) as f64).collect();
    let sums: Vec<f64> = (0..4000)
        .map(|seed| {
            let sample = WeightedSample::by_scores(scores.view(), 8.0, stream(seed)).unwrap();
            let rows = sample.rows.iter().zip(&sample.weights);
            rows.map(|(&row, w)| w * w * row as f64).sum()
        })
        .collect();
    let expected: f64 = (0..30).filter(|i| i % 7 != 0).map(f64::from).sum();
    Moments::of(&sums).assert_mean(expected, "weighted sums");
    for bad in [array![-0.1], array![f64::NAN]] {
        let error = WeightedSample::by_scores(bad.view(), 1.0, stream(1)).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    }
    let error = WeightedSample::by_scores(scores.view(), 0.0, stream(1)).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
}

/// Ordered pairs have the chances `w_i / sum w` times `w_j / (sum w - w_i)`.
#[test]
fn samples_by_weight_have_the_law_of_draws() {
    let weights = [0.5, 2.0, 0.0, 1.0, 3.0];
    let total: f64 = weights.iter().sum();
    let mut counts = vec![0; 25];
    for seed in 0..10_000 {
        let pair = sample_by_weight(ArrayView1::from(&weights), 2, stream(seed)).unwrap();
        counts[pair[0] * 5 + pair[1]] += 1;
    }
    let chance = |i: usize, j: usize| {
        if i == j { 0.0 } else { weights[i] / total * weights[j] / (total - weights[i]) }
    };
    let chances: Vec<f64> = (0..25).map(|p| chance(p / 5, p % 5)).collect();
    assert_frequencies(&counts, &chances, "pairs");
    let many = sample_by_weight(ArrayView1::from(&weights), 5, stream(1));
    assert!(matches!(many, Err(Error::TooLarge { got: 5, limit: 4, .. })), "{many:?}");
    let bad = sample_by_weight(array![1.0, f64::INFINITY].view(), 1, stream(1));
    assert!(matches!(bad, Err(Error::OutOfRange { .. })), "{bad:?}");
}
