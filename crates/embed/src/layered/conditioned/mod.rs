//! Activations given the coordinate of their units along the mean direction of a sample.
//!
//! Units of deep layers are alike: with a unit vector `t`, the mean direction of their features, most of
//! `phi = c t + v` is `c`, and most of `u = c z + w` is the same standard normal `z` for all rows. With
//! `r = c / |phi|`, Hermite coefficients `a_k` and `b_k` of `s` and `s'` at the variance of the row, and a
//! polynomial `f` with `E[f(z)^2] = 1`,
//!
//! ```text
//! s(u)  = sum_k a_k r^k h_k(z) + g f(z) w + rest         g = E[s'(u) f(z)] = sum_k f_k b_k r^k
//! s'(u) = g f(z) + rest'
//! ```
//!
//! where the parts of each line are uncorrelated, between any two rows: `E[f w s(u')] = v . v' g'`. Known
//! exactly are thus `a_k r^k` as columns, and `g` times the features `v` for the values and `g` times those
//! of the tangent kernel for the slopes: the same factor of the rows for both, so that blocks stay one. What
//! is left to sample is less than degrees 0 and 1 leave, which is the case `r = 0`. Any `t` and `f` that do not
//! depend on the activation's own random numbers keep features unbiased.
//!
//! Blocks are split one by one, `x = (x . t) t + v`, since the lists of the two kernels scale them
//! differently; coordinates are few columns and are combined to `c` afterwards. A `v` has no mean direction
//! left and is not split again.

mod coordinates;
mod direction;
mod run;

pub(super) use direction::{Direction, arrays, from_arrays};

use widelimit_sketch::random::Stream;

use super::parts::{Part, Parts};
use super::program::{Made, Places};
use crate::projection::Projection;

/// Highest Hermite degree along the mean direction that is exact.
pub(super) const DEGREE: usize = 8;

/// Number of degrees.
const DEGREES: usize = DEGREE + 1;

/// A block that is split along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub from: usize,
    /// The block of what the axis leaves; none of the block of ones, which is all axis.
    pub to: Option<usize>,
}

/// Features whose blocks are split.
#[derive(Debug)]
pub(super) struct Features {
    /// Parts of blocks that are split, and the number of the split.
    pub along: Vec<(Part, usize)>,
    /// All others, and what axes leave.
    pub rest: Parts,
}

impl Features {
    /// Columns of coordinates that their mean direction leaves: none where there is one coordinate.
    pub fn left(&self) -> usize {
        match self.along.len() {
            1 => 0,
            several => several,
        }
    }
}

/// An activation given the mean direction.
#[derive(Debug)]
pub(super) struct Conditioned {
    /// Number among such activations.
    pub index: usize,
    pub curve: usize,
    /// The series of the activation.
    pub series: usize,
    pub places: Places,
    pub splits: Vec<Split>,
    /// Features of the units.
    pub nngp: Features,
    /// Features of the tangent kernel below.
    pub ntk: Features,
    /// Hermite degrees of the values that have a column.
    pub degrees: Vec<usize>,
    /// Whether coordinates near 0 matter most.
    pub narrow: bool,
    /// The factor of rows `g`.
    pub factor: usize,
    /// First those of the values, then those of the slopes.
    pub directions: Projection,
    /// What coordinates along the mean direction are drawn from, of values and of slopes.
    pub coordinates: [Stream; 2],
    /// Exact columns, then random ones.
    pub values: Made,
    /// Coordinates of the tangent features, then products of slopes with all of them.
    pub slopes: Option<(Projection, Made)>,
}

impl Conditioned {
    /// Columns of the values that are not random.
    pub fn exact(&self) -> usize {
        self.degrees.len() + self.nngp.left()
    }

    /// Blocks that the step reads.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        let rest = self.nngp.rest.iter().chain(self.ntk.rest.iter()).map(|part| part.block);
        self.splits.iter().map(|split| split.from).chain(rest)
    }

    /// Blocks that the step makes.
    pub fn makes(&self) -> impl Iterator<Item = usize> {
        let slopes = self.slopes.iter().map(|(_, made)| made.block);
        self.splits.iter().filter_map(|split| split.to).chain([self.values.block]).chain(slopes)
    }
}
