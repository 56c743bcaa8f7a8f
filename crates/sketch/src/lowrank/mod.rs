//! Decompositions of large matrices of low numerical rank, from their products with few vectors.
//!
//! | you want | use | products of `A` or `A^T` with a block |
//! |---|---|---|
//! | orthonormal `Q` with `A ~ Q Q^T A`, `k` columns | [`RangeFinder::find`] | `1 + 2 q` |
//! | the same for an error | [`AdaptiveRangeFinder`] | 1 for every block of columns |
//! | singular values and vectors | [`svd`], [`svd_in_range`] | `2 + 2 q`; 1 |
//! | the same without a second look at all entries | [`svd_from_rows`] | `1 + 2 q`, and some rows |
//! | eigenvalues and vectors of a symmetric matrix | [`eigh`], [`eigh_in_range`] | `2 + 2 q`; 1 |
//! | of a positive semidefinite one | [`nystrom`] | 1 |
//! | all entries seen once | [`single_pass_svd`], [`single_pass_eigh`] | 1 |
//! | rows or columns that span the others | [`row_skeleton`], [`column_skeleton`] | `1 + 2 q` |
//!
//! With `A` of `m x n` a product with `l` vectors costs `m n l` multiplications where `A` is dense,
//! and what is done beside it `O((m + n) l^2)`. All matrices come as [`LinOp`](crate::LinOp), all
//! random numbers from a [`Stream`](crate::random::Stream): same stream, same bits, on any number of
//! threads (the dense factorisations round by instruction set).
//!
//! Halko, Martinsson and Tropp (2011), *Finding structure with randomness: probabilistic algorithms
//! for constructing approximate matrix decompositions*, cited as HMT.

mod adaptive;
mod eigh;
mod finder;
mod nystrom;
mod pseudo;
mod single_pass;
mod skeleton;
mod svd;

pub use adaptive::{AdaptiveRangeFinder, Range};
pub(crate) use eigh::check_symmetry;
pub use eigh::{Eigh, eigh, eigh_in_range};
pub use finder::RangeFinder;
pub use nystrom::{PsdApproximation, nystrom};
pub use single_pass::{single_pass_eigh, single_pass_svd};
pub use skeleton::{ColumnSkeleton, RowSkeleton, column_skeleton, row_skeleton};
pub use svd::{svd, svd_from_rows, svd_in_range};
