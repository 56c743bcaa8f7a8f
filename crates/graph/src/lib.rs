//! Batches of graphs, and kernels between graphs.
//!
//! [`Graphs`] holds any number of graphs of different sizes with weights, labels and features; [`OneHot`]
//! makes features of labels or degrees. All edges, weights and features are checked once, in
//! [`Graphs::new`]; what comes after relies on it.
//!
//! ```
//! use widelimit_graph::{Graphs, Parts};
//!
//! // a triangle, and two nodes with an edge
//! let graphs = Graphs::new(Parts {
//!     node_offsets: &[0, 3, 5],
//!     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
//!     ..Parts::default()
//! })?
//! .with_default_features();
//! assert_eq!(graphs.features().map(|features| features.width()), Some(2)); // degrees 1 and 2
//! # Ok::<(), widelimit_graph::Error>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod gntk;
mod graphs;
mod options;
mod real;

pub use error::Error;
pub use gntk::{
    Family, Gntk, Grid, Method, NodeSketch, Plan, Precision, ReadOut, Recursion, Repair, Report,
    Scale,
};
pub use graphs::{Features, Graph, Graphs, OneHot, Parts};
pub use options::{Budget, Cancel, Options, Progress};
