//! The steps on a few inputs: features of all their positions, block after block.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use widelimit_sketch::{PairSketch, Rows};

use super::conditioned::Direction;
use super::curve::{Moments, Of};
use super::curves::Curves;
use super::nodes;
use super::parts::{Part, Parts};
use super::program::{Activation, Block, INPUT, Move, ONES, Places, Product, Program, Step};
use super::series::{LARGEST_VARIANCE, Stop};
use crate::Error;
use crate::neighbourhoods::Neighbourhoods;
use crate::projection::Projection;
use crate::scalar::{Scalar, round, widen};

/// The inputs of one call.
#[derive(Clone, Copy)]
pub(super) enum Inputs<'a> {
    /// So many, with as many positions each.
    Grid(usize),
    /// Graphs.
    Graphs(Neighbourhoods<'a>),
}

impl Inputs<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Grid(inputs) => *inputs,
            Self::Graphs(graphs) => graphs.len(),
        }
    }

    /// How many rows there are of such places.
    fn rows(&self, places: Places) -> usize {
        match (places, self) {
            (Places::Each(positions), _) => self.len() * positions,
            (Places::Nodes, Self::Graphs(graphs)) => graphs.nodes(),
            (Places::Nodes, Self::Grid(inputs)) => *inputs,
        }
    }

    /// Which of them are those of an input.
    fn range(&self, places: Places, input: usize) -> Range<usize> {
        match (places, self) {
            (Places::Nodes, Self::Graphs(graphs)) => graphs.range(input),
            (Places::Each(positions), _) => input * positions..(input + 1) * positions,
            (Places::Nodes, _) => input..input + 1,
        }
    }
}

/// What there is of the inputs of one call.
pub(super) struct Run<'a, T> {
    program: &'a Program,
    pub(super) curves: &'a Curves,
    inputs: Inputs<'a>,
    pub(super) blocks: Vec<Array2<T>>,
    factors: Vec<Vec<f64>>,
    /// Of the conditioned activations met so far, or of all; those that are not known are learned from the inputs.
    pub(super) learned: Cow<'a, [Direction]>,
}

impl<'a, T: Scalar> Run<'a, T> {
    /// Runs all steps on inputs whose block is `input`: a row for every position, or node, of every input.
    /// Activations that no direction is known of learn theirs from these inputs.
    pub fn new(
        program: &'a Program,
        curves: &'a Curves,
        directions: &'a [Direction],
        inputs: Inputs<'a>,
        input: Array2<T>,
    ) -> Result<Self, Error> {
        let empty = || Array2::from_elem((0, 0), round(0.0));
        let mut blocks: Vec<_> = program.blocks.iter().map(|_| empty()).collect();
        blocks[INPUT] = input;
        let factors = vec![Vec::new(); program.factors];
        let learned = Cow::Borrowed(directions);
        let mut run = Self { program, curves, inputs, blocks, factors, learned };
        let mut names = program.names.iter();
        for (step, done) in program.steps.iter().zip(&program.done) {
            match step {
                Step::Activation(step) => {
                    let layer = names.next().map_or("", String::as_str);
                    run.activation(step).map_err(|error| error.at(layer))?;
                }
                Step::Conditioned(step) => {
                    let layer = names.next().map_or("", String::as_str);
                    run.conditioned(step).map_err(|error| error.at(layer))?;
                }
                Step::Norm { nngp, places, norm, factor } => {
                    let mut squares = squares(run.side_by_side(nngp, *places).view());
                    if norm.spatial {
                        for input in 0..inputs.len() {
                            let image = &mut squares[inputs.range(*places, input)];
                            let mean = image.iter().sum::<f64>() / image.len() as f64;
                            image.fill(mean);
                        }
                    }
                    run.factors[*factor] =
                        squares.into_iter().map(|v| inverse_root(v + norm.eps)).collect();
                }
                Step::Move { part, from, by, to } => {
                    let Block { dim, places } = program.blocks[*to];
                    let mut out = Array2::from_elem((inputs.rows(places), dim), round::<T>(0.0));
                    let scales = run.scales(part);
                    let ones;
                    let block = if part.block == ONES {
                        ones = Array2::from_elem((inputs.rows(*from), 1), round::<T>(1.0));
                        ones.view()
                    } else {
                        run.blocks[part.block].view()
                    };
                    match (by, &inputs) {
                        (Move::Taps { taps, layout }, _) => {
                            let taps = &program.moves[*taps];
                            layout.apply(taps, block, scales.as_deref(), out.view_mut());
                        }
                        (Move::Aggregate, Inputs::Graphs(graphs)) => {
                            nodes::aggregate(graphs, block, scales.as_deref(), out.view_mut());
                        }
                        (Move::Pool { mean }, Inputs::Graphs(graphs)) => {
                            nodes::pool(graphs, *mean, block, scales.as_deref(), out.view_mut());
                        }
                        // programs for graphs run on graphs
                        (Move::Aggregate | Move::Pool { .. }, Inputs::Grid(_)) => {}
                    }
                    run.blocks[*to] = out;
                }
                Step::Product { parts, directions, to } => {
                    let places = program.blocks[*to].places;
                    let factor = |i: usize| {
                        let x = run.side_by_side(&parts[i], places);
                        project(&directions[i], x.view())
                    };
                    let (mut left, right) = (factor(0), factor(1));
                    let scale = round::<T>((left.ncols() as f64).sqrt().recip());
                    left.zip_mut_with(&right, |x, &y| *x = *x * y * scale);
                    run.blocks[*to] = left;
                }
            }
            for &block in done {
                run.blocks[block] = empty();
            }
        }
        Ok(run)
    }

