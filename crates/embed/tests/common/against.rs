//! Products of features next to exact kernels.

#![allow(dead_code, reason = "each test file uses a part")]

use ndarray::{Array2, ArrayD, Axis, IxDyn};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{FeatureMap, Par, Quantity, Settings, Strategy};
use widelimit_exact::{Options, Want};

pub fn exact(network: &Network, x: &ArrayD<f64>, quantity: Quantity) -> Array2<f64> {
    let want = if quantity == Quantity::Ntk { Want::NTK } else { Want::NNGP };
    let options = Options::new().want(want);
    let kernel = widelimit_exact::kernel(network, x.view(), None, &options).unwrap();
    kernel.ntk.or(kernel.nngp).unwrap()
}

pub fn map(network: &Network, x: &ArrayD<f64>, settings: &Settings) -> FeatureMap {
    let shape = Shape::image(&x.shape()[1..x.ndim() - 1], x.shape()[x.ndim() - 1]);
    FeatureMap::new(network, &shape, settings).unwrap()
}

pub fn products(map: &FeatureMap, x: &ArrayD<f64>) -> Array2<f64> {
    let z = map.transform(x.view(), &Par::single()).unwrap();
    z.dot(&z.t())
}

/// Inputs that differ in direction and in length.
pub fn inputs(shape: &[usize], scales: &[f64]) -> ArrayD<f64> {
    let n = scales.len();
    let mut all = vec![n];
    all.extend(shape);
    let mut x = ArrayD::zeros(IxDyn(&all));
    for (i, mut row) in x.axis_iter_mut(Axis(0)).enumerate() {
        let mut state = i as f64;
        row.iter_mut().for_each(|value| {
            state += 1.0 + 0.37 * i as f64;
            *value = scales[i] * ((1.3 * state).sin() + 0.4);
        });
    }
    x
}

/// Mean of 400 draws within 4.5 standard errors in every entry (a few hundred are looked at), and `truncation` of the
/// norms on top.
pub fn unbiased(
    name: &str,
    map: &FeatureMap,
    x: &ArrayD<f64>,
    kernel: &Array2<f64>,
    truncation: f64,
) {
    let draws = 400;
    let (mut sum, mut squares) = (Array2::zeros(kernel.dim()), Array2::zeros(kernel.dim()));
    for seed in 0..draws {
        let z = products(&map.reseeded(seed).unwrap(), x);
        sum += &z;
        squares += &(&z * &z);
    }
    let mean: Array2<f64> = sum / draws as f64;
    let variance = squares / draws as f64 - &mean * &mean;
    for (at, &k) in kernel.indexed_iter() {
        let error = (variance[at].max(0.0) / draws as f64).sqrt();
        let floor = truncation * (kernel[[at.0, at.0]] * kernel[[at.1, at.1]]).sqrt();
        let off = (mean[at] - k).abs();
        assert!(
            off <= 4.5 * error + floor,
            "{name} {:?} {at:?}: {} for {k}, {:.1} standard errors",
            map.settings(),
            mean[at],
            off / error
        );
    }
}

/// Relative Frobenius error of the NTK, mean of five seeds.
pub fn error(network: &Network, x: &ArrayD<f64>, strategy: Strategy, dim: usize) -> f64 {
    let kernel = exact(network, x, Quantity::Ntk);
    let norm = kernel.iter().map(|k| k * k).sum::<f64>().sqrt();
    let first = map(network, x, &Settings { strategy, ..Settings::new(dim) });
    let one = |seed| {
        let difference = products(&first.reseeded(seed).unwrap(), x) - &kernel;
        difference.iter().map(|d| d * d).sum::<f64>().sqrt() / norm
    };
    (0..5).map(one).sum::<f64>() / 5.0
}
