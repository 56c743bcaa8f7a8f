//! Dual activations: `E[s(u) s(v)]` and `E[s'(u) s'(v)]` for Gaussian `(u, v)`, for every
//! activation `s` a network may have.
//!
//! These two numbers are all an infinitely wide network needs to know of an activation: the first
//! carries its covariances (NNGP) through a layer, the product with the second its tangent kernel
//! (NTK). [`Dual::new`] compiles an activation; [`Dual::pair`] evaluates one pair, and
//! [`Dual::prepare`] with [`Dual::apply`] evaluates rows of a kernel matrix with the vector
//! instructions of [`Isa`].
//!
//! | activations | route | relative error in `f64` |
//! |---|---|---|
//! | powers, rectified powers, polynomials, Hermite polynomials, two-piece linear, sign, step | closed form | about 1e-15 |
//! | error functions, GELU, sines, exponentials, bells, snake | closed form | about 1e-15 |
//! | ELU, CELU, SELU, ReLU6, hard tanh, hard sigmoid | closed form with the bivariate normal distribution | below 1e-11 |
//! | everything else, the user's functions included | Hermite series at each variance | stated by [`Prepared::error`] |
//!
//! Errors are relative to the geometric mean of the two diagonals. One formula, generic over
//! [`lanes::Real`], serves every format and instruction set; exchanging the two points changes no
//! bit of a result.

#![forbid(unsafe_code)]

mod aligned;
mod bvn;
mod dual;
mod error;
mod expansion;
mod families;
mod field;
mod hermite;
pub mod lanes;
mod pointwise;
mod prepared;
mod quadrature;
mod route;

pub use aligned::Aligned;
pub use dual::{Dual, Pair};
pub use error::Error;
pub use expansion::Expansion;
pub use field::{Field, Left};
pub use lanes::{Element, Isa};
pub use pointwise::Pointwise;
pub use prepared::Prepared;
pub use route::{Affine, Row};
