//! Arguments of `graph`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use widelimit::Shard;
use widelimit::embed::Strategy;

use super::RidgeArg;
use super::commands::{Dtype, Task, parse_ridge, parse_shard};

/// Kernels between graphs, and models on them.
#[derive(Subcommand, Debug)]
pub enum GraphCommand {
    /// Say what a graph neural tangent kernel will cost, computing nothing
    #[command(after_help = "Example:\n  widelimit graph plan --graphs mutag.npz --layers 5")]
    Plan(GraphPlanArgs),
    /// Compute a kernel between graphs into a file or a store
    #[command(after_help = "Examples:
  widelimit graph kernel --graphs mutag.npz --layers 5 --normalise --out k.npz
  widelimit graph kernel --graphs test.npz --graphs2 train.npz --layers 5 --mlp 2 --scale uniform --out k.npz
  widelimit graph kernel --graphs DD/ --kernel wl-subtree --rounds 4 --out k.npz
  widelimit graph kernel --graphs nci1.npz --layers 10 --out k.store --resume     run again after a kill
  widelimit graph kernel --graphs nci1.npz --layers 10 --out k.store --shard 2/4  one of four processes")]
    Kernel(GraphKernelArgs),
    /// Write features of graphs, whose products stand for the graph neural tangent kernel
    #[command(after_help = "Examples:
  widelimit graph features --graphs train.npz --layers 4 --dim 4096 --save-map map.json --out z_train.npy
  widelimit graph features --map map.json --graphs test.npz --out z_test.npy")]
    Features(GraphFeaturesArgs),
    /// Fit a model of graphs
    #[command(after_help = "Examples:
  widelimit graph fit --graphs mutag.npz --layers 5 --out model.safetensors
  widelimit graph fit --graphs molecules.npz --y energies.npy --task regression --out model.safetensors")]
    Fit(GraphFitArgs),
    /// Predict with a fitted model of graphs
    #[command(
        after_help = "Example:\n  widelimit graph predict --model model.safetensors --graphs test.npz --out p.npy"
    )]
    Predict(GraphPredictArgs),
}

/// Which kernel.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFamily {
    /// Graph neural tangent kernel
    Gntk,
    /// Weisfeiler-Leman: products of counts of colours
    WlSubtree,
    /// Weisfeiler-Leman: the smaller of both counts (optimal assignment)
    WlOa,
    /// Weisfeiler-Leman: counts of pairs of colours with their distance
    WlSp,
    /// Weisfeiler-Leman: counts of edges by the colours of their ends
    WlEdges,
}

/// How sums over neighbourhoods are scaled.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphScale {
    /// By one over the degree: a mean
    Degree,
    /// Not at all
    Uniform,
}

/// By which means neighbourhoods are summed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphMethod {
    /// Left and right neighbourhoods one after another
    Exact,
    /// Exact or sketched, whichever needs fewer operations for the pair, within the tolerance
    Auto,
    /// With random sketches between adjacency and covariance
    Sketched,
    /// The formula as it is written, for comparison
    Vectorised,
}

/// What makes a sketched kernel positive.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphRepair {
    /// The smallest eigenvalue is taken from the diagonal
    Ridge,
    /// Negative eigenvalues become zero
    Clip,
    /// Nothing
    None,
}

/// The kernel.
#[derive(Args, Debug)]
pub struct GntkArgs {
    /// Levels, that of the features counted
    #[arg(long, value_name = "L", default_value_t = 2)]
    pub layers: usize,
    /// Fully connected layers at each level
    #[arg(long, value_name = "R", default_value_t = 1)]
    pub mlp: usize,
    /// How sums over neighbourhoods are scaled
    #[arg(long, value_enum, default_value = "degree")]
    pub scale: GraphScale,
    /// Read out the sum of all levels (jumping knowledge)
    #[arg(long)]
    pub jk: bool,
    /// Activation: a name such as `relu` or `tanh`, or its layer as JSON
    #[arg(long, value_name = "NAME", default_value = "relu")]
    pub activation: String,
    /// Number format of the recursion and the result
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
}

/// The kernel, of graph networks or of the Weisfeiler-Leman family.
#[derive(Args, Debug)]
pub struct RecipeArgs {
    /// Which kernel; --layers to --dtype are of the gntk, --rounds of the others
    #[arg(long, value_enum, default_value = "gntk")]
    pub kernel: GraphFamily,
    /// The kernel.
    #[command(flatten)]
    pub gntk: GntkArgs,
    /// Rounds of colours
    #[arg(long, value_name = "H", default_value_t = 5)]
    pub rounds: usize,
}

