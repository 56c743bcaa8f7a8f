//! The infinite ensemble of infinitely wide networks: mean and covariance over random initialisations.
//!
//! Each member starts from a draw of the NNGP prior and is trained by gradient flow on the squared loss; the
//! predictions at any time are jointly Gaussian (Lee et al. 2019, section 2.4, equations 13-16). Written with
//! `P_t = k(x, X) V (1 - e^(-w s)) / w V^T`, where `V diag(w) V^T` is the training kernel:
//!
//! * all layers trained: `k` is the NTK, mean `P_t y`, covariance
//!   `S** + P_t S P_t^T - P_t S*^T - S* P_t^T` with the NNGP blocks `S`, `S*` (new, training) and `S**`;
//! * last layer trained: `k` is the NNGP itself and the covariance collapses to
//!   `S** - S* V (1 - e^(-2 w s)) / w V^T S*^T`, which for `t -> infinity` is the Gaussian-process posterior.
//!
//! A shift on the diagonal belongs to the kernel that is trained with; the random start keeps its own `S`
//! (all layers), or shares the shift (last layer, where shift means observation noise).

use ndarray::{Array1, Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar, matmul};

use crate::Error;
use crate::check::{self, promote, widen};
use crate::gradient_flow::Training;
use crate::posterior::{Posterior, Prior};
use crate::ridge::Shift;
use crate::spectrum::{Spectrum, Time, symmetrise};
use crate::system::System;

/// Which weights are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trained {
    /// The last layer only: dynamics of the NNGP kernel.
    LastLayer,
    /// All layers: dynamics of the NTK.
    AllLayers,
}

/// Kernel blocks between new points (rows) and training points (columns), and between new points.
#[derive(Clone, Copy, Debug)]
pub struct NewPoints<'a, T> {
    /// NNGP, `n_new x n`.
    pub nngp: ArrayView2<'a, T>,
    /// NTK, `n_new x n`; only looked at when all layers are trained.
    pub ntk: Option<ArrayView2<'a, T>>,
    /// NNGP between new points: decides how much of the spread is computed.
    pub prior: Prior<'a, T>,
}

impl<T: Scalar> NewPoints<'_, T> {
    fn check(&self, columns: usize) -> Result<(), Error> {
        check::block("the NNGP between new and training points", self.nngp, columns)?;
        if let Some(ntk) = self.ntk {
            check::block("the NTK between new and training points", ntk, columns)?;
            check::length(
                "rows of the NTK between new and training points",
                self.nngp.nrows(),
                ntk.nrows(),
            )?;
        }
        self.prior.check(self.nngp.nrows())
    }
}

/// Prepared predictions of the ensemble.
#[derive(Clone, Debug)]
pub struct Ensemble {
    last: Spectrum,
    all: Option<Spectrum>,
    nngp: Array2<f64>,
    targets: Array2<f64>,
    training: Training,
}

/// Prepares the ensemble: one eigendecomposition of the NNGP and, if given, one of the NTK, in double
/// precision (about `9 n^3` operations each). Blocks between training points are `n x n`, `targets` is `n x m`.
///
/// # Errors
/// Wrong shapes, values that are not finite, kernels that are not positive semi-definite, parameters out of range.
pub fn gradient_descent_mse_ensemble<T: Scalar>(
    nngp: Array2<T>,
    ntk: Option<Array2<T>>,
    targets: ArrayView2<T>,
    training: Training,
    par: &Par,
) -> Result<Ensemble, Error> {
    training.check()?;
    let mean = check::training_kernel(nngp.view(), par)?;
    check::targets(targets, nngp.nrows())?;
    let nngp = promote(nngp);
    let last = Spectrum::new::<T>(nngp.clone(), training.shift.absolute(mean)?, par)?;
    let all = match ntk {
        None => None,
        Some(ntk) => {
            let mean = check::training_kernel(ntk.view(), par)?;
            check::length("rows of the NTK between training points", nngp.nrows(), ntk.nrows())?;
            Some(Spectrum::new::<T>(promote(ntk), training.shift.absolute(mean)?, par)?)
        }
    };
    Ok(Ensemble { last, all, nngp, targets: widen(targets), training })
}

impl Ensemble {
    fn spectrum(&self, trained: Trained) -> Result<&Spectrum, Error> {
        match trained {
            Trained::LastLayer => Ok(&self.last),
            Trained::AllLayers => self.all.as_ref().ok_or(Error::NtkMissing),
        }
    }

    /// Mean (`n x m`) and covariance (`n x n`) of the predictions at the training points.
    ///
    /// # Errors
    /// A negative time; [`Error::NtkMissing`] when all layers are asked for and no NTK was given.
    pub fn train<T: Scalar>(
        &self,
        trained: Trained,
        time: Time,
        par: &Par,
    ) -> Result<Posterior<T>, Error> {
        let spectrum = self.spectrum(trained)?;
        let s = self.training.scaled(time, self.targets.len())?;
        let mean = spectrum.apply(&spectrum.learned(s), self.targets.view(), par);
        let mut covariance = match trained {
            Trained::LastLayer => {
                spectrum.matrix(&(&spectrum.values * &spectrum.remaining(2.0 * s)), par)
            }
            Trained::AllLayers => {
                let left = spectrum.matrix(&spectrum.remaining(s), par);
                let product = matmul(left.view(), self.nngp.view(), par);
                matmul(product.view(), left.view(), par)
            }
        };
        symmetrise(&mut covariance);
        Posterior::new(mean.view(), None, Some(covariance))
    }

