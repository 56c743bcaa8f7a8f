//! What a model is asked to be.

use widelimit_exact::Quantity;
use widelimit_learn::{Amplitude, Ridge};

/// Kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Numbers.
    Regression,
    /// Classes, by regression on centred one-hot targets.
    Classification,
}

impl Task {
    /// `regression` or `classification`.
    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Classification => "classification",
        }
    }
}

/// What is done to inputs before the network sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preprocess {
    /// Nothing.
    #[default]
    None,
    /// Columns are shifted and scaled to mean 0 and standard deviation 1 over the training rows; of
    /// images, channels, over all positions of all training images.
    Standardize,
    /// Rows are scaled to unit norm, images as a whole; zeros stay zero.
    UnitNorm,
}

impl Preprocess {
    /// All of them.
    pub const ALL: [Preprocess; 3] = [Self::None, Self::Standardize, Self::UnitNorm];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preprocess| preprocess.name() == name)
    }

    /// `none`, `standardize` or `unit-norm`.
    pub fn name(self) -> &'static str {
        match self {
            Preprocess::None => "none",
            Preprocess::Standardize => "standardize",
            Preprocess::UnitNorm => "unit-norm",
        }
    }
}

/// Which kernel, which ridge, which scaling of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The kernel: NTK (trained networks) or NNGP (Gaussian process).
    pub quantity: Quantity,
    /// The ridge, or how to find it; for a Gaussian process the noise variance.
    pub ridge: Ridge,
    /// Factor between kernel and prior covariance, of each output; it enters standard deviations only.
    pub amplitude: Amplitude,
    /// What is done to inputs first.
    pub preprocess: Preprocess,
}

impl Default for Settings {
    /// NTK, ridge by leave-one-out, amplitude by maximum likelihood, inputs as they are.
    fn default() -> Self {
        Self {
            quantity: Quantity::Ntk,
            ridge: Ridge::default(),
            amplitude: Amplitude::MaximumLikelihood,
            preprocess: Preprocess::None,
        }
    }
}
