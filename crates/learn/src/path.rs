//! The whole leave-one-out path from one eigendecomposition.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, matmul};

use crate::Error;
use crate::diagnostics::filtered_diagonals;
use crate::loo::{LooPath, LooPoint, Targets, better};
use crate::ridge::{Criterion, RidgePath, Route};
use crate::rounding::Rounding;
use crate::search::search;

/// Numbers held for one batch of ridges.
const BATCH: usize = 1 << 22;

/// `Q(lambda) = identity I + sign U diag(1 / (w + lambda)) U^T`, up to a factor that may depend on `lambda`.
///
/// Kernel: `U` = eigenvectors, `identity` = 0. Features `Z = U S V^T`: `Q lambda = I - Z V (...) V^T Z^T`, so
/// `U` = `Z V` and the sign is negative.
pub(crate) struct Basis<'a> {
    pub vectors: ArrayView2<'a, f64>,
    pub values: &'a Array1<f64>,
    pub features: bool,
    /// Rounding of the predictions.
    pub rounding: Rounding,
}

impl Basis<'_> {
    /// Ridges with positive eigenvalues and a condition number that double precision can invert.
    pub fn floor(&self) -> f64 {
        let (min, max) = (self.values[0], self.values[self.values.len() - 1]);
        (10.0 * f64::EPSILON * max).max(-2.0 * min)
    }

    /// Leave-one-out errors at absolute ridges. Ridges at which they are not defined (a row that
    /// determines its own prediction completely) are left out.
    pub fn points(&self, targets: &Targets, ridges: &[f64], unit: f64, par: &Par) -> Vec<LooPoint> {
        let b = targets.right_hand_sides(true);
        let (n, columns) = b.dim();
        let coefficients = matmul(self.vectors.t(), b.view(), par);
        let batch = (BATCH / (n * columns)).max(1);
        let mut points = Vec::with_capacity(ridges.len());
        for ridges in ridges.chunks(batch) {
            let rank = self.values.len();
            let filters = Array2::from_shape_fn((rank, ridges.len()), |(j, r)| {
                let f = 1.0 / (self.values[j] + ridges[r]);
                if self.features { -f } else { f }
            });
            let mut scaled = Array2::zeros((rank, ridges.len() * columns));
            for (filter, mut to) in
                filters.columns().into_iter().zip(scaled.axis_chunks_iter_mut(Axis(1), columns))
            {
                to.assign(&(&coefficients * &filter.insert_axis(Axis(1))));
            }
            let mut solved = matmul(self.vectors, scaled.view(), par);
            let mut diagonals = filtered_diagonals(self.vectors, filters.view(), par);
            if self.features {
                diagonals += 1.0;
                for mut part in solved.axis_chunks_iter_mut(Axis(1), columns) {
                    part += &b;
                }
            }
            let parts = solved.axis_chunks_iter(Axis(1), columns).zip(diagonals.columns());
            for (&ridge, (part, diagonal)) in ridges.iter().zip(parts) {
                let defined = !self.features || diagonal.iter().all(|d| *d > 1e3 * f64::EPSILON);
                let at = (ridge, ridge / unit);
                let (point, _) = targets.leave_one_out(at, part, diagonal, self.rounding);
                if defined && point.mse.is_finite() {
                    points.push(point);
                }
            }
        }
        points
    }

    /// Leave-one-out predictions at one ridge of a kernel.
    pub fn predictions(&self, targets: &Targets, ridge: f64, par: &Par) -> Array2<f64> {
        let b = targets.right_hand_sides(true);
        let filter = self.values.mapv(|w| 1.0 / (w + ridge)).insert_axis(Axis(1));
        let coefficients = matmul(self.vectors.t(), b.view(), par) * &filter;
        let solved = matmul(self.vectors, coefficients.view(), par);
        let diagonal = filtered_diagonals(self.vectors, filter.view(), par);
        targets.predictions(solved.view(), diagonal.column(0))
    }

    /// Searches the path. `unit` = mean of the kernel's diagonal.
    pub fn search(
        &self,
        path: &RidgePath,
        criterion: Criterion,
        targets: &Targets,
        unit: f64,
        par: &Par,
    ) -> Result<LooPath, Error> {
        let floor = self.floor();
        let mut grid: Vec<f64> = path.grid().into_iter().map(|r| r * unit).collect();
        grid.retain(|r| *r >= floor);
        if grid.is_empty() {
            grid.push(floor);
        }
        let found = search(
            grid,
            path.refinements,
            |ridges| {
                let points = self.points(targets, ridges, unit, par);
                if points.is_empty() {
                    Err(Error::Overflow { what: "the leave-one-out error" })
                } else {
                    Ok(points)
                }
            },
            |p| p.ridge,
            |p, q| better(criterion, p, q),
        )?;
        let (points, chosen) = (found.points, found.best);
        // The grid reaches from end to end.
        Ok(LooPath { points, chosen, criterion, route: Route::Eigen, bracketed: true })
    }
}
