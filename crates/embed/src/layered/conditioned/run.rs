//! Conditioned activations on a few inputs.

use ndarray::{Array2, ArrayView2, Axis};
use widelimit_sketch::random::Stream;

use super::coordinates::coordinates;
use super::direction::unit;
use super::{Conditioned, DEGREES, Direction, Features};
use crate::layered::curve::Of;
use crate::layered::parts::Parts;
use crate::layered::program::ONES;
use crate::layered::run::{Failure, Run, project, squares};
use crate::layered::series::Weights;
use crate::projection::Projection;
use crate::scalar::{Scalar, round, widen};

/// What is known of a row of units.
struct Row {
    /// Its variance.
    variance: f64,
    /// Its coordinate along the mean direction.
    along: f64,
    /// `a_k r^k` and `b_k r^k`.
    values: [f64; DEGREES],
    slopes: [f64; DEGREES],
}

/// Numbers of every random column: the coordinate of its direction along the mean direction, Hermite
/// polynomials there, the function there, and what the column is scaled by.
struct Columns<T> {
    coordinates: Vec<T>,
    polynomials: [Vec<T>; DEGREES],
    function: Vec<T>,
    /// `(m q / p)^(-1/2)`.
    scales: Vec<T>,
}

impl<T: Scalar> Columns<T> {
    fn new(stream: Stream, count: usize, direction: &Direction) -> Self {
        let (coordinates, roots): (Vec<f64>, Vec<f64>) =
            coordinates(stream, count, direction.spread).into_iter().unzip();
        let function = &direction.function;
        let all: Vec<[f64; DEGREES]> = coordinates.iter().map(|&z| hermite(z)).collect();
        let scale = (count as f64).sqrt().recip();
        let at = |h: &[f64; DEGREES]| h.iter().zip(function).map(|(h, f)| h * f).sum::<f64>();
        Self {
            coordinates: coordinates.iter().map(|&z| round(z)).collect(),
            polynomials: std::array::from_fn(|k| all.iter().map(|h| round(h[k])).collect()),
            function: all.iter().map(|h| round(at(h))).collect(),
            scales: roots.iter().map(|root| round(scale * root)).collect(),
        }
    }
}

/// Normalised Hermite polynomials.
fn hermite(z: f64) -> [f64; DEGREES] {
    let (mut before, mut here) = (0.0, 1.0);
    std::array::from_fn(|k| {
        let (value, k) = (here, k as f64);
        (before, here) = (here, (z * here - k.sqrt() * before) / (k + 1.0).sqrt());
        value
    })
}

