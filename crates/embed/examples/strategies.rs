//! Relative Frobenius errors, with their range over five seeds, and times of every strategy on rows of a
//! file, brought to unit length.
//!
//! Usage: strategies FILE ROWS NETWORK DIM...

use std::time::Instant;

use ndarray::{Axis, Ix2};
use widelimit_arch::{Network, Shape};
use widelimit_data::{Array, Source, read_inputs};
use widelimit_embed::{FeatureMap, Par, Settings, Strategy};
use widelimit_exact::{Options, Want};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, network, dims @ ..] = &args[..] else {
        return Err("usage: strategies FILE ROWS NETWORK DIM...".into());
    };
    let x = match read_inputs(&Source::parse(file)?)? {
        Array::F64(x) => x.mapv(|x| x as f32),
        Array::F32(x) => x,
    };
    let x = x.into_dimensionality::<Ix2>()?;
    let rows = rows.parse::<usize>()?.min(x.nrows());
    let mut x = x.view().split_at(Axis(0), rows).0.to_owned();
    for mut row in x.outer_iter_mut() {
        let length = row.dot(&row).sqrt().max(f32::MIN_POSITIVE);
        row.mapv_inplace(|x| x / length);
    }
    // rows of unit mean square: activations then see variance 1
    let root = (x.ncols() as f32).sqrt();
    x.mapv_inplace(|x| x * root);
    let network = Network::preset(network)?;
    let options = Options::new().want(Want::NTK);
    let kernel = widelimit_exact::kernel(&network, x.view().into_dyn(), None, &options)?;
    let Some(kernel) = kernel.ntk else { return Ok(()) };
    let norm = kernel.iter().map(|k| k * k).sum::<f32>().sqrt();
    let polynomials = [2, 4, 16].map(|degree| Strategy::Polynomial { degree });
    let published = [2, 4].map(|degree| Strategy::NtkSketch { degree });
    let strategies = Strategy::ALL.into_iter().chain(polynomials).chain(published);
    for strategy in strategies.filter(|strategy| *strategy != Strategy::Zonal) {
        for dim in dims {
            let dim = dim.parse()?;
            let settings = Settings { dim, strategy, ..Settings::new(dim) };
            let first = match FeatureMap::new(&network, &Shape::vector(x.ncols()), &settings) {
                Ok(first) => first,
                Err(error) => {
                    println!("{:15} {error}", strategy.name());
                    break;
                }
            };
            let (mut errors, mut seconds) = (Vec::new(), f64::INFINITY);
            for seed in 0..5 {
                let map = first.reseeded(seed)?;
                let one = x.view().split_at(Axis(0), 1).0.into_dyn();
                map.transform(one, &Par::single())?;
                let start = Instant::now();
                let z = map.transform(x.view().into_dyn(), &Par::single())?;
                seconds = seconds.min(start.elapsed().as_secs_f64());
                let difference = z.dot(&z.t()) - &kernel;
                errors.push(difference.iter().map(|d| d * d).sum::<f32>().sqrt() / norm);
            }
            let mean = errors.iter().sum::<f32>() / errors.len() as f32;
            errors.sort_by(f32::total_cmp);
            let degree = strategy.degree().map_or(String::new(), |degree| format!(":{degree}"));
            println!(
                "{:18} {dim:6}: {mean:.4} [{:.4}-{:.4}] {:7.0} us",
                format!("{}{degree}", strategy.name()),
                errors[0],
                errors[errors.len() - 1],
                1e6 * seconds / rows as f64
            );
        }
    }
    Ok(())
}
