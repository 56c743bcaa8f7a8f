//! Kernels of the Weisfeiler-Leman family.
//!
//! Colour refinement gives every node a colour, and in every round a new one, made of its colour and of the
//! colours of its neighbours. Two nodes have one colour after `t` rounds exactly where the trees of walks of
//! length `t` from them are equal. Kernels compare how often each colour occurs in two graphs.
//!
//! * [`WlKernel`]: the kernels with `fit` and `transform`, for all rounds in one pass ([`WlParams`], [`WlKind`]).
//! * [`Scheme`]: what is coloured, nodes or pairs and triples of nodes, and by which neighbours.
//! * [`colour_refinement`]: the colours themselves.
//! * [`certificate`]: whether refinement tells two graphs apart.
//! * [`Graphlets`]: subgraphs of three nodes, to compare with.
//! * [`HashBins`]: labels from numeric attributes of nodes.
//!
//! Colours are numbers of a dictionary that is searched for the whole of what a colour is made of: two
//! different neighbourhoods never share one. Edge labels are part of it, weights are not, and graphs that
//! have weights are refused ([`Graphs::without_weights`](crate::Graphs::without_weights)). In directed graphs
//! edges in both directions count, each for itself.
//!
//! Sources: Shervashidze, Schweitzer, van Leeuwen, Mehlhorn and Borgwardt 2011, *Weisfeiler-Lehman graph
//! kernels*; Kriege, Giscard and Wilson 2016, *On valid optimal assignment kernels*; Morris, Rattan and Mutzel
//! 2020, *Weisfeiler and Leman go sparse*.

mod bins;
mod certificate;
mod counts;
mod dictionary;
mod graphlets;
mod kernel;
mod means;
mod objects;
mod pairs;
mod params;
mod refine;
mod transform;

pub use bins::{BinParams, HashBins};
pub use certificate::{Certificate, certificate};
pub use graphlets::Graphlets;
pub use kernel::WlKernel;
pub use params::{Scheme, Start, WlKind, WlParams};
pub use refine::{Refinement, colour_refinement};
pub use transform::WlFeatures;
