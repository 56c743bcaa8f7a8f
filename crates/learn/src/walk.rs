//! Leave-one-out for many rows: a few Cholesky factorisations instead of one eigendecomposition.

use std::collections::BTreeSet;

use ndarray::{Array2, Axis};
use widelimit_linalg::{Par, Scalar, SymmetricEigen, symmetric_eigen};

use crate::Error;
use crate::bracket::{Bracketed, bracket};
use crate::diagnostics::{Diagnostics, splitmix};
use crate::kernel_ridge::Solution;
use crate::loo::{LooPath, LooPoint, Targets, better};
use crate::memory::SUBSET;
use crate::path::Basis;
use crate::ridge::{Criterion, RidgePath, Route};
use crate::rounding::{Rounding, semidefinite};
use crate::system::System;

/// Seed of the subset of rows that starts the search.
const SEED: u64 = 0x5EED;

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
    rounding: Rounding,
    criterion: Criterion,
    /// The best candidate so far; of the others only their points are kept.
    best: Option<Candidate>,
    par: &'a Par,
}

impl<T: Scalar> Walker<'_, T> {
    /// Leave-one-out at `ridge`, or above it as [`System::climbing`] says.
    fn evaluate(&mut self, ridge: f64, good: Option<f64>) -> Result<LooPoint, Error> {
        let kernel = self.kernel.take().unwrap_or_default();
        let (system, ridge) = System::climbing(kernel, ridge, good, self.par)?;
        let (solved, residual) = system.solve(self.right_hand_sides.view(), self.par);
        let diagonal = system.factor.inverse_diagonal(self.par).mapv(|v| v.to_f64());
        let at = (ridge, ridge / self.unit);
        let (point, predictions) =
            self.targets.leave_one_out(at, solved.view(), diagonal.view(), self.rounding);
        let diagnostics = system.diagnostics(ridge, residual);
        self.kernel = Some(system.into_kernel(self.par));
        if !point.mse.is_finite() {
            return Err(Error::Overflow { what: "the leave-one-out error" });
        }
        if self.best.as_ref().is_none_or(|best| self.replaces(&best.point, &point)) {
            self.best = Some(Candidate { point, predictions, solved, diagnostics });
        }
        Ok(point)
    }

    /// Does `new` take the place of the best point? Equally good ones are decided for the largest ridge.
    fn replaces(&self, best: &LooPoint, new: &LooPoint) -> bool {
        better(self.criterion, new, best)
            || !better(self.criterion, best, new) && new.ridge >= best.ridge
    }
}

/// Searches the ridge from the best one of a subset of rows.
pub(crate) fn walk<T: Scalar>(
    kernel: Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    criterion: Criterion,
    unit: f64,
    par: &Par,
) -> Result<Solution, Error> {
    let Start { ridge: start, floor, rounding } =
        subset(&kernel, targets, path, criterion, unit, par)?;
    let lowest = (path.lowest * unit).max(floor);
    let highest = (path.highest * unit).max(lowest);
    let right_hand_sides = targets.right_hand_sides(true);
    let mut walker = Walker {
        kernel: Some(kernel),
        targets,
        right_hand_sides,
        unit,
        rounding,
        criterion,
        best: None,
        par,
    };
    let Bracketed { points, best: chosen, bracketed } = bracket(
        start,
        (lowest, highest),
        path.candidates,
        |ridge, good| walker.evaluate(ridge, good),
        |p| p.ridge,
        |p, q| better(criterion, p, q),
    )?;
    let Some(Candidate { point, predictions, mut solved, diagnostics }) = walker.best else {
        return Err(Error::Overflow { what: "the leave-one-out error" });
    };
    if targets.centre {
        solved.remove_index(Axis(1), targets.values.ncols());
    }
    Ok(Solution {
        solved,
        ridge: point.ridge,
        path: Some(LooPath { points, chosen, criterion, route: Route::Cholesky, bracketed }),
        leave_one_out: Some(predictions),
        eigenvalues: None,
        diagnostics,
    })
}

/// `count` of the numbers below `n`, ascending: a sample without replacement (Floyd's algorithm; Bentley &
/// Floyd, *CACM* 30, 1987). Rows in the order of a measurement repeat in patterns that a stride could fall
/// in step with; a random sample has the composition of the whole.
fn sample(n: usize, count: usize) -> Vec<usize> {
    let mut state = SEED;
    let mut taken = BTreeSet::new();
    for last in n - count..n {
        // High bits times the range: uniform but for 2^-64 n.
        let pick = ((splitmix(&mut state) as u128 * (last as u128 + 1)) >> 64) as usize;
        if !taken.insert(pick) {
            taken.insert(last);
        }
    }
    taken.into_iter().collect()
}

/// What a sample of the rows tells.
struct Start {
    /// Its best ridge.
    ridge: f64,
    /// The smallest ridge that a factorisation in the type of the kernel supports, from eigenvalues that
    /// grow with the number of rows.
    floor: f64,
    rounding: Rounding,
}

/// Looks at a sample of the rows.
fn subset<T: Scalar>(
    kernel: &Array2<T>,
    targets: &Targets,
    path: &RidgePath,
    criterion: Criterion,
    unit: f64,
    par: &Par,
) -> Result<Start, Error> {
    let n = kernel.nrows();
    let rows = sample(n, SUBSET.min(n));
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
    semidefinite::<T>(&values)?;
    let rounding = Rounding::new::<T>(&values);
    let basis = Basis { vectors: vectors.view(), values: &values, features: false, rounding };
    let found = basis.search(path, criterion, &targets, unit, par)?;
    let growth = n as f64 / rows.len() as f64;
    let floor = growth * (10.0 * T::EPSILON * max).max(-2.0 * min);
    Ok(Start { ridge: found.best().ridge, floor, rounding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_distinct_and_even() {
        assert_eq!(sample(7, 7), (0..7).collect::<Vec<_>>());
        let rows = sample(8000, 2000);
        assert!(rows.len() == 2000 && rows.windows(2).all(|w| w[0] < w[1]) && rows[1999] < 8000);
        // 500 of each residue, standard deviation 17; a stride of 4 would have 2000 of one.
        for residue in 0..4 {
            let count = rows.iter().filter(|i| *i % 4 == residue).count();
            assert!((415..585).contains(&count), "{count} of residue {residue}");
        }
    }
}
