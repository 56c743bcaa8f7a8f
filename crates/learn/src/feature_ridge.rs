//! Ridge regression on features: `f(x) = mean + z(x)^T w`, `w = (Z^T Z + lambda I)^-1 Z^T (y - mean)`.
//!
//! The same predictor as kernel ridge regression with the kernel `Z Z^T`, with the same meaning of the
//! ridge (relative to the mean squared norm of the rows of `Z`), at a cost that grows with the number
//! of features `p` instead of the number of rows `n`. Where `p > n` it is solved through the kernel.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, Scalar, SymmetricEigen, gram, matmul, symmetric_eigen};

use crate::Error;
use crate::check::{self, narrow, widen};
use crate::diagnostics::{Diagnostics, product, ratio, square};
use crate::kernel_ridge::{KernelRidge, criterion};
use crate::loo::{LooPath, Targets};
use crate::path::Basis;
use crate::ridge::{Ridge, Shift};
use crate::rounding::{Rounding, times_power};
use crate::spectrum::scale_rows;
use crate::streaming::{add_products, mirror};
use crate::system::System;

/// Rows that are widened to double precision at a time.
const BLOCK: usize = 1024;

/// Parameters of ridge regression on features.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{FeatureRidge, Par, Ridge};
/// let par = Par::single();
/// let z = array![[1.0], [2.0], [3.0]];
/// let y = array![[2.0], [4.0], [6.0]];
/// let solver = FeatureRidge { ridge: Ridge::Absolute(0.0), centre: false }.check()?;
/// let model = solver.fit(z.view(), y.view(), &par)?;
/// assert!((model.weights[[0, 0]] - 2.0f64).abs() < 1e-15);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRidge {
    /// The ridge, or how to find it (the route of the path is always the eigendecomposition).
    pub ridge: Ridge,
    /// Subtract the mean of the targets before solving and add it to predictions (default).
    pub centre: bool,
}

impl Default for FeatureRidge {
    /// Ridge by leave-one-out, centred targets.
    fn default() -> Self {
        FeatureRidge { ridge: Ridge::default(), centre: true }
    }
}

impl FeatureRidge {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`KernelRidge::check`].
    pub fn check(self) -> Result<CheckedFeatureRidge, Error> {
        self.ridge.check()?;
        Ok(CheckedFeatureRidge { params: self })
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedFeatureRidge {
    params: FeatureRidge,
}

/// Fitted ridge regression on features.
#[derive(Clone, Debug)]
pub struct FeatureRidgeModel<T> {
    /// Weights, `p x m`: `f(x) = mean + z(x)^T weights`.
    pub weights: Array2<T>,
    /// Mean of each output that was subtracted (zeros without centring), `m`.
    pub mean: Array1<T>,
    /// The ridge `lambda`.
    pub ridge: f64,
    /// The same in units of the mean squared norm of the rows.
    pub relative_ridge: f64,
    /// The leave-one-out path the ridge was chosen from, if it was.
    pub path: Option<LooPath>,
    /// How well the system was solved; `residual` is that of the normal equations,
    /// `min_eigenvalue` that of `Z^T Z` (`p <= n`) or `Z Z^T`.
    pub diagnostics: Diagnostics,
}

impl CheckedFeatureRidge {
    /// Fits `n x m` targets to `n x p` features.
    ///
    /// `p <= n`: `Z^T Z` in double precision (`2 n p^2` operations), then one Cholesky factorisation or one
    /// eigendecomposition of size `p`; leave-one-out also needs `Z V`, an `n x p` matrix in double precision.
    /// `p > n`: [`KernelRidge`] on `Z Z^T`.
    ///
    /// # Errors
    /// As [`crate::kernel_ridge::CheckedKernelRidge::fit`].
    pub fn fit<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: ArrayView2<T>,
        par: &Par,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        check::targets(targets, features.nrows())?;
        let centre = self.params.centre;
        let targets = Targets { values: widen(targets), weights: None, codes: None, centre };
        self.fit_targets(features, targets, par)
    }

    /// As [`Self::fit`] with one positive weight a row.
    ///
    /// # Errors
    /// As [`Self::fit`], and for weights that are not positive.
    pub fn fit_weighted<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: ArrayView2<T>,
        weights: &[f64],
        par: &Par,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        check::targets(targets, features.nrows())?;
        let weights = Some(check::weights(weights, features.nrows())?);
        let centre = self.params.centre;
        let targets = Targets { values: widen(targets), weights, codes: None, centre };
        self.fit_targets(features, targets, par)
    }

    pub(crate) fn fit_targets<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: Targets,
        par: &Par,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        let (n, p) = features.dim();
        if features.is_empty() {
            return Err(Error::Empty { what: "the array of features" });
        }
        check::finite("the array of features", features)?;
        if p > n {
            return self.dual(features, targets, par);
        }
        let (targets, exponent) = targets.scaled();
        self.primal(features, targets, exponent, par)
    }

    /// Through the kernel: `w = Z^T alpha`.
    fn dual<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: Targets,
        par: &Par,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        let kernel = gram(features, None, par);
        let FeatureRidge { ridge, centre } = self.params.clone();
        let model = KernelRidge { ridge, centre }.check()?.fit_targets(kernel, targets, par)?;
        Ok(FeatureRidgeModel {
            weights: matmul(features.t(), model.dual.view(), par),
            mean: model.mean,
            ridge: model.ridge,
            relative_ridge: model.relative_ridge,
            path: model.path,
            diagnostics: model.diagnostics,
        })
    }

    /// Through the normal equations, for targets `2^exponent` times as large.
    fn primal<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: Targets,
        exponent: i32,
        par: &Par,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        let n = features.nrows();
        let b = targets.right_hand_sides(false);
        let Normal { matrix, rhs, trace } = normal(features, b.view(), &targets, par);
        let unit = trace / n as f64;
        let (weights, ridge, path, diagnostics) = match &self.params.ridge {
            Ridge::Value(v) => given(matrix, rhs, Shift::Relative(*v).absolute(unit)?, par)?,
            Ridge::Absolute(v) => given(matrix, rhs, *v, par)?,
            Ridge::Auto(path) => {
                if n < 2 {
                    return Err(Error::TooFewRows { what: "leave-one-out", needed: 2, got: n });
                }
                if unit <= 0.0 {
                    return Err(Error::DiagonalNotPositive { mean: unit });
                }
                let criterion = criterion(path, &targets)?;
                let kept = matrix.clone();
                let SymmetricEigen { values, vectors } = symmetric_eigen(matrix, par)?;
                let mut basis = product(features, vectors.view(), par);
                if let Some(w) = &targets.weights {
                    scale_rows(&mut basis, &w.iter().map(|w| w.sqrt()).collect());
                }
                let basis = Basis {
                    vectors: basis.view(),
                    values: &values,
                    features: true,
                    rounding: Rounding::NONE,
                };
                let found = basis.search(path, criterion, &targets, unit, par)?;
                let ridge = found.best().ridge;
                let mut coefficients = matmul(vectors.t(), rhs.view(), par);
                scale_rows(&mut coefficients, &values.mapv(|w| 1.0 / (w + ridge)));
                let weights = matmul(vectors.view(), coefficients.view(), par);
                let (min, max) = (values[0], values[values.len() - 1]);
                let diagnostics = Diagnostics {
                    condition: (max + ridge) / (min + ridge),
                    jitter: 0.0,
                    residual: residual(kept.view(), ridge, weights.view(), rhs.view(), par),
                    min_eigenvalue: Some(min),
                };
                (weights, ridge, Some(found), diagnostics)
            }
        };
        let back = |v| times_power(v, exponent);
        let mean = Array1::from(targets.mean()).mapv(back).insert_axis(Axis(0));
        let weights = weights.mapv_into(back);
        Ok(FeatureRidgeModel {
            weights: narrow("the weights", weights.view())?,
            mean: narrow::<T>("the mean of the targets", mean.view())?.remove_axis(Axis(0)),
            ridge,
            relative_ridge: if unit > 0.0 { ridge / unit } else { 0.0 },
            path: path.map(|path| path.times_power(exponent)),
            diagnostics,
        })
    }
}

