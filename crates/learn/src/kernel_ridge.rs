//! Kernel ridge regression: `f(x) = mean + k(x, X) (K + lambda I)^-1 (y - mean)`.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, Scalar, SymmetricEigen, matmul, symmetric_eigen};

use crate::check::{self, narrow, promote, widen};
use crate::diagnostics::{Diagnostics, Probes};
use crate::loo::{LooPath, Targets};
use crate::path::Basis;
use crate::ridge::{Criterion, EIGEN_LIMIT, Ridge, RidgePath, Route, Shift};
use crate::rounding::{Rounding, semidefinite, times_power};
use crate::spectrum::scale_rows;
use crate::system::System;
use crate::{Error, walk};

/// Parameters of kernel ridge regression.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{KernelRidge, Par, Ridge};
/// let par = Par::single();
/// let k = array![[2.0, 1.0], [1.0, 2.0]];
/// let y = array![[3.0], [5.0]];
/// let solver = KernelRidge { ridge: Ridge::Value(0.5), ..KernelRidge::default() }.check()?;
/// let model = solver.fit(k.clone(), y.view(), &par)?;
/// // lambda = 0.5 * mean diagonal = 1; the centred targets (-1, 1) belong to the eigenvalue 1.
/// assert_eq!(model.ridge, 1.0);
/// let f = model.predict(k.view(), &par)?;
/// assert!((f[[0, 0]] - 3.5f64).abs() < 1e-14);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct KernelRidge {
    /// The ridge, or how to find it.
    pub ridge: Ridge,
    /// Subtract the mean of the targets before solving and add it to predictions (default). With sample
    /// weights it is the weighted mean.
    pub centre: bool,
}

impl Default for KernelRidge {
    /// Ridge by leave-one-out, centred targets.
    fn default() -> Self {
        KernelRidge { ridge: Ridge::default(), centre: true }
    }
}

