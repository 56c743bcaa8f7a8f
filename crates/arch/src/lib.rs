//! What a network *is*: layers, their parameters, shapes and preconditions, and the JSON text.
//!
//! No numerics live here.

mod activation;
mod function;
mod layer;

pub use activation::Activation;
pub use function::{Function, NamedFunction, UserFunction};
pub use layer::{
    Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism, Mode, Padding,
    Parameterization, Pool, Weights,
};
