//! Leave-one-out errors in closed form.
//!
//! For a fixed kernel matrix, `Q = (K + lambda I)^-1` and targets `z`, the model fitted without row `i`
//! misses `z_i` by exactly `(Q z)_i / Q_ii` (Rasmussen & Williams 2006, section 5.4.2, equation 5.12).
//! That is linear in `z`, so subtracting *any* constant `c` from all targets and adding it back to the
//! prediction gives `((Q y)_i - c (Q 1)_i) / Q_ii`. With `c` = the mean of the *other* targets,
//! `c_i = (sum_j y_j - y_i) / (n - 1)`, the result is the error of a model whose mean, too, was computed
//! without row `i`: what is left out is the row's kernel entries, its target, and its share of the mean.
//! Only `lambda` itself (as an absolute number) is kept from the full data.
//!
//! Sample weights `w_i` (loss `sum_i w_i (y_i - f(x_i))^2 + lambda |f|^2`) replace `K` by
//! `W^(1/2) K W^(1/2)` and `y` by `W^(1/2) y`; the residual is then divided by `w_i^(1/2)` and the mean is
//! the weighted one.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::ridge::{Criterion, Route};
use crate::rounding::{Rounding, exponent, times_power};

/// Leave-one-out errors at one ridge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LooPoint {
    /// The ridge added to the diagonal.
    pub ridge: f64,
    /// The same in units of the mean of the kernel's diagonal.
    pub relative: f64,
    /// Mean over rows and outputs of the squared leave-one-out residual (weighted, if there are weights), and
    /// what the rounding of predictions in the type of the kernel adds to it: nothing in double precision,
    /// but the larger part where a ridge is too small for single precision.
    pub mse: f64,
    /// Share of rows whose largest leave-one-out score is that of their class (classification only).
    pub accuracy: Option<f64>,
}

/// The path a ridge was chosen from.
#[derive(Clone, Debug, PartialEq)]
pub struct LooPath {
    /// Ascending in the ridge.
    pub points: Vec<LooPoint>,
    /// Index of the chosen point; equally good points are decided for the largest ridge.
    pub chosen: usize,
    /// What was minimised.
    pub criterion: Criterion,
    /// How it was computed: [`Route::Eigen`] or [`Route::Cholesky`].
    pub route: Route,
    /// Do worse points, or an end of the path, lie on both sides of the chosen one? `false` where the
    /// candidates of [`Route::Cholesky`] were used up before: a better ridge may lie beyond.
    pub bracketed: bool,
}

impl LooPath {
    /// The chosen point.
    pub fn best(&self) -> LooPoint {
        self.points[self.chosen]
    }

    /// The path for targets `2^exponent` times as large.
    pub(crate) fn times_power(mut self, exponent: i32) -> Self {
        for point in &mut self.points {
            point.mse = times_power(point.mse, 2 * exponent);
        }
        self
    }
}

/// Is `a` strictly better than `b`?
pub(crate) fn better(criterion: Criterion, a: &LooPoint, b: &LooPoint) -> bool {
    match (criterion, a.accuracy, b.accuracy) {
        (Criterion::ErrorRate, Some(p), Some(q)) if p != q => p > q,
        _ => a.mse < b.mse,
    }
}

/// The targets of a regression, the mean they are centred by, and what leave-one-out needs of both.
pub(crate) struct Targets {
    /// `n x m`, as given.
    pub values: Array2<f64>,
    /// One weight a row, mean 1.
    pub weights: Option<Vec<f64>>,
    /// Class of each row, for the accuracy.
    pub codes: Option<Vec<usize>>,
    /// Is the mean subtracted?
    pub centre: bool,
}

impl Targets {
    /// The targets divided by a power of two that brings the largest one to `1 ... 2`, and its exponent.
    /// Squares of tiny targets underflow, those of huge ones overflow; powers of two round nothing.
    pub fn scaled(mut self) -> (Self, i32) {
        let largest = self.values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let exponent = exponent(largest);
        self.values.mapv_inplace(|v| times_power(v, -exponent));
        (self, exponent)
    }

