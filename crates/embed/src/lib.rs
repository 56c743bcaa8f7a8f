//! Feature maps of infinitely wide networks: `z(x) . z(x')` stands for the NTK or the NNGP of a network,
//! at a cost linear in the number of inputs.
//!
//! A [`FeatureMap`] is made from a network, the shape of its inputs and [`Settings`]; a [`Strategy`] says
//! how:
//!
//! | strategy | random part | biased by | networks |
//! |---|---|---|---|
//! | `Zonal` | one layer whose activation has the kernel's power series as squared Hermite coefficients | nothing but the end of the series | of vectors |
//! | `Centred` | what activations have beyond Hermite degrees 0 and 1, layer by layer | the curvature of later layers, as `1 / dim` | of vectors and images |
//! | `Polynomial` | powers of the units above degree 1, layer by layer | the degree | of vectors and images |
//! | `Random` | activations themselves, layer by layer | as `Centred` | of vectors and images |
//! | `NtkSketch`, `CntkSketch`, `HermiteSketch` | published systems | the degree | see [`Strategy`] |
//!
//! A [`GraphFeatureMap`] is the same for graphs of any size, where networks have `aggregate` layers.
//!
//! Layers that mix positions act on features of positions, without copies shifted against each other (but
//! where the copies are few enough to stand side by side). The same seed gives the same bits, however the
//! inputs are split into calls and threads; memory beside the result is that of one block of inputs.
//!
//! # Sources
//!
//! Cho and Saul, *Kernel methods for deep learning*, 2009; Yu, Suresh, Choromanski, Holtmann-Rice and Kumar,
//! *Orthogonal random features*, 2016; Zandieh, Han, Avron, Shoham, Kim and Shin, *Scaling neural tangent
//! kernels via sketching and random features*, 2021; Han, Zandieh, Lee, Novak, Xiao and Karbasi, *Fast neural
//! kernel embeddings for general activations*, 2022.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod graph_map;
mod layered;
mod map;
mod neighbourhoods;
mod projection;
mod published;
mod rotation;
mod scalar;
mod settings;
mod zonal;

pub use error::Error;
pub use graph_map::GraphFeatureMap;
pub use map::FeatureMap;
pub use neighbourhoods::Neighbourhoods;
pub use scalar::Scalar;
pub use settings::{Quantity, Settings, Strategy};
pub use widelimit_linalg::Par;
#[doc(hidden)]
pub use zonal::{Parts, Zonal};
