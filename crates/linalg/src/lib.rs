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
//! | symmetric positive definite systems | [`Cholesky`], [`factor_with_jitter`] |
//! | eigenvalues, singular values | [`symmetric_eigen`], [`svd()`] |
//! | least squares, triangular systems | [`Qr`], [`solve_triangular`] |
//! | the transpose of a matrix, block by block | [`transpose`] |
//! | threads, memory, a switch to stop and progress, as arguments | [`Par`], [`Budget`], [`Cancel`], [`Progress`] |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod check;
mod cholesky;
mod dense;
mod eigen;
mod error;
pub mod gram;
mod jitter;
mod means;
mod par;
mod product;
mod qr;
mod scalar;
mod svd;
mod symmetric;
mod transpose;
mod triangular;

pub use cholesky::Cholesky;
pub use eigen::{SymmetricEigen, symmetric_eigen, symmetric_eigenvalues};
pub use error::Error;
pub use gram::{GramScratch, Isa, PackedRows, gram, gram_tile, squared_norms};
pub use jitter::{Jitter, factor_with_jitter, factor_with_ladder, jitter_ladder};
pub use means::{Budget, Cancel, Progress};
pub use par::Par;
pub use product::matmul;
pub use qr::Qr;
pub use scalar::Scalar;
pub use svd::{Svd, svd};
pub use transpose::transpose;
pub use triangular::{Uplo, solve_triangular};