    pub fn weight(&self, i: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[i])
    }

    /// Mean of each output, zero where targets are not centred.
    pub fn mean(&self) -> Vec<f64> {
        let n = self.values.nrows() as f64;
        let column = |c: ArrayView1<f64>| {
            // Two passes: the second removes the rounding of the first for targets far from zero.
            let first = c.iter().enumerate().map(|(i, v)| self.weight(i) * v).sum::<f64>() / n;
            first + c.iter().enumerate().map(|(i, v)| self.weight(i) * (v - first)).sum::<f64>() / n
        };
        self.values
            .columns()
            .into_iter()
            .map(|c| if self.centre { column(c) } else { 0.0 })
            .collect()
    }

    /// Right-hand sides `W^(1/2) [y - mean, 1]`; the column of ones only with `with_ones` and centring.
    pub fn right_hand_sides(&self, with_ones: bool) -> Array2<f64> {
        let (n, m) = self.values.dim();
        let extra = usize::from(with_ones && self.centre);
        let mean = self.mean();
        Array2::from_shape_fn((n, m + extra), |(i, k)| {
            let v = if k < m { self.values[[i, k]] - mean[k] } else { 1.0 };
            self.weight(i).sqrt() * v
        })
    }

    /// Leave-one-out predictions, `n x m`. `solved` is `Q~ [y - mean, 1]~` for the columns of
    /// [`Self::right_hand_sides`]`(true)`, `denominator` holds `Q~_ii`.
    pub fn predictions(
        &self,
        solved: ArrayView2<f64>,
        denominator: ArrayView1<f64>,
    ) -> Array2<f64> {
        let (n, m) = self.values.dim();
        let mean = self.mean();
        let mut predictions = Array2::zeros((n, m));
        for i in 0..n {
            let w = self.weight(i);
            let scale = 1.0 / (w.sqrt() * denominator[i]);
            let ones = if self.centre { solved[[i, m]] } else { 0.0 };
            for k in 0..m {
                let y = self.values[[i, k]];
                // Mean without row i, minus the mean of all: (n mean - w y) / (n - w) - mean.
                let shift = if self.centre { w * (mean[k] - y) / (n as f64 - w) } else { 0.0 };
                predictions[[i, k]] = y - (solved[[i, k]] - shift * ones) * scale;
            }
        }
        predictions
    }

    /// Leave-one-out predictions and their score at one ridge, from the arguments of [`Self::predictions`].
    pub fn leave_one_out(
        &self,
        (ridge, relative): (f64, f64),
        solved: ArrayView2<f64>,
        denominator: ArrayView1<f64>,
        rounding: Rounding,
    ) -> (LooPoint, Array2<f64>) {
        let predictions = self.predictions(solved, denominator);
        let mut point = self.score(ridge, relative, predictions.view());
        point.mse += rounding.error(solved, self.values.ncols());
        (point, predictions)
    }

    /// Scores the leave-one-out predictions at one ridge.
    fn score(&self, ridge: f64, relative: f64, predictions: ArrayView2<f64>) -> LooPoint {
        let (n, m) = self.values.dim();
        let mut total = 0.0;
        let mut hits = 0.0;
        for (i, (scores, truth)) in
            predictions.rows().into_iter().zip(self.values.rows()).enumerate()
        {
            let w = self.weight(i);
            total += w * scores.iter().zip(truth).map(|(f, y)| (y - f) * (y - f)).sum::<f64>();
            if let Some(codes) = &self.codes
                && argmax(scores) == codes[i]
            {
                hits += w;
            }
        }
        let accuracy = self.codes.as_ref().map(|_| hits / n as f64);
        LooPoint { ridge, relative, mse: total / (n * m) as f64, accuracy }
    }
}

/// Position of the largest value, the first of equals.
pub(crate) fn argmax(values: ArrayView1<f64>) -> usize {
    let mut best = 0;
    for (k, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = k;
        }
    }
    best
}
