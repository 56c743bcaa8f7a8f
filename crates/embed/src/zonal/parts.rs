//! What a fit has found out, as matrices with names.

use ndarray::{Array2, Array3};

use super::NAME;
use super::exact::DEGREES;
use super::plan::Share;
use crate::Error;

/// Names of the matrices.
const AXES: &str = "zonal/axes";
const DEVIATIONS: &str = "zonal/deviations";
const LANDMARKS: &str = "zonal/landmarks";
const FACTORS: &str = "zonal/factors";
const SHARES: &str = "zonal/shares";

/// What a fit has found out: enough to make the same map again.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Axes as rows; `None` for the coordinate axes.
    pub(super) axes: Option<Array2<f64>>,
    /// Standard deviations of the directions along the axes.
    pub(super) deviations: Vec<f64>,
    /// Mean squares of the landmarks and the factors there.
    pub(super) landmarks: Vec<f64>,
    pub(super) factors: Array3<f64>,
    /// What every term of the factorisation gets.
    pub(super) shares: Vec<Share>,
}

impl Parts {
    /// The parts as matrices with names.
    pub fn arrays(&self) -> Vec<(String, Array2<f64>)> {
        let row = |values: &[f64]| Array2::from_shape_fn((1, values.len()), |(_, i)| values[i]);
        let (ranks, landmarks, degrees) = self.factors.dim();
        let factors = Array2::from_shape_fn((ranks * landmarks, degrees), |(i, n)| {
            self.factors[[i / landmarks, i % landmarks, n]]
        });
        let shares = Array2::from_shape_fn((ranks, DEGREES + 2), |(r, i)| {
            let share = &self.shares[r];
            let entry = match i {
                0 => usize::from(share.constant),
                1 => share.sampled,
                _ => share.axes[i - 2],
            };
            entry as f64
        });
        let known = [
            (DEVIATIONS, row(&self.deviations)),
            (LANDMARKS, row(&self.landmarks)),
            (FACTORS, factors),
            (SHARES, shares),
        ];
        let axes = self.axes.iter().map(|axes| (AXES, axes.clone()));
        axes.chain(known).map(|(name, array)| (name.to_owned(), array)).collect()
    }

    /// The parts from such matrices.
    ///
    /// # Errors
    /// A matrix that has another name, is missing or does not fit the others.
    pub fn from_arrays(arrays: &[(String, Array2<f64>)]) -> Result<Self, Error> {
        let names = [AXES, DEVIATIONS, LANDMARKS, FACTORS, SHARES];
        if let Some((name, _)) = arrays.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            return Err(Error::UnknownArray { name: name.clone() });
        }
        let wrong = |name: &str, what: &str| Error::NotApplicable {
            strategy: NAME,
            reason: format!("the array `{name}` {what}"),
        };
        let find = |wanted: &str| arrays.iter().find(|(name, _)| name == wanted).map(|(_, a)| a);
        let get = |name: &str| find(name).ok_or_else(|| wrong(name, "is missing"));
        let (landmarks, factors) = (get(LANDMARKS)?, get(FACTORS)?);
        let (shares, deviations) = (get(SHARES)?, get(DEVIATIONS)?);
        for (name, array) in [(LANDMARKS, landmarks), (FACTORS, factors), (DEVIATIONS, deviations)]
        {
            if array.iter().any(|x| !x.is_finite()) {
                return Err(wrong(name, "has entries that are not finite"));
            }
        }
        let (ranks, count) = (shares.nrows(), landmarks.len());
        if factors.nrows() != ranks * count {
            return Err(wrong(FACTORS, "has not a row for every landmark of every term"));
        }
        let whole = |x: &f64| x.fract() == 0.0 && (0.0..1e9).contains(x);
        if (ranks > 0 && shares.ncols() != DEGREES + 2) || !shares.iter().all(whole) {
            return Err(wrong(SHARES, "is no table of whole numbers of the right width"));
        }
        let share = |row: ndarray::ArrayView1<f64>| Share {
            constant: row[0] != 0.0,
            axes: std::array::from_fn(|n| row[n + 2] as usize),
            sampled: row[1] as usize,
        };
        Ok(Self {
            axes: find(AXES).cloned(),
            deviations: deviations.iter().copied().collect(),
            landmarks: landmarks.iter().copied().collect(),
            factors: Array3::from_shape_fn((ranks, count, factors.ncols()), |(r, k, n)| {
                factors[[r * count + k, n]]
            }),
            shares: shares.outer_iter().map(share).collect(),
        })
    }
}
