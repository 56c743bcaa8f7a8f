//! Prints the seconds that kernels take, for pairing with another program in the same run.
//!
//! ```text
//! cargo run --release -p widelimit-exact --example kernel_time -- N D [DTYPE] [ACTIVATION] [DEPTH] [THREADS] [REPEATS]
//! ```

use std::error::Error;
use std::time::Instant;

use ndarray::Array2;
use widelimit_arch::{Network, Shape};
use widelimit_exact::{Options, Scalar, kernel, plan};
use widelimit_linalg::Par;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| {
        arguments.get(index).cloned().unwrap_or_else(|| default.to_owned())
    };
    let (n, d) = (argument(0, "4000").parse()?, argument(1, "784").parse()?);
    let (activation, depth) = (argument(3, "relu"), argument(4, "3"));
    let par = Par::new(argument(5, "0").parse()?);
    let repeats = argument(6, "5").parse()?;
    let network = Network::preset(&format!("mlp:{depth}:{activation}"))?;
    match argument(2, "f32").as_str() {
        "f64" => time::<f64>(&network, n, d, par, repeats),
        _ => time::<f32>(&network, n, d, par, repeats),
    }
}

/// The input changes with every repetition, and the time of each is printed.
fn time<T: Scalar>(
    network: &Network,
    n: usize,
    d: usize,
    par: Par,
    repeats: usize,
) -> Result<(), Box<dyn Error>> {
    let options = Options::new().par(par);
    println!("expected {:.4} s", plan::<T>(network, n, None, &Shape::vector(d), &options)?.seconds);
    let mut state = 1_u64;
    for _ in 0..repeats {
        let x = Array2::from_shape_simple_fn((n, d), || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            <T as widelimit_linalg::Scalar>::from_f64(
                (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0,
            )
        });
        let start = Instant::now();
        let result = kernel(network, x.view(), None, &options)?;
        let seconds = start.elapsed().as_secs_f64();
        let sum: f64 =
            result.ntk.iter().flatten().map(|&v| <T as widelimit_linalg::Scalar>::to_f64(v)).sum();
        println!("{seconds:.4} s (sum {sum:.6e})");
    }
    Ok(())
}
