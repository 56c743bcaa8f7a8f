//! Gaussian-process regression: posterior mean and variance, log marginal likelihood
//! (Rasmussen & Williams 2006, section 2.2, algorithm 2.1, and equation 2.30).
//!
//! Each of `m` independent outputs has the prior `f ~ N(mean, a K)` and observations `y = f + e` with
//! `e ~ N(0, a noise I)`. They share the kernel and the noise; mean and amplitude `a` are the output's own. With
//! `Q = (K + noise I)^-1`
//!
//! * posterior mean `mean + k Q (y - mean)`, covariance `a (k** - k Q k^T)` of the noise-free `f`;
//! * log marginal likelihood, summed over the outputs:
//!   `-(y - mean)^T Q (y - mean) / (2 a) - 1/2 log det(K + noise I) - n/2 log(2 pi a)`.
//!
//! The amplitude that maximises it is `(y - mean)^T Q (y - mean) / n` for each output; with it the noise is a
//! pure noise-to-signal ratio and the variances come in the units of the targets.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Cholesky, Par, Scalar, SymmetricEigen, matmul, symmetric_eigen};

use crate::Error;
use crate::check::{self, promote, widen};
use crate::diagnostics::{Diagnostics, Probes, ratio};
use crate::ensemble::reduced;
use crate::loo::Targets;
use crate::posterior::{Posterior, Prior};
use crate::ridge::Shift;
use crate::rounding::semidefinite;
use crate::search::search;
use crate::spectrum::scale_rows;
use crate::system::System;

/// Variance of the observation noise, in units of the amplitude.
#[derive(Clone, Debug, PartialEq)]
pub enum Noise {
    /// In units of the mean of the kernel's diagonal.
    Value(f64),
    /// As it is.
    Absolute(f64),
    /// Maximises the marginal likelihood over a path, from one eigendecomposition.
    Auto(NoisePath),
}

/// A path of noises relative to the mean of the kernel's diagonal.
#[derive(Clone, Debug, PartialEq)]
pub struct NoisePath {
    /// Smallest relative noise.
    pub lowest: f64,
    /// Largest relative noise.
    pub highest: f64,
    /// Grid points a decade.
    pub per_decade: usize,
    /// Rounds of refinement around the best point, three new points a gap.
    pub refinements: usize,
}

impl Default for NoisePath {
    /// `1e-8 ... 1e2`, two points a decade, three refinements.
    fn default() -> Self {
        NoisePath { lowest: 1e-8, highest: 1e2, per_decade: 2, refinements: 3 }
    }
}

impl NoisePath {
    fn as_ridge_path(&self) -> crate::RidgePath {
        crate::RidgePath {
            lowest: self.lowest,
            highest: self.highest,
            per_decade: self.per_decade,
            refinements: self.refinements,
            ..crate::RidgePath::default()
        }
    }
}

/// The factor `a` between the kernel and the prior covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amplitude {
    /// Given, for all outputs; 1 takes the kernel as it is.
    Fixed(f64),
    /// Maximises the marginal likelihood, in closed form and for each output.
    MaximumLikelihood,
}

/// Parameters of Gaussian-process regression.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{GaussianProcess, Noise, Par, Prior};
/// let par = Par::single();
/// let k = array![[1.0, 0.0], [0.0, 1.0]];
/// let y = array![[2.0], [4.0]];
/// let gp = GaussianProcess { noise: Noise::Absolute(1.0), ..GaussianProcess::default() }.check()?;
/// let model = gp.fit(k, y.view(), &par)?;
/// let new = array![[1.0, 0.0]];
/// let prior = array![1.0];
/// let p = model.predict(new.view(), Prior::Diagonal(prior.view()), &par)?;
/// assert!((p.mean[[0, 0]] - 1.0f64).abs() < 1e-14 && (p.variance.unwrap()[0] - 0.5).abs() < 1e-14);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianProcess {
    /// Observation noise.
    pub noise: Noise,
    /// Factor between kernel and prior covariance.
    pub amplitude: Amplitude,
    /// Take the mean of the targets as the prior mean (default: a prior mean of zero).
    pub centre: bool,
}

impl Default for GaussianProcess {
    /// Relative noise `1e-6`, the kernel as it is, prior mean zero.
    fn default() -> Self {
        GaussianProcess {
            noise: Noise::Value(1e-6),
            amplitude: Amplitude::Fixed(1.0),
            centre: false,
        }
    }
}

