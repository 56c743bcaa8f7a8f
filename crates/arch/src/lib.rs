//! What a network *is*: layers, their parameters, shapes and preconditions, and the JSON text.
//!
//! No numerics live here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod activation;
mod builder;
mod check;
mod construct;
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

pub use activation::Activation;
pub use builder::{Branches, Builder};
pub use error::Error;
pub use function::{Function, NamedFunction, UserFunction};
pub use layer::{
    Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism, Mode, Padding,
    Parameterization, Pool, Weights,
};
pub use network::{LayerShapes, Network};
pub use position::{Position, Step};
pub use preset::{PresetInfo, presets};
pub use shape::Shape;
pub use table::{DefaultValue, Group, LayerInfo, ParameterInfo, layers};
pub use value::{Domain, Value};
