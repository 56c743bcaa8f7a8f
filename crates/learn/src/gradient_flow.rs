//! Gradient flow on the squared loss with a fixed kernel (Jacot et al. 2018; Lee et al. 2019, section 2.2).
//!
//! For the loss `mean((f - y)^2) / 2`, the mean taken over all `N = n m` entries of `y`, a network in its
//! linear (infinitely wide) regime follows `df/dt = -eta K (f - y) / N`. With `K = V diag(w) V^T` and
//! `s = eta t / N`,
//!
//! * training points: `f_t = f_0 + V (1 - e^(-w s)) V^T (y - f_0)`,
//! * other points: `f_t(x) = f_0(x) + k(x, X) V (1 - e^(-w s)) / w V^T (y - f_0)`.
//!
//! A shift on the diagonal is part of `K` in these dynamics, so training points still converge to `y`, and
//! other points to the kernel ridge prediction `k (K + shift I)^-1 y`.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar, matmul, symmetric_eigenvalues};

use crate::Error;
use crate::check::{self, narrow, promote, widen};
use crate::ridge::{Shift, not_negative};
use crate::spectrum::{Spectrum, Time};

/// How the network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Learning rate `eta`: time `t` counts steps of gradient descent at this rate.
    pub learning_rate: f64,
    /// Added to the diagonal of the kernel(s).
    pub shift: Shift,
}

impl Default for Training {
    /// Learning rate 1, nothing on the diagonal.
    fn default() -> Self {
        Training { learning_rate: 1.0, shift: Shift::Absolute(0.0) }
    }
}

impl Training {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::Parameter {
                name: "learning rate",
                expected: "positive and finite",
                value: self.learning_rate,
            });
        }
        self.shift.check("shift of the diagonal")
    }

    /// `eta t / N`.
    pub(crate) fn scaled(&self, time: Time, entries: usize) -> Result<f64, Error> {
        time.scaled(self.learning_rate / entries as f64)
    }
}

/// Values of the untrained network.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a, T> {
    /// At the training points, `n x m`.
    pub train: ArrayView2<'a, T>,
    /// At the new points, `n_new x m`.
    pub new: ArrayView2<'a, T>,
}

/// Predictions of a network trained by gradient flow, at any time and from any start.
#[derive(Clone, Debug)]
pub struct GradientFlow {
    spectrum: Spectrum,
    targets: Array2<f64>,
    training: Training,
}

/// Prepares predictions of gradient descent on the squared loss in the limit of small steps.
///
/// `kernel`: NTK of the training points (or NNGP, which trains the last layer only), `n x n`, consumed;
/// `targets`: `n x m`. One eigendecomposition in double precision, about `9 n^3` operations.
///
/// # Errors
/// Wrong shapes, values that are not finite, a kernel that is not positive semi-definite, parameters out of range.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::gradient_flow::{Training, gradient_descent_mse};
/// use widelimit_learn::{Par, Time};
/// let par = Par::single();
/// let kernel = array![[2.0, 1.0], [1.0, 2.0]];
/// let y = array![[1.0], [-1.0]];
/// let flow = gradient_descent_mse(kernel, y.view(), Training::default(), &par)?;
/// let f = flow.train::<f64>(Time::At(3.0), None, &par)?;
/// assert!((f[[0, 0]] - (1.0 - (-3.0f64 / 2.0).exp())).abs() < 1e-14);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
pub fn gradient_descent_mse<T: Scalar>(
    kernel: Array2<T>,
    targets: ArrayView2<T>,
    training: Training,
    par: &Par,
) -> Result<GradientFlow, Error> {
    training.check()?;
    let mean = check::training_kernel(kernel.view(), par)?;
    check::targets(targets, kernel.nrows())?;
    let shift = training.shift.absolute(mean)?;
    let spectrum = Spectrum::new::<T>(promote(kernel), shift, par)?;
    Ok(GradientFlow { spectrum, targets: widen(targets), training })
}

