//! Moments as plain arrays, so that a long job can stop and go on.

use ndarray::{Array1, Array2, ArrayView2};

use super::moments::{Moments, Sums};
use super::rows::{BLOCK, Rows, bounded};
use crate::Error;
use crate::check;

/// Everything that [`Moments`] holds, under the names of its documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentsParts {
    /// Rows in whole blocks; those in `waiting_*` come on top.
    pub rows: usize,
    /// `W`, the sum of their weights.
    pub weight: f64,
    /// `mu`, length `p`.
    pub feature_mean: Array1<f64>,
    /// `nu`, length `m`.
    pub target_mean: Array1<f64>,
    /// `A`, `p x p`, symmetric; only the upper triangle is read.
    pub products: Array2<f64>,
    /// `B`, `p x m`.
    pub cross: Array2<f64>,
    /// `c`, length `m`.
    pub target_squares: Array1<f64>,
    /// Mean of the features without weights, length `p`.
    pub plain_mean: Array1<f64>,
    /// Sum of the squared distances of the features from it.
    pub plain_spread: f64,
    /// Features of the rows whose block is not full, `k x p`.
    pub waiting_features: Array2<f64>,
    /// Their targets, `k x m`.
    pub waiting_targets: Array2<f64>,
    /// Their weights, length `k`.
    pub waiting_weights: Vec<f64>,
}

impl MomentsParts {
    pub(super) fn new(moments: Moments) -> Self {
        let Moments { mut sums, waiting } = moments;
        mirror(&mut sums.products);
        let (features, targets, weights) = waiting.waiting();
        MomentsParts {
            rows: sums.rows,
            weight: sums.weight,
            feature_mean: sums.feature_mean,
            target_mean: sums.target_mean,
            products: sums.products,
            cross: sums.cross,
            target_squares: sums.target_squares,
            plain_mean: sums.plain_mean,
            plain_spread: sums.plain_spread,
            waiting_features: features.to_owned(),
            waiting_targets: targets.to_owned(),
            waiting_weights: weights.to_vec(),
        }
    }

    /// Do the arrays fit together, and can they be moments?
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::OutOfRange`];
    /// [`Error::Parameter`] for a square below zero, or weights that do not fit the number of rows.
    pub fn check(&self) -> Result<(), Error> {
        let (p, m) = self.cross.dim();
        if self.cross.is_empty() {
            return Err(Error::Empty { what: "the cross moments" });
        }
        check::length("number of features in the feature mean", p, self.feature_mean.len())?;
        check::length("number of features in the plain mean", p, self.plain_mean.len())?;
        check::length("number of outputs in the target mean", m, self.target_mean.len())?;
        check::length("number of outputs in the target squares", m, self.target_squares.len())?;
        check::length("rows of the second moments", p, self.products.nrows())?;
        check::length("columns of the second moments", p, self.products.ncols())?;
        check::finite("the second moments", self.products.view())?;
        check::finite("the cross moments", self.cross.view())?;
        for (what, mean) in [
            ("the feature mean", &self.feature_mean),
            ("the plain mean", &self.plain_mean),
            ("the target mean", &self.target_mean),
        ] {
            check::finite(what, row(mean))?;
        }
        let squares = self.products.diag();
        let squares = squares.iter().chain(&self.target_squares).chain([&self.plain_spread]);
        for &value in squares {
            crate::ridge::not_negative("a sum of squares", value)?;
        }
        let empty = self.rows == 0;
        if empty != (self.weight == 0.0) || !(self.weight >= 0.0 && self.weight.is_finite()) {
            let expected = "positive and finite for stored rows, zero for none";
            return Err(Error::Parameter { name: "sum of weights", expected, value: self.weight });
        }
        self.check_waiting()
    }

    fn check_waiting(&self) -> Result<(), Error> {
        let (features, targets) = (self.waiting_features.view(), self.waiting_targets.view());
        let weights = Some(&self.waiting_weights[..]);
        super::rows::checked(self.rows, self.cross.dim(), features, targets, weights)?;
        let (name, value) = ("number of waiting rows", features.nrows());
        if value >= BLOCK {
            let expected = "less than a block of 1023";
            return Err(Error::Parameter { name, expected, value: value as f64 });
        }
        bounded("the feature mean", row(&self.feature_mean), 0)
    }

    pub(super) fn moments(self) -> Result<Moments, Error> {
        self.check()?;
        let (p, m) = self.cross.dim();
        let mut waiting = Rows::new(p, m);
        let weights = Some(&self.waiting_weights[..]);
        waiting.push(self.waiting_features.view(), self.waiting_targets.view(), weights, |_| ());
        let sums = Sums {
            rows: self.rows,
            weight: self.weight,
            feature_mean: self.feature_mean,
            target_mean: self.target_mean,
            products: self.products,
            cross: self.cross,
            target_squares: self.target_squares,
            plain_mean: self.plain_mean,
            plain_spread: self.plain_spread,
        };
        Ok(Moments { sums, waiting })
    }
}

fn row(a: &Array1<f64>) -> ArrayView2<'_, f64> {
    a.view().insert_axis(ndarray::Axis(0))
}

/// Copies the upper triangle to the lower one.
pub(crate) fn mirror(a: &mut Array2<f64>) {
    for i in 1..a.nrows() {
        for j in 0..i {
            a[[i, j]] = a[[j, i]];
        }
    }
}
