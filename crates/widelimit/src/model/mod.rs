//! A fitted network of infinite width: what it was fitted with, what it knows, what it predicts.

mod fit;
mod linear;
mod predict;
mod scaling;
mod settings;
mod store;
mod streamed;

use std::sync::OnceLock;

use ndarray::{Array1, Array2, ArrayD, ArrayView2};
use widelimit_arch::Shape;
use widelimit_data::Classes;
use widelimit_learn::{Diagnostics, GaussianProcessModel, LooPath};

use crate::features::Features;
use crate::{Network, Precision};
pub(crate) use fit::{check_finite, check_network, expect_shape, kernel_of, shape_of, want};
pub(crate) use linear::regression_bytes;
pub(crate) use predict::block_rows;
use scaling::Scaling;
pub use settings::{Preprocess, Settings, Solver, Task};
pub use store::Notes;
pub use streamed::StreamedFit;

/// A fitted regression or classifier, on rows of a table or on images.
///
/// Predictions have the precision of the training inputs; new inputs of the other precision are
/// converted.
#[derive(Debug)]
pub struct Model {
    network: Network,
    settings: Settings,
    classes: Classes,
    fit: Fit,
    state: State,
}

/// What a fit tells about itself.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Training rows, or images.
    pub rows: usize,
    /// Numbers of one input: features of a row; of an image, its positions times its channels.
    pub features: usize,
    /// Shape of one input.
    pub input: Shape,
    /// Outputs: targets, or classes.
    pub outputs: usize,
    /// The ridge added to the diagonal of the kernel, exact or of features.
    pub ridge: f64,
    /// The same in units of the mean of the diagonal.
    pub relative_ridge: f64,
    /// The path the ridge was chosen from, if it was.
    pub path: Option<LooPath>,
    /// Leave-one-out predictions of the training rows (rows x outputs), where the ridge was chosen.
    pub leave_one_out: Option<Array2<f64>>,
    /// Eigenvalues of the kernel, ascending, where they were computed.
    pub eigenvalues: Option<Array1<f64>>,
    /// How well the system was solved.
    pub diagnostics: Diagnostics,
    /// Factor between kernel and prior covariance of a Gaussian process, one an output.
    pub amplitude: Option<Vec<f64>>,
    /// Log marginal likelihood of a Gaussian process, summed over outputs.
    pub log_marginal_likelihood: Option<f64>,
}

/// What predictions need, in the precision of the data.
#[derive(Debug)]
pub enum State {
    /// Single precision.
    F32(Arrays<f32>),
    /// Double precision.
    F64(Arrays<f64>),
}

/// The arrays behind predictions.
#[derive(Debug)]
pub struct Arrays<T> {
    scaling: Scaling,
    /// Mean of the targets.
    mean: Array1<T>,
    basis: Basis<T>,
}

/// What predictions are combined of.
#[derive(Debug)]
pub enum Basis<T> {
    /// Kernels with the training inputs.
    Kernel(Dual<T>),
    /// Features.
    Features(Linear<T>),
}

/// Predictions from kernels with the training inputs.
#[derive(Debug)]
pub struct Dual<T> {
    /// Training inputs after scaling.
    x: ArrayD<T>,
    /// Dual coefficients, rows x outputs.
    dual: Array2<T>,
    /// Targets as regressed on, rows x outputs.
    targets: Array2<f64>,
    /// The posterior, made when a standard deviation is first asked for.
    process: OnceLock<GaussianProcessModel>,
}

/// Predictions from features.
#[derive(Debug)]
pub struct Linear<T> {
    features: Features,
    /// Weights, features x outputs.
    weights: Array2<T>,
}

/// Which of the two states arrays of a number type make; a private part of [`crate::Scalar`].
pub trait Stored: Sized {
    /// Wraps arrays of this type.
    fn state(arrays: Arrays<Self>) -> State;
}

impl<T> Basis<T> {
    fn features(&self) -> Option<&Features> {
        match self {
            Basis::Kernel(_) => None,
            Basis::Features(linear) => Some(&linear.features),
        }
    }

    fn targets(&self) -> Option<ArrayView2<'_, f64>> {
        match self {
            Basis::Kernel(kernel) => Some(kernel.targets.view()),
            Basis::Features(_) => None,
        }
    }
}

impl Stored for f32 {
    fn state(arrays: Arrays<Self>) -> State {
        State::F32(arrays)
    }
}

impl Stored for f64 {
    fn state(arrays: Arrays<Self>) -> State {
        State::F64(arrays)
    }
}

impl Model {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The features it was solved on; `None` for the exact kernel.
    pub fn features(&self) -> Option<&Features> {
        match &self.state {
            State::F32(arrays) => arrays.basis.features(),
            State::F64(arrays) => arrays.basis.features(),
        }
    }

    /// What the model was asked to be.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The classes, in the order of the outputs; empty for regression.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// What the fit tells about itself.
    pub fn details(&self) -> &Fit {
        &self.fit
    }

    /// Training targets as regressed on, rows x outputs, one-hot for classes; `None` for a model on features, which has
    /// no use for them.
    pub fn targets(&self) -> Option<ArrayView2<'_, f64>> {
        match &self.state {
            State::F32(arrays) => arrays.basis.targets(),
            State::F64(arrays) => arrays.basis.targets(),
        }
    }

    /// Regression or classification.
    pub fn task(&self) -> Task {
        if self.classes.is_empty() { Task::Regression } else { Task::Classification }
    }

    /// Precision of predictions: that of the training inputs.
    pub fn precision(&self) -> Precision {
        match self.state {
            State::F32(_) => Precision::F32,
            State::F64(_) => Precision::F64,
        }
    }
}
