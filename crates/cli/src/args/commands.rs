//! Arguments of the single commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use widelimit::{Quantity, Shard};

use super::{ApproximationArgs, NetArg};

/// Which kernels to compute.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Get {
    /// The neural tangent kernel
    Ntk,
    /// The kernel of the Gaussian process
    Nngp,
    /// Both, in one pass
    Both,
}

/// Which kernel to regress with.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// The neural tangent kernel
    Ntk,
    /// The kernel of the Gaussian process
    Nngp,
}

impl From<One> for Quantity {
    fn from(one: One) -> Self {
        match one {
            One::Ntk => Self::Ntk,
            One::Nngp => Self::Nngp,
        }
    }
}

/// Number format of a result.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// Double precision
    F64,
    /// Single precision
    F32,
}

/// Pairs of positions of a network that ends on positions.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spatial {
    /// All pairs: arrays of shape (n1, n2, h, w, h', w')
    Full,
    /// Every position with itself: (n1, n2, h, w)
    Diagonal,
}

/// What is being learned.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Numbers
    Regression,
    /// Classes
    Classification,
}

/// What is done to inputs first.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preprocess {
    /// Nothing
    None,
    /// Columns of a table, channels of images get mean 0 and standard deviation 1, as the training inputs have them
    Standardize,
    /// Rows, and images as a whole, get length 1
    UnitNorm,
}

/// How the regression is solved.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solver {
    /// The exact one up to 20 000 rows, as far as memory and time allow; features beyond
    Auto,
    /// Kernel regression with the exact kernel matrix
    Exact,
    /// Regression on features that stand for the kernel
    Features,
}

/// Show, check or list networks.
#[derive(Subcommand, Debug)]
pub enum NetCommand {
    /// Print a network as JSON, every parameter written out
    #[command(after_help = "Example:\n  widelimit net show mlp:3:gelu > net.json")]
    Show {
        /// Preset, JSON text or path of a JSON file
        #[arg(value_name = "NET")]
        net: NetArg,
    },
    /// Check a network and print the shape it gives
    #[command(after_help = "Example:\n  widelimit net check net.json --input 784")]
    Check {
        /// Preset, JSON text or path of a JSON file
        #[arg(value_name = "NET")]
        net: NetArg,
        /// Shape of one input: `784` for vectors, `32x32x3` for images
        #[arg(long, value_name = "SHAPE", value_parser = parse_shape)]
        input: Option<InputShape>,
    },
    /// List presets, layers and activations
    List,
}

/// A shape as written on the command line: spatial sizes, then channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputShape(pub Vec<usize>);

fn parse_shape(text: &str) -> Result<InputShape, String> {
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    match sizes {
        Ok(sizes) if sizes.iter().all(|s| *s > 0) => Ok(InputShape(sizes)),
        _ => Err("expected positive sizes such as 784 or 32x32x3".into()),
    }
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  widelimit plan --net mlp:3:relu --x1 train.npz:x --memory 512MiB
  widelimit plan --net myrtle5 --x1 images.npz:x_train
  widelimit plan --net mlp:3:relu --x1 large.npy --dim 4096 --method zonal")]
pub struct PlanArgs {
    /// The kernel.
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Features instead of the kernel, where one of these is given.
    #[command(flatten, next_help_heading = "Features instead of the kernel")]
    pub approximation: ApproximationArgs,
}

/// A kernel: its network and its inputs.
#[derive(Args, Debug)]
pub struct KernelArgs {
    /// Preset, JSON text or path of a JSON file
    #[arg(long, value_name = "NET")]
    pub net: NetArg,
    /// Inputs of the rows
    #[arg(long, value_name = "A")]
    pub x1: String,
    /// Inputs of the columns; without it the kernel of A with itself
    #[arg(long, value_name = "B")]
    pub x2: Option<String>,
    /// Which kernels; the arrays in a file are named after them
    #[arg(long, value_enum, default_value = "ntk")]
    pub get: Get,
    /// Number format
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// Of a network that ends on positions: all pairs of them, or every position with itself
    #[arg(long, value_enum, default_value = "full")]
    pub spatial: Spatial,
    /// Adjacency matrices of A, one an input, for a network that aggregates over graphs
    #[arg(long, value_name = "ADJ")]
    pub adjacency1: Option<String>,
    /// Adjacency matrices of B
    #[arg(long, value_name = "ADJ", requires = "x2")]
    pub adjacency2: Option<String>,
}

/// Where a kernel goes.
#[derive(Args, Debug)]
pub struct TargetArgs {
    /// File to write, ending in .npz, or folder, ending in .store, that grows over several runs
    #[arg(long, value_name = "K.npz|K.store")]
    pub out: PathBuf,
    /// Continue the store, or begin it where there is none
    #[arg(long)]
    pub resume: bool,
    /// Compute the i-th of N parts of the store; the parts may run side by side
    #[arg(long, value_name = "i/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    numbers
        .and_then(|(number, count)| Shard::new(number, count))
        .ok_or_else(|| "expected a part and the number of parts, from 1/N to N/N".into())
}

/// `kernel`: a job, or something done with what jobs left.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    subcommand_help_heading = "Stores",
    after_help = "Examples:
  widelimit kernel --net mlp:3:relu --x1 x.npy --out k.npz
  widelimit kernel --net net.json --x1 test.csv --x2 train.csv --get both --dtype f32 --out k.npz
  widelimit kernel --net myrtle5 --x1 images.npz:x_test --x2 images.npz:x_train --dtype f32 --out k.npz
  widelimit kernel --net mlp:3:relu --x1 x.npy --out k.store --resume       run again after a kill
  widelimit kernel --net mlp:3:relu --x1 x.npy --out k.store --shard 2/4    one of four processes
  widelimit kernel merge part1.store part2.store --out k.store              parts of several machines
  widelimit kernel export k.store --out k.npz                               a complete store as one file"
)]
pub struct KernelCommand {
    /// What to do with stores.
    #[command(subcommand)]
    pub with_stores: Option<StoreCommand>,
    /// What to compute.
    #[command(flatten)]
    pub kernel: Option<KernelArgs>,
    /// Where it goes.
    #[command(flatten)]
    pub target: Option<TargetArgs>,
}