    /// Mean and spread of the predictions at new points.
    ///
    /// # Errors
    /// A negative time, blocks of the wrong shape or with values that are not finite;
    /// [`Error::NtkMissing`] when all layers are asked for without an NTK.
    pub fn predict<T: Scalar>(
        &self,
        trained: Trained,
        time: Time,
        new: NewPoints<T>,
        par: &Par,
    ) -> Result<Posterior<T>, Error> {
        new.check(self.last.len())?;
        let spectrum = self.spectrum(trained)?;
        let s = self.training.scaled(time, self.targets.len())?;
        let nngp = widen(new.nngp);
        match trained {
            Trained::LastLayer => {
                let dual = spectrum.apply(&spectrum.growth(s), self.targets.view(), par);
                let mean = matmul(nngp.view(), dual.view(), par);
                // Covariance S** - B B^T with B = S* V sqrt((1 - e^(-2 w s)) / w).
                let b = match new.prior {
                    Prior::Unknown => Array2::zeros((0, 0)),
                    _ => {
                        let root = spectrum.growth(2.0 * s).mapv(f64::sqrt);
                        matmul(nngp.view(), spectrum.vectors.view(), par)
                            * root.insert_axis(ndarray::Axis(0))
                    }
                };
                reduced(mean.view(), new.prior, b.view(), par)
            }
            Trained::AllLayers => {
                let ntk = widen(new.ntk.ok_or(Error::NtkMissing)?);
                let p = spectrum.apply(&spectrum.growth(s), ntk.t(), par);
                let mean = matmul(p.t(), self.targets.view(), par);
                trained_start(mean.view(), p.view(), self.nngp.view(), nngp.view(), new.prior, par)
            }
        }
    }
}

/// Posterior after infinite training of all layers, from one Cholesky factorisation of `ntk + shift I`
/// (`n^3 / 3` operations; the eigendecomposition of [`Ensemble`] serves many times at once instead).
///
/// The posteriors of the NNGP and of the NTK as ordinary Gaussian processes are
/// [`crate::GaussianProcess`] with a fixed noise.
///
/// # Errors
/// As [`gradient_descent_mse_ensemble`]; [`Error::NotPositiveDefinite`] when the NTK cannot be factored.
pub fn gp_inference<T: Scalar>(
    nngp: ArrayView2<T>,
    ntk: Array2<T>,
    targets: ArrayView2<T>,
    shift: Shift,
    new: NewPoints<T>,
    par: &Par,
) -> Result<Posterior<T>, Error> {
    shift.check("shift of the diagonal")?;
    check::training_kernel(nngp, par)?;
    let mean = check::training_kernel(ntk.view(), par)?;
    check::length("rows of the NTK between training points", nngp.nrows(), ntk.nrows())?;
    check::targets(targets, nngp.nrows())?;
    new.check(nngp.nrows())?;
    let block = widen(new.ntk.ok_or(Error::NtkMissing)?);
    let system = System::new(promote(ntk), shift.absolute(mean)?, par)?;
    let p = system.factor.solve(block.t(), par);
    let mean = matmul(p.t(), widen(targets).view(), par);
    trained_start(mean.view(), p.view(), widen(nngp).view(), widen(new.nngp).view(), new.prior, par)
}

/// Covariance `S** - B B^T`.
pub(crate) fn reduced<T: Scalar>(
    mean: ArrayView2<f64>,
    prior: Prior<T>,
    b: ArrayView2<f64>,
    par: &Par,
) -> Result<Posterior<T>, Error> {
    match prior {
        Prior::Unknown => Posterior::new(mean, None, None),
        Prior::Diagonal(d) => {
            let variance = d.iter().zip(b.rows()).map(|(k, r)| k.to_f64() - r.dot(&r)).collect();
            Posterior::new(mean, Some(variance), None)
        }
        Prior::Full(k) => {
            let mut covariance = widen(k) - matmul(b, b.t(), par);
            symmetrise(&mut covariance);
            Posterior::new(mean, None, Some(covariance))
        }
    }
}

/// Covariance `S** + P S P^T - P S*^T - S* P^T`, with `p` = `P^T` (`n x n_new`).
fn trained_start<T: Scalar>(
    mean: ArrayView2<f64>,
    p: ArrayView2<f64>,
    nngp: ArrayView2<f64>,
    block: ArrayView2<f64>,
    prior: Prior<T>,
    par: &Par,
) -> Result<Posterior<T>, Error> {
    // P S - 2 S*, whose product with P^T is P S P^T - 2 S* P^T: symmetrising gives the two cross terms.
    let left = || matmul(p.t(), nngp, par) - &block * 2.0;
    match prior {
        Prior::Unknown => Posterior::new(mean, None, None),
        Prior::Diagonal(d) => {
            let left = left();
            let rows = left.rows().into_iter().zip(p.columns());
            let spread: Array1<f64> = rows.map(|(a, b)| a.dot(&b)).collect();
            Posterior::new(mean, Some(d.mapv(|k| k.to_f64()) + spread), None)
        }
        Prior::Full(k) => {
            let mut covariance = widen(k) + matmul(left().view(), p, par);
            symmetrise(&mut covariance);
            Posterior::new(mean, None, Some(covariance))
        }
    }
}