impl<T: Scalar> Run<'_, T> {
    /// Blocks and the factor of an activation; when there is something to learn, its direction before.
    pub(in crate::layered) fn conditioned(&mut self, step: &Conditioned) -> Result<(), Failure> {
        let mut direction = match self.learned.get(step.index) {
            Some(direction) => direction.clone(),
            None => Direction { axes: self.axes(step), ..Direction::default() },
        };
        let coordinates = self.split(step, &direction);
        let mut along = self.along(&step.nngp, &coordinates, step);
        if direction.weights.is_empty() {
            let sum = along.sum_axis(Axis(0)).to_vec();
            direction.weights = if step.nngp.left() == 0 { vec![1.0] } else { unit(sum) };
        }
        let means = leave_mean(&mut along, &direction.weights);
        let units = self.with_columns(&step.nngp.rest, step, along.view(), step.nngp.left());
        let rows = self.rows(step, units.view(), &means)?;
        if direction.function.is_empty() {
            direction.function = function(&rows);
            direction.spread = if step.narrow { spread(&rows) } else { 1.0 };
        }
        let factors: Vec<f64> =
            rows.iter().map(|row| dot(&row.slopes, &direction.function)).collect();
        let random = project(&step.directions, units.view());
        drop(units);
        let count = step.values.dim - step.exact();
        let (values, slopes) = random.view().split_at(Axis(1), count);
        let columns = Columns::new(step.coordinates[0], count, &direction);
        self.blocks[step.values.block] =
            self.values(step, values, &rows, &factors, (&columns, along.view()))?;
        if let Some((directions, made)) = &step.slopes {
            let columns = Columns::new(step.coordinates[1], slopes.ncols(), &direction);
            let slopes = self.slopes(step, slopes, &rows, &factors, &columns)?;
            let along = self.along(&step.ntk, &coordinates, step);
            self.blocks[made.block] =
                self.products(step, directions, slopes, &factors, along.view());
        }
        self.set_factor(step.factor, factors);
        if step.index == self.learned.len() {
            self.learned.to_mut().push(direction);
        }
        Ok(())
    }

    /// The mean directions of the blocks that are split.
    fn axes(&self, step: &Conditioned) -> Vec<Vec<f64>> {
        let mean = |block: usize| {
            if block == ONES {
                return vec![1.0];
            }
            let block = &self.blocks[block];
            let mut sum = vec![0.0; block.ncols()];
            for row in block.outer_iter() {
                sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += widen(x));
            }
            unit(sum)
        };
        step.splits.iter().map(|split| mean(split.from)).collect()
    }

    /// Coordinates of the rows of every split block along its axis; makes the blocks of what is left.
    fn split(&mut self, step: &Conditioned, direction: &Direction) -> Vec<Vec<f64>> {
        let mut coordinates = Vec::with_capacity(step.splits.len());
        for (split, axis) in step.splits.iter().zip(&direction.axes) {
            let Some(to) = split.to else {
                coordinates.push(vec![axis[0]; self.count(step.places)]);
                continue;
            };
            let mut left = self.blocks[split.from].clone();
            let axis: Vec<T> = axis.iter().map(|&t| round(t)).collect();
            let along = left.outer_iter_mut().map(|mut row| {
                let along: f64 = row.iter().zip(&axis).map(|(&x, &t)| widen(x) * widen(t)).sum();
                let factor = round::<T>(along);
                row.iter_mut().zip(&axis).for_each(|(x, &t)| *x -= factor * t);
                along
            });
            coordinates.push(along.collect());
            self.blocks[to] = left;
        }
        coordinates
    }

    /// Scaled coordinates of features, a column for every part of a split block.
    fn along(
        &self,
        features: &Features,
        coordinates: &[Vec<f64>],
        step: &Conditioned,
    ) -> Array2<f64> {
        let mut out = Array2::zeros((self.count(step.places), features.along.len()));
        for ((part, split), mut column) in features.along.iter().zip(out.axis_iter_mut(Axis(1))) {
            let (root, scales) = (part.square.sqrt(), self.scales(part));
            for (row, (out, c)) in column.iter_mut().zip(&coordinates[*split]).enumerate() {
                *out = root * c * scales.as_ref().map_or(1.0, |scales| scales[row]);
            }
        }
        out
    }

    /// The columns of all parts, and the first `count` of others behind them.
    fn with_columns(
        &self,
        parts: &Parts,
        step: &Conditioned,
        others: ArrayView2<f64>,
        count: usize,
    ) -> Array2<T> {
        let mut out = self.side_by_side_with(parts, step.places, count);
        let first = out.ncols() - count;
        for (mut out, others) in out.outer_iter_mut().zip(others.outer_iter()) {
            let others = others.iter().take(count);
            out.iter_mut().skip(first).zip(others).for_each(|(out, &x)| *out = round(x));
        }
        out
    }

    fn rows(
        &self,
        step: &Conditioned,
        units: ArrayView2<T>,
        means: &[f64],
    ) -> Result<Vec<Row>, Failure> {
        let series = self.curves.series(step.series);
        let row = |(&along, square): (&f64, f64)| {
            let variance = along * along + square;
            // what has overflowed makes features that have as well, which are refused at the end
            let known = if variance.is_finite() { variance } else { 0.0 };
            let Weights { values, slopes } = series.weights(known)?;
            let ratio = if variance > 0.0 { along / variance.sqrt() } else { 0.0 };
            let scaled =
                |weights: &[f64]| std::array::from_fn(|k| weights[k] * ratio.powi(k as i32));
            Ok(Row { variance, along, values: scaled(&values), slopes: scaled(&slopes) })
        };
        means.iter().zip(squares(units)).map(row).collect()
    }

    /// `a_k r^k`, the coordinates that are left times `g`, and `m^(-1/2) rest`.
    fn values(
        &self,
        step: &Conditioned,
        random: ArrayView2<T>,
        rows: &[Row],
        factors: &[f64],
        (columns, left): (&Columns<T>, ArrayView2<f64>),
    ) -> Result<Array2<T>, Failure> {
        let curve = self.curves.get(step.curve);
        let mut out = Array2::from_elem((rows.len(), step.values.dim), round::<T>(0.0));
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let (row, factor) = (&rows[i], round::<T>(factors[i]));
            let (Some(out), Some(w)) = (out.as_slice_mut(), random.row(i).to_slice()) else {
                continue;
            };
            let (exact, out) = out.split_at_mut(step.exact());
            let left = left.row(i);
            let degrees = step.degrees.iter().map(|&k| row.values[k]);
            let known = degrees.chain(left.iter().map(|left| factors[i] * left));
            exact.iter_mut().zip(known).for_each(|(out, x)| *out = round(x));
            let along = round::<T>(row.along);
            for ((u, &w), &z) in out.iter_mut().zip(w).zip(&columns.coordinates) {
                *u = w + along * z;
            }
            curve.apply(Of::Values, row.variance, out)?;
            for (values, polynomials) in row.values.iter().zip(&columns.polynomials) {
                if *values == 0.0 {
                    continue;
                }
                let value = round::<T>(*values);
                out.iter_mut().zip(polynomials).for_each(|(out, &h)| *out -= value * h);
            }
            let columns = columns.function.iter().zip(&columns.scales);
            for ((out, &w), (&f, &scale)) in out.iter_mut().zip(w).zip(columns) {
                *out = (*out - factor * f * w) * scale;
            }
        }
        Ok(out)
    }

    /// `m^(-1/2) rest'`.
    fn slopes(
        &self,
        step: &Conditioned,
        random: ArrayView2<T>,
        rows: &[Row],
        factors: &[f64],
        columns: &Columns<T>,
    ) -> Result<Array2<T>, Failure> {
        let curve = self.curves.get(step.curve);
        let mut out = random.to_owned();
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let (row, factor) = (&rows[i], round::<T>(factors[i]));
            let Some(out) = out.as_slice_mut() else { continue };
            let along = round::<T>(row.along);
            out.iter_mut().zip(&columns.coordinates).for_each(|(u, &z)| *u += along * z);
            curve.apply(Of::Slopes, row.variance, out)?;
            for (out, (&f, &scale)) in
                out.iter_mut().zip(columns.function.iter().zip(&columns.scales))
            {
                *out = (*out - factor * f) * scale;
            }
        }
        Ok(out)
    }

    /// Coordinates of the tangent features times `g`, and products of all of them with slopes.
    fn products(
        &self,
        step: &Conditioned,
        directions: &Projection,
        slopes: Array2<T>,
        factors: &[f64],
        along: ArrayView2<f64>,
    ) -> Array2<T> {
        let count = along.ncols();
        let tangents = self.with_columns(&step.ntk.rest, step, along, count);
        let products = project(directions, tangents.view());
        let mut out = Array2::from_elem((along.nrows(), count + slopes.ncols()), round::<T>(0.0));
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let (mut exact, mut random) = out.view_mut().split_at(Axis(0), count);
            exact.zip_mut_with(&along.row(i), |out, &c| *out = round(factors[i] * c));
            random.assign(&products.row(i));
            random.zip_mut_with(&slopes.row(i), |out, &slope| *out *= slope);
        }
        out
    }
}

