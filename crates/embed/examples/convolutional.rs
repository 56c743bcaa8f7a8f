//! Relative Frobenius errors and times of features of convolutional networks on random smooth images.
//!
//! Usage: convolutional NETWORK SIDE IMAGES DIM...

use std::time::Instant;

use ndarray::{Array2, Array4, Axis};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{FeatureMap, Par, Settings, Strategy};
use widelimit_exact::{Options, Want};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, side, images, dims @ ..] = &args[..] else {
        return Err("usage: convolutional NETWORK SIDE IMAGES DIM...".into());
    };
    let (side, images): (usize, usize) = (side.parse()?, images.parse()?);
    let network = Network::preset(name)?;
    let x = Array4::from_shape_fn((images, side, side, 3), |(n, h, w, c)| {
        let (n, h, w, c) = (n as f32, h as f32, w as f32, c as f32);
        ((0.3 + 0.1 * n) * h + (0.5 - 0.07 * n) * w + c + n * n).sin() + 0.3 * (1.7 * n + c).cos()
    });
    let start = Instant::now();
    let options = Options::new().want(Want::NTK);
    let kernel = widelimit_exact::kernel(&network, x.view().into_dyn(), None, &options)?;
    let Some(kernel) = kernel.ntk else { return Ok(()) };
    let pairs = images * (images + 1) / 2;
    println!("exact: {:.3} ms a pair", 1e3 * start.elapsed().as_secs_f64() / pairs as f64);
    for dim in dims {
        let dim = dim.parse()?;
        for (name, strategy, fitted) in [
            ("centred", Strategy::Centred, true),
            ("without directions", Strategy::Centred, false),
            ("random", Strategy::Random, false),
        ] {
            let settings = Settings { dim, strategy, ..Settings::new(dim) };
            let first = if fitted {
                FeatureMap::fit(&network, x.view().into_dyn(), &settings)?
            } else {
                FeatureMap::new(&network, &Shape::image([side, side], 3), &settings)?
            };
            let (mut errors, mut centred, mut seconds) = (Vec::new(), Vec::new(), 0.0);
            for seed in 0..5 {
                let map = first.reseeded(seed)?;
                let one = x.view().split_at(Axis(0), 1).0.into_dyn();
                map.transform(one, &Par::single())?;
                let start = Instant::now();
                let z = map.transform(x.view().into_dyn(), &Par::single())?;
                seconds += start.elapsed().as_secs_f64();
                let difference = z.dot(&z.t()) - &kernel;
                errors.push(norm(&difference) / norm(&kernel));
                centred.push(norm(&doubly_centred(&difference)) / norm(&doubly_centred(&kernel)));
            }
            println!(
                "{name:18} {dim:6}: error {:.4}, with rows and columns centred {:.4}, {:.3} ms an image",
                errors.iter().sum::<f32>() / 5.0,
                centred.iter().sum::<f32>() / 5.0,
                1e3 * seconds / 5.0 / images as f64
            );
        }
    }
    Ok(())
}

fn norm(k: &Array2<f32>) -> f32 {
    k.iter().map(|k| k * k).sum::<f32>().sqrt()
}

/// What is left beside the means of rows and of columns.
fn doubly_centred(k: &Array2<f32>) -> Array2<f32> {
    let centring = Array2::eye(k.nrows()) - 1.0 / k.nrows() as f32;
    centring.dot(k).dot(&centring)
}
