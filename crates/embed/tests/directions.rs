//! Directions of the `random` features against the sampler that they were published with.
//!
//! Leverage-weighted features of the arc-cosine kernel are `sqrt(2 d / m) relu(w . x) / |w|` with `w` of density
//! `|w|^2 N(0, I)`, drawn by Gibbs sweeps (Zandieh et al. 2021, *Scaling Neural Tangent Kernels via Sketching and Random
//! Features*, section 4). Only `w / |w|` enters, which is uniform on the sphere: what is drawn here.

use ndarray::{Array1, ArrayD, ArrayView1, Axis, IxDyn};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{FeatureMap, Par, Quantity, Settings, Strategy};
use widelimit_sketch::random::Stream;

const COLUMNS: usize = 4;
const FEATURES: usize = 16;
const DRAWS: u64 = 1500;
const SWEEPS: u64 = 50;

/// Two rows at 60 degrees.
fn pair() -> ArrayD<f64> {
    let mut x = ArrayD::zeros(IxDyn(&[2, COLUMNS]));
    x[[0, 0]] = 1.0;
    x[[1, 0]] = 0.5;
    x[[1, 1]] = 0.75_f64.sqrt();
    x
}

/// Estimates of the kernel of the pair by features of directions that `draw` makes from a stream.
fn by_directions(draw: impl Fn(Stream) -> Array1<f64>) -> Vec<f64> {
    let x = pair();
    let relu = |w: &Array1<f64>, row: usize| {
        let x: ArrayView1<f64> = x.index_axis(Axis(0), row).into_dimensionality().unwrap();
        w.dot(&x).max(0.0)
    };
    let scale = 2.0 * COLUMNS as f64 / FEATURES as f64;
    let estimate = |seed: u64| {
        let feature = |i: usize| {
            let w = draw(Stream::new(seed, i as u32, 7));
            scale * relu(&w, 0) * relu(&w, 1)
        };
        (0..FEATURES).map(feature).sum::<f64>()
    };
    (0..DRAWS).map(estimate).collect()
}

/// `w / |w|` after Gibbs sweeps. Given the others, whose squares sum to `r`, an entry has density proportional
/// to `(r + w^2) exp(-w^2 / 2)`: normal with probability `r / (r + 1)`, else of the length of three normal
/// variables and a random sign.
fn gibbs(stream: Stream) -> Array1<f64> {
    let mut at = 0;
    let mut normal = || {
        at += 1;
        stream.normal(at)
    };
    let mut w: Array1<f64> = (0..COLUMNS).map(|_| normal()).collect();
    for _ in 0..SWEEPS {
        for i in 0..COLUMNS {
            let rest = w.dot(&w) - w[i] * w[i];
            // a uniform variable from the angle of two normal ones
            let uniform = (normal().atan2(normal()) / std::f64::consts::TAU).rem_euclid(1.0);
            let (a, b, c) = (normal(), normal(), normal());
            w[i] = if uniform * (rest + 1.0) < rest {
                a
            } else {
                (a * a + b * b + c * c).sqrt().copysign(normal())
            };
        }
    }
    let length = w.dot(&w).sqrt();
    w / length
}

/// Normal directions over the root of the number of columns: the same mean, more variance.
fn gaussian(stream: Stream) -> Array1<f64> {
    (0..COLUMNS as u64).map(|i| stream.normal(i) / (COLUMNS as f64).sqrt()).collect()
}

/// Largest difference of the empirical distribution functions.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let below = |values: &[f64], at: f64| {
        values.partition_point(|&value| value <= at) as f64 / values.len() as f64
    };
    a.iter().chain(&b).map(|&at| (below(&a, at) - below(&b, at)).abs()).fold(0.0, f64::max)
}

/// Two-sample Kolmogorov-Smirnov test at the level 0.01, whose bound is `1.628 sqrt(2 / n)`. Gaussian
/// directions without their length taken out must fail it.
#[test]
fn estimates_are_distributed_as_those_of_gibbs_sampling() {
    let dense = format!(r#"{{"layer": "dense", "w_std": {}}}"#, (COLUMNS as f64).sqrt());
    let text = format!(
        r#"[{dense}, {{"layer": "relu"}}, {{"layer": "dense", "w_std": 1.4142135623730951}}]"#
    );
    let network = Network::from_json(&text).unwrap();
    let x = pair();
    let (quantity, strategy) = (Quantity::Nngp, Strategy::Random);
    let settings = Settings { dim: FEATURES, quantity, strategy, seed: 0 };
    let first = FeatureMap::new(&network, &Shape::vector(COLUMNS), &settings).unwrap();
    let ours: Vec<f64> = (0..DRAWS)
        .map(|seed| {
            let map = first.reseeded(seed).unwrap();
            let z = map.transform(x.view(), &Par::single()).unwrap();
            z.row(0).dot(&z.row(1))
        })
        .collect();
    let published = by_directions(gibbs);
    let bound = 1.628 * (2.0 / DRAWS as f64).sqrt();
    let same = distance(&ours, &published);
    assert!(same < bound, "{same} for {bound}");
    let other = distance(&by_directions(gaussian), &published);
    assert!(other > bound, "normal directions pass too: {other} for {bound}");
}
