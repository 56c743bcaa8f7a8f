//! What a model is asked to be.

use widelimit_exact::Quantity;
use widelimit_learn::{Amplitude, Ridge};

use crate::features::FeatureSettings;

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

/// What the regression is solved on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    /// The exact kernel up to 20 000 rows, where it fits the memory limit and takes no more than some
    /// hours; features beyond. A Gaussian process is always exact: it has a posterior.
    #[default]
    Auto,
    /// The exact kernel.
    Exact,
    /// Features that stand for it.
    Features,
}

impl Solver {
    /// All of them.
    pub const ALL: [Solver; 3] = [Self::Auto, Self::Exact, Self::Features];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|solver| solver.name() == name)
    }

    /// `auto`, `exact` or `features`.
    pub fn name(self) -> &'static str {
        match self {
            Solver::Auto => "auto",
            Solver::Exact => "exact",
            Solver::Features => "features",
        }
    }
}

/// Which kernel, which ridge, which scaling of the inputs, which solver.
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
    /// What the regression is solved on; of a fitted model, what it was solved on.
    pub solver: Solver,
    /// The features, where it is solved on them.
    pub features: FeatureSettings,
}

impl Default for Settings {
    /// NTK, ridge by leave-one-out, amplitude by maximum likelihood, inputs as they are, solver by the
    /// number of rows.
    fn default() -> Self {
        Self {
            quantity: Quantity::Ntk,
            ridge: Ridge::default(),
            amplitude: Amplitude::MaximumLikelihood,
            preprocess: Preprocess::None,
            solver: Solver::Auto,
            features: FeatureSettings::default(),
        }
    }
}
