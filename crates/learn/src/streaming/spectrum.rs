//! One eigendecomposition for the whole path of ridges.

use ndarray::{Array1, Array2};
use widelimit_linalg::{Par, SymmetricEigen, matmul, symmetric_eigen};

use super::StreamingRidgeModel;
use super::gcv::{GcvPath, GcvPoint, points};
use super::loo::LeaveOneOut;
use super::normal::Normal;
use crate::Error;
use crate::diagnostics::{Diagnostics, ratio, square};
use crate::ridge::{Criterion, RidgePath, Shift};
use crate::search::search;
use crate::spectrum::scale_rows;

/// `G = V diag(g) V^T`, the second moments in their eigenbasis: models, scores and effective dimensions at any
/// ridge, all outputs at once.
///
/// Made by [`CheckedStreamingRidge::spectrum`](super::CheckedStreamingRidge::spectrum) for those who want more
/// than one model of the same moments, or leave-one-out in a second pass ([`Self::leave_one_out`]).
/// Memory: two `p x p` matrices (five while the decomposition runs).
#[derive(Clone, Debug)]
pub struct MomentSpectrum {
    pub(super) normal: Normal,
    /// Eigenvalues, ascending, rounding below zero removed.
    pub(super) values: Array1<f64>,
    /// Eigenvectors as columns.
    pub(super) vectors: Array2<f64>,
    /// `V^T b`, `p x m`.
    pub(super) coefficients: Array2<f64>,
    /// `V^T mu`, with the mean of the features.
    pub(super) means: Array1<f64>,
    smallest: f64,
}

impl MomentSpectrum {
    pub(super) fn new(normal: Normal, par: &Par) -> Result<Self, Error> {
        let SymmetricEigen { mut values, vectors } = symmetric_eigen(normal.matrix.clone(), par)?;
        let smallest = values[0];
        values.mapv_inplace(|v| v.max(0.0));
        let coefficients = matmul(vectors.t(), normal.rhs.view(), par);
        let means = vectors.t().dot(&normal.feature_mean);
        Ok(MomentSpectrum { normal, values, vectors, coefficients, means, smallest })
    }

    /// Smallest absolute ridge whose system double precision can invert.
    pub fn smallest_ridge(&self) -> f64 {
        let largest = self.values[self.values.len() - 1];
        (10.0 * f64::EPSILON * largest).max(-2.0 * self.smallest)
    }

    /// The absolute ridges of a path, ascending, as far as double precision supports them.
    ///
    /// # Errors
    /// [`Error::DiagonalNotPositive`] for features that are zero (constant, with
    /// [`Centre::Both`](super::Centre::Both)); [`Error::Parameter`] for a bad path.
    pub fn ridges(&self, path: &RidgePath) -> Result<Vec<f64>, Error> {
        path.check()?;
        let unit = self.normal.unit;
        if unit <= 0.0 {
            return Err(Error::DiagonalNotPositive { mean: unit });
        }
        let floor = self.smallest_ridge();
        let mut grid: Vec<f64> = path.grid().into_iter().map(|r| r * unit).collect();
        grid.retain(|r| *r >= floor);
        if grid.is_empty() {
            grid.push(floor);
        }
        Ok(grid)
    }

    /// Effective dimension at an absolute ridge: `trace G (G + lambda I)^-1`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a ridge that is negative or not finite.
    pub fn effective_dimension(&self, ridge: f64) -> Result<f64, Error> {
        crate::ridge::not_negative("ridge", ridge)?;
        Ok(self.values.iter().filter(|g| **g > 0.0).map(|g| g / (g + ridge)).sum())
    }

    /// Searches a path by generalised cross-validation (see [`GcvPoint`]).
    ///
    /// # Errors
    /// As [`Self::ridges`]; [`Error::CriterionNeedsRows`] for [`Criterion::ErrorRate`];
    /// [`Error::TooFewRows`] for a single row; [`Error::Overflow`] where no ridge leaves a degree of freedom.
    pub fn gcv(&self, path: &RidgePath) -> Result<GcvPath, Error> {
        if path.criterion == Criterion::ErrorRate {
            return Err(Error::CriterionNeedsRows);
        }
        if self.normal.rows < 2 {
            let what = "generalised cross-validation";
            return Err(Error::TooFewRows { what, needed: 2, got: self.normal.rows });
        }
        let found = search(
            self.ridges(path)?,
            path.refinements,
            |ridges| match points(self, ridges) {
                points if points.is_empty() => {
                    Err(Error::Overflow { what: "the generalised cross-validation" })
                }
                points => Ok(points),
            },
            |p: &GcvPoint| p.ridge,
            |p, q| p.gcv < q.gcv,
        )?;
        Ok(GcvPath { points: found.points, chosen: found.best })
    }

    /// The model at a ridge. Below [`Self::smallest_ridge`] directions without a resolvable eigenvalue are left
    /// out, which is the solution of least norm for a ridge of zero.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative ridge, [`Error::DiagonalNotPositive`] for a relative ridge on zero
    /// features, [`Error::Overflow`].
    pub fn model(&self, ridge: Shift, par: &Par) -> Result<StreamingRidgeModel, Error> {
        ridge.check("ridge")?;
        let ridge = self.normal.absolute(ridge)?;
        let (count, largest) = (self.values.len(), self.values[self.values.len() - 1]);
        let null = (count as f64 * f64::EPSILON * largest).max(-self.smallest);
        let low = ridge < self.smallest_ridge();
        let filter = self.values.mapv(|g| if low && g <= null { 0.0 } else { 1.0 / (g + ridge) });
        let filter = filter.mapv(|f| if f.is_finite() { f } else { 0.0 });
        let mut scaled = self.coefficients.clone();
        scale_rows(&mut scaled, &filter);
        let weights = matmul(self.vectors.view(), scaled.view(), par);
        let (matrix, rhs) = (self.normal.matrix.view(), self.normal.rhs.view());
        let rest = matmul(matrix, weights.view(), par) + &weights * ridge - rhs;
        let diagnostics = Diagnostics {
            condition: (largest + ridge) / (self.smallest.max(0.0) + ridge),
            jitter: 0.0,
            residual: ratio(square(rest.view()).sqrt(), square(rhs).sqrt()),
            min_eigenvalue: Some(self.smallest),
        };
        let dimension = self.effective_dimension(ridge)?;
        self.normal.model(weights, ridge, Some(dimension), diagnostics)
    }

    /// An absolute ridge from one in either unit.
    ///
    /// # Errors
    /// [`Error::Parameter`] for one that is negative or not finite, [`Error::DiagonalNotPositive`] for a relative ridge
    /// on zero features.
    pub fn absolute(&self, ridge: Shift) -> Result<f64, Error> {
        ridge.check("ridge")?;
        self.normal.absolute(ridge)
    }

    /// A second pass over the same rows that gives leave-one-out errors at these absolute ridges (any order).
    ///
    /// # Errors
    /// [`Error::Empty`] for no ridges, [`Error::Parameter`] for one that is not positive and finite,
    /// [`Error::TooFewRows`] for moments of one row.
    pub fn leave_one_out(&self, ridges: &[f64]) -> Result<LeaveOneOut<&Self>, Error> {
        LeaveOneOut::new(self, ridges)
    }
}
