//! The definitions of all commands and flags: parsing, help, completions and the man page come
//! from here.

mod commands;
mod features;
mod graph;
mod network;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use commands::{
    DemoArgs, DemoStepArgs, Dtype, ExportArgs, FitArgs, Get, InputShape, KernelArgs, KernelCommand,
    MergeArgs, Method, NetCommand, One, PlanArgs, PredictArgs, Preprocess, ReportArgs, RidgeArg,
    RidgeArgs, Solver, Spatial, StoreCommand, TargetArgs, Task,
};
pub use features::{ApproximationArgs, FeaturesArgs};
pub use graph::{
    GntkArgs, GraphCommand, GraphFamily, GraphFeaturesArgs, GraphFitArgs, GraphKernelArgs,
    GraphMethod, GraphPlanArgs, GraphPredictArgs, GraphRepair, GraphScale, GraphsArgs, RecipeArgs,
    SidesArgs,
};
pub use network::NetArg;

const LONG_ABOUT: &str = "Neural networks of infinite width are kernels. widelimit computes those kernels (NNGP and \
NTK) exactly or as products of features, and solves the regressions that stand on them.

A network NET is given as a preset (`mlp:3:relu`), as JSON text, or as the path of a JSON file.
Data A, B and Y are `file.npy`, `file.npz:array`, `file.csv` or `file.csv:column`, or `file.parquet` where that was \
built in. \
Images are arrays (n, height, width, channels) for networks that act on positions; other networks take them as vectors.";

const EXAMPLES: &str = "\
Examples:
  widelimit demo                                               the main job on real data
  widelimit kernel --net mlp:3:relu --x1 x.npy --out k.npz     a kernel into a file
  widelimit features --net mlp:3:relu --x x.npy --dim 4096 --out z.npy
  widelimit fit --net mlp:3:relu --x train.npz:x --y train.npz:y --out model.safetensors
  widelimit predict --model model.safetensors --x test.npz:x --y test.npz:y --out p.npy
  widelimit report model.safetensors --out report.html

Exit codes: 0 success, 2 usage, 3 bad data, 4 numerical failure, 5 resource limit, 6 interrupted.";

/// Kernels of infinitely wide neural networks
#[derive(Parser, Debug)]
#[command(
    name = "widelimit",
    bin_name = "widelimit",
    version,
    long_about = LONG_ABOUT,
    after_long_help = EXAMPLES,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Args, Debug, Clone)]
pub struct Global {
    /// Threads to compute with; 0 takes all cores
    ///
    /// Results do not depend on it, not even in the last bit.
    #[arg(
        long,
        global = true,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Global options"
    )]
    pub threads: usize,
    /// Memory to stay within, such as 512MiB or 4GiB
    ///
    /// What cannot be done within it is refused before anything is computed (exit code 5). Without it, the limit is
    /// what the machine can give.
    #[arg(long, global = true, value_name = "SIZE", value_parser = size, help_heading = "Global options")]
    pub memory: Option<u64>,
    /// Seed of everything drawn at random
    ///
    /// Exact kernels draw nothing; features are drawn with it (without: 0), and `demo` draws its training rows
    /// (without: the first ones).
    #[arg(long, global = true, value_name = "S", help_heading = "Global options")]
    pub seed: Option<u64>,
    /// Print results and errors only
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Print results as one JSON object on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Never draw a progress bar (they are drawn on terminals only)
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_progress: bool,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the main job on real data, end to end
    Demo(DemoArgs),
    /// Show, check or list networks
    #[command(subcommand)]
    Net(NetCommand),
    /// Say what a kernel will cost, computing nothing
    Plan(PlanArgs),
    /// Compute a kernel matrix into a file; join and export the stores of long jobs
    Kernel(KernelCommand),
    /// Write features whose products stand for a kernel
    Features(FeaturesArgs),
    /// Fit a model
    Fit(FitArgs),
    /// Predict with a fitted model
    Predict(PredictArgs),
    /// Compute kernels between graphs; fit models of graphs and predict with them
    #[command(subcommand)]
    Graph(GraphCommand),
    /// Write a self-contained HTML page about a model or a kernel
    Report(ReportArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  widelimit completions bash > ~/.local/share/bash-completion/completions/widelimit"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one page a command
    #[command(after_help = "Example:\n  widelimit man | man -l -")]
    Man {
        /// Write widelimit.1, widelimit-fit.1, … into this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// One method of the demo, in a process of its own so that its memory can be told apart.
    #[command(hide = true)]
    DemoStep(DemoStepArgs),
}

fn size(text: &str) -> Result<u64, String> {
    widelimit::memory::parse(text).map_err(|e| e.to_string())
}
