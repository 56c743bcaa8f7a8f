//! The normal equations that moments stand for.

use ndarray::{Array1, Array2, Axis};
use widelimit_linalg::Par;

use super::moments::Moments;
use super::parts::mirror;
use super::ridge::{Centre, StreamingRidgeModel};
use crate::Error;
use crate::diagnostics::Diagnostics;
use crate::ridge::Shift;

/// A spread below this share of a feature's mean is rounding.
const CONSTANT: f64 = 32.0 * f64::EPSILON;

/// `(G + lambda I) w = b` and what surrounds it. Weights have mean 1.
#[derive(Clone, Debug)]
pub(super) struct Normal {
    pub rows: usize,
    /// What weights are multiplied by to have mean 1.
    pub weight_scale: f64,
    pub centre: Centre,
    /// `G`: `Z^T W Z`, of centred features for [`Centre::Both`].
    pub matrix: Array2<f64>,
    /// `b`: `Z^T W (y - mean)`.
    pub rhs: Array2<f64>,
    /// `sum_i w_i (y_i - mean)^2`, one for each output.
    pub squares: Array1<f64>,
    /// Mean of the features.
    pub feature_mean: Array1<f64>,
    /// What is subtracted from the targets.
    pub target_mean: Array1<f64>,
    /// Mean of the squared norms of the rows (without weights): the unit of relative ridges.
    pub unit: f64,
}

impl Normal {
    pub fn new(moments: &Moments, centre: Centre, par: &Par) -> Result<Self, Error> {
        let rows = moments.rows();
        if rows == 0 {
            return Err(Error::TooFewRows { what: "a fit to moments", needed: 1, got: 0 });
        }
        let sums = moments.total(par);
        let n = rows as f64;
        let scale = n / sums.weight;
        let (mut matrix, mut rhs) = (sums.products, sums.cross * scale);
        let mut squares = sums.target_squares * scale;
        let (mean, mut target_mean) = (sums.feature_mean, sums.target_mean);
        mirror(&mut matrix);
        matrix *= scale;
        let distance = match centre {
            Centre::Both => {
                drop_constants(&mut matrix, &mut rhs, &mean, n);
                &sums.plain_mean - &mean
            }
            Centre::Targets | Centre::Nothing => {
                for (mut row, v) in matrix.rows_mut().into_iter().zip(&mean) {
                    row.scaled_add(n * v, &mean);
                }
                sums.plain_mean
            }
        };
        if centre == Centre::Nothing {
            for (mut row, v) in rhs.rows_mut().into_iter().zip(&mean) {
                row.scaled_add(n * v, &target_mean);
            }
            squares.zip_mut_with(&target_mean, |sum, v| *sum += n * v * v);
            target_mean.fill(0.0);
        }
        let mut unit = sums.plain_spread / n + distance.dot(&distance);
        if centre == Centre::Both && matrix.diag().iter().all(|v| *v == 0.0) {
            unit = 0.0;
        }
        Ok(Normal {
            rows,
            weight_scale: scale,
            centre,
            matrix,
            rhs,
            squares,
            feature_mean: mean,
            target_mean,
            unit,
        })
    }

    /// The absolute ridge.
    pub fn absolute(&self, ridge: Shift) -> Result<f64, Error> {
        ridge.absolute(self.unit)
    }

    /// The same in units of the mean squared norm.
    pub fn relative(&self, ridge: f64) -> f64 {
        if self.unit > 0.0 { ridge / self.unit } else { 0.0 }
    }

    /// The model with these weights.
    pub fn model(
        &self,
        weights: Array2<f64>,
        ridge: f64,
        effective_dimension: Option<f64>,
        diagnostics: Diagnostics,
    ) -> Result<StreamingRidgeModel, Error> {
        let mut intercept = self.target_mean.clone();
        if self.centre == Centre::Both {
            intercept -= &self.feature_mean.dot(&weights);
        }
        if !weights.iter().chain(&intercept).all(|v| v.is_finite()) {
            return Err(Error::Overflow { what: "the weights" });
        }
        Ok(StreamingRidgeModel {
            weights,
            intercept,
            ridge,
            relative_ridge: self.relative(ridge),
            path: None,
            effective_dimension,
            diagnostics,
        })
    }
}

/// Zeros for features without spread: what is left of a constant after its mean was subtracted is rounding,
/// and would count as a feature of its own where the ridge is as small.
fn drop_constants(matrix: &mut Array2<f64>, rhs: &mut Array2<f64>, mean: &Array1<f64>, n: f64) {
    for (j, v) in mean.iter().enumerate() {
        if matrix[[j, j]] <= n * (CONSTANT * v).powi(2) {
            matrix.row_mut(j).fill(0.0);
            matrix.index_axis_mut(Axis(1), j).fill(0.0);
            rhs.row_mut(j).fill(0.0);
        }
    }
}
