//! One file a command: reads arguments, calls the library, says what came out.

mod blocks;
mod data;
mod demo;
mod describe;
mod features;
mod files;
mod fit;
mod fit_blocks;
mod graph;
mod graph_features;
mod graph_model;
mod graph_set;
mod inputs;
mod kernel;
mod kernel_page;
mod net;
mod plan;
mod predict;
mod report;
mod stores;

pub use demo::{demo, step};
pub use features::features;
pub use fit::fit;
pub use graph::graph;
pub use kernel::kernel;
pub use net::net;
pub use plan::plan;
pub use predict::predict;
pub use report::report;
