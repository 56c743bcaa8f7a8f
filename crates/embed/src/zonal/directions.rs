//! Random directions whose products with an input are known axis by axis.

use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, Slice};
use widelimit_linalg::{GramScratch, gram_tile};
use widelimit_sketch::random::Stream;

use crate::projection::{Law, Projection, Rows};
use crate::rotation::{MOST_AXES, Rotation};
use crate::scalar::{Both, Scalar};

/// `m` normal vectors `w`, orthogonal in blocks: coordinates along the axes of a rotation, and apart from
/// them a vector for what inputs have beside the axes.
///
/// What the exact part leaves of `sigma` grows like a polynomial, and where all inputs lie along one axis
/// a large coordinate of `w` there spoils all of them at once. Therefore coordinates are drawn with
/// standard deviations `s_i > 1` on the axes that inputs share, and features get the root of the ratio of
/// both densities, `prod_i s_i exp(-(s_i^2 - 1) g_i^2 / 2)` for `w_i = s_i g_i`, which falls faster than any
/// polynomial grows. All means stay as they are.
#[derive(Debug)]
pub(super) struct Directions {
    /// Roots of the ratios of the densities.
    weights: Both,
    along: Along,
    beside: Option<Projection>,
}

#[derive(Debug)]
enum Along {
    /// Coordinates up to every end.
    Parts(Vec<(usize, Both)>),
    /// All at once, for many coordinate axes.
    Whole(usize, Projection),
}

impl Directions {
    /// Whether the products are known for all axes of a rotation together only.
    pub fn are_whole(rotation: &Rotation) -> bool {
        rotation.count() > MOST_AXES
    }

    /// `count` directions whose products are known up to each of `ends`, numbers of leading axes, with
    /// these standard deviations on the axes; 1 where there are none.
    pub fn new(
        rotation: &Rotation,
        ends: impl IntoIterator<Item = usize>,
        deviations: &[f64],
        count: usize,
        stream: Stream,
    ) -> Self {
        let axes = rotation.count();
        let projection = |length: usize, role: u32| {
            Projection::new(length, count, Law::Gaussian, Rows::Orthogonal, stream.child(role))
        };
        let mut weights = Array2::ones((1, count));
        let along = if Self::are_whole(rotation) {
            Along::Whole(axes, projection(axes, 0))
        } else {
            let mut ends: Vec<usize> =
                ends.into_iter().chain([axes]).filter(|&end| end > 0).collect();
            ends.sort_unstable();
            ends.dedup();
            let mut w = Array2::zeros((axes, count));
            projection(axes, 0).apply(Array2::<f64>::eye(axes).view(), w.view_mut());
            for (mut w, &s) in w.outer_iter_mut().zip(deviations) {
                for (g, weight) in w.iter_mut().zip(&mut weights) {
                    *weight *= s.sqrt() * (-0.25 * (s * s - 1.0) * *g * *g).exp();
                    *g *= s;
                }
            }
            let part = |(i, &end): (usize, &usize)| {
                let start = if i == 0 { 0 } else { ends[i - 1] };
                (
                    end,
                    Both::new(
                        w.slice_axis(Axis(0), Slice::from(start..end))
                            .t()
                            .as_standard_layout()
                            .into_owned(),
                    ),
                )
            };
            Along::Parts(ends.iter().enumerate().map(part).collect())
        };
        let beside = if rotation.is_complete() {
            None
        } else {
            let dim = rotation.matrix().map_or(axes, |matrix| matrix.ncols());
            Some(projection(dim, 1))
        };
        Self { weights: Both::new(weights), along, beside }
    }

    /// Number of directions.
    pub fn count(&self) -> usize {
        self.weights.double().ncols()
    }

    /// What the features are multiplied by: `(1, count)`.
    pub fn weights<T: Scalar>(&self) -> CowArray<'_, T, Ix2> {
        self.weights.get()
    }

    /// `w . x` of all rows, `(n, count)`: of their coordinates `y`, and of what `others`, the numbers of
    /// some rows, have beside the axes. `each` is told the products up to every end.
    pub fn products<T: Scalar>(
        &self,
        y: ArrayView2<T>,
        others: (&[usize], ArrayView2<T>),
        mut each: impl FnMut(usize, ArrayView2<T>),
    ) -> Array2<T> {
        let mut sum = Array2::from_elem((y.nrows(), self.count()), T::default());
        match &self.along {
            Along::Whole(axes, projection) => {
                projection.apply(y, sum.view_mut());
                each(*axes, sum.view());
            }
            Along::Parts(parts) => {
                let (mut start, mut scratch) = (0, GramScratch::new());
                let mut part = Array2::from_elem(sum.dim(), T::default());
                for (end, w) in parts {
                    let (y, w) = (y.slice_axis(Axis(1), Slice::from(start..*end)), w.get::<T>());
                    if start == 0 {
                        gram_tile(y, w.view(), &mut scratch, sum.view_mut());
                    } else {
                        gram_tile(y, w.view(), &mut scratch, part.view_mut());
                        sum += &part;
                    }
                    start = *end;
                    each(start, sum.view());
                }
            }
        }
        let (rows, rest) = others;
        if let Some(projection) = &self.beside
            && !rows.is_empty()
        {
            let mut part = Array2::from_elem((rows.len(), self.count()), T::default());
            projection.apply(rest, part.view_mut());
            for (&row, part) in rows.iter().zip(part.axis_iter(Axis(0))) {
                let mut sum = sum.row_mut(row);
                sum += &part;
            }
        }
        sum
    }
}