/// Arguments of `graph plan`.
#[derive(Args, Debug)]
pub struct GraphPlanArgs {
    /// Graphs of the rows
    #[arg(long, value_name = "A")]
    pub graphs: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
    /// Graphs of the columns; without them the kernel of A with itself
    #[arg(long, value_name = "B")]
    pub graphs2: Option<PathBuf>,
    /// The kernel.
    #[command(flatten)]
    pub gntk: GntkArgs,
}

/// Arguments of `graph kernel`.
#[derive(Args, Debug)]
pub struct GraphKernelArgs {
    /// Graphs of the rows: an npz file, a TU folder, or a csv file of edges
    #[arg(long, value_name = "A")]
    pub graphs: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
    /// Graphs of the columns; without them the kernel of A with itself
    #[arg(long, value_name = "B")]
    pub graphs2: Option<PathBuf>,
    /// The kernel.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// By which means neighbourhoods are summed; a store is always exact
    #[arg(long, value_enum, default_value = "exact")]
    pub method: GraphMethod,
    /// Rows of a sketch
    #[arg(long, value_name = "B", default_value_t = 64)]
    pub sketch_size: usize,
    /// Relative error of sketched pairs up to which `auto` sketches, found by a trial
    #[arg(long, value_name = "E", default_value_t = 0.05, allow_negative_numbers = true)]
    pub tolerance: f64,
    /// What is done about negative eigenvalues of a sketched kernel
    #[arg(long, value_enum, default_value = "ridge")]
    pub repair: GraphRepair,
    /// Divide entries by the roots of both diagonals
    #[arg(long)]
    pub normalise: bool,
    /// File to write, ending in .npz (array `kernel`), or folder, ending in .store, that grows over several runs
    #[arg(long, value_name = "K.npz|K.store")]
    pub out: PathBuf,
    /// Continue the store, or begin it where there is none
    #[arg(long)]
    pub resume: bool,
    /// Compute the i-th of N parts of the store; the parts may run side by side
    #[arg(long, value_name = "i/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
}

/// Arguments of `graph features`.
#[derive(Args, Debug)]
pub struct GraphFeaturesArgs {
    /// Graphs: an npz file, a TU folder, or a csv file of edges
    #[arg(long, value_name = "A")]
    pub graphs: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
    /// The kernel.
    #[command(flatten)]
    pub gntk: GntkArgs,
    /// Number of features
    #[arg(long, value_name = "M", default_value_t = 2048)]
    pub dim: usize,
    /// How an activation makes features; `polynomial:12` names a degree
    #[arg(long, value_name = "METHOD", default_value = "centred", value_parser = strategy)]
    pub method: Strategy,
    /// A map to use, instead of one for A; of the kernel only --dtype counts then
    #[arg(long, value_name = "MAP.json", conflicts_with_all = ["layers", "mlp", "scale", "jk", "activation", "dim", "method", "save_map"])]
    pub map: Option<PathBuf>,
    /// Also write the map, for other graphs
    #[arg(long, value_name = "MAP.json")]
    pub save_map: Option<PathBuf>,
    /// File to write, ending in .npy
    #[arg(long, value_name = "Z.npy")]
    pub out: PathBuf,
}

fn strategy(text: &str) -> Result<Strategy, String> {
    Strategy::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Strategy::ALL.iter().map(|strategy| strategy.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Arguments of `graph fit`.
#[derive(Args, Debug)]
pub struct GraphFitArgs {
    /// Training graphs
    #[arg(long, value_name = "A")]
    pub graphs: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
    /// Targets; without it the classes that come with the graphs
    #[arg(long, value_name = "Y")]
    pub y: Option<String>,
    /// What is learned; without it text and whole numbers are classes, other numbers are values
    #[arg(long, value_enum)]
    pub task: Option<Task>,
    /// The kernel.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Regress on the kernel as it is, not divided by the roots of its diagonal
    #[arg(long)]
    pub raw: bool,
    /// Ridge: `auto` by closed-form leave-one-out, or a number relative to the kernel's mean diagonal
    #[arg(long, value_name = "auto|VALUE", default_value = "auto", value_parser = parse_ridge, allow_negative_numbers = true)]
    pub ridge: RidgeArg,
    /// Model file to write; it holds the training graphs
    #[arg(long, value_name = "MODEL")]
    pub out: PathBuf,
}

/// Arguments of `graph predict`.
#[derive(Args, Debug)]
pub struct GraphPredictArgs {
    /// Model file that `graph fit` wrote
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Graphs to predict
    #[arg(long, value_name = "B")]
    pub graphs: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
    /// True targets: prints `accuracy` or `rmse`; without it the classes that come with the graphs, if they do
    #[arg(long, value_name = "Y")]
    pub y: Option<String>,
    /// Also write a score for each class, to P.scores.npy
    #[arg(long)]
    pub scores: bool,
    /// File to write, ending in .npy
    #[arg(long, value_name = "P.npy")]
    pub out: PathBuf,
}
