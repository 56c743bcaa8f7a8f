//! Predictions with their uncertainty.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use widelimit_linalg::Scalar;

use crate::Error;
use crate::check::{self, narrow};

/// What is known of the prior at new points, which decides how much of the posterior is returned.
#[derive(Clone, Copy, Debug)]
pub enum Prior<'a, T> {
    /// Nothing: mean only.
    Unknown,
    /// The diagonal of the kernel between new points: mean and variances.
    Diagonal(ArrayView1<'a, T>),
    /// The whole kernel between new points: mean, variances and covariance.
    Full(ArrayView2<'a, T>),
}

impl<T: Scalar> Prior<'_, T> {
    pub(crate) fn check(&self, rows: usize) -> Result<(), Error> {
        let what = "the kernel between new points";
        match self {
            Prior::Unknown => Ok(()),
            Prior::Diagonal(d) => {
                check::length(
                    "length of the diagonal of the kernel between new points",
                    rows,
                    d.len(),
                )?;
                check::finite(what, d.insert_axis(ndarray::Axis(0)))
            }
            Prior::Full(k) => {
                check::length("rows of the kernel between new points", rows, k.nrows())?;
                check::length("columns of the kernel between new points", rows, k.ncols())?;
                check::finite(what, *k)
            }
        }
    }
}

/// Mean of the predictions and, as far as the [`Prior`] allowed, their spread. All outputs share it, up to
/// a factor each: output `k` has variances `amplitude_k * variance` and covariance `amplitude_k * covariance`.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior<T> {
    /// `n_new x m`.
    pub mean: Array2<T>,
    /// One variance a new point, never negative, in units of the amplitude.
    pub variance: Option<Array1<T>>,
    /// `n_new x n_new`, exactly symmetric, in units of the amplitude; rounding may leave eigenvalues of the
    /// order of `-epsilon * max`.
    pub covariance: Option<Array2<T>>,
    /// Factor of the spread of each output, `m`; ones but for Gaussian processes with another amplitude.
    pub amplitude: Array1<f64>,
}

impl<T: Scalar> Posterior<T> {
    pub(crate) fn new(
        mean: ArrayView2<f64>,
        variance: Option<Array1<f64>>,
        covariance: Option<Array2<f64>>,
    ) -> Result<Self, Error> {
        let what = "the posterior";
        let from_matrix = covariance.as_ref().map(|c| c.diag().to_owned());
        let variance = match variance.or(from_matrix) {
            Some(v) => {
                let column = v.mapv(|x| x.max(0.0)).insert_axis(ndarray::Axis(1));
                Some(narrow(what, column.view())?.remove_axis(ndarray::Axis(1)))
            }
            None => None,
        };
        let covariance = covariance.map(|c| narrow(what, c.view())).transpose()?;
        let amplitude = Array1::ones(mean.ncols());
        Ok(Posterior { mean: narrow(what, mean)?, variance, covariance, amplitude })
    }

    /// Standard deviations in the units of the targets, `n_new x m`, where there are variances.
    pub fn deviation(&self) -> Option<Array2<f64>> {
        let variance = self.variance.as_ref()?;
        // Roots first: the product may leave the range of doubles where its root does not.
        Some(Array2::from_shape_fn(self.mean.dim(), |(i, k)| {
            self.amplitude[k].sqrt() * variance[i].to_f64().sqrt()
        }))
    }
}
