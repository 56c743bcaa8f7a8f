//! Time of a pair of images, as a ratio to a matrix product of the same process.
//!
//! `pairs NETWORK [SIDE [IMAGES [dtype]]]` prints seconds a pair, and the rate in units of the rate of
//! this crate's own inner products on one thread.

use std::time::Instant;

use ndarray::{Array2, Array4};
use widelimit_arch::{Network, Shape};
use widelimit_exact::{Options, Scalar, Want, kernel, plan};
use widelimit_linalg::Par;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("myrtle5", String::as_str);
    let number = |index: usize, default| {
        arguments.get(index).and_then(|x| x.parse().ok()).unwrap_or(default)
    };
    let network = Network::preset(name)?;
    let (side, images) = (number(1, 32), number(2, 16));
    match arguments.get(3).map_or("f32", String::as_str) {
        "f64" => time::<f64>(&network, side, images, |x| x),
        _ => time::<f32>(&network, side, images, |x| x as f32),
    }
}

fn time<T: Scalar>(
    network: &Network,
    side: usize,
    images: usize,
    cast: fn(f64) -> T,
) -> Result<(), Box<dyn std::error::Error>> {
    let value = |(n, i, j, c)| cast(((n * 7919 + i * 104 + j * 31 + c * 17) as f64 * 0.7).sin());
    let x1 = Array4::from_shape_fn((images, side, side, 3), value);
    let x2 = x1.mapv(|x| cast(widelimit_linalg::Scalar::to_f64(x) * 0.9 + 0.1));
    let options = Options::new().want(Want::NTK).par(Par::new(1));
    let plan = plan::<T>(network, images, Some(images), &Shape::image([side, side], 3), &options)?;
    let pairs = (images * images) as f64;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        kernel(network, x1.view().into_dyn(), Some(x2.view().into_dyn().into()), &options)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let a = Array2::from_shape_fn((1536, 1536), |(i, j)| cast(((i * 31 + j) as f64).sin()));
    let mut product = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let mut scratch = widelimit_linalg::GramScratch::new();
        let mut out = Array2::from_elem((1536, 1536), cast(0.0));
        widelimit_linalg::gram_tile(a.view(), a.view(), &mut scratch, out.view_mut());
        product = product.min(start.elapsed().as_secs_f64());
    }
    let gemm = 2.0 * 1536.0_f64.powi(3) / product;
    let entries = plan.pair_activations as f64;
    let rate = 46.0 * entries * pairs / best;
    println!(
        "{:.4} ms a pair, {:.3} ns an entry-layer ({entries} a pair), scratch {} KiB",
        best / pairs * 1e3,
        best / pairs / entries * 1e9,
        plan.scratch_bytes >> 10
    );
    println!(
        "{:.1} GFLOP/s at 46 an entry-layer, {:.1} GFLOP/s product: ratio {:.3}",
        rate * 1e-9,
        gemm * 1e-9,
        rate / gemm
    );
    Ok(())
}
