//! The graph neural tangent kernel.

mod approximate;
mod band;
mod call;
mod classes;
mod config;
mod pairs;
mod plan;
mod recursion;
mod sheet;
mod sketched;
mod variances;

pub use approximate::Report;
pub use call::{Grid, Recursion};
pub use config::{Gntk, Method, Precision, ReadOut, Scale};
pub use plan::Plan;
pub use sketched::{Family, NodeSketch, Repair};
