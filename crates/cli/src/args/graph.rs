//! Arguments of `graph`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use widelimit::embed::Strategy;

use super::commands::{Dtype, RidgeArgs, TargetArgs, Task};

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

/// Graphs to read.
#[derive(Args, Debug)]
pub struct GraphsArgs {
    /// Graphs: an npz file, a TU folder, or a csv file of edges
    #[arg(id = "graphs", long = "graphs", value_name = "A")]
    pub path: PathBuf,
    /// Take edges for directed: they may lack their equal in the other direction
    #[arg(long)]
    pub directed: bool,
}

/// Graphs of the rows and of the columns of a kernel.
#[derive(Args, Debug)]
pub struct SidesArgs {
    /// The rows.
    #[command(flatten)]
    pub rows: GraphsArgs,
    /// Graphs of the columns; without them the kernel of A with itself
    #[arg(long = "graphs2", value_name = "B")]
    pub columns: Option<PathBuf>,
}

/// The kernel.
#[derive(Args, Debug)]
pub struct GntkArgs {
    /// Levels, that of the features counted; without it 2
    #[arg(long, value_name = "L")]
    pub layers: Option<usize>,
    /// Fully connected layers at each level; without it 1
    #[arg(long, value_name = "R")]
    pub mlp: Option<usize>,
    /// How sums over neighbourhoods are scaled; without it by the degree
    #[arg(long, value_enum)]
    pub scale: Option<GraphScale>,
    /// Read out the sum of all levels (jumping knowledge)
    #[arg(long)]
    pub jk: bool,
    /// Activation: a name such as `tanh`, or its layer as JSON; without it `relu`
    #[arg(long, value_name = "NAME")]
    pub activation: Option<String>,
    /// Number format of the recursion and the result; without it f64
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,
}

impl GntkArgs {
    /// The flags that were given, by name.
    pub fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--layers", self.layers.is_some()),
            ("--mlp", self.mlp.is_some()),
            ("--scale", self.scale.is_some()),
            ("--jk", self.jk),
            ("--activation", self.activation.is_some()),
            ("--dtype", self.dtype.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

/// The kernel, of graph networks or of the Weisfeiler-Leman family.
#[derive(Args, Debug)]
pub struct RecipeArgs {
    /// Which kernel, the array `kernel` of a file; --layers to --dtype are of the gntk, --rounds of the others
    #[arg(long, value_enum, default_value = "gntk")]
    pub kernel: GraphFamily,
    /// The kernel.
    #[command(flatten)]
    pub gntk: GntkArgs,
    /// Rounds of colours; without it 5
    #[arg(long, value_name = "H")]
    pub rounds: Option<usize>,
}

/// Arguments of `graph plan`.
#[derive(Args, Debug)]
pub struct GraphPlanArgs {
    /// The graphs.
    #[command(flatten)]
    pub sides: SidesArgs,
    /// The kernel.
    #[command(flatten)]
    pub gntk: GntkArgs,
}

/// Arguments of `graph kernel`.
#[derive(Args, Debug)]
pub struct GraphKernelArgs {
    /// The graphs.
    #[command(flatten)]
    pub sides: SidesArgs,
    /// The kernel.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// By which means neighbourhoods are summed, without it exactly; a store is always exact
    #[arg(long, value_enum)]
    pub method: Option<GraphMethod>,
    /// Rows of a sketch; without it 64
    #[arg(long, value_name = "B")]
    pub sketch_size: Option<usize>,
    /// Relative error of sketched pairs up to which `auto` sketches, found by a trial; without it 0.05
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub tolerance: Option<f64>,
    /// What is done about negative eigenvalues of a sketched kernel; without it the smallest is taken off the diagonal
    #[arg(long, value_enum)]
    pub repair: Option<GraphRepair>,
    /// Divide entries by the roots of both diagonals
    #[arg(long)]
    pub normalise: bool,
    /// Where it goes.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Arguments of `graph features`.
#[derive(Args, Debug)]
pub struct GraphFeaturesArgs {
    /// The graphs.
    #[command(flatten)]
    pub graphs: GraphsArgs,
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
    /// The graphs.
    #[command(flatten)]
    pub graphs: GraphsArgs,
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
    /// The ridge.
    #[command(flatten)]
    pub ridge: RidgeArgs,
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
    /// The graphs.
    #[command(flatten)]
    pub graphs: GraphsArgs,
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