impl GaussianProcess {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a noise or amplitude out of range.
    pub fn check(self) -> Result<CheckedGaussianProcess, Error> {
        match &self.noise {
            Noise::Value(v) => Shift::Relative(*v).check("noise")?,
            Noise::Absolute(v) => Shift::Absolute(*v).check("noise")?,
            Noise::Auto(path) => path.as_ridge_path().check()?,
        }
        if let Amplitude::Fixed(value) = self.amplitude
            && !(value > 0.0 && value.is_finite())
        {
            return Err(Error::Parameter {
                name: "amplitude",
                expected: "positive and finite",
                value,
            });
        }
        Ok(CheckedGaussianProcess { params: self })
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedGaussianProcess {
    params: GaussianProcess,
}

/// A factorisation of `K + noise I` (jitter included), in the form variances need.
#[derive(Clone, Debug)]
pub enum Factor {
    /// `L L^T`.
    Cholesky(Cholesky<f64>),
    /// `V diag(values) V^T`, noise included in the values.
    Eigen {
        /// Eigenvalues plus noise, ascending.
        values: Array1<f64>,
        /// Eigenvectors as columns.
        vectors: Array2<f64>,
    },
}

impl Factor {
    /// `B` with `B^T B = k Q k^T`, for `block` = `k` (`n_new x n`); returned transposed, `n_new x n`.
    fn whiten(&self, block: ArrayView2<f64>, par: &Par) -> Array2<f64> {
        match self {
            Factor::Cholesky(factor) => factor.solve_lower(block.t(), par).reversed_axes(),
            Factor::Eigen { values, vectors } => {
                matmul(block, vectors.view(), par) / values.mapv(f64::sqrt).insert_axis(Axis(0))
            }
        }
    }
}

/// Marginal likelihood at one noise.
#[derive(Clone, Debug, PartialEq)]
pub struct NoisePoint {
    /// Noise added to the diagonal.
    pub noise: f64,
    /// The same in units of the mean of the kernel's diagonal.
    pub relative: f64,
    /// Amplitude of each output at this noise, `m`.
    pub amplitude: Array1<f64>,
    /// Log marginal likelihood.
    pub log_marginal_likelihood: f64,
}

/// Fitted Gaussian process, in double precision whatever the type of the kernel.
#[derive(Clone, Debug)]
pub struct GaussianProcessModel {
    /// `Q (y - mean)`, `n x m`.
    pub dual: Array2<f64>,
    /// Prior mean of each output, `m`.
    pub mean: Array1<f64>,
    /// Noise on the diagonal of the kernel, in units of the amplitude.
    pub noise: f64,
    /// Factor between kernel and prior covariance, one an output.
    pub amplitude: Array1<f64>,
    /// Log marginal likelihood of the training targets, summed over outputs.
    pub log_marginal_likelihood: f64,
    /// Path of the noise, ascending, if it was searched.
    pub path: Option<Vec<NoisePoint>>,
    /// Factorisation that gives the variances.
    pub factor: Factor,
    /// How well the system was solved.
    pub diagnostics: Diagnostics,
}

/// `log 2 pi`.
const LOG_TAU: f64 = 1.837_877_066_409_345_3;

impl CheckedGaussianProcess {
    /// Amplitudes and log marginal likelihood from `fits` = `(y - mean)^T Q (y - mean)` of each output and the
    /// log determinant.
    fn likelihood(&self, fits: &Array1<f64>, log_det: f64, n: usize) -> (Array1<f64>, f64) {
        let n = n as f64;
        let amplitudes = fits.mapv(|fit| match self.params.amplitude {
            Amplitude::Fixed(a) => a,
            // A constant target has amplitude zero; keep the density finite.
            Amplitude::MaximumLikelihood => (fit / n).max(f64::MIN_POSITIVE),
        });
        let log = |(fit, a): (&f64, &f64)| -0.5 * (fit / a + log_det + n * (LOG_TAU + a.ln()));
        let likelihood = fits.iter().zip(&amplitudes).map(log).sum();
        (amplitudes, likelihood)
    }

    /// Fits `n x m` targets to an `n x n` training kernel, which is consumed.
    ///
    /// A given noise takes one Cholesky factorisation, a searched one an eigendecomposition.
    ///
    /// # Errors
    /// Shapes that do not fit, values that are not finite, a kernel that is not symmetric or not positive
    /// definite with the noise (after jitter).
    pub fn fit<T: Scalar>(
        &self,
        kernel: Array2<T>,
        targets: ArrayView2<T>,
        par: &Par,
    ) -> Result<GaussianProcessModel, Error> {
        let unit = check::training_kernel(kernel.view(), par)?;
        check::targets(targets, kernel.nrows())?;
        let targets = Targets {
            values: widen(targets),
            weights: None,
            codes: None,
            centre: self.params.centre,
        };
        match &self.params.noise {
            Noise::Value(v) => {
                self.given(promote(kernel), &targets, Shift::Relative(*v).absolute(unit)?, par)
            }
            Noise::Absolute(v) => self.given(promote(kernel), &targets, *v, par),
            Noise::Auto(path) => self.automatic::<T>(promote(kernel), &targets, path, unit, par),
        }
    }

    fn given(
        &self,
        kernel: Array2<f64>,
        targets: &Targets,
        noise: f64,
        par: &Par,
    ) -> Result<GaussianProcessModel, Error> {
        let b = targets.right_hand_sides(false);
        let n = b.nrows();
        let system = System::new(kernel, noise, par)?;
        let (dual, residual) = system.solve(b.view(), par);
        let log_det = system.factor.log_det();
        let (amplitude, likelihood) = self.likelihood(&(&dual * &b).sum_axis(Axis(0)), log_det, n);
        let diagnostics = system.diagnostics(noise, residual);
        finish(GaussianProcessModel {
            dual,
            mean: Array1::from(targets.mean()),
            noise,
            amplitude,
            log_marginal_likelihood: likelihood,
            path: None,
            factor: Factor::Cholesky(system.factor),
            diagnostics,
        })
    }

    fn automatic<T: Scalar>(
        &self,
        kernel: Array2<f64>,
        targets: &Targets,
        path: &NoisePath,
        unit: f64,
        par: &Par,
    ) -> Result<GaussianProcessModel, Error> {
        if unit <= 0.0 {
            return Err(Error::DiagonalNotPositive { mean: unit });
        }
        let b = targets.right_hand_sides(false);
        let n = b.nrows();
        let probes = Probes::new(kernel.view(), par);
        let SymmetricEigen { values, vectors } = symmetric_eigen(kernel, par)?;
        let (min, max) = (values[0], values[n - 1]);
        semidefinite::<T>(&values)?;
        let mut coefficients = matmul(vectors.t(), b.view(), par);
        let energy = coefficients.mapv(|c| c * c);
        let point = |noise: f64| {
            let shifted = values.mapv(|w| w + noise);
            let fits = (&energy / &shifted.view().insert_axis(Axis(1))).sum_axis(Axis(0));
            let log_det = shifted.mapv(f64::ln).sum();
            let (amplitude, log_marginal_likelihood) = self.likelihood(&fits, log_det, n);
            NoisePoint { noise, relative: noise / unit, amplitude, log_marginal_likelihood }
        };
        let floor = (10.0 * f64::EPSILON * max).max(-2.0 * min);
        let mut grid: Vec<f64> = path.as_ridge_path().grid().iter().map(|r| r * unit).collect();
        grid.retain(|v| *v >= floor);
        if grid.is_empty() {
            grid.push(floor);
        }
        let found = search(
            grid,
            path.refinements,
            |noises| Ok(noises.iter().map(|v| point(*v)).collect()),
            |p| p.noise,
            |p, q| p.log_marginal_likelihood > q.log_marginal_likelihood,
        )?;
        let best = found.points[found.best].clone();
        let shifted = values.mapv(|w| w + best.noise);
        scale_rows(&mut coefficients, &shifted.mapv(|w| 1.0 / w));
        let dual = matmul(vectors.view(), coefficients.view(), par);
        let diagnostics = Diagnostics {
            condition: ratio(max + best.noise, min + best.noise),
            jitter: 0.0,
            residual: probes.residual(best.noise, dual.view(), b.view(), par),
            min_eigenvalue: Some(min),
        };
        finish(GaussianProcessModel {
            dual,
            mean: Array1::from(targets.mean()),
            noise: best.noise,
            amplitude: best.amplitude,
            log_marginal_likelihood: best.log_marginal_likelihood,
            path: Some(found.points),
            factor: Factor::Eigen { values: shifted, vectors },
            diagnostics,
        })
    }
}

/// Refuses results that left the range of doubles.
fn finish(model: GaussianProcessModel) -> Result<GaussianProcessModel, Error> {
    if model.log_marginal_likelihood.is_finite() && model.dual.iter().all(|v| v.is_finite()) {
        Ok(model)
    } else {
        Err(Error::Overflow { what: "the Gaussian process" })
    }
}

impl GaussianProcessModel {
    /// Posterior at new points of the noise-free function. `kernel`: between new points (rows) and training
    /// points (columns), `prior`: kernel between new points, both without the amplitude. For the spread of
    /// an observation add [`Self::noise_variance`].
    ///
    /// # Errors
    /// Blocks of the wrong shape or with values that are not finite.
    pub fn predict<T: Scalar>(
        &self,
        kernel: ArrayView2<T>,
        prior: Prior<T>,
        par: &Par,
    ) -> Result<Posterior<T>, Error> {
        check::block("the kernel between new and training points", kernel, self.dual.nrows())?;
        prior.check(kernel.nrows())?;
        let block = widen(kernel);
        let mean = matmul(block.view(), self.dual.view(), par) + &self.mean;
        let whitened = match prior {
            Prior::Unknown => Array2::zeros((0, 0)),
            _ => self.factor.whiten(block.view(), par),
        };
        let mut posterior = reduced(mean.view(), prior, whitened.view(), par)?;
        posterior.amplitude.assign(&self.amplitude);
        Ok(posterior)
    }

    /// Variance of the observation noise of each output in the units of the targets: `amplitude * noise`.
    pub fn noise_variance(&self) -> Array1<f64> {
        &self.amplitude * self.noise
    }
}