impl GradientFlow {
    /// Values at the training points, `n x m`, from `start` (zero where `None`).
    ///
    /// # Errors
    /// A negative time, a start of the wrong shape or with values that are not finite.
    pub fn train<T: Scalar>(
        &self,
        time: Time,
        start: Option<ArrayView2<T>>,
        par: &Par,
    ) -> Result<Array2<T>, Error> {
        let s = self.training.scaled(time, self.targets.len())?;
        if time == Time::Infinite && self.spectrum.rank() == self.spectrum.len() {
            return narrow("the prediction", self.targets.view());
        }
        let (residual, start) = self.residual(start)?;
        let mut out = self.spectrum.apply(&self.spectrum.learned(s), residual.view(), par);
        if let Some(start) = start {
            out += &start;
        }
        narrow("the prediction", out.view())
    }

    /// Values at new points, `n_new x m`. `kernel`: between new points (rows) and training points (columns),
    /// without any shift.
    ///
    /// # Errors
    /// A negative time, blocks of the wrong shape or with values that are not finite.
    pub fn predict<T: Scalar>(
        &self,
        time: Time,
        kernel: ArrayView2<T>,
        start: Option<Start<T>>,
        par: &Par,
    ) -> Result<Array2<T>, Error> {
        let s = self.training.scaled(time, self.targets.len())?;
        check::block("the kernel between new and training points", kernel, self.spectrum.len())?;
        let (residual, _) = self.residual(start.map(|s| s.train))?;
        let dual = self.spectrum.apply(&self.spectrum.growth(s), residual.view(), par);
        let mut out = matmul(widen(kernel).view(), dual.view(), par);
        if let Some(Start { new, .. }) = start {
            check::length("rows of the start at new points", kernel.nrows(), new.nrows())?;
            check::length("columns of the start at new points", out.ncols(), new.ncols())?;
            check::finite("the start at new points", new)?;
            out += &widen(new);
        }
        narrow("the prediction", out.view())
    }

    /// Number of directions (of `n`) that training moves at all: eigenvalues above rounding.
    pub fn rank(&self) -> usize {
        self.spectrum.rank()
    }

    /// Eigenvalues of the shifted kernel, ascending; rounding below zero is zero.
    pub fn eigenvalues(&self) -> ndarray::ArrayView1<'_, f64> {
        self.spectrum.values.view()
    }

    fn residual<T: Scalar>(
        &self,
        start: Option<ArrayView2<T>>,
    ) -> Result<(Array2<f64>, Option<Array2<f64>>), Error> {
        let Some(start) = start else { return Ok((self.targets.clone(), None)) };
        check::length("rows of the start at training points", self.targets.nrows(), start.nrows())?;
        check::length(
            "columns of the start at training points",
            self.targets.ncols(),
            start.ncols(),
        )?;
        check::finite("the start at training points", start)?;
        let start = widen(start);
        Ok((&self.targets - &start, Some(start)))
    }
}

/// Largest stable learning rate of discrete gradient descent with heavy-ball `momentum`:
/// `2 (1 + momentum) N / lambda_max`, `N` = entries of the targets (rows times `outputs`).
///
/// `1e-12` is added to the eigenvalue, so that a zero kernel gives a finite rate.
///
/// # Errors
/// Wrong shape, values that are not finite, momentum outside `[0, 1)`.
pub fn max_learning_rate<T: Scalar>(
    kernel: Array2<T>,
    outputs: usize,
    momentum: f64,
    par: &Par,
) -> Result<f64, Error> {
    not_negative("momentum", momentum)?;
    if momentum >= 1.0 {
        return Err(Error::Parameter { name: "momentum", expected: "below 1", value: momentum });
    }
    check::training_kernel(kernel.view(), par)?;
    let entries = (kernel.nrows() * outputs) as f64;
    let values = symmetric_eigenvalues(promote(kernel), par)?;
    Ok(2.0 * (1.0 + momentum) * entries / (values[values.len() - 1] + 1e-12))
}
