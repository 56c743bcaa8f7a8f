//! Exact leave-one-out in a second pass over the rows.

use std::borrow::Borrow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, Scalar, matmul};

use super::Centre;
use super::rows::{Block, Rows, checked, rows_of};
use super::spectrum::MomentSpectrum;
use crate::Error;
use crate::check;
use crate::loo::{LooPath, LooPoint, argmax, better};
use crate::ridge::{Criterion, Route};
use crate::search::argbest;

/// Leave-one-out errors at a list of ridges, from rows that come by a second time.
///
/// With `q_i = V^T z_i` and leverages `h_i = w_i sum_j q_ij^2 / (g_j + lambda)` the model fitted without row
/// `i` misses its target by
///
/// ```text
/// (r_i - d_i (1 - u_i)) / (1 - h_i),     u_i = sum_j q_ij (V^T Z^T W 1)_j / (g_j + lambda)
/// ```
///
/// where `r_i` is the residual and `d_i` what the mean of the targets moves by without row `i`
/// ([`crate::loo`]); with [`Centre::Both`] it is `r_i / (1 - h_i - w_i / n)`, the leverage of the intercept
/// included. The same numbers as leave-one-out in memory, for `n p^2` multiply-adds and one block of rows;
/// they depend neither on how the rows are cut into calls nor on threads.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{Par, Shift, StreamingRidge, streaming::Moments};
/// let par = Par::single();
/// let (z, y) = (array![[1.0], [2.0], [4.0]], array![[1.1], [1.9], [4.2]]);
/// let mut moments = Moments::new(1, 1)?;
/// moments.accumulate(z.view(), y.view(), None, &par)?;
/// let spectrum = StreamingRidge::default().check()?.spectrum(&moments, &par)?;
/// let mut pass = spectrum.leave_one_out(&[0.01, 0.1, 1.0])?;
/// pass.accumulate(z.view(), y.view(), None, &par)?;
/// let path = pass.finish(Default::default(), &par)?;
/// let model = spectrum.model(Shift::Absolute(path.best().ridge), &par)?;
/// assert_eq!(model.ridge, path.best().ridge);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LeaveOneOut<S> {
    waiting: Rows,
    state: State<S>,
    /// Were rows given by their classes?
    classes: bool,
}

#[derive(Clone, Debug)]
struct State<S> {
    spectrum: S,
    /// Absolute, ascending.
    ridges: Vec<f64>,
    /// `1 / (g_j + lambda)`, `p x ridges`.
    filters: Array2<f64>,
    /// For each ridge the filtered coefficients of the outputs, then those of the ones; `p x ridges (m + 1)`.
    stacked: Array2<f64>,
    rows: usize,
    scores: Vec<Score>,
}

/// Sums over rows at one ridge.
#[derive(Clone, Copy, Debug)]
struct Score {
    squares: f64,
    hits: f64,
    defined: bool,
}

impl<S: Borrow<MomentSpectrum>> LeaveOneOut<S> {
    /// Begins a second pass at these absolute ridges (any order); the spectrum is borrowed, owned or shared.
    ///
    /// # Errors
    /// As [`MomentSpectrum::leave_one_out`].
    pub fn new(shared: S, ridges: &[f64]) -> Result<Self, Error> {
        let spectrum = shared.borrow();
        let n = spectrum.normal.rows;
        if n < 2 {
            return Err(Error::TooFewRows { what: "leave-one-out", needed: 2, got: n });
        }
        if ridges.is_empty() {
            return Err(Error::Empty { what: "the list of ridges" });
        }
        if let Some(&value) = ridges.iter().find(|r| !(**r > 0.0 && r.is_finite())) {
            return Err(Error::Parameter { name: "ridge", expected: "positive and finite", value });
        }
        let mut ridges = ridges.to_vec();
        ridges.sort_by(f64::total_cmp);
        ridges.dedup();
        let (p, m) = spectrum.coefficients.dim();
        let filters = Array2::from_shape_fn((p, ridges.len()), |(j, r)| {
            1.0 / (spectrum.values[j] + ridges[r])
        });
        let ones = &spectrum.means * n as f64;
        let mut stacked = Array2::zeros((p, ridges.len() * (m + 1)));
        let parts = stacked.axis_chunks_iter_mut(Axis(1), m + 1);
        for (filter, mut to) in filters.columns().into_iter().zip(parts) {
            let mut outputs = to.slice_axis_mut(Axis(1), Slice::from(..m));
            outputs.assign(&spectrum.coefficients);
            to.column_mut(m).assign(&ones);
            to *= &filter.insert_axis(Axis(1));
        }
        let scores = vec![Score { squares: 0.0, hits: 0.0, defined: true }; ridges.len()];
        let state = State { spectrum: shared, ridges, filters, stacked, rows: 0, scores };
        Ok(LeaveOneOut { waiting: Rows::new(p, m), state, classes: false })
    }

