//! Ridge regression on rows of features that never lie in memory together.
//!
//! One pass gathers [`Moments`]; a fit needs nothing else of the rows. For `n` rows of `p` features and `m`
//! outputs a pass costs `n p^2` multiply-adds and holds `p^2 + p m` numbers and one block of rows, whatever `n`.
//!
//! | you have | you do |
//! |---|---|
//! | blocks of rows, one after the other | [`Moments::accumulate`], then [`CheckedStreamingRidge::solve`] |
//! | parts of the rows on several workers | [`merge_all`] of their moments |
//! | a job that may be stopped | [`Moments::into_parts`], [`Moments::from_parts`] |
//! | classes | [`StreamingClassifier`] |
//! | rows that can be read twice | [`CheckedStreamingRidge::spectrum`], [`MomentSpectrum::leave_one_out`] |
//!
//! [`Ridge::Auto`](crate::Ridge::Auto) means generalised cross-validation here ([`GcvPoint`]): one
//! eigendecomposition of size `p`, then `O(p)` for each ridge, shared by all outputs; beyond [`EIGEN_LIMIT`]
//! features, where that takes twenty times as long as a factorisation, a few factorisations instead. Exact
//! leave-one-out needs the rows once more.
//!
//! Rows are counted from the beginning of the stream in all messages, and the result has the same bits however
//! the stream is cut into calls and on any number of threads.
//!
//! # Sources
//!
//! Chan, Golub & LeVeque, *Algorithms for computing the sample variance: analysis and recommendations*, The
//! American Statistician 37, 1983 (joining moments); Golub, Heath & Wahba, *Generalized cross-validation as a
//! method for choosing a good ridge parameter*, Technometrics 21, 1979.

mod classifier;
mod climb;
mod gcv;
mod loo;
mod moments;
mod normal;
mod parts;
mod ridge;
mod rows;
mod spectrum;

pub use classifier::{
    CheckedStreamingClassifier, ClassMoments, ClassMomentsParts, StreamingClassifier,
    StreamingClassifierModel, balanced_class_weights, row_weights,
};
pub use gcv::{GcvPath, GcvPoint};
pub use loo::LeaveOneOut;
pub(crate) use moments::add_products;
pub use moments::{Moments, merge_all};

pub use parts::MomentsParts;
pub(crate) use parts::mirror;
pub use ridge::{Centre, CheckedStreamingRidge, EIGEN_LIMIT, StreamingRidge, StreamingRidgeModel};
pub use rows::{BLOCK, LARGEST};
pub use spectrum::MomentSpectrum;
