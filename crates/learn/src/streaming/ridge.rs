//! The solver on moments and its model.

use ndarray::{Array1, Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar};

use super::climb::climb;
use super::gcv::GcvPath;
use super::moments::Moments;
use super::normal::Normal;
use super::spectrum::MomentSpectrum;
use crate::Error;
use crate::check::{self, narrow};
use crate::diagnostics::{Diagnostics, product};
use crate::ridge::{Criterion, Ridge, Route, Shift};
use crate::system::System;

/// Features up to which [`Route::Auto`] takes the eigendecomposition.
pub const EIGEN_LIMIT: usize = 3000;

/// What is subtracted before solving and given back in predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Centre {
    /// Nothing: `f(x) = z(x)^T w`.
    Nothing,
    /// The mean of the targets, as [`FeatureRidge`](crate::FeatureRidge) does with `centre: true`.
    #[default]
    Targets,
    /// The means of targets and features: an intercept that the ridge does not shrink. The unit of relative
    /// ridges is then the mean squared norm of the centred rows.
    Both,
}

/// Parameters of ridge regression on moments.
///
/// The predictor of [`FeatureRidge`](crate::FeatureRidge) on the same rows, at the same ridge, and with the same
/// unit of relative ridges; [`Ridge::Auto`] goes by generalised cross-validation instead of leave-one-out.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_learn::{Par, Ridge, StreamingRidge, streaming::{Centre, Moments}};
/// let par = Par::single();
/// let mut moments = Moments::new(1, 1)?;
/// for block in 0..10 {
///     let z = Array2::from_shape_fn((50, 1), |(i, _)| (50 * block + i) as f64);
///     let y = z.mapv(|z| 3.0 * z - 7.0);
///     moments.accumulate(z.view(), y.view(), None, &par)?;
/// }
/// let solver = StreamingRidge { ridge: Ridge::Absolute(0.0), centre: Centre::Both }.check()?;
/// let model = solver.solve(&moments, &par)?;
/// assert!((model.weights[[0, 0]] - 3.0).abs() < 1e-12);
/// assert!((model.intercept[0] + 7.0).abs() < 1e-9);
/// assert!((model.predict(array![[1.0f64]].view(), &par)?[[0, 0]] + 4.0).abs() < 1e-9);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamingRidge {
    /// The ridge, or the path to find it on, by one eigendecomposition or a few factorisations as its
    /// [route](crate::RidgePath::route) says.
    pub ridge: Ridge,
    /// What is subtracted before solving (default: the mean of the targets).
    pub centre: Centre,
}

impl StreamingRidge {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a ridge or a path out of range; [`Error::CriterionNeedsRows`] for a path that
    /// is to minimise the error rate.
    pub fn check(self) -> Result<CheckedStreamingRidge, Error> {
        self.ridge.check()?;
        match &self.ridge {
            Ridge::Auto(path) if path.criterion == Criterion::ErrorRate => {
                Err(Error::CriterionNeedsRows)
            }
            _ => Ok(CheckedStreamingRidge { params: self }),
        }
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedStreamingRidge {
    params: StreamingRidge,
}

/// Ridge regression fitted to moments, in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamingRidgeModel {
    /// Weights, `p x m`: `f(x) = intercept + z(x)^T weights`.
    pub weights: Array2<f64>,
    /// Intercept of each output, `m`.
    pub intercept: Array1<f64>,
    /// The ridge `lambda`.
    pub ridge: f64,
    /// The same in units of the mean squared norm of the rows.
    pub relative_ridge: f64,
    /// The path the ridge was chosen from, if it was.
    pub path: Option<GcvPath>,
    /// `trace G (G + lambda I)^-1` for the second moments `G`, where the spectrum was computed.
    pub effective_dimension: Option<f64>,
    /// How well the system was solved; `residual` is that of the normal equations.
    pub diagnostics: Diagnostics,
}

impl CheckedStreamingRidge {
    /// Fits the moments, which stay as they are and can take further rows in.
    ///
    /// A given ridge: one Cholesky factorisation of size `p`. [`Ridge::Auto`]: one eigendecomposition, or, for
    /// more than [`EIGEN_LIMIT`] features, three to ten factorisations.
    ///
    /// # Errors
    /// [`Error::TooFewRows`] for no rows (a single one, with [`Ridge::Auto`]);
    /// [`Error::DiagonalNotPositive`] for a relative ridge on features that are zero (constant, with
    /// [`Centre::Both`]); [`Error::NotPositiveDefinite`] where the ridge is too small for a factorisation.
    pub fn solve(&self, moments: &Moments, par: &Par) -> Result<StreamingRidgeModel, Error> {
        match &self.params.ridge {
            Ridge::Value(v) => self.given(moments, Shift::Relative(*v), par),
            Ridge::Absolute(v) => self.given(moments, Shift::Absolute(*v), par),
            Ridge::Auto(path) => {
                let many = moments.features() > EIGEN_LIMIT;
                if path.route == Route::Cholesky || many && path.route == Route::Auto {
                    return climb(Normal::new(moments, self.params.centre, par)?, path, par);
                }
                let spectrum = self.spectrum(moments, par)?;
                let found = spectrum.gcv(path)?;
                let mut model = spectrum.model(Shift::Absolute(found.best().ridge), par)?;
                model.path = Some(found);
                Ok(model)
            }
        }
    }

    /// The eigendecomposition of the second moments, for many ridges and for leave-one-out.
    ///
    /// # Errors
    /// [`Error::TooFewRows`] for no rows, [`Error::Linalg`] where the decomposition does not converge.
    pub fn spectrum(&self, moments: &Moments, par: &Par) -> Result<MomentSpectrum, Error> {
        MomentSpectrum::new(Normal::new(moments, self.params.centre, par)?, par)
    }

    fn given(
        &self,
        moments: &Moments,
        ridge: Shift,
        par: &Par,
    ) -> Result<StreamingRidgeModel, Error> {
        let mut normal = Normal::new(moments, self.params.centre, par)?;
        let ridge = normal.absolute(ridge)?;
        let system = System::new(std::mem::take(&mut normal.matrix), ridge, par)?;
        let (weights, residual) = system.solve(normal.rhs.view(), par);
        normal.model(weights, ridge, None, system.diagnostics(ridge, residual))
    }
}

impl StreamingRidgeModel {
    /// Predictions `n_new x m` from the features of new points, computed in double precision.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features, [`Error::NotFinite`] for NaN or infinity,
    /// [`Error::Overflow`] for predictions that do not fit `T`.
    pub fn predict<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        par: &Par,
    ) -> Result<Array2<T>, Error> {
        check::length("number of features", self.weights.nrows(), features.ncols())?;
        check::finite("the array of features", features)?;
        let predictions = product(features, self.weights.view(), par) + &self.intercept;
        narrow("the predictions", predictions.view())
    }
}
