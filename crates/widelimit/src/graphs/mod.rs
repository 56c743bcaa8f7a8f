//! Kernels between graphs, and classifiers on them.
//!
//! A [`GraphKernel`] says which kernel, of graph networks or of the Weisfeiler-Leman family; [`kernel`]
//! computes it, [`grid`] several depths and read-outs of a GNTK in one pass, [`rounds`] all rounds of
//! Weisfeiler-Leman, [`kernel_with_report`] tells how far off a sketched GNTK may be, [`plan`] what one costs,
//! [`kernel_to_store`] computes it over several runs or machines into a store of tiles, as kernels of networks are. [`GntkFeatures`] are features whose products
//! stand for a GNTK, at a cost that is linear in the number of graphs.
//!
//! Graphs without node features get one-hot ones: of their labels where they have some, else of their
//! degrees. Two sets of graphs get them from one dictionary, which knows the values of both: an entry of a
//! kernel is the same whichever call computes it.
//!
//! ```
//! use widelimit::Run;
//! use widelimit::graph::{Gntk, Graphs, Parts};
//! use widelimit::graphs::{GraphKernel, kernel};
//!
//! // a triangle, and two nodes with an edge
//! let graphs = Graphs::new(Parts {
//!     node_offsets: &[0, 3, 5],
//!     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
//!     ..Parts::default()
//! })?;
//! let gntk = GraphKernel { normalise: true, ..Gntk { layers: 3, ..Gntk::default() }.into() };
//! let k = kernel(&gntk, &graphs, None, &Run::default())?;
//! assert_eq!((k[[0, 0]], k[[1, 1]], k[[0, 1]]), (1.0, 1.0, k[[1, 0]]));
//! # Ok::<(), widelimit::Error>(())
//! ```

mod features;
mod gntk_features;
mod gntk_features_json;
mod kernel;
mod model;
mod model_file;
mod recipe;
mod store;

use widelimit_graph::Gntk;
use widelimit_graph::wl::WlParams;

pub use gntk_features::{GntkFeatures, NodeInputs};
pub use kernel::{grid, kernel, kernel_with_report, narrow, plan, rounds};
pub use model::{Facts, GraphModel};
pub use recipe::{Words, activation};
pub use store::kernel_to_store;

/// Which kernel between graphs.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphKernel {
    /// The family, with its parameters.
    pub family: Family,
    /// Whether entries are divided by the roots of both diagonals: `k(g, h) / sqrt(k(g, g) k(h, h))`.
    pub normalise: bool,
}

/// The families of kernels.
#[derive(Clone, Debug, PartialEq)]
pub enum Family {
    /// The graph neural tangent kernel.
    Gntk(Gntk),
    /// A kernel of the Weisfeiler-Leman family. Whether it is normalised is for [`GraphKernel::normalise`] to
    /// say: what the parameters say of it is not looked at.
    Wl(WlParams),
}

impl From<WlParams> for GraphKernel {
    /// The kernel as it is, not normalised.
    fn from(params: WlParams) -> Self {
        Self { family: Family::Wl(params), normalise: false }
    }
}

impl From<Gntk> for GraphKernel {
    /// The kernel as it is, not normalised.
    fn from(gntk: Gntk) -> Self {
        Self { family: Family::Gntk(gntk), normalise: false }
    }
}
