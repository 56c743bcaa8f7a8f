//! Fitting: scale, compute the kernel, solve.

use std::sync::OnceLock;

use ndarray::{
    Array, Array2, ArrayD, ArrayView, ArrayView2, ArrayViewD, CowArray, Dimension, IxDyn,
};
use widelimit_arch::{Layer, Shape};
use widelimit_data::{Classes, Targets};
use widelimit_exact::{self as exact, Inputs, Quantity, Want};
use widelimit_learn::{
    Classifier, GaussianProcess, GaussianProcessModel, KernelRidge, KernelRidgeModel, Noise, memory,
};

use super::scaling::Scaling;
use super::{Arrays, Basis, Dual, Fit, Model, Settings, Solver};
use crate::{Error, Network, Run, Scalar};

/// Rows from which `auto` takes features: factoring the kernel takes minutes there.
const MANY_ROWS: usize = 20_000;

/// Operations of a kernel from which `auto` takes features: some hours.
const MANY_OPERATIONS: f64 = 3e14;

impl Model {
    /// Fits `network` to training inputs and their targets: numbers are regressed on, labels classified.
    ///
    /// Inputs are rows `(n, d)`, or images `(n, height, width, channels)` (or with one or three spatial
    /// axes) for a network that ends on one value an image.
    ///
    /// # Errors
    /// Inputs that are empty or not finite, targets of another length, one class only, a kernel that
    /// cannot be computed or factored, [`Error::EndsOnPositions`], [`Error::Aggregates`],
    /// [`Error::MemoryLimit`] before anything is computed, [`Error::Cancelled`].
    ///
    /// ```
    /// use ndarray::{Array4, array};
    /// use widelimit::data::Classes;
    /// use widelimit::{Model, Network, Run, Settings, Targets};
    ///
    /// // Vertical and horizontal stripes.
    /// let x = Array4::from_shape_fn((4, 6, 6, 1), |(n, i, j, _)| {
    ///     f64::from(u8::from((if n % 2 == 0 { i } else { j } + n / 2) % 2 == 0))
    /// });
    /// let classes = Classes::Texts(vec!["across".into(), "down".into()]);
    /// let y = Targets::Labels { codes: vec![0, 1, 0, 1], classes };
    /// let network = Network::preset("cntk-gap:2")?;
    /// let model = Model::fit(&network, x.view(), &y, &Settings::default(), &Run::default())?;
    /// assert_eq!(model.classify(x.view(), &Run::default())?, [0, 1, 0, 1]);
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn fit<T: Scalar, D: Dimension>(
        network: &Network,
        x: ArrayView<'_, T, D>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        Self::fit_inputs(network, x.into_dyn().into(), targets, settings, run)
    }

    /// [`Model::fit`] on inputs that become the model's own, without a copy of them.
    ///
    /// # Errors
    /// As [`Model::fit`].
    pub fn fit_owned<T: Scalar, D: Dimension>(
        network: &Network,
        x: Array<T, D>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        Self::fit_inputs(network, x.into_dyn().into(), targets, settings, run)
    }

    fn fit_inputs<T: Scalar>(
        network: &Network,
        x: CowArray<'_, T, IxDyn>,
        targets: &Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        let input = shape_of(x.view(), "x")?;
        let rows = x.shape()[0];
        if targets.rows() != rows {
            return Err(Error::Length {
                what: "number of targets",
                expected: rows,
                got: targets.rows(),
            });
        }
        // Empty inputs are told by the engine, in the terms of the whole array.
        if !x.is_empty() {
            check_network(network, &input)?;
        }
        let Regressed { y, codes, classes } = regressed(targets)?;
        let mut regression = Regression { y, codes, classes, settings: settings.clone() };
        // Checked before scaling, so that errors name values as they were given.
        check_finite(x.view())?;
        let solver = regression.solver(network, &Inputs::new(x.view()), run)?;
        regression.settings.solver = solver;
        let scaling = Scaling::learn(settings.preprocess, x.view());
        let scaled = scaling.apply(x);
        let run = &run.less("the fit", (scaled.len() * size_of::<T>()) as u64)?;
        match solver {
            Solver::Features => regression.on_features(network, scaled, scaling, run),
            _ => regression.on_kernel(network, scaled, scaling, run),
        }
    }
}