impl KernelRidge {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a ridge that is negative or not finite, or a path that makes no sense.
    pub fn check(self) -> Result<CheckedKernelRidge, Error> {
        self.ridge.check()?;
        Ok(CheckedKernelRidge { params: self })
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedKernelRidge {
    params: KernelRidge,
}

/// Fitted kernel ridge regression. All a prediction needs is `dual` and `mean`.
#[derive(Clone, Debug)]
pub struct KernelRidgeModel<T> {
    /// Dual coefficients `alpha`, `n x m`: `f(x) = mean + k(x, X) alpha`.
    pub dual: Array2<T>,
    /// Mean of each output that was subtracted (zeros without centring), `m`.
    pub mean: Array1<T>,
    /// The ridge `lambda` added to the diagonal, jitter not included.
    pub ridge: f64,
    /// The same in units of the mean of the kernel's diagonal (0 where that mean is 0).
    pub relative_ridge: f64,
    /// The leave-one-out path the ridge was chosen from, if it was.
    pub path: Option<LooPath>,
    /// Leave-one-out predictions at the chosen ridge, `n x m`, where it was chosen.
    pub leave_one_out: Option<Array2<f64>>,
    /// Eigenvalues of the kernel, ascending, where they were computed (without weights).
    pub eigenvalues: Option<Array1<f64>>,
    /// How well the system was solved.
    pub diagnostics: Diagnostics,
}

impl CheckedKernelRidge {
    /// Fits `n x m` targets to an `n x n` training kernel, which is consumed.
    ///
    /// A given ridge takes one Cholesky factorisation (`n^3 / 3` operations); for memory see
    /// [`crate::memory::kernel_ridge`].
    ///
    /// # Errors
    /// Shapes that do not fit, values that are not finite, a kernel that is not symmetric or not positive
    /// definite with the ridge (after jitter), fewer than two rows for leave-one-out.
    pub fn fit<T: Scalar>(
        &self,
        kernel: Array2<T>,
        targets: ArrayView2<T>,
        par: &Par,
    ) -> Result<KernelRidgeModel<T>, Error> {
        check::targets(targets, kernel.nrows())?;
        let targets = Targets {
            values: widen(targets),
            weights: None,
            codes: None,
            centre: self.params.centre,
        };
        self.fit_targets(kernel, targets, par)
    }

    /// As [`Self::fit`] with one positive weight a row: minimises
    /// `sum_i w_i (y_i - f(x_i))^2 + lambda |f|^2` with the weights scaled to mean 1.
    ///
    /// # Errors
    /// As [`Self::fit`], and for weights that are not positive.
    pub fn fit_weighted<T: Scalar>(
        &self,
        kernel: Array2<T>,
        targets: ArrayView2<T>,
        weights: &[f64],
        par: &Par,
    ) -> Result<KernelRidgeModel<T>, Error> {
        check::targets(targets, kernel.nrows())?;
        let targets = Targets {
            values: widen(targets),
            weights: Some(check::weights(weights, kernel.nrows())?),
            codes: None,
            centre: self.params.centre,
        };
        self.fit_targets(kernel, targets, par)
    }

    /// What both kinds of task come down to.
    pub(crate) fn fit_targets<T: Scalar>(
        &self,
        mut kernel: Array2<T>,
        targets: Targets,
        par: &Par,
    ) -> Result<KernelRidgeModel<T>, Error> {
        let unit = check::training_kernel(kernel.view(), par)?;
        let (targets, exponent) = targets.scaled();
        if let Some(weights) = &targets.weights {
            weigh(&mut kernel, weights);
        }
        let solution = match &self.params.ridge {
            Ridge::Value(v) => given(kernel, &targets, Shift::Relative(*v).absolute(unit)?, par)?,
            Ridge::Absolute(v) => given(kernel, &targets, *v, par)?,
            Ridge::Auto(path) => automatic(kernel, &targets, path, unit, par)?,
        };
        solution.model(&targets, exponent, unit)
    }
}

impl<T: Scalar> KernelRidgeModel<T> {
    /// Predictions `n_new x m` from the kernel between new points (rows) and training points (columns).
    ///
    /// # Errors
    /// [`Error::Shape`] for a block with another number of columns, [`Error::NotFinite`] for NaN or infinity.
    pub fn predict(&self, kernel: ArrayView2<T>, par: &Par) -> Result<Array2<T>, Error> {
        check::block("the kernel between new and training points", kernel, self.dual.nrows())?;
        Ok(matmul(kernel, self.dual.view(), par) + &self.mean)
    }
}

/// Solution of the weighted, centred system with scaled targets, in double precision.
pub(crate) struct Solution {
    /// `Q~ W^(1/2) (y - mean)`.
    pub solved: Array2<f64>,
    pub ridge: f64,
    pub path: Option<LooPath>,
    pub leave_one_out: Option<Array2<f64>>,
    pub eigenvalues: Option<Array1<f64>>,
    pub diagnostics: Diagnostics,
}

impl Solution {
    /// The model of targets `2^exponent` times as large.
    fn model<T: Scalar>(
        mut self,
        targets: &Targets,
        exponent: i32,
        unit: f64,
    ) -> Result<KernelRidgeModel<T>, Error> {
        if let Some(weights) = &targets.weights {
            let roots = weights.iter().map(|w| w.sqrt()).collect();
            scale_rows(&mut self.solved, &roots);
            self.eigenvalues = None;
        }
        let back = |v| times_power(v, exponent);
        let mean = Array1::from(targets.mean()).mapv(back).insert_axis(Axis(0));
        let mean = narrow::<T>("the mean of the targets", mean.view())?.remove_axis(Axis(0));
        self.solved.mapv_inplace(back);
        Ok(KernelRidgeModel {
            dual: narrow("the dual coefficients", self.solved.view())?,
            mean,
            ridge: self.ridge,
            relative_ridge: if unit > 0.0 { self.ridge / unit } else { 0.0 },
            path: self.path.map(|path| path.times_power(exponent)),
            leave_one_out: self.leave_one_out.map(|predictions| predictions.mapv_into(back)),
            eigenvalues: self.eigenvalues,
            diagnostics: self.diagnostics,
        })
    }
}

/// `W^(1/2) K W^(1/2)` in place.
pub(crate) fn weigh<T: Scalar>(kernel: &mut Array2<T>, weights: &[f64]) {
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    for ((i, j), v) in kernel.indexed_iter_mut() {
        *v = T::from_f64(v.to_f64() * roots[i] * roots[j]);
    }
}

/// One factorisation.
fn given<T: Scalar>(
    kernel: Array2<T>,
    targets: &Targets,
    ridge: f64,
    par: &Par,
) -> Result<Solution, Error> {
    let b = targets.right_hand_sides(false);
    let system = System::new(kernel, ridge, par)?;
    let (solved, residual) = system.solve(b.view(), par);
    let diagnostics = system.diagnostics(ridge, residual);
    Ok(Solution { solved, ridge, path: None, leave_one_out: None, eigenvalues: None, diagnostics })
}

/// The ridge by leave-one-out.
fn automatic<T: Scalar>(
    kernel: Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    unit: f64,
    par: &Par,
) -> Result<Solution, Error> {
    let n = kernel.nrows();
    if n < 2 {
        return Err(Error::TooFewRows { what: "leave-one-out", needed: 2, got: n });
    }
    if unit <= 0.0 {
        return Err(Error::DiagonalNotPositive { mean: unit });
    }
    let criterion = criterion(path, targets)?;
    match path.route {
        Route::Cholesky => walk::walk(kernel, targets, path, criterion, unit, par),
        Route::Auto if n > EIGEN_LIMIT => walk::walk(kernel, targets, path, criterion, unit, par),
        _ => eigen(kernel, targets, path, criterion, unit, par),
    }
}

/// The criterion of a path; the error rate needs classes.
pub(crate) fn criterion(path: &RidgePath, targets: &Targets) -> Result<Criterion, Error> {
    match (path.criterion, &targets.codes) {
        (Criterion::ErrorRate, None) => Err(Error::CriterionNeedsClasses),
        (criterion, _) => Ok(criterion),
    }
}

/// The eigendecomposition route, in double precision.
fn eigen<T: Scalar>(
    kernel: Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    criterion: Criterion,
    unit: f64,
    par: &Par,
) -> Result<Solution, Error> {
    let kernel = promote(kernel);
    let probes = Probes::new(kernel.view(), par);
    let SymmetricEigen { values, vectors } = symmetric_eigen(kernel, par)?;
    let (min, max) = (values[0], values[values.len() - 1]);
    semidefinite::<T>(&values)?;
    let rounding = Rounding::new::<T>(&values);
    let basis = Basis { vectors: vectors.view(), values: &values, features: false, rounding };
    let found = basis.search(path, criterion, targets, unit, par)?;
    let ridge = found.best().ridge;
    let leave_one_out = basis.predictions(targets, ridge, par);
    let b = targets.right_hand_sides(false);
    let mut coefficients = matmul(vectors.t(), b.view(), par);
    scale_rows(&mut coefficients, &values.mapv(|w| 1.0 / (w + ridge)));
    let solved = matmul(vectors.view(), coefficients.view(), par);
    let diagnostics = Diagnostics {
        condition: (max + ridge) / (min + ridge),
        jitter: 0.0,
        residual: probes.residual(ridge, solved.view(), b.view(), par),
        min_eigenvalue: Some(min),
    };
    Ok(Solution {
        solved,
        ridge,
        path: Some(found),
        leave_one_out: Some(leave_one_out),
        eigenvalues: Some(values),
        diagnostics,
    })
}
