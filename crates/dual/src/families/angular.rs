//! Activations with two values: sign and step. Their derivative counts as 0.

use std::f64::consts::{FRAC_1_PI, FRAC_2_PI};

use super::polar;
use crate::Pair;
use crate::lanes::Real;
use crate::route::Family;

/// `sign(x)`, 0 at 0: `k = (2/pi) asin(rho)`.
#[derive(Clone, Debug)]
pub(crate) struct Sign;

impl Family<2> for Sign {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 2] {
        let [scaled, e, _] = polar::prepare(v);
        [scaled, e]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 2], right: [R; 2], c: R) -> (R, R) {
        let (sine, cosine) = polar::sine_cosine(left, right, c);
        (cosine.atan2(sine) * FRAC_2_PI, c.zero())
    }

    fn diagonal(&self, v: f64) -> Pair {
        Pair { k: if v > 0.0 { 1.0 } else { 0.0 }, kd: 0.0 }
    }
}

/// 1 for `x > 0`, 0 for `x < 0`: `k = 1/4 + asin(rho) / (2 pi)`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The value at 0, which a zero vector has with certainty.
    pub at_zero: f64,
}

impl Family<3> for Step {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 3] {
        let [scaled, e, _] = polar::prepare(v);
        [scaled, e, if v > 0.0 { 1.0 } else { 0.0 }]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let (sine, cosine) = polar::sine_cosine([left[0], left[1]], [right[0], right[1]], c);
        // the folded angle keeps the result accurate when it is small
        let (phi, _) = R::angle(sine, cosine.abs());
        let turn = phi * (0.5 * FRAC_1_PI);
        let k = turn.select(cosine.lt(c.zero()), -turn + 0.5);
        let both = left[2] * right[2];
        // s(0) E[s(v)] where one of them is the zero vector
        let zero = (-(left[2] + right[2]) + 2.0) * (0.5 * self.at_zero);
        (k * both + zero * (-both + 1.0), c.zero())
    }

    fn diagonal(&self, v: f64) -> Pair {
        Pair { k: if v > 0.0 { 0.5 } else { self.at_zero }, kd: 0.0 }
    }
}