    /// Takes rows in, as [`Moments::accumulate`](super::Moments::accumulate): all rows of a call or none.
    /// Targets and weights must be those of the first pass.
    ///
    /// # Errors
    /// As [`Moments::accumulate`](super::Moments::accumulate); [`Error::Shape`] for more rows than the moments
    /// have.
    pub fn accumulate<T: Scalar, U: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        targets: ArrayView2<U>,
        weights: Option<&[f64]>,
        par: &Par,
    ) -> Result<(), Error> {
        let spectrum = self.state.spectrum.borrow();
        let shape = spectrum.coefficients.dim();
        let seen = self.state.rows + self.waiting.len();
        checked(seen, shape, features, targets, weights)?;
        let (rows, got) = (spectrum.normal.rows, seen + features.nrows());
        if got > rows {
            return Err(Error::Shape { what: "rows of the second pass", expected: rows, got });
        }
        let state = &mut self.state;
        self.waiting.push(features, targets, weights, |block| state.add(block, par));
        Ok(())
    }

    /// Takes rows in by their class codes; the path then has accuracies. `weights` as in the first pass
    /// ([`ClassMoments::row_weights`](super::ClassMoments::row_weights)).
    ///
    /// # Errors
    /// As [`Self::accumulate`]; [`Error::ClassCode`].
    pub fn accumulate_codes<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
        par: &Par,
    ) -> Result<(), Error> {
        let before = self.state.rows + self.waiting.len();
        let classes = self.state.spectrum.borrow().coefficients.ncols();
        let targets = super::classifier::codes_from::<f64>(before, codes, classes)?;
        self.accumulate(features, targets.view(), weights, par)?;
        self.classes = true;
        Ok(())
    }

    /// The path; `criterion` chooses. Ridges at which a row determines its own prediction completely are left
    /// out.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer rows than the moments have; [`Error::CriterionNeedsClasses`];
    /// [`Error::Overflow`] where leave-one-out is defined at none of the ridges.
    pub fn finish(mut self, criterion: Criterion, par: &Par) -> Result<LooPath, Error> {
        let state = &mut self.state;
        self.waiting.flush(|block| state.add(block, par));
        let spectrum = state.spectrum.borrow();
        let normal = &spectrum.normal;
        check::length("rows of the second pass", normal.rows, state.rows)?;
        let classes = self.classes;
        if criterion == Criterion::ErrorRate && !classes {
            return Err(Error::CriterionNeedsClasses);
        }
        let n = normal.rows as f64;
        let outputs = spectrum.coefficients.ncols() as f64;
        let point = |(&ridge, score): (&f64, &Score)| {
            let mse = score.squares / (n * outputs);
            let accuracy = classes.then_some(score.hits / n);
            let relative = normal.relative(ridge);
            (score.defined && mse.is_finite()).then_some(LooPoint {
                ridge,
                relative,
                mse,
                accuracy,
            })
        };
        let points: Vec<LooPoint> =
            state.ridges.iter().zip(&state.scores).filter_map(point).collect();
        if points.is_empty() {
            return Err(Error::Overflow { what: "the leave-one-out error" });
        }
        let chosen = argbest(&points, |p, q| better(criterion, p, q));
        Ok(LooPath { points, chosen, criterion, route: Route::Eigen, bracketed: true })
    }
}

impl<S: Borrow<MomentSpectrum>> State<S> {
    fn add(&mut self, (mut z, mut y, w): Block, par: &Par) {
        let (k, m) = (w.len(), y.ncols());
        let spectrum = self.spectrum.borrow();
        let normal = &spectrum.normal;
        if normal.centre == Centre::Both {
            z -= &normal.feature_mean;
        }
        y -= &normal.target_mean;
        let rows = matmul(rows_of(z.view(), 0..k), spectrum.vectors.view(), par);
        let fitted = matmul(rows.view(), self.stacked.view(), par);
        let leverages = matmul(rows.mapv(|v| v * v).view(), self.filters.view(), par);
        for (i, w) in w.iter().enumerate() {
            let w = w * normal.weight_scale;
            let fitted = fitted.row(i);
            let parts = fitted.axis_chunks_iter(Axis(0), m + 1);
            for (r, (part, score)) in parts.zip(&mut self.scores).enumerate() {
                score.add(spectrum, w, leverages[[i, r]], y.row(i), part);
            }
        }
        self.rows += k;
    }
}

impl Score {
    /// Adds one row: its weight, leverage (without weight), centred targets, and fitted values of the outputs and
    /// of the ones.
    fn add(
        &mut self,
        spectrum: &MomentSpectrum,
        w: f64,
        leverage: f64,
        y: ArrayView1<f64>,
        fitted: ArrayView1<f64>,
    ) {
        let (n, m) = (spectrum.normal.rows as f64, y.len());
        let centre = spectrum.normal.centre;
        let own = if centre == Centre::Both { w / n } else { 0.0 };
        let free = 1.0 - w * leverage - own;
        self.defined &= free > 1e3 * f64::EPSILON;
        let missed = |k: usize| {
            // The mean without row i, minus the mean of all.
            let shift = if centre == Centre::Targets { -w * y[k] / (n - w) } else { 0.0 };
            (y[k] - fitted[k] - shift * (1.0 - fitted[m])) / free
        };
        self.squares += w * (0..m).map(|k| missed(k).powi(2)).sum::<f64>();
        let scores =
            Array1::from_shape_fn(m, |k| y[k] + spectrum.normal.target_mean[k] - missed(k));
        let truth = &y + &spectrum.normal.target_mean;
        if argmax(scores.view()) == argmax(truth.view()) {
            self.hits += w;
        }
    }
}
