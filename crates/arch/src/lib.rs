//! What a network *is*: layers, their parameters, shapes and preconditions, and the JSON text.
//!
//! A [`Network`] is data. It is described once, in Rust, as JSON text or by the name of a preset,
//! checked once, and then interpreted by the engines of other crates; no numerics live here.
//!
//! ```
//! use widelimit_arch::{Activation, Dense, Network, Shape};
//!
//! // In Rust: weights N(0, 1.5^2 / fan-in), biases N(0, 0.05^2).
//! let net = Network::builder()
//!     .then(Dense::new(1.5).bias(0.05))
//!     .then(Activation::Relu)
//!     .then(Dense::new(1.5).bias(0.05))
//!     .build()?;
//!
//! // The same as text.
//! let json = r#"[{"layer": "dense", "w_std": 1.5, "b_std": 0.05},
//!                {"layer": "relu"},
//!                {"layer": "dense", "w_std": 1.5, "b_std": 0.05}]"#;
//! assert_eq!(Network::from_json(json)?, net);
//!
//! // By name, with the shapes that go through it.
//! let net = Network::preset("myrtle5")?;
//! println!("{}", net.summary(&Shape::image([32, 32], 3))?);
//! # Ok::<(), widelimit_arch::Error>(())
//! ```
//!
//! # Conventions
//!
//! * Inputs have a covariance of `x . x' / channels`; weights are N(0, 1) times
//!   `w_std / sqrt(fan_in)` (the NTK parameterisation), or N(0, `w_std`² / `fan_in`) in the
//!   standard one.
//! * Widths are infinite. `width` matters only where relative widths do: to concatenation, and to
//!   the NTK in the standard parameterisation.
//! * In the JSON form a `b_std` of 0 means no bias at all. A bias that starts at zero but is
//!   trained, which only the standard parameterisation tells from none, adds `"bias": true`.
//!
//! # What is refused
//!
//! The kernel of a layer is exact under conditions on what comes before it, and a network that
//! breaks one has no kernel by these rules:
//!
//! * activations and layer normalisation need Gaussian inputs, whose distribution the covariance
//!   determines: weights last, possibly followed by pooling, normalisation or sums of such;
//! * of the branches of a sum all but one must end in weights of their own, so that means and
//!   cross terms vanish; of a product all but one must have weights of their own;
//! * dropout must come after weights;
//! * layers that act on positions must have positions to act on.
//!
//! [`layers`] lists all layers with their parameters, ranges and defaults; the reader, the checks
//! and the messages take theirs from the same table.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod activation;
mod builder;
mod catalogue;
mod check;
mod construct;
mod describe;
mod display;
mod error;
mod fields;
mod function;
mod json;
mod layer;
mod network;
mod position;
mod preset;
mod shape;
mod suggest;
mod table;
mod value;
mod window;

pub use activation::Activation;
pub use builder::{Branches, Builder};
pub use error::Error;
pub use function::{Function, NamedFunction, UserFunction};
pub use layer::{
    Affine, Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism, Mode,
    Padding, Parameterization, Pool, Weights,
};
pub use network::{LayerShapes, Network};
pub use position::{List, Position, Step};
pub use preset::{PresetInfo, presets};
pub use shape::Shape;
pub use table::{DefaultValue, Group, LayerInfo, ParameterInfo, layers};
pub use value::{Domain, Value};
pub use window::Window;
