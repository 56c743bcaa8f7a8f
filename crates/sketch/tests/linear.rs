//! Statistics of the linear sketches.

mod common;

use common::*;
use ndarray::Array2;
use widelimit_sketch::random::Stream;
use widelimit_sketch::{CountSketch, Gaussian, Osnap, Sign, Sketch, Srht};

const SEEDS: u64 = 5000;
const N: usize = 20;

/// Two points with an inner product that is not small.
fn pair() -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..N).map(|i| stream(1).normal(i as u64)).collect();
    let y = (0..N).map(|i| 0.5 * x[i] + stream(2).normal(i as u64)).collect();
    (x, y)
}

/// Norm and inner product are right on average, and the variance of the squared norm is
/// `factor (|x|_2^4 - fourth |x|_4^4) / m`.
fn check<S: Sketch>(what: &str, m: usize, factor: f64, fourth: f64, make: impl Fn(Stream) -> S) {
    let (x, y) = pair();
    let (norms, products) = draws(SEEDS, &x, &y, |seed| make(stream(seed)));
    let norms = Moments::of(&norms);
    norms.assert_mean(dot(&x, &x), what);
    Moments::of(&products).assert_mean(dot(&x, &y), what);
    let powers: f64 = x.iter().map(|v| v.powi(4)).sum();
    let variance = factor * (dot(&x, &x).powi(2) - fourth * powers) / m as f64;
    let error = (norms.variance - variance).abs();
    assert!(error <= 4.0 * norms.variance_error + 1e-12, "{what}: {variance}, got {norms:?}");
}

#[test]
fn gaussian_moments() {
    check("gaussian", 8, 2.0, 0.0, |s| Gaussian::new(N, 8, s).unwrap());
}

#[test]
fn sign_moments() {
    check("sign", 8, 2.0, 1.0, |s| Sign::new(N, 8, s).unwrap());
}

#[test]
fn count_sketch_moments() {
    check("count", 8, 2.0, 1.0, |s| CountSketch::new(N, 8, s).unwrap());
}

/// `s` independent parts of variance `2 (..) s / m`, averaged.
#[test]
fn osnap_moments() {
    check("osnap", 8, 2.0, 1.0, |s| Osnap::new(N, 8, 4, s).unwrap());
}

/// A sample of `m` of `N = 32` without replacement has `(N - m) / (N - 1)` times the variance.
#[test]
fn srht_moments() {
    for m in [1, 8, 24, 32] {
        let factor = 2.0 * (32 - m) as f64 / 31.0;
        check("srht", m, factor, 1.0, |s| Srht::new(N, m, s).unwrap());
    }
}

/// A full block adds nothing to the variance, the rest what it has for its share of the norm.
#[test]
fn stacked_srht_moments() {
    let share = 8.0 / 40.0f64;
    let factor = 2.0 * (32 - 8) as f64 / 31.0 * share;
    check("stacked srht", 40, factor, 1.0, |s| Srht::new(N, 40, s).unwrap());
}

/// Uneven parts: outputs per part differ by one, norms are kept all the same.
#[test]
fn uneven_parts_of_osnap() {
    let (x, y) = pair();
    let make = |seed| Osnap::new(N, 8, 3, stream(seed)).unwrap();
    let (norms, products) = draws(SEEDS, &x, &y, make);
    Moments::of(&norms).assert_mean(dot(&x, &x), "osnap");
    Moments::of(&products).assert_mean(dot(&x, &y), "osnap");
}

/// `s` nonzeros of size `1/sqrt(s)` a column, one in each part.
#[test]
fn columns_of_osnap() {
    let basis = Array2::<f64>::eye(50);
    let z = apply(&Osnap::new(50, 12, 4, stream(3)).unwrap(), basis.view());
    for column in z.outer_iter() {
        for part in 0..4 {
            let part: Vec<f64> = column.iter().skip(3 * part).take(3).map(|v| v.abs()).collect();
            assert_eq!(part.iter().filter(|v| **v == 0.5).count(), 1);
            assert_eq!(part.iter().sum::<f64>(), 0.5);
        }
    }
}

const AMBIENT: usize = 1000;
const K: usize = 8;
const EPS: f64 = 0.5;

/// Orthonormal rows: a block of unit vectors, a random subspace, and one with a few heavy
/// coordinates.
fn subspaces() -> [Array2<f64>; 3] {
    let unit = Array2::from_shape_fn((K, AMBIENT), |(i, j)| f64::from(i == j));
    let random = points::<f64>(K, AMBIENT, 1.0, 4);
    let mut spiked = points::<f64>(K, AMBIENT, 1.0, 5);
    (0..3).for_each(|i| spiked[[i, 7 * i]] += 100.0);
    [unit, orthonormal(random), orthonormal(spiked)]
}

fn orthonormal(mut x: Array2<f64>) -> Array2<f64> {
    for i in 0..K {
        for _ in 0..2 {
            for j in 0..i {
                let (other, c) = (x.row(j).to_owned(), x.row(i).dot(&x.row(j)));
                x.row_mut(i).scaled_add(-c, &other);
            }
        }
        let norm = x.row(i).dot(&x.row(i)).sqrt();
        x.row_mut(i).mapv_inplace(|v| v / norm);
    }
    x
}

/// Extreme singular values of the matrix with rows `z`: Jacobi's rotations of its Gram matrix.
fn extremes(z: &Array2<f64>) -> (f64, f64) {
    let mut g = z.dot(&z.t());
    for _ in 0..30 {
        for p in 0..K {
            for q in p + 1..K {
                let theta = 0.5 * (2.0 * g[[p, q]]).atan2(g[[q, q]] - g[[p, p]]);
                let (sine, cosine) = theta.sin_cos();
                let mut turn = Array2::<f64>::eye(K);
                (turn[[p, p]], turn[[p, q]]) = (cosine, -sine);
                (turn[[q, p]], turn[[q, q]]) = (sine, cosine);
                g = turn.dot(&g).dot(&turn.t());
            }
        }
    }
    let values = g.diag().mapv(|v| v.max(0.0).sqrt());
    values.iter().fold((f64::INFINITY, 0.0), |(a, b), &v| (v.min(a), v.max(b)))
}

/// Norms in the subspace stay within `1 +- eps` in at least 19 of 20 draws.
fn embeds<S: Sketch>(what: &str, make: impl Fn(Stream) -> S) {
    for (which, basis) in subspaces().iter().enumerate() {
        let kept = (0..20)
            .map(|seed| extremes(&apply(&make(stream(seed)), basis.view())))
            .filter(|&(least, largest)| least >= 1.0 - EPS && largest <= 1.0 + EPS)
            .count();
        assert!(kept >= 19, "{what}, subspace {which}: {kept} of 20");
    }
}

/// The table of dimensions (Woodruff 2014, chapter 2) with constant 4.
#[test]
fn subspaces_are_embedded() {
    let (k, log_k, log_n) = (K as f64, (K as f64).ln(), (AMBIENT as f64).ln());
    let size = |m: f64| (4.0 * m / (EPS * EPS)).ceil() as usize;
    embeds("gaussian", |s| Gaussian::new(AMBIENT, size(k), s).unwrap());
    embeds("sign", |s| Sign::new(AMBIENT, size(k), s).unwrap());
    embeds("count", |s| CountSketch::new(AMBIENT, size(k * k), s).unwrap());
    let nonzeros = (log_k / EPS).ceil() as usize;
    embeds("osnap", |s| Osnap::new(AMBIENT, size(k * log_k), nonzeros, s).unwrap());
    embeds("srht", |s| Srht::new(AMBIENT, size((k + log_n) * log_k), s).unwrap());
}
