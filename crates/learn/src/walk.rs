//! Leave-one-out for many rows: a few Cholesky factorisations instead of one eigendecomposition.

use ndarray::{Array2, Axis};
use widelimit_linalg::{Par, Scalar, SymmetricEigen, symmetric_eigen};

use crate::Error;
use crate::diagnostics::Diagnostics;
use crate::kernel_ridge::Solution;
use crate::loo::{LooPath, LooPoint, Targets, better};
use crate::memory::SUBSET;
use crate::path::Basis;
use crate::ridge::{Criterion, RidgePath, Route};
use crate::search::argbest;
use crate::system::System;

/// Half a decade.
const STEP: f64 = 3.162_277_660_168_379_5;

/// Steps upwards that a failing factorisation may take.
const RESCUE: i32 = 8;

/// A candidate with everything a model needs of it.
struct Candidate {
    point: LooPoint,
    predictions: Array2<f64>,
    solved: Array2<f64>,
    diagnostics: Diagnostics,
}

/// Evaluates one ridge after the other in the kernel's own memory.
struct Walker<'a, T> {
    /// Always there between two evaluations.
    kernel: Option<Array2<T>>,
    targets: &'a Targets,
    right_hand_sides: Array2<f64>,
    unit: f64,
    left: usize,
    par: &'a Par,
}

impl<T: Scalar> Walker<'_, T> {
    /// Leave-one-out at `ridge`, or at the first step above it that can be factored; `None` when all
    /// candidates are used up.
    fn evaluate(&mut self, ridge: f64) -> Result<Option<Candidate>, Error> {
        let Some(kernel) = self.kernel.take().filter(|_| self.left > 0) else { return Ok(None) };
        self.left -= 1;
        let mean =
            kernel.diag().iter().map(|v| v.to_f64()).sum::<f64>() / kernel.nrows() as f64 + ridge;
        let ladder: Vec<f64> = (0..RESCUE).map(|s| ridge * (STEP.powi(s) - 1.0) / mean).collect();
        let system = System::with_ladder(kernel, ridge, &ladder, self.par)?;
        let ridge = system.shift;
        let (solved, residual) = system.solve(self.right_hand_sides.view(), self.par);
        let diagonal = system.factor.inverse_diagonal(self.par).mapv(|v| v.to_f64());
        let predictions = self.targets.predictions(solved.view(), diagonal.view());
        let point = self.targets.score(ridge, ridge / self.unit, predictions.view());
        let diagnostics = system.diagnostics(ridge, residual);
        self.kernel = Some(system.into_kernel(self.par));
        if point.mse.is_finite() {
            Ok(Some(Candidate { point, predictions, solved, diagnostics }))
        } else {
            Err(Error::Overflow { what: "the leave-one-out error" })
        }
    }
}

/// Searches the ridge from the best one of a subset of rows, downhill in steps of half a decade.
pub(crate) fn walk<T: Scalar>(
    kernel: Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    criterion: Criterion,
    unit: f64,
    par: &Par,
) -> Result<Solution, Error> {
    let (start, largest) = subset(&kernel, targets, path, criterion, unit, par)?;
    let lowest = (path.lowest * unit).max(10.0 * T::EPSILON * largest);
    let highest = (path.highest * unit).max(lowest);
    let mut walker = Walker {
        kernel: Some(kernel),
        targets,
        right_hand_sides: targets.right_hand_sides(true),
        unit,
        left: path.candidates,
        par,
    };
    let mut found: Vec<Candidate> = Vec::new();
    let mut ridge = start.clamp(lowest, highest);
    while let Some(next) = walker.evaluate(ridge)? {
        let worse = found.last().is_some_and(|last| better(criterion, &last.point, &next.point));
        let at = next.point.ridge;
        found.push(next);
        if worse || at >= highest {
            break;
        }
        ridge = (at * STEP).min(highest);
    }
    // Uphill from the start: look the other way.
    if found.len() <= 2 {
        let mut at = found.first().map_or(lowest, |c| c.point.ridge);
        while at > lowest {
            let Some(next) = walker.evaluate((at / STEP).max(lowest))? else { break };
            let gained = better(criterion, &next.point, &found[0].point);
            // A factorisation that had to be rescued ends where the walk has been.
            if next.point.ridge >= at {
                break;
            }
            at = next.point.ridge;
            found.insert(0, next);
            if !gained {
                break;
            }
        }
    }
    let chosen = argbest(&found, |p, q| better(criterion, &p.point, &q.point));
    let points = found.iter().map(|c| c.point).collect();
    let Candidate { point, predictions, mut solved, diagnostics } = found.swap_remove(chosen);
    if targets.centre {
        solved.remove_index(Axis(1), targets.values.ncols());
    }
    Ok(Solution {
        solved,
        ridge: point.ridge,
        path: Some(LooPath { points, chosen, criterion, route: Route::Cholesky }),
        leave_one_out: Some(predictions),
        eigenvalues: None,
        diagnostics,
    })
}

/// Best ridge of every `(n / SUBSET)`-th row, and an estimate of the kernel's largest eigenvalue.
fn subset<T: Scalar>(
    kernel: &Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    criterion: Criterion,
    unit: f64,
    par: &Par,
) -> Result<(f64, f64), Error> {
    let n = kernel.nrows();
    let rows: Vec<usize> = (0..n).step_by(n.div_ceil(SUBSET)).collect();
    let weights: Option<Vec<f64>> =
        targets.weights.as_ref().map(|w| rows.iter().map(|i| w[*i]).collect());
    // Weights keep mean 1; the kernel already carries them and follows.
    let mean = weights.as_ref().map_or(1.0, |w| w.iter().sum::<f64>() / w.len() as f64);
    let part = Array2::from_shape_fn((rows.len(), rows.len()), |(i, j)| {
        kernel[[rows[i], rows[j]]].to_f64() / mean
    });
    let targets = Targets {
        values: targets.values.select(Axis(0), &rows),
        weights: weights.map(|w| w.iter().map(|v| v / mean).collect()),
        codes: targets.codes.as_ref().map(|c| rows.iter().map(|i| c[*i]).collect()),
        centre: targets.centre,
    };
    let SymmetricEigen { values, vectors } = symmetric_eigen(part, par)?;
    let (min, max) = (values[0], values[values.len() - 1]);
    if min < -T::EPSILON.sqrt() * max {
        return Err(Error::Indefinite { min_eigenvalue: min, max_eigenvalue: max });
    }
    let basis = Basis { vectors: vectors.view(), values: &values, features: false };
    let found = basis.search(path, criterion, &targets, unit, par)?;
    Ok((found.best().ridge, max * n as f64 / rows.len() as f64))
}