impl Regression {
    /// Solves on the exact kernel.
    fn on_kernel<T: Scalar>(
        self,
        network: &Network,
        scaled: ArrayD<T>,
        scaling: Scaling,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        let settings = &self.settings;
        let (input, rows) = (shape_of(scaled.view(), "x")?, scaled.shape()[0]);
        let kernel = kernel_of(network, settings.quantity, scaled.view(), None, run)?;
        run.check_cancelled()?;
        // The posterior needs the kernel again, which the solution takes: a copy, where there is room for one.
        let copy = settings.quantity == Quantity::Nngp && self.has_room(&scaled, run);
        let copy = copy.then(|| kernel.clone());
        let solution = self.solve(kernel, run)?;
        run.check_cancelled()?;
        let process = OnceLock::new();
        let (mut amplitude, mut log_marginal_likelihood) = (None, None);
        if settings.quantity == Quantity::Nngp {
            let kernel = match copy {
                Some(kernel) => kernel,
                None => kernel_of(network, settings.quantity, scaled.view(), None, run)?,
            };
            let model = posterior(settings, solution.ridge, kernel, self.y.view(), run)?;
            amplitude = Some(model.amplitude.to_vec());
            log_marginal_likelihood = Some(model.log_marginal_likelihood);
            // Empty until here.
            let _ = process.set(model);
        }
        let fit = Fit {
            rows,
            features: scaled.len() / rows.max(1),
            input,
            outputs: self.y.ncols(),
            ridge: solution.ridge,
            relative_ridge: solution.relative_ridge,
            leave_one_out: solution.leave_one_out,
            path: solution.path,
            eigenvalues: solution.eigenvalues,
            diagnostics: solution.diagnostics,
            amplitude,
            log_marginal_likelihood,
        };
        let (dual, targets) = (solution.dual, self.y);
        let basis = Basis::Kernel(Dual { x: scaled, dual, targets, process });
        let state = T::state(Arrays { scaling, mean: solution.mean, basis });
        let (network, settings, classes) = (network.clone(), self.settings, self.classes);
        Ok(Model { network, settings, classes, fit, state })
    }
}

/// Targets as regressed on, with the codes and names of classes of a classification.
struct Regressed {
    y: Array2<f64>,
    codes: Option<Vec<usize>>,
    classes: Classes,
}

fn regressed(targets: &Targets) -> Result<Regressed, Error> {
    let (y, codes, classes) = match targets {
        Targets::Numbers(y) => (y.clone(), None, Classes::Texts(Vec::new())),
        Targets::Labels { codes, classes } => {
            let y = widelimit_learn::classification::one_hot(codes, classes.len())?;
            (y, Some(codes.clone()), classes.clone())
        }
    };
    Ok(Regressed { y, codes, classes })
}

/// Shape of one input of an array of them.
pub(crate) fn shape_of<T: Scalar>(
    x: ArrayViewD<'_, T>,
    what: &'static str,
) -> Result<Shape, Error> {
    if x.ndim() < 2 {
        let expected = "at least two are expected: inputs and features";
        return Err(Error::Dimensions { what, got: x.ndim(), expected });
    }
    Ok(Inputs::new(x).shape())
}

/// Insists on inputs of the shape that something was fitted on.
pub(crate) fn expect_shape<T: Scalar>(x: ArrayViewD<'_, T>, expected: &Shape) -> Result<(), Error> {
    let got = shape_of(x, "x")?;
    if got == *expected {
        return Ok(());
    }
    if got.is_vector() && expected.is_vector() {
        let (expected, got) = (expected.channels, got.channels);
        return Err(Error::Length { what: "number of features", expected, got });
    }
    Err(Error::InputShape { expected: expected.clone(), got })
}

/// Insists on a network that makes one vector of an input, from that input alone.
pub(crate) fn check_network(network: &Network, input: &Shape) -> Result<(), Error> {
    let aggregate = network.walk().find(|(_, layer)| matches!(layer, Layer::Aggregate));
    if let Some((at, _)) = aggregate {
        return Err(Error::Aggregates { at: at.to_string() });
    }
    let output = network.output_shape(input)?;
    if !output.is_vector() {
        return Err(Error::EndsOnPositions { input: input.clone(), output });
    }
    Ok(())
}

