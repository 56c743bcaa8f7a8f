//! Neural networks of infinite width as kernels: the whole path from rows to predictions.
//!
//! A network is described once ([`arch::Network`]); [`exact::kernel`] gives its NNGP and NTK kernels,
//! [`exact::plan`] their price beforehand, [`kernel_to_file`] writes those that exceed memory,
//! [`kernel_to_store`] those that take more than one run or machine ([`merge_stores`] joins the parts), and
//! [`Model`] fits, predicts, saves and loads regressions and classifiers on top, of the exact kernel or of
//! [`features`] that stand for it. [`graphs`] has kernels between graphs, and features of them.
//!
//! ```
//! use ndarray::{Array2, Axis};
//! use widelimit::{Model, Network, Run, Settings, Targets};
//!
//! let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i + 7 * j) as f64 * 0.37).sin());
//! let y = x.map_axis(Axis(1), |row| row[0] * row[1]).insert_axis(Axis(1));
//! let network = Network::preset("mlp:2:relu")?;
//! let model = Model::fit(&network, x.view(), &Targets::Numbers(y), &Settings::default(), &Run::default())?;
//! let prediction = model.predict(x.view(), &Run::default())?;
//! assert_eq!(prediction.dim(), (40, 1));
//! # Ok::<(), widelimit::Error>(())
//! ```
//!
//! # Should I use this?
//!
//! For tables of some hundred to some twenty thousand rows, for images by the hundred or the thousand,
//! and for theory: yes, exactly. For more rows: with features, whose cost is linear in their number.
#![forbid(unsafe_code)]

mod certificate;
mod error;
pub mod features;
mod files;
mod flow;
pub mod graphs;
pub mod memory;
mod model;
mod run;
mod scalar;
mod second_pass;
mod stores;
mod streaming;

pub use certificate::Certificate;
pub use error::{Error, Kind};
pub use files::{Shard, StoreSummary, Wanted, kernel_to_file, kernel_to_store};
pub use flow::Flow;
pub use model::{Fit, Model, Notes, Preprocess, Settings, Solver, StreamedFit, Task};
pub use run::Run;
pub use scalar::{Precision, Scalar};
pub use second_pass::SecondPass;
pub use stores::{export_store, merge_stores};
pub use streaming::{Gathered, sample_rows};

pub use ndarray;
pub use widelimit_arch as arch;
pub use widelimit_arch::Network;
pub use widelimit_data as data;
pub use widelimit_data::Targets;
pub use widelimit_dual as dual;
pub use widelimit_embed as embed;
pub use widelimit_exact as exact;
pub use widelimit_exact::Quantity;
pub use widelimit_graph as graph;
pub use widelimit_learn as learn;
pub use widelimit_linalg as linalg;
pub use widelimit_sketch as sketch;
