//! Estimators on kernels and features: ridge regression, classification, Gaussian processes, gradient flow.
//!
//! Everything here works on *matrices*: blocks of a kernel between points, or rows of features. Where they
//! come from (an NTK, an NNGP, an RBF kernel, a feature map) does not matter.
//!
//! | you have | you want | use |
//! |---|---|---|
//! | kernel, numbers | predictions | [`KernelRidge`] |
//! | kernel, classes | predictions | [`Classifier`] (`fit_kernel`) |
//! | features, numbers or classes | predictions | [`FeatureRidge`], [`Classifier`] (`fit_features`) |
//! | features too many to hold, numbers or classes | predictions | [`StreamingRidge`], [`StreamingClassifier`] |
//! | kernel of a sample, features | how good the features are | [`Certify`] |
//! | kernel, numbers | predictions with variances, marginal likelihood | [`GaussianProcess`] |
//! | NTK (or NNGP) | the network after training time `t` | [`gradient_flow`] |
//! | NNGP and NTK | mean and covariance over random initialisations | [`ensemble`] |
//!
//! # Conventions
//!
//! * A **ridge** is added to the diagonal: `K + lambda I`. [`Ridge::Value`] is *relative to the mean of the
//!   diagonal* of `K`, [`Ridge::Absolute`] is taken as it is, [`Ridge::Auto`] searches by closed-form
//!   leave-one-out ([`loo`]).
//! * Blocks between new points (rows) and training points (columns) are `n_new x n`; targets are `n x m`, one
//!   column an output; all outputs share kernel and ridge.
//! * A training kernel is **consumed** by `fit`; [`memory`] says what a fit needs beyond it.
//! * `f32` kernels: a factorisation runs in `f32` and its solution is refined against the residual in double
//!   precision; everything that needs eigenvalues or variances runs in double precision.
//! * Every solve reports [`Diagnostics`]; every refusal is an [`Error`] with the numbers in it.
//!
//! # Sources
//!
//! Rasmussen & Williams, *Gaussian Processes for Machine Learning*, 2006 (sections 2.2, 5.4); Jacot, Gabriel &
//! Hongler, *Neural Tangent Kernel*, 2018; Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein & Pennington,
//! *Wide Neural Networks of Any Depth Evolve as Linear Models Under Gradient Descent*, 2019.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bracket;
pub mod certificate;
mod check;
pub mod classification;
mod diagnostics;
pub mod ensemble;
mod error;
pub mod feature_ridge;
pub mod gaussian_process;
pub mod gradient_flow;
pub mod kernel_ridge;
pub mod loo;
pub mod memory;
pub mod metrics;
mod path;
mod posterior;
pub mod ridge;
mod rounding;
mod search;
mod spectrum;
pub mod streaming;
mod system;
mod walk;

pub use certificate::{Certificate, Certify, CheckedCertify, Estimate};
pub use classification::{
    CheckedClassifier, Classifier, FeatureClassifierModel, KernelClassifierModel,
};
pub use diagnostics::{Diagnostics, PROBES};
pub use error::Error;
pub use feature_ridge::{CheckedFeatureRidge, FeatureRidge, FeatureRidgeModel};
pub use gaussian_process::{
    Amplitude, CheckedGaussianProcess, GaussianProcess, GaussianProcessModel, Noise, NoisePath,
};
pub use kernel_ridge::{CheckedKernelRidge, KernelRidge, KernelRidgeModel};
pub use loo::{LooPath, LooPoint};
pub use posterior::{Posterior, Prior};
pub use ridge::{Criterion, Ridge, RidgePath, Route, Shift};
pub use spectrum::Time;
pub use streaming::{StreamingClassifier, StreamingRidge};
pub use widelimit_linalg::{Par, Scalar};