/// The coordinate of every row along a unit vector, which is taken off the rows.
fn leave_mean(along: &mut Array2<f64>, weights: &[f64]) -> Vec<f64> {
    let mean = |mut row: ndarray::ArrayViewMut1<f64>| {
        let mean: f64 = row.iter().zip(weights).map(|(c, w)| c * w).sum();
        row.iter_mut().zip(weights).for_each(|(c, w)| *c -= mean * w);
        mean
    };
    along.outer_iter_mut().map(mean).collect()
}

/// The mean over rows of `E[s'(u) | z]`, scaled to norm 1; constant where it vanishes.
fn function(rows: &[Row]) -> Vec<f64> {
    let sum = |k: usize| rows.iter().map(|row| row.slopes[k]).sum();
    let function = unit((0..DEGREES).map(sum).collect());
    if function.iter().all(|f| *f == 0.0) {
        return (0..DEGREES).map(|k| if k == 0 { 1.0 } else { 0.0 }).collect();
    }
    function
}

/// The standard deviation of `z` given that `c z + w` is 0, `|v| / |phi|`, at the mean square of `r`.
fn spread(rows: &[Row]) -> f64 {
    let squares = rows.iter().map(|row| row.along * row.along / row.variance);
    let (sum, count) = squares
        .filter(|square| square.is_finite())
        .fold((0.0, 0.0), |(sum, count), square| (sum + square, count + 1.0));
    if count > 0.0 { (1.0 - sum / count).max(0.0).sqrt() } else { 1.0 }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