/// What is done with stores that are there.
#[derive(Subcommand, Debug)]
pub enum StoreCommand {
    /// Join stores that were computed with --shard on machines that share nothing
    #[command(
        after_help = "Example:\n  widelimit kernel merge part1.store part2.store --out k.store"
    )]
    Merge(MergeArgs),
    /// Write a complete store to one file
    #[command(after_help = "Example:\n  widelimit kernel export k.store --out k.npz")]
    Export(ExportArgs),
}

/// Arguments of `kernel merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Stores of parts of one job
    #[arg(value_name = "PART.store", required = true)]
    pub parts: Vec<PathBuf>,
    /// Store to make, ending in .store
    #[arg(long, value_name = "K.store")]
    pub out: PathBuf,
}

/// Arguments of `kernel export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The store
    #[arg(value_name = "K.store")]
    pub store: PathBuf,
    /// File to write, ending in .npz, or in .npy for a store with a single kernel
    #[arg(long, value_name = "K.npz|K.npy")]
    pub out: PathBuf,
}

/// Arguments of `fit`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  widelimit fit --net mlp:3:relu --x train.npz:x --y train.npz:y --out model.safetensors
  widelimit fit --net myrtle5 --x images.npz:x_train --y images.npz:y_train --preprocess standardize --out model.safetensors
  widelimit fit --net mlp:2:erf --x table.csv --y table.csv:price --task regression --ridge 1e-3 --out model.safetensors
  widelimit fit --net mlp:3:relu --x train.npz:x --y train.npz:y --solver features --dim 4096 --out model.safetensors
  widelimit fit --net mlp:1:relu --x large.npy --y y.npy --sample 5000 --dim 4096 --state state.safetensors --out model.safetensors")]
pub struct FitArgs {
    /// Preset, JSON text or path of a JSON file
    #[arg(long, value_name = "NET")]
    pub net: NetArg,
    /// Inputs, rows or images; when Y is a column of the same csv file, that column is left out
    #[arg(long, value_name = "A")]
    pub x: String,
    /// Targets
    #[arg(long, value_name = "Y")]
    pub y: String,
    /// What is learned; without it text and whole numbers are classes, other numbers are values
    ///
    /// Whole numbers that differ in every row can be either: then it has to be said.
    #[arg(long, value_enum)]
    pub task: Option<Task>,
    /// Which kernel to regress with; `nngp` gives the Gaussian-process posterior
    #[arg(long, value_enum, default_value = "ntk")]
    pub get: One,
    /// How the regression is solved
    #[arg(long, value_enum, default_value = "auto")]
    pub solver: Solver,
    /// The features, where there are some.
    #[command(flatten)]
    pub approximation: ApproximationArgs,
    /// Rows to learn features and scaling from, drawn at random; A is then read in blocks, once, and never held
    #[arg(long, value_name = "N", value_parser = super::features::rows)]
    pub sample: Option<usize>,
    /// With --sample: file that keeps what was gathered, from which the same command goes on after a kill
    #[arg(long, value_name = "STATE", requires = "sample")]
    pub state: Option<PathBuf>,
    /// What is done to inputs first, in training and prediction
    #[arg(long, value_enum, default_value = "none")]
    pub preprocess: Preprocess,
    /// The ridge.
    #[command(flatten)]
    pub ridge: RidgeArgs,
    /// Model file to write
    #[arg(long, value_name = "MODEL")]
    pub out: PathBuf,
}

