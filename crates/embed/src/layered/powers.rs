//! Sketched powers of the units in place of random features.
//!
//! With `a = |phi|^2` and sketches `Z_i` of the powers of `phi / sqrt(a)`, all from one tree,
//!
//! ```text
//! s  -> m^(-1/2) sum_t w_t(a) e_t * Z_i(t)        s' -> sum_t w'_t(a) e'_t * Z_i(t)
//! ```
//!
//! with random signs `e_t` for every column: terms lie over each other, those of different degrees meet
//! with signs of mean 0. This is a sketch of all of them side by side that costs one addition a column.
//! Slopes are multiplied with the features of the tangent kernel by a sketch of products.

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2, ArrayViewMut1, Axis};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Base, Error, PairSketch, PolySketch, Rows, TensorSrht};

use super::program::{Activation, Made};
use super::run::{Failure, Run};
use super::series::{Series, Weights};
use crate::scalar::{Scalar, round};

/// Rows whose powers are held at the same time.
const CHUNK: usize = 16;

/// Sizes and numbers of one activation's sketches; they are drawn on first use.
#[derive(Debug)]
pub(super) struct Powers {
    /// Which series.
    pub series: usize,
    /// Terms of lower degree are not sketched: of values, of slopes.
    pub least: [usize; 2],
    /// Columns of the units.
    pub units: usize,
    pub values: Made,
    /// Products of slopes with so many tangent features.
    pub slopes: Option<(Made, usize)>,
    pub degree: usize,
    pub stream: Stream,
    pub drawn: OnceLock<Result<Drawn, Error>>,
}

/// What is random.
#[derive(Debug)]
pub(super) struct Drawn {
    tree: PolySketch,
    products: Option<TensorSrht>,
    /// For every term and column, of values and of slopes.
    signs: [Vec<i8>; 2],
}

impl Powers {
    /// Columns of a power: no less than the values have, so that a tree's levels are full.
    fn width(&self) -> usize {
        self.values.dim.next_power_of_two()
    }

    fn drawn(&self) -> Result<&Drawn, Error> {
        let drawn = self.drawn.get_or_init(|| {
            let (width, stream) = (self.width(), self.stream);
            let tree =
                PolySketch::new(self.units, self.degree, width, Base::Srht, stream.child(0))?;
            let products = self
                .slopes
                .map(|(to, tangents)| TensorSrht::new((tangents, width), to.dim, stream.child(1)));
            let signs = [2, 3].map(|child| {
                let (stream, count) = (stream.child(child), (self.degree + 3) * width);
                (0..count as u64).map(|i| if stream.sign(i) > 0.0 { 1 } else { -1 }).collect()
            });
            Ok(Drawn { tree, products: products.transpose()?, signs })
        });
        drawn.as_ref().map_err(Clone::clone)
    }
}

/// Terms laid over each other in the columns of `out`. `powers` are degrees 1, 2, .. of one row, `width`
/// columns each; the first columns of a sketch are a sketch when they are scaled up.
fn lay<T: Scalar>(
    series: &Series,
    weights: &[f64],
    least: usize,
    powers: ArrayView2<T>,
    signs: &[T],
    out: ArrayViewMut1<T>,
) {
    let width = powers.ncols();
    let root = (out.len() as f64).sqrt();
    let scale = (width as f64).sqrt() / root;
    let mut out = out;
    out.fill(round(0.0));
    for (term, &weight) in weights.iter().enumerate() {
        let power = series.power(term);
        if weight == 0.0 || power < least {
            continue;
        }
        let signs = &signs[term * width..];
        if power == 0 {
            let constant = round::<T>(weight / root);
            out.iter_mut().zip(signs).for_each(|(z, &sign)| *z += constant * sign);
        } else {
            let weight = round::<T>(weight * scale);
            let row = powers.row(power - 1);
            for ((z, &x), &sign) in out.iter_mut().zip(row).zip(signs) {
                *z += weight * sign * x;
            }
        }
    }
}

impl<T: Scalar> Run<'_, T> {
    /// Blocks of an activation whose features are sketched powers of its units.
    pub(super) fn powers(
        &mut self,
        step: &Activation,
        powers: &Powers,
        mut units: Array2<T>,
        variances: &[f64],
    ) -> Result<(), Failure> {
        let series = self.curves.series(powers.series);
        let drawn = powers.drawn()?;
        for (mut row, &v) in units.outer_iter_mut().zip(variances) {
            let scale = round::<T>(if v > 0.0 { v.sqrt().recip() } else { 0.0 });
            row.mapv_inplace(|x| x * scale);
        }
        let weights =
            variances.iter().map(|&v| series.weights(v)).collect::<Result<Vec<Weights>, _>>()?;
        let signs = [0, 1].map(|i| -> Vec<T> {
            drawn.signs[i].iter().map(|&sign| round(f64::from(sign))).collect()
        });
        let zeros =
            |rows: usize, columns: usize| Array2::from_elem((rows, columns), round::<T>(0.0));
        let (rows, width) = (units.nrows(), powers.width());
        let mut values = zeros(rows, powers.values.dim);
        let mut slopes = zeros(rows, if powers.slopes.is_some() { width } else { 0 });
        let mut scratch = zeros(CHUNK.min(rows), powers.degree * width);
        for start in (0..rows).step_by(CHUNK) {
            let end = rows.min(start + CHUNK);
            let units = units.slice_axis(Axis(0), (start..end).into());
            let mut all = scratch.slice_axis_mut(Axis(0), (0..end - start).into());
            drawn.tree.apply_degrees(units, all.view_mut())?;
            for (row, all) in (start..end).zip(all.outer_iter()) {
                let Ok(all) = all.into_shape_with_order((powers.degree, width)) else { continue };
                let [least, least_slope] = powers.least;
                let out = values.row_mut(row);
                lay(series, &weights[row].values, least, all, &signs[0], out);
                if powers.slopes.is_some() {
                    let out = slopes.row_mut(row);
                    lay(series, &weights[row].slopes, least_slope, all, &signs[1], out);
                }
            }
        }
        self.blocks[powers.values.block] = values;
        if let (Some((to, _)), Some(sketch)) = (powers.slopes, &drawn.products) {
            let tangents = self.side_by_side(&step.ntk, step.places);
            let mut out = zeros(rows, to.dim);
            let (tangents, slopes) = (Rows::from(tangents.view()), Rows::from(slopes.view()));
            sketch.apply_pair(tangents, slopes, out.view_mut())?;
            self.blocks[to.block] = out;
        }
        Ok(())
    }
}