pub(crate) fn check_finite<T: Scalar>(x: ArrayViewD<'_, T>) -> Result<(), Error> {
    let bad = x.indexed_iter().find(|(_, value)| !value.widen().is_finite());
    let Some((place, value)) = bad else { return Ok(()) };
    let (input, value) = ("x", value.widen());
    Err(Error::Kernel(match place.slice() {
        &[row, column] => exact::Error::NonFinite { input, row, column, value },
        [row, place @ ..] => {
            exact::Error::NonFiniteImage { input, row: *row, place: place.to_vec(), value }
        }
        [] => return Ok(()),
    }))
}

/// One of the two kernels.
pub(crate) fn kernel_of<T: Scalar>(
    network: &Network,
    quantity: Quantity,
    x1: ArrayViewD<'_, T>,
    x2: Option<ArrayViewD<'_, T>>,
    run: &Run<'_>,
) -> Result<Array2<T>, Error> {
    let options = run.options(want(quantity));
    let kernel = exact::kernel(network, x1, x2.map(Inputs::new), &options)?;
    let wanted = match quantity {
        Quantity::Nngp => kernel.nngp,
        Quantity::Ntk => kernel.ntk,
    };
    // The engine returns what was asked for.
    Ok(wanted.unwrap_or_default())
}

pub(crate) fn want(quantity: Quantity) -> Want {
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
pub(super) struct Regression {
    pub y: Array2<f64>,
    pub codes: Option<Vec<usize>>,
    pub classes: Classes,
    pub settings: Settings,
}

impl Regression {
    /// What it is solved on, if that can be done within the memory limit.
    fn solver<T: Scalar>(
        &self,
        network: &Network,
        x: &Inputs<'_, T>,
        run: &Run<'_>,
    ) -> Result<Solver, Error> {
        let Settings { solver, quantity, .. } = self.settings;
        if solver == Solver::Features {
            return Ok(solver);
        }
        let exact =
            self.memory(network, x, run).and_then(|needed| run.check_memory("the fit", needed));
        let may_choose = solver == Solver::Auto && quantity == Quantity::Ntk;
        // As many features as rows would be no smaller than the kernel.
        let fewer = self.settings.features.dim.for_rows(x.len()).is_none_or(|dim| dim < x.len());
        let too_large = matches!(exact, Err(Error::MemoryLimit { .. })) && fewer;
        if may_choose && (x.len() > MANY_ROWS || too_large) {
            return Ok(Solver::Features);
        }
        if may_choose && exact.is_ok() {
            let options = run.options(want(quantity));
            let plan = exact::plan::<T>(network, x.len(), None, &x.shape(), &options)?;
            if plan.flops > MANY_OPERATIONS {
                return Ok(Solver::Features);
            }
        }
        exact.map(|()| Solver::Exact)
    }

    /// Bytes at the peak of the fit: the kernel's computation, or the solution of the system.
    fn memory<T: Scalar>(
        &self,
        network: &Network,
        x: &Inputs<'_, T>,
        run: &Run<'_>,
    ) -> Result<u64, Error> {
        let (n, outputs, size) = (x.len(), self.y.ncols(), size_of::<T>());
        let options = run.options(want(self.settings.quantity));
        let kernel = exact::plan::<T>(network, n, None, &x.shape(), &options)?.bytes;
        let solve = memory::kernel_ridge(&self.settings.ridge, n, outputs, size);
        let process = match self.settings.quantity {
            Quantity::Nngp => memory::gaussian_process(false, n, outputs, size),
            Quantity::Ntk => 0,
        };
        // The model keeps the inputs.
        let rows = (x.values().len() * size) as u64;
        Ok(kernel.max(solve).max(process).saturating_add(rows))
    }

    /// Whether a copy of the kernel fits beside its solution.
    fn has_room<T: Scalar>(&self, x: &ArrayD<T>, run: &Run<'_>) -> bool {
        let (n, size) = (x.shape()[0], size_of::<T>());
        let solve = memory::kernel_ridge(&self.settings.ridge, n, self.y.ncols(), size);
        let needed = solve.saturating_add((n * n * size) as u64);
        run.check_memory("a copy of the kernel", needed).is_ok()
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
                classifier.fit_kernel(kernel, codes, self.classes.len(), &run.par)?.regression
            }
            None => {
                let solver = KernelRidge { ridge, centre: true }.check()?;
                solver.fit(kernel, self.y.mapv(T::narrow).view(), &run.par)?
            }
        })
    }
}