/// How much is regularised.
#[derive(Args, Debug)]
pub struct RidgeArgs {
    /// Ridge: `auto` by closed-form leave-one-out, or a number relative to the kernel's mean diagonal
    #[arg(long, value_name = "auto|VALUE", default_value = "auto", value_parser = parse_ridge, allow_negative_numbers = true)]
    pub ridge: RidgeArg,
}

/// The ridge as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RidgeArg {
    /// Chosen by leave-one-out.
    Auto,
    /// Given.
    Value(f64),
}

fn parse_ridge(text: &str) -> Result<RidgeArg, String> {
    if text == "auto" {
        return Ok(RidgeArg::Auto);
    }
    match text.parse::<f64>() {
        Ok(v) if v.is_finite() && v >= 0.0 => Ok(RidgeArg::Value(v)),
        _ => Err("expected `auto` or a number that is not negative".into()),
    }
}

/// Arguments of `predict`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  widelimit predict --model model.safetensors --x test.npz:x --out p.npy
  widelimit predict --model model.safetensors --x test.npz:x --y test.npz:y --out p.npy")]
pub struct PredictArgs {
    /// Model file that `fit` wrote
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Inputs
    #[arg(long, value_name = "A")]
    pub x: String,
    /// True targets: prints `accuracy` or `rmse`
    #[arg(long, value_name = "Y")]
    pub y: Option<String>,
    /// Also write the posterior's standard deviation, to P.std.npy
    #[arg(long)]
    pub std: bool,
    /// Also write a score for each class, to P.scores.npy
    #[arg(long)]
    pub scores: bool,
    /// File to write, ending in .npy
    #[arg(long, value_name = "P.npy")]
    pub out: PathBuf,
}

/// Arguments of `report`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  widelimit report model.safetensors --out report.html
  widelimit report model.safetensors --x test.npz:x --y test.npz:y --out report.html
  widelimit report k.npz --out report.html")]
pub struct ReportArgs {
    /// A model file, or an npz file with square kernels
    #[arg(value_name = "MODEL|K.npz")]
    pub input: PathBuf,
    /// Inputs to predict; the page then shows predictions on them
    #[arg(long, value_name = "A", requires = "y")]
    pub x: Option<String>,
    /// Their true targets
    #[arg(long, value_name = "Y", requires = "x")]
    pub y: Option<String>,
    /// Page to write
    #[arg(long, value_name = "report.html")]
    pub out: PathBuf,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Without --data the MNIST digits are looked for in the folder named by the environment variable WIDELIMIT_SHARED
(images/mnist_train60k.npz and images/mnist_test_a5k.npz in it or in its `data`), then in ../shared/data; then comes the
--fallback file. A FILE is an npz with arrays x_train, y_train, x_test, y_test.")]
pub struct DemoArgs {
    /// Data to use: an npz file with x_train, y_train, x_test, y_test
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Data to use where MNIST is not found
    #[arg(long, value_name = "FILE")]
    pub fallback: Option<PathBuf>,
    /// Folder for the model and the report
    #[arg(long, value_name = "DIR", default_value = "widelimit-demo")]
    pub out: PathBuf,
}

/// The methods that the demo compares.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Ridge on the neural tangent kernel
    Ntk,
    /// Posterior mean of the Gaussian process
    Nngp,
    /// Linear ridge on the inputs
    Linear,
}

/// Arguments of the hidden `demo-step`.
#[derive(Args, Debug)]
pub struct DemoStepArgs {
    /// Method to run
    #[arg(value_enum)]
    pub method: Method,
    /// Prepared data
    pub data: PathBuf,
    /// Folder for results
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_ridges_are_checked() {
        assert_eq!(parse_shape("32x32x3"), Ok(InputShape(vec![32, 32, 3])));
        assert_eq!(parse_shape("784"), Ok(InputShape(vec![784])));
        for bad in ["", "0", "3x", "x3", "-1", "3x0x1"] {
            assert!(parse_shape(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_shard("2/4"), Shard::new(2, 4).ok_or_else(String::new));
        for bad in ["", "2", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(parse_shard(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_ridge("auto"), Ok(RidgeArg::Auto));
        assert_eq!(parse_ridge("1e-3"), Ok(RidgeArg::Value(1e-3)));
        for bad in ["-1", "nan", "inf", "Auto", ""] {
            assert!(parse_ridge(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn definitions_are_consistent() {
        use clap::CommandFactory;
        super::super::Cli::command().debug_assert();
    }
}
