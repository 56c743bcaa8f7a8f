//! The graph neural tangent kernel.

mod approximate;
mod band;
mod call;
mod classes;
mod config;
mod crew;
mod network;
mod pairs;
mod plan;
mod recursion;
mod sheet;
mod sketched;
mod tiles;
mod variances;

pub use approximate::Report;
pub use config::{Gntk, Method, Precision, ReadOut, Scale};
pub use network::Aggregation;
pub use plan::Plan;
pub use sketched::{Family, NodeSketch, Repair};
pub use tiles::Recursion;
