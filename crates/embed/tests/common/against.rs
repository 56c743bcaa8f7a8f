//! Products of features next to exact kernels.

use ndarray::{Array2, ArrayD, Axis, IxDyn};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{FeatureMap, Par, Quantity, Settings};
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