/// Normal equations.
struct Normal {
    /// `Z^T W Z`.
    matrix: Array2<f64>,
    /// `Z^T W (y - mean)`.
    rhs: Array2<f64>,
    /// Sum of the squared norms of the rows (without weights).
    trace: f64,
}

/// Accumulates the normal equations in double precision, a block of rows at a time.
fn normal<T: Scalar>(
    features: ArrayView2<T>,
    b: ArrayView2<f64>,
    targets: &Targets,
    par: &Par,
) -> Normal {
    let p = features.ncols();
    let mut matrix = Array2::zeros((p, p));
    let mut rhs = Array2::zeros((p, b.ncols()));
    let mut trace = 0.0;
    let blocks = features.axis_chunks_iter(Axis(0), BLOCK).zip(b.axis_chunks_iter(Axis(0), BLOCK));
    for (block, (z, b)) in blocks.enumerate() {
        let mut z = widen(z);
        trace += square(z.view());
        if targets.weights.is_some() {
            let roots = (0..z.nrows()).map(|i| targets.weight(block * BLOCK + i).sqrt()).collect();
            scale_rows(&mut z, &roots);
        }
        add_products(&mut matrix, &mut rhs, z.view(), b, par);
    }
    mirror(&mut matrix);
    Normal { matrix, rhs, trace }
}

/// `|G w + lambda w - rhs| / |rhs|`.
fn residual(
    g: ArrayView2<f64>,
    ridge: f64,
    w: ArrayView2<f64>,
    rhs: ArrayView2<f64>,
    par: &Par,
) -> f64 {
    let r = matmul(g, w, par) + &w * ridge - rhs;
    ratio(square(r.view()).sqrt(), square(rhs).sqrt())
}

type Solved = (Array2<f64>, f64, Option<LooPath>, Diagnostics);

fn given(matrix: Array2<f64>, rhs: Array2<f64>, ridge: f64, par: &Par) -> Result<Solved, Error> {
    let system = System::new(matrix, ridge, par)?;
    let (weights, residual) = system.solve(rhs.view(), par);
    let diagnostics = system.diagnostics(ridge, residual);
    Ok((weights, ridge, None, diagnostics))
}

impl<T: Scalar> FeatureRidgeModel<T> {
    /// Predictions `n_new x m` from the features of new points.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features, [`Error::NotFinite`] for NaN or infinity.
    pub fn predict(&self, features: ArrayView2<T>, par: &Par) -> Result<Array2<T>, Error> {
        check::length("number of features", self.weights.nrows(), features.ncols())?;
        check::finite("the array of features", features)?;
        Ok(matmul(features, self.weights.view(), par) + &self.mean)
    }
}
