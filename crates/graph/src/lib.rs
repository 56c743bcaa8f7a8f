//! Batches of graphs, and kernels between graphs.
//!
//! [`Graphs`] holds any number of graphs of different sizes with weights, labels and features; [`OneHot`]
//! makes features of labels or degrees. All edges, weights and features are checked once, in
//! [`Graphs::new`]; what comes after relies on it.
//!
//! [`Gntk`] is the kernel of an infinitely wide graph network:
//!
//! * [`Gntk::kernel`] among graphs, [`Gntk::cross`] between two batches, [`Gntk::diagonal`];
//! * [`Gntk::kernels`]: several depths, with and without jumping knowledge, in one pass;
//! * [`Gntk::recursion`] and [`Recursion::tile`]: parts of a kernel, in any order;
//! * [`Gntk::kernel_with_report`]: what was sketched, and how far off it may be;
//! * [`Gntk::plan`]: bytes and operations, beforehand;
//! * [`Gntk::network`] and [`Gntk::aggregation`]: the network it is the kernel of.
//!
//! [`wl`] compares graphs by how often each colour of a refinement occurs: it needs no parameters but a number of
//! rounds, and costs little.
//!
//! ```
//! use widelimit_graph::{Gntk, Graphs, Options, Parts};
//!
//! // a triangle, and two nodes with an edge
//! let graphs = Graphs::new(Parts {
//!     node_offsets: &[0, 3, 5],
//!     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
//!     ..Parts::default()
//! })?
//! .with_default_features();
//! assert_eq!(graphs.features().map(|features| features.width()), Some(2)); // degrees 1 and 2
//! let kernel = Gntk { layers: 5, ..Gntk::default() }.kernel(&graphs, &Options::new())?;
//! assert!(kernel[[0, 1]] * kernel[[0, 1]] < kernel[[0, 0]] * kernel[[1, 1]]);
//! # Ok::<(), widelimit_graph::Error>(())
//! ```
//!
//! # What is guaranteed
//!
//! * A kernel among graphs is symmetric to the last bit; its diagonal comes from a pass that knows that a graph
//!   is itself.
//! * An exact entry depends on its two graphs and their order alone, to the last bit: not on threads, tiles or
//!   the other graphs. Isomorphic graphs have equal rows, up to the order of sums.
//! * Results are finite, or the call fails and says where.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod gntk;
mod graphs;
mod options;
mod real;
pub mod wl;

pub use error::Error;
pub use gntk::{
    Aggregation, Family, Gntk, Method, NodeSketch, Plan, Precision, ReadOut, Recursion, Repair,
    Report, Scale,
};
pub use graphs::{Features, Graph, Graphs, OneHot, Parts};
pub use options::{Budget, Cancel, Options, Progress};
