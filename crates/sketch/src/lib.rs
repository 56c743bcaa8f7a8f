//! Random maps to few dimensions that keep inner products: linear sketches, sketches of products, and
//! sketches of all powers of a point.
//!
//! Beside the sketches stands what is computed with them: decompositions of large matrices
//! ([`lowrank`]), landmarks of kernel matrices ([`landmarks`]), and leverage scores ([`leverage`]).
//!
//! A feature map of a kernel is put together from these. Points are rows, dense (`ndarray` views of any
//! strides) or sparse ([`Csr`]), in `f32` or `f64`; results go to a block of the caller, and beside it a
//! call needs little memory.
//!
//! | sketch | cost of a row | `m` for a subspace of dimension `k` |
//! |---|---|---|
//! | [`Gaussian`], [`Sign`] | `m n` | `k / eps^2` |
//! | [`CountSketch`] | stored entries | `k^2 / eps^2` |
//! | [`Osnap`] with `s` nonzeros | `s` times the stored entries | `k log k / eps^2` |
//! | [`Srht`] | `n log n` | `(k + log n) log k / eps^2` |
//!
//! | sketch | of | cost of a row |
//! |---|---|---|
//! | [`TensorSrht`], [`PairTensorSketch`] | `x (x) y` | `n log n + m`; stored entries `+ m log m` |
//! | [`TensorSketch`] | `x^(x)q`, small `q` | `q` times stored entries `+ q m log m` |
//! | [`PolySketch`] | `x^(x)q` for one `q` or all up to it | `q` sketches of `x` and `q m log m` (times `log q` for all) |
//!
//! | from few products with a matrix ([`LinOp`]) | by |
//! |---|---|
//! | its range, for a rank or for an error | [`lowrank::RangeFinder`], [`lowrank::AdaptiveRangeFinder`] |
//! | singular values, eigenvalues | [`lowrank::svd()`], [`lowrank::eigh()`], [`lowrank::nystrom()`] |
//! | the same where entries are seen once | [`lowrank::single_pass_svd`], [`lowrank::single_pass_eigh`] |
//! | rows or columns that span it | [`lowrank::row_skeleton()`], [`lowrank::column_skeleton`] |
//!
//! | from few columns of a kernel matrix | by |
//! |---|---|
//! | good landmarks and a factor | [`landmarks::RandomPivots`] |
//! | landmarks for a ridge | [`leverage::RecursiveRidge`] |
//! | features of landmarks | [`landmarks::NystromMap`] |
//!
//! **Same seed, same bits.** Every random number is a function of its address ([`random`]), every row is
//! treated by itself, and sums have a fixed order. Results therefore do not depend on how rows are split
//! into batches and threads, nor (but for the Fourier transforms of [`TensorSketch`]) on the instruction
//! set. A sketch is shared by reference between threads; whoever calls splits the rows. Decompositions
//! take their threads as an argument and do not depend on them; they round by instruction set, as the
//! dense factorisations do that they are made of.
//!
//! **Variance.** Products of random signs have heavy tails: the variance of a sketch of degree `q`
//! grows with `3^q / m` for [`TensorSketch`], and the tree of [`PolySketch`] is what keeps it down.

#![forbid(unsafe_code)]

mod count_sketch;
mod csr;
mod dispatch;
mod error;
mod flip;
mod fourier;
mod gaussian;
mod hadamard;
mod hash;
pub mod landmarks;
pub mod leverage;
pub mod lowrank;
mod matrix;
mod op;
mod osnap;
mod pair;
mod poly;
pub mod random;
mod rows;
mod scalar;
mod sign;
mod sketch;
mod srht;
mod tensor_sketch;
mod tensor_srht;
mod test_vectors;

pub use count_sketch::CountSketch;
pub use csr::Csr;
pub use error::Error;
pub use flip::flip_signs;
pub use gaussian::Gaussian;
pub use hadamard::walsh_hadamard;
pub use op::{LinOp, StreamOp, Symmetry, Transpose};
pub use osnap::Osnap;
pub use pair::PairSketch;
pub use poly::{Base, PolySketch};
pub use rows::Rows;
pub use scalar::Scalar;
pub use sign::Sign;
pub use sketch::Sketch;
pub use srht::Srht;
pub use tensor_sketch::{PairTensorSketch, TensorSketch};
pub use tensor_srht::TensorSrht;
pub use test_vectors::{TestMatrix, TestVectors};
