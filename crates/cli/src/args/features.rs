//! Arguments about features.

use std::path::PathBuf;

use clap::Args;
use widelimit::features::{Dim, FeatureSettings, Method};

use super::{NetArg, One};
use crate::failure::Failure;

/// How many features, and how they are made.
#[derive(Args, Debug)]
pub struct ApproximationArgs {
    /// Number of features; without it as many as rows, 512 at least and 8192 at most
    #[arg(long, value_name = "M")]
    pub dim: Option<usize>,
    /// Relative error of the kernel to stay within; the number of features follows from it
    #[arg(long, value_name = "T", conflicts_with = "dim")]
    pub tol: Option<f64>,
    /// How features are made; `auto` tries all on a few hundred rows, `polynomial:12` names a degree
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub method: Option<Method>,
    /// Seconds that features of all rows may take; methods that take longer in a trial are passed over
    #[arg(long, value_name = "S", value_parser = time)]
    pub max_seconds: Option<f64>,
}

fn time(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 => Ok(seconds),
        _ => Err("expected a number of seconds above 0".into()),
    }
}

fn method(text: &str) -> Result<Method, String> {
    Method::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Method::all().map(Method::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A number of rows to learn from.
pub fn rows(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(rows) if rows > 0 => Ok(rows),
        _ => Err("expected a number of rows, at least 1".into()),
    }
}

impl ApproximationArgs {
    /// The flags that were given, by name.
    pub fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--dim", self.dim.is_some()),
            ("--tol", self.tol.is_some()),
            ("--method", self.method.is_some()),
            ("--max-seconds", self.max_seconds.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }

    /// What they ask for.
    pub fn settings(&self, seed: Option<u64>) -> Result<FeatureSettings, Failure> {
        let dim = match (self.dim, self.tol) {
            (Some(0), _) => {
                return Err(Failure::usage("--dim: at least 1 feature is expected, got 0"));
            }
            (Some(dim), _) => Dim::Given(dim),
            (None, Some(t)) if t > 0.0 && t < 1.0 => Dim::Tolerance(t),
            (None, Some(t)) => {
                return Err(Failure::usage(format!(
                    "--tol: a relative error between 0 and 1 is expected, got {t}"
                )));
            }
            (None, None) => Dim::Auto,
        };
        let (method, seed) = (self.method.unwrap_or_default(), seed.unwrap_or_default());
        let max_seconds = self.max_seconds;
        Ok(FeatureSettings { dim, method, seed, max_seconds, ..FeatureSettings::default() })
    }
}

/// Arguments of `features`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  widelimit features --net mlp:3:relu --x train.npz:x --dim 4096 --save-map map.safetensors --out z_train.npy
  widelimit features --map map.safetensors --x test.npz:x --out z_test.npy
  widelimit features --net cntk-gap:2 --x images.npz:x --method centred --dim 2048 --seed 1 --out z.npy
  widelimit features --net mlp:3:relu --x x.npy --tol 0.02 --out z.npy
  widelimit features --net mlp:3:relu --x large.npy --sample 5000 --dim 4096 --out z.npy")]
pub struct FeaturesArgs {
    /// Preset, JSON text or path of a JSON file
    #[arg(long, value_name = "NET", required_unless_present = "map")]
    pub net: Option<NetArg>,
    /// Inputs, rows or images
    #[arg(long, value_name = "A")]
    pub x: String,
    /// How many and how.
    #[command(flatten)]
    pub approximation: ApproximationArgs,
    /// Rows to learn the map from, drawn at random; A is then read in blocks and never held
    #[arg(long, value_name = "N", value_parser = rows)]
    pub sample: Option<usize>,
    /// Which kernel the features stand for
    #[arg(long, value_enum, default_value = "ntk", conflicts_with = "map")]
    pub get: One,
    /// A fitted map to use, instead of fitting one to A
    #[arg(long, value_name = "MAP", conflicts_with_all = ["net", "dim", "tol", "method", "max_seconds", "sample", "save_map"])]
    pub map: Option<PathBuf>,
    /// Also write the fitted map, for other inputs
    #[arg(long, value_name = "MAP")]
    pub save_map: Option<PathBuf>,
    /// File to write, ending in .npy; in the precision of A
    #[arg(long, value_name = "Z.npy")]
    pub out: PathBuf,
}
