//! Straight between two knots and constant beyond: ReLU6, hard tanh, hard sigmoid.
//!
//! With `s(x) = base + g (max(x - t_1, 0) - max(x - t_2, 0))`, knots in standard deviations
//! `p_i = t_i / sqrt(a)`, `q_j = t_j / sqrt(b)`, signs `+-` for lower and upper knots, and
//! `P_ij = P(u > t_i, v > t_j)`,
//!
//! ```text
//! kd = g^2 sum +- P_ij,    the probability of a rectangle
//! k  = E[s(u)] E[s(v)] + c kd + g^2 sum +- [ t_i t_j (P_ij - P_i P_j)
//!        - t_i sqrt(b) phi(q_j) (P(u > t_i | v = t_j) - P_i) - (u and v exchanged)
//!        + sqrt(ab) (s e_ij / (2 pi) - phi(p_i) phi(q_j)) ]
//! ```
//!
//! with `s e_ij / (2 pi)` the density at the knots times `1 - rho^2`. Every bracket vanishes with
//! the correlation, and with the variances, where the straight part `c kd` is all there is. At
//! large variances, where the rectangle shrinks, its probability and the sum of the densities are
//! formed without cancellation.

use std::f64::consts::FRAC_1_PI;

use super::scale::{closeness_of, near_one};
use crate::Pair;
use crate::bvn::Bivariate;
use crate::lanes::{F64x1, Real};
use crate::route::Family;

/// Knots further out than this many standard deviations are as good as infinitely far.
const FAR: f64 = 40.0;

/// Rectangles with both knots of both variables within this are evaluated as differences.
const FLAT: f64 = 1.0;

/// Two knots: below the first and above the second the function is constant.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    base: f64,
    slope: f64,
    knots: [f64; 2],
}

impl Clip {
    /// `min(max(x, 0), 6)`.
    pub(crate) fn relu6() -> Self {
        Self { base: 0.0, slope: 1.0, knots: [0.0, 6.0] }
    }

    /// `min(max(x, -1), 1)`.
    pub(crate) fn hard_tanh() -> Self {
        Self { base: -1.0, slope: 1.0, knots: [-1.0, 1.0] }
    }

    /// `min(max(x / 6 + 1/2, 0), 1)`.
    pub(crate) fn hard_sigmoid() -> Self {
        Self { base: 0.0, slope: 1.0 / 6.0, knots: [-3.0, 3.0] }
    }

    /// The knots in standard deviations and what follows from them.
    fn place(&self, v: f64) -> Place {
        let root = v.sqrt();
        let knots = self.knots.map(|t| if t == 0.0 { 0.0 } else { (t / root).clamp(-FAR, FAR) });
        let density = knots.map(|p| F64x1(p).norm_pdf().0);
        let above = knots.map(|p| F64x1(-p).norm_cdf().0);
        let half = knots.map(|p| F64x1(p * std::f64::consts::FRAC_1_SQRT_2).erf().0 / 2.0);
        let between = half[1] - half[0];
        // phi(p) - phi(q) = phi(p) (1 - e^((p^2 - q^2)/2)), the larger density in front
        let gap = (knots[0] - knots[1]) * (knots[0] + knots[1]) / 2.0;
        let drop =
            if gap <= 0.0 { -density[0] * gap.exp_m1() } else { density[1] * (-gap).exp_m1() };
        let mean = self.base + self.slope * (root * drop + self.first_moment(&above, between));
        Place { root, knots, density, above, between, drop, mean }
    }

    /// `t_2 P_2 - t_1 P_1`, negated: `sum +- (-t_i P_i)`.
    fn first_moment(&self, above: &[f64; 2], between: f64) -> f64 {
        // t_2 P_2 - t_1 P_1 = (t_2 - t_1) P_2 - t_1 (P_1 - P_2)
        (self.knots[1] - self.knots[0]) * above[1] - self.knots[0] * between
    }
}

/// One variance.
struct Place {
    root: f64,
    knots: [f64; 2],
    density: [f64; 2],
    above: [f64; 2],
    /// `P(t_1 < u < t_2)`.
    between: f64,
    /// `phi(p_1) - phi(p_2)`.
    drop: f64,
    mean: f64,
}

/// One corner's shares of the sums.
#[derive(Clone, Copy)]
struct Part<R> {
    excess: R,
    flat: R,
    bracket: R,
    density: R,
}