    /// Writes the features of the inputs, which have one position now; columns beyond them are 0.
    pub fn output(&self, mut out: ArrayViewMut2<T>) {
        let features = self.side_by_side(&self.program.output, Places::Each(1));
        out.fill(round(0.0));
        for (from, mut to) in features.outer_iter().zip(out.outer_iter_mut()) {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        }
    }

    /// What conditioned activations have learned.
    pub fn into_learned(self) -> Vec<Direction> {
        self.learned.into_owned()
    }

    /// How many rows there are of such places.
    pub(super) fn count(&self, places: Places) -> usize {
        self.inputs.rows(places)
    }

    /// Sets a factor of the rows.
    pub(super) fn set_factor(&mut self, factor: usize, values: Vec<f64>) {
        self.factors[factor] = values;
    }

    /// Product of a part's factors, row by row.
    pub(super) fn scales(&self, part: &Part) -> Option<Vec<f64>> {
        let mut factors = part.factors.iter().map(|&factor| &self.factors[factor]);
        let mut scales = factors.next()?.clone();
        for factor in factors {
            scales.iter_mut().zip(factor).for_each(|(scale, factor)| *scale *= factor);
        }
        Some(scales)
    }

    /// The columns of all parts.
    pub(super) fn side_by_side(&self, parts: &Parts, places: Places) -> Array2<T> {
        self.side_by_side_with(parts, places, 0)
    }

    /// The columns of all parts, and as many of zeros behind them.
    pub(super) fn side_by_side_with(
        &self,
        parts: &Parts,
        places: Places,
        more: usize,
    ) -> Array2<T> {
        let rows = self.inputs.rows(places);
        let dim: usize = parts.iter().map(|part| self.program.blocks[part.block].dim).sum();
        let mut out = Array2::from_elem((rows, dim + more), round::<T>(0.0));
        let mut first = 0;
        for part in parts.iter() {
            let root = part.square.sqrt();
            let scales = self.scales(part);
            let scale = |row: usize| round::<T>(root * scales.as_ref().map_or(1.0, |s| s[row]));
            let block = &self.blocks[part.block];
            let dim = self.program.blocks[part.block].dim;
            for (row, mut out) in out.outer_iter_mut().enumerate() {
                let scale = scale(row);
                let Some(out) = out.as_slice_mut() else { continue };
                let out = &mut out[first..first + dim];
                if part.block == ONES {
                    out[0] = scale;
                } else {
                    out.iter_mut().zip(block.row(row)).for_each(|(out, &x)| *out = scale * x);
                }
            }
            first += dim;
        }
        out
    }

