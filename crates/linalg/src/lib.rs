//! Dense linear algebra for kernels: Gram matrices, factorisations, eigenvalues.
//!
//! The one crate of the workspace that names a dense linear-algebra library
//! (faer). Everything public takes and returns `ndarray` arrays and views, in
//! `f32` or `f64`, and takes its threads as an argument ([`Par`]).
//!
//! | you want | use |
//! |---|---|
//! | products of all rows with all rows, `X₁ X₂ᵀ`, reproducible to the bit | [`gram()`], [`gram_tile`] |
//! | tiles of one matrix, packed once | [`PackedRows`] |
//! | any other matrix product | [`matmul`] |
//! | threads as an argument | [`Par`] |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod gram;
mod par;
mod product;
mod scalar;

pub use gram::{GramScratch, Isa, PackedRows, gram, gram_tile, squared_norms};
pub use par::Par;
pub use product::matmul;
pub use scalar::Scalar;