impl Family<13> for Clip {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 13] {
        let (scaled, e) = if v == 0.0 { (1.0, 0.0) } else { near_one(v) };
        let place = self.place(v);
        let ([p, q], [f, g], [x, y]) = (place.knots, place.density, place.above);
        [scaled, e, v, place.root, p, q, f, g, x, y, place.between, place.drop, place.mean]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 13], right: [R; 13], c: R) -> (R, R) {
        let (zero, one) = (c.zero(), c.lit(1.0));
        let scaled = c * (left[1] * right[1]);
        let power = left[0] * right[0];
        let width = R::difference_of_products(left[0], right[0], scaled, scaled).max(zero).sqrt();
        let root = power.sqrt();
        let r = (scaled / root).min(one).max(-one);
        let s = (width / root).min(one);
        let (sigma, tau) = (left[3], right[3]);

        let furthest = left[4].abs().max(left[5].abs()).max(right[4].abs().max(right[5].abs()));
        let flat = furthest.lt(c.lit(FLAT));
        let law = Bivariate { r, s };
        let mut corners = [[Part { excess: zero, flat: zero, bracket: zero, density: zero }; 2]; 2];
        for i in 0..2 {
            for j in 0..2 {
                let (p, q) = (left[4 + i], right[4 + j]);
                let corner = law.corner(-p, -q, flat);
                let across = (p * p + q * q)
                    + (corner.distance_h * corner.distance_h
                        + corner.distance_k * corner.distance_k);
                let bracket = corner.excess * (self.knots[i] * self.knots[j])
                    - (tau * right[6 + j] * (corner.below_h - left[8 + i]) * self.knots[i]
                        + sigma * left[6 + i] * (corner.below_k - right[8 + j]) * self.knots[j]);
                let density = (across * -0.25).exp();
                corners[i][j] = Part { excess: corner.excess, flat: corner.flat, bracket, density };
            }
        }
        // lower and upper knots with opposite signs, in an order that survives a swap
        let [[low, left_high], [right_high, high]] = corners;
        let excess = (low.excess + high.excess) - (left_high.excess + right_high.excess);
        let small = (low.flat + high.flat) - (left_high.flat + right_high.flat);
        let curved = (low.bracket + high.bracket) - (left_high.bracket + right_high.bracket);
        let direct = (low.density + high.density) - (left_high.density + right_high.density);
        let square = self.slope * self.slope;
        let kd = small.select(flat, excess + left[10] * right[10]) * square;

        // second difference of the densities: directly, or by its exponents' differences
        let (step_p, step_q) = (left[4] - left[5], right[4] - right[5]);
        let over = one / (s * s).max(c.lit(if R::SINGLE { 1e-36 } else { 1e-300 }));
        let along_p = step_p * ((left[4] + left[5]) - r * right[4] * 2.0) * over * 0.5;
        let along_q = step_q * ((right[4] + right[5]) - r * left[4] * 2.0) * over * 0.5;
        let twist = r * (step_p * step_q) * over;
        let gentle = along_p.abs().max(along_q.abs()).max(twist.abs()).lt(one);
        let precise = low.density
            * (along_p.expm1() * along_q.expm1() + (along_p + along_q).exp() * twist.expm1());
        let difference = precise.select(gentle, direct);
        let joint = s * difference * (0.5 * FRAC_1_PI) - left[11] * right[11];

        let k = left[12] * right[12] + c * kd + (curved + (sigma * tau) * joint) * square;
        (k, kd)
    }

    #[inline(always)]
    fn pair_of_sums<R: Real, const PLAIN: bool>(
        &self,
        left: [R; 13],
        right: [R; 13],
        c: R,
    ) -> (R, R, R) {
        let (k, kd) = self.pair(left, right, c);
        let scaled = c * (left[1] * right[1]);
        (k, kd, closeness_of(left[0] * right[0], scaled))
    }

    const COUNTS: bool = true;

    fn diagonal(&self, v: f64) -> Pair {
        let Place { root, knots, density, above, between, mean, .. } = self.place(v);
        if v == 0.0 {
            // a zero vector is orthogonal to everything, itself included
            return Pair { k: mean * mean, kd: (self.slope * between).powi(2) };
        }
        let high = self.base + self.slope * (self.knots[1] - self.knots[0]);
        let below = 1.0 - above[0];
        // on the straight part s = centre + slope x
        let centre = self.base - self.slope * self.knots[0];
        let first = density[0] - density[1];
        let second = between + (knots[0] * density[0] - knots[1] * density[1]);
        let rise = self.slope * root;
        let inside = centre * centre * between + 2.0 * centre * rise * first + rise * rise * second;
        Pair {
            k: self.base * self.base * below + high * high * above[1] + inside,
            kd: self.slope * self.slope * between,
        }
    }
}
