//! Dual activations: `E[s(u) s(v)]` and `E[s'(u) s'(v)]` for Gaussian `(u, v)`, for every
//! activation `s` a network may have.
//!
//! [`Dual::new`] compiles an activation; [`Dual::pair`] evaluates one pair, and
//! [`Dual::prepare`] with [`Dual::apply`] evaluates rows of a kernel matrix with the vector
//! instructions of [`lanes::Isa`].

#![forbid(unsafe_code)]

mod bvn;
mod dual;
mod error;
mod families;
mod hermite;
pub mod lanes;
mod prepared;
mod quadrature;
mod route;

pub use dual::{Dual, Pair};
pub use error::Error;
pub use lanes::{Element, Isa};
pub use prepared::Prepared;
