//! Fitting: scale, compute the kernel, solve.

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use widelimit_arch::Shape;
use widelimit_data::{Classes, Targets};
use widelimit_exact::{self as exact, Quantity, Want};
use widelimit_learn::{
    Classifier, GaussianProcess, GaussianProcessModel, KernelRidge, KernelRidgeModel, Noise, memory,
};

use super::scaling::Scaling;
use super::{Arrays, Fit, Model, Settings};
use crate::{Error, Network, Run, Scalar};

impl Model {
    /// Fits `network` to training rows and their targets: numbers are regressed on, labels classified.
    ///
    /// # Errors
    /// Inputs that are empty or not finite, targets of another length, one class only, a kernel that
    /// cannot be computed or factored, [`Error::MemoryLimit`] before anything is computed,
    /// [`Error::Cancelled`].
    pub fn fit<T: Scalar>(
        network: &Network,
        x: ArrayView2<'_, T>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        Self::fit_rows(network, x.into(), targets, settings, run)
    }

    /// [`Model::fit`] on rows that become the model's own, without a copy of them.
    ///
    /// # Errors
    /// As [`Model::fit`].
    pub fn fit_owned<T: Scalar>(
        network: &Network,
        x: Array2<T>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        Self::fit_rows(network, x.into(), targets, settings, run)
    }

    fn fit_rows<T: Scalar>(
        network: &Network,
        x: CowArray<'_, T, Ix2>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        if targets.rows() != x.nrows() {
            return Err(Error::Length {
                what: "number of targets",
                expected: x.nrows(),
                got: targets.rows(),
            });
        }
        let Regressed { y, codes, classes } = regressed(targets)?;
        let solver = Solver { y, codes, classes: classes.len(), settings };
        // Checked before scaling, so that errors name values as they were given.
        check_finite(x.view())?;
        run.check_memory("the fit", solver.memory::<T>(network, x.view(), run)?)?;
        let scaling = Scaling::learn(settings.preprocess, x.view());
        let scaled = scaling.apply(x);
        let run = &run.less("the fit", (scaled.len() * size_of::<T>()) as u64)?;
        let kernel = kernel_of(network, settings.quantity, scaled.view(), None, run)?;
        run.check_cancelled()?;
        let solution = solver.solve(kernel, run)?;
        run.check_cancelled()?;
        let process = OnceLock::new();
        let (mut amplitude, mut log_marginal_likelihood) = (None, None);
        if settings.quantity == Quantity::Nngp {
            let kernel = kernel_of(network, settings.quantity, scaled.view(), None, run)?;
            let model = posterior(settings, solution.ridge, kernel, solver.y.view(), run)?;
            amplitude = Some(model.amplitude.to_vec());
            log_marginal_likelihood = Some(model.log_marginal_likelihood);
            // Empty until here.
            let _ = process.set(model);
        }
        let fit = Fit {
            rows: scaled.nrows(),
            features: scaled.ncols(),
            outputs: solver.y.ncols(),
            ridge: solution.ridge,
            relative_ridge: solution.relative_ridge,
            leave_one_out: solution.leave_one_out,
            path: solution.path,
            targets: solver.y,
            eigenvalues: solution.eigenvalues,
            diagnostics: solution.diagnostics,
            amplitude,
            log_marginal_likelihood,
        };
        let arrays =
            Arrays { scaling, x: scaled, dual: solution.dual, mean: solution.mean, process };
        Ok(Model {
            network: network.clone(),
            settings: settings.clone(),
            classes,
            fit,
            state: T::state(arrays),
        })
    }
}

/// Targets as regressed on, with the class codes of a classification.
struct Regressed {
    y: Array2<f64>,
    codes: Option<Vec<usize>>,
    classes: Classes,
}

fn regressed(targets: &Targets) -> Result<Regressed, Error> {
    match targets {
        Targets::Numbers(y) => {
            Ok(Regressed { y: y.clone(), codes: None, classes: Classes::Texts(Vec::new()) })
        }
        Targets::Labels { codes, classes } => {
            let y = widelimit_learn::classification::one_hot(codes, classes.len())?;
            Ok(Regressed { y, codes: Some(codes.clone()), classes: classes.clone() })
        }
    }
}

fn check_finite<T: Scalar>(x: ArrayView2<'_, T>) -> Result<(), Error> {
    match x.indexed_iter().find(|(_, value)| !value.widen().is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => {
            let value = value.widen();
            Err(exact::Error::NonFinite { input: "x", row, column, value }.into())
        }
    }
}

/// One of the two kernels.
pub(super) fn kernel_of<T: Scalar>(
    network: &Network,
    quantity: Quantity,
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    run: &Run<'_>,
) -> Result<Array2<T>, Error> {
    let kernel = exact::kernel(network, x1, x2.map(Into::into), &run.options(want(quantity)))?;
    let wanted = match quantity {
        Quantity::Nngp => kernel.nngp,
        Quantity::Ntk => kernel.ntk,
    };
    // The engine returns what was asked for.
    Ok(wanted.unwrap_or_default())
}

pub(super) fn want(quantity: Quantity) -> Want {
    match quantity {
        Quantity::Nngp => Want::NNGP,
        Quantity::Ntk => Want::NTK,
    }
}

/// The Gaussian process with this noise, whose posterior has the mean of the ridge regression.
pub(super) fn posterior<T: Scalar>(
    settings: &Settings,
    ridge: f64,
    kernel: Array2<T>,
    y: ArrayView2<'_, f64>,
    run: &Run<'_>,
) -> Result<GaussianProcessModel, Error> {
    let process = GaussianProcess {
        noise: Noise::Absolute(ridge),
        amplitude: settings.amplitude,
        centre: true,
    };
    let y = y.mapv(T::narrow);
    Ok(process.check()?.fit(kernel, y.view(), &run.par)?)
}

/// The regression behind a fit.
struct Solver<'a> {
    y: Array2<f64>,
    codes: Option<Vec<usize>>,
    classes: usize,
    settings: &'a Settings,
}

impl Solver<'_> {
    /// Bytes at the peak of the fit: the kernel's computation, or the solution of the system.
    fn memory<T: Scalar>(
        &self,
        network: &Network,
        x: ArrayView2<'_, T>,
        run: &Run<'_>,
    ) -> Result<u64, Error> {
        let (n, outputs, size) = (x.nrows(), self.y.ncols(), size_of::<T>());
        let options = run.options(want(self.settings.quantity));
        let kernel = exact::plan::<T>(network, n, None, &Shape::vector(x.ncols()), &options)?.bytes;
        let solve = memory::kernel_ridge(&self.settings.ridge, n, outputs, size);
        let process = match self.settings.quantity {
            Quantity::Nngp => memory::gaussian_process(false, n, outputs, size),
            Quantity::Ntk => 0,
        };
        // The model keeps the rows.
        let rows = (x.len() * size) as u64;
        Ok(kernel.max(solve).max(process).saturating_add(rows))
    }

    fn solve<T: Scalar>(
        &self,
        kernel: Array2<T>,
        run: &Run<'_>,
    ) -> Result<KernelRidgeModel<T>, Error> {
        let ridge = self.settings.ridge.clone();
        Ok(match &self.codes {
            Some(codes) => {
                let classifier = Classifier { ridge, ..Classifier::default() }.check()?;
                classifier.fit_kernel(kernel, codes, self.classes, &run.par)?.regression
            }
            None => {
                let solver = KernelRidge { ridge, centre: true }.check()?;
                solver.fit(kernel, self.y.mapv(T::narrow).view(), &run.par)?
            }
        })
    }
}