    fn activation(&mut self, step: &Activation) -> Result<(), Failure> {
        let curve = self.curves.get(step.curve);
        let units = self.side_by_side(&step.nngp, step.places);
        let variances = squares(units.view());
        // directions of equal length have another mean than Gaussian ones, and products of degree 2
        // the same
        let shortening =
            step.sampled.as_ref().map_or(1.0, |sampled| sampled.directions.shortening());
        let moments = |v: &f64| {
            let moments = curve.moments(*v)?;
            Ok(Moments { mean: moments.mean / shortening, ..moments })
        };
        let moments = variances.iter().map(moments).collect::<Result<Vec<_>, Failure>>()?;
        let mut note = |factor: Option<usize>, of: fn(&Moments) -> f64| {
            if let Some(factor) = factor {
                self.factors[factor] = moments.iter().map(of).collect();
            }
        };
        note(step.mean, |m| m.mean);
        note(step.line, |m| m.line);
        note(step.slope, |m| m.slope);
        if let Some(powers) = &step.powers {
            return self.powers(step, powers, units, &variances);
        }
        let Some(sampled) = &step.sampled else { return Ok(()) };
        let all = project(&sampled.directions, units.view());
        let count = sampled.values.dim;
        let (units, slopes) = all.view().split_at(Axis(1), count);
        let mut features = units.to_owned();
        let scale = (count as f64).sqrt().recip();
        for (i, (mut row, units)) in features.outer_iter_mut().zip(units.outer_iter()).enumerate() {
            let (Some(row), Some(units)) = (row.as_slice_mut(), units.to_slice()) else { continue };
            curve.apply(Of::Values, variances[i], row)?;
            let Moments { mean, line, .. } = if step.centred { moments[i] } else { Moments::NONE };
            let (mean, line, scale) = (round::<T>(mean), round::<T>(line), round::<T>(scale));
            for (z, &u) in row.iter_mut().zip(units) {
                *z = (*z - mean - line * u) * scale;
            }
        }
        self.blocks[sampled.values.block] = features;
        let Some((product, to)) = &sampled.slopes else { return Ok(()) };
        let mut features = slopes.to_owned();
        let scale = (features.ncols() as f64).sqrt().recip();
        for (i, mut row) in features.outer_iter_mut().enumerate() {
            let Some(row) = row.as_slice_mut() else { continue };
            curve.apply(Of::Slopes, variances[i], row)?;
            let mean = if step.centred { moments[i].slope } else { 0.0 };
            let (mean, scale) = (round::<T>(mean), round::<T>(scale));
            row.iter_mut().for_each(|z| *z = (*z - mean) * scale);
        }
        let tangents = self.side_by_side(&step.ntk, step.places);
        self.blocks[to.block] = match product {
            Product::Direct(directions) => {
                let mut products = project(directions, tangents.view());
                products.zip_mut_with(&features, |x, &y| *x *= y);
                products
            }
            Product::Sketched(sketch) => {
                let mut out =
                    Array2::from_elem((tangents.nrows(), sketch.dim_out()), round::<T>(0.0));
                let pair = (Rows::from(tangents.view()), Rows::from(features.view()));
                sketch.apply_pair(pair.0, pair.1, out.view_mut())?;
                out
            }
        };
        Ok(())
    }
}

/// What stops a step.
pub(super) enum Failure {
    Dual(widelimit_dual::Error),
    Sketch(widelimit_sketch::Error),
    Variance(f64),
}

impl Failure {
    /// The error at a layer.
    fn at(self, layer: &str) -> Error {
        let layer = layer.to_owned();
        match self {
            Self::Dual(source) => Error::Activation { layer, source },
            Self::Sketch(source) => Error::Sketch(source),
            Self::Variance(got) => {
                let (strategy, limit) = ("hermite_sketch", LARGEST_VARIANCE);
                Error::Variance { layer, strategy, got, limit }
            }
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Dual(error) => Self::Dual(error),
            Stop::Variance(got) => Self::Variance(got),
        }
    }
}

impl From<widelimit_dual::Error> for Failure {
    fn from(error: widelimit_dual::Error) -> Self {
        Self::Dual(error)
    }
}

impl From<widelimit_sketch::Error> for Failure {
    fn from(error: widelimit_sketch::Error) -> Self {
        Self::Sketch(error)
    }
}

pub(super) fn project<T: Scalar>(directions: &Projection, x: ArrayView2<T>) -> Array2<T> {
    let mut out = Array2::from_elem((x.nrows(), directions.dim_out()), round::<T>(0.0));
    directions.apply(x, out.view_mut());
    out
}

/// Squared norms of rows in double precision.
pub(super) fn squares<T: Scalar>(x: ArrayView2<T>) -> Vec<f64> {
    x.outer_iter().map(|row| row.iter().map(|&x| widen(x) * widen(x)).sum()).collect()
}

/// `1 / sqrt(v)`, and 0 where there is nothing to normalise.
fn inverse_root(v: f64) -> f64 {
    if v > 0.0 { 1.0 / v.sqrt() } else { 0.0 }
}
