//! Errors of feature maps of the ReLU NTK on unit vectors, and what a point costs.
//!
//! ```text
//! cargo run --release -p widelimit-embed --example errors -- DATA.npz:ARRAY [STRATEGY ..]
//! ```
//!
//! `DATA.npz:ARRAY` are rows, of which 1000 are used: `scripts/digits.py build/digits.npz` writes
//! scikit-learn's digits. For every depth and number of features: the mean, least and largest relative
//! Frobenius error over five seeds, the time of a point on one thread, and on 400 points
//! `eps = max |eig((K + l)^(-1/2) (Z Z^T - K) (K + l)^(-1/2))|` with `l` a thousandth of the largest eigenvalue.

use std::error::Error;
use std::time::Instant;

use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit_arch::{Network, Shape};
use widelimit_data::Npz;
use widelimit_embed::{FeatureMap, Settings, Strategy, Zonal};
use widelimit_exact::{Options, kernel};
use widelimit_linalg::{Par, gram, symmetric_eigen};

const POINTS: usize = 1000;
const SPECTRUM: usize = 400;
const SEEDS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("which data? DATA.npz:ARRAY")?;
    let (file, array) = place.rsplit_once(':').ok_or("data are given as DATA.npz:ARRAY")?;
    let strategies: Vec<String> = arguments.collect();
    let x = rows(file, array)?;
    println!("| strategy | depth | features | error [least-largest] | us/point | eps |");
    println!("|---|---|---|---|---|---|");
    for strategy in if strategies.is_empty() { vec!["zonal".to_owned()] } else { strategies } {
        let strategy = Strategy::from_name(&strategy).ok_or("no strategy of this name")?;
        for depth in [1, 3] {
            line(strategy, depth, x.view())?;
        }
    }
    Ok(())
}

/// Unit rows.
fn rows(file: &str, array: &str) -> Result<Array2<f64>, Box<dyn Error>> {
    let mut x: Array2<f64> = Npz::open(file)?.read(array)?.into_matrix(array)?;
    let count = POINTS.min(x.nrows());
    x = x.slice_axis(Axis(0), Slice::from(..count)).to_owned();
    for mut row in x.outer_iter_mut() {
        let norm = row.dot(&row).sqrt();
        row.mapv_inplace(|x| x / norm);
    }
    Ok(x)
}

fn line(strategy: Strategy, depth: usize, x: ArrayView2<f64>) -> Result<(), Box<dyn Error>> {
    let network = Network::preset(&format!("mlp:{depth}:relu"))?;
    let exact = kernel(&network, x, None, &Options::new())?.ntk.ok_or("no kernel")?;
    let size = exact.iter().map(|k| k * k).sum::<f64>().sqrt();
    for dim in [512, 2048, 8192] {
        let (mut errors, mut times, mut spectral) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..SEEDS {
            let settings = Settings { seed, strategy, ..Settings::new(dim) };
            let (z, time) = features(&network, &settings, x)?;
            times.push(time);
            let z = z.mapv(f64::from);
            let difference = gram(z.view(), None, &Par::single()) - &exact;
            errors.push(difference.iter().map(|e| e * e).sum::<f64>().sqrt() / size);
            spectral.push(eps(exact.view(), difference.view())?);
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let least = |x: &[f64]| x.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |x: &[f64]| x.iter().copied().fold(0.0, f64::max);
        println!(
            "| {} | {depth} | {dim} | {:.4} [{:.4}-{:.4}] | {:.0} | {:.3} |",
            strategy.name(),
            mean(&errors),
            least(&errors),
            most(&errors),
            least(&times),
            mean(&spectral),
        );
    }
    Ok(())
}

/// Features of all points, and the microseconds a point took.
fn features(
    network: &Network,
    settings: &Settings,
    x: ArrayView2<f64>,
) -> Result<(Array2<f32>, f64), Box<dyn Error>> {
    let single = x.mapv(|x| x as f32);
    let mut z = Array2::<f32>::zeros((x.nrows(), settings.dim));
    let seconds = if settings.strategy == Strategy::Zonal {
        let map = Zonal::fit(network, &Shape::vector(x.ncols()), settings, x)?;
        let start = Instant::now();
        map.block(single.view(), z.view_mut())?;
        start.elapsed().as_secs_f64()
    } else {
        let map = FeatureMap::fit(network, x.into_dyn(), settings)?;
        // directions are drawn at the first use
        map.transform_into(single.view().into_dyn(), z.view_mut(), &Par::single())?;
        let start = Instant::now();
        map.transform_into(single.view().into_dyn(), z.view_mut(), &Par::single())?;
        start.elapsed().as_secs_f64()
    };
    Ok((z, 1e6 * seconds / x.nrows() as f64))
}

/// The spectral error of the first points.
fn eps(exact: ArrayView2<f64>, difference: ArrayView2<f64>) -> Result<f64, Box<dyn Error>> {
    let par = Par::single();
    let corner = |a: ArrayView2<f64>| {
        let slice = Slice::from(..SPECTRUM.min(a.nrows()));
        a.slice_axis(Axis(0), slice).slice_axis(Axis(1), slice).to_owned()
    };
    let eigen = symmetric_eigen(corner(exact), &par)?;
    let most = eigen.values[eigen.values.len() - 1];
    let mut root = eigen.vectors;
    for (mut column, value) in root.axis_iter_mut(Axis(1)).zip(&eigen.values) {
        column.mapv_inplace(|v| v / (value + 1e-3 * most).sqrt());
    }
    let inner = root.t().dot(&corner(difference)).dot(&root);
    let values = symmetric_eigen(inner, &par)?.values;
    Ok(values.iter().fold(0.0, |m: f64, v| m.max(v.abs())))
}
