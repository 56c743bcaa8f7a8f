//! The ELU family: a straight line above zero, a saturating exponential below.
//!
//! With `n(x) = min(e^x - 1, 0)` and `s(x) = max(x, 0) + alpha n(x)`,
//!
//! ```text
//! k  = E[u+ v+] + alpha (E[u+ n(v)] + E[n(u) v+]) + alpha^2 G,         G = E[n(u) n(v)]
//! kd = P(u, v > 0) + alpha (E[1(u>0) e^v 1(v<0)] + ...) + alpha^2 E[e^(u+v) 1(u<0) 1(v<0)]
//! ```
//!
//! Tilting the Gaussian by `e^v` leaves wedges with one side through the foot of their own
//! perpendicular, so that every expectation of an exponential is a sum of values of one function,
//! [`tilted`], which stays bounded at any variance and has no special correlation. `G` is the
//! difference of such values where the variances are not small, and a Taylor series in the smaller
//! argument, by Stein's recursion, where they are.

use std::f64::consts::FRAC_1_PI;

use super::scale::{closeness_of, near_one};
use crate::bvn::tilted;
use crate::lanes::{F64x1, Real};
use crate::route::Family;
use crate::{Error, Pair};

/// Powers of the smaller argument kept where `sqrt(ab)` is small.
const TAYLOR: usize = 13;

/// `1 / sqrt(2 pi)`.
const DENSITY: f64 = 0.398_942_280_401_432_7;

/// `E[max(z, 0)^j]` for standard normal `z`.
const MOMENTS: [f64; TAYLOR + 1] = moments();

const fn moments() -> [f64; TAYLOR + 1] {
    let mut m = [0.5; TAYLOR + 1];
    m[1] = DENSITY;
    let mut j = 2;
    while j <= TAYLOR {
        m[j] = (j - 1) as f64 * m[j - 2];
        j += 1;
    }
    m
}

/// The function above at scaled arguments, itself scaled.
#[derive(Clone, Debug)]
pub(crate) struct Elu {
    alpha: f64,
    /// Factor of variances and covariances.
    scale: f64,
    /// Factor of `k`.
    value: f64,
    /// Factor of `kd`.
    slope: f64,
}

impl Elu {
    /// `max(x, 0) + alpha min(e^x - 1, 0)`.
    pub(crate) fn new(alpha: f64) -> Self {
        Self { alpha, scale: 1.0, value: 1.0, slope: 1.0 }
    }

    /// `max(x, 0) + alpha min(e^(x / alpha) - 1, 0)`.
    ///
    /// # Errors
    ///
    /// An `alpha` that is not positive: the exponential would grow, and its dual with it.
    pub(crate) fn celu(alpha: f64) -> Result<Self, Error> {
        if alpha.is_nan() || alpha <= 0.0 {
            let reason = "it must be positive";
            return Err(Error::Parameter {
                activation: "celu",
                parameter: "alpha",
                value: alpha,
                reason,
            });
        }
        let square = alpha * alpha;
        Ok(Self { alpha: 1.0, scale: square.recip(), value: square, slope: 1.0 })
    }

    /// ELU scaled so that standard normal variables keep mean 0 and variance 1 (Klambauer et al.
    /// 2017).
    pub(crate) fn selu() -> Self {
        let lambda: f64 = 1.0507009873554805;
        let square = lambda * lambda;
        Self { alpha: 1.6732632423543772, scale: 1.0, value: square, slope: square }
    }
}

/// What the exponentials need of one point.
#[derive(Clone, Copy)]
struct Point<R> {
    /// `sqrt(a / 2)`.
    beta: R,
    /// `sqrt(a)`.
    root: R,
    /// `erfcx(beta) / 4`.
    quarter: R,
}

impl Family<6> for Elu {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 6] {
        let v = v * self.scale;
        let beta = (v / 2.0).sqrt();
        let quarter = F64x1(beta).erfcx().0 / 4.0;
        let (scaled, e, inverse) = if v == 0.0 {
            (1.0, 0.0, 0.0)
        } else {
            let (scaled, e) = near_one(v);
            (scaled, e, 1.0 / e)
        };
        [scaled, e, inverse, beta, v.sqrt(), quarter]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 6], right: [R; 6], c: R) -> (R, R) {
        let (zero, one) = (c.zero(), c.lit(1.0));
        let alpha = c.lit(self.alpha);
        let c = c * self.scale;

        // the piecewise-linear part, as for ReLU
        let scaled = c * (left[1] * right[1]);
        let power = left[0] * right[0];
        let width = R::difference_of_products(left[0], right[0], scaled, scaled).max(zero).sqrt();
        let (phi, deficit) = R::angle(width, scaled.abs());
        let negative = scaled.lt(zero);
        let linear = (scaled.max(zero) + deficit * FRAC_1_PI) * 0.5 * (left[2] * right[2]);
        let turn = phi * (0.5 * FRAC_1_PI);
        let quadrant = turn.select(negative, -turn + 0.5);

        let root = power.sqrt();
        let rho = (scaled.abs() / root).min(one);
        let s = (width / root).min(one);
        let p = Point { beta: left[3], root: left[4], quarter: left[5] };
        let q = Point { beta: right[3], root: right[4], quarter: right[5] };
        let wedge = Wedge::new(p, q, rho, s, negative);
        let betas = [p.beta, q.beta, wedge.kappa, wedge.kappa];
        let quarters = [p.quarter, q.quarter, wedge.quarter, wedge.quarter];
        let cosines = [rho, rho, wedge.along[0].abs().min(one), wedge.along[1].abs().min(one)];
        let sines = [s, s, wedge.across[0], wedge.across[1]];
        // a loop, not four copies of a long function
        let mut tilts = [zero; 4];
        for n in 0..4 {
            tilts[n] = tilted(betas[n], quarters[n], cosines[n], sines[n]);
        }
        let tilt_p = (-tilts[0]).select(negative, tilts[0]);
        let tilt_q = (-tilts[1]).select(negative, tilts[1]);
        let both = (-tilts[2]).select(wedge.along[0].lt(zero), tilts[2])
            + (-tilts[3]).select(wedge.along[1].lt(zero), tilts[3]);
        let both = quadrant.select(wedge.plain, both);
        let mixed = (p.quarter + q.quarter) - (tilt_p + tilt_q);
        let kd = quadrant + alpha * mixed + (alpha * alpha) * both;

        let (gap_p, gap_q) = (erfcx_gap(s * p.beta), erfcx_gap(s * q.beta));
        let cross = c * mixed - (p.root * gap_q + q.root * gap_p) * (0.5 * DENSITY);
        let direct = (both + quadrant) - (p.quarter + q.quarter) - (tilt_p + tilt_q);

        // the smaller variance takes the Taylor series; equal ones are interchangeable
        let swap = p.beta.lt(q.beta);
        let small = p.root.select(swap, q.root);
        let large_quarter = q.quarter.select(swap, p.quarter);
        let large_tilt = tilt_q.select(swap, tilt_p);
        let large_gap = gap_q.select(swap, gap_p);
        let slope = (-rho).select(negative, rho) * small;
        let lower = large_quarter + large_tilt;
        let series = taylor(c, small, slope, s, lower, quadrant, large_gap);
        let near = (p.root * q.root).lt(c.lit(if R::SINGLE { 0.25 } else { 0.02 }));
        let curved = series.select(near, direct);
        let k = linear + alpha * cross + (alpha * alpha) * curved;
        (k * self.value, kd * self.slope)
    }

    #[inline(always)]
    fn pair_of_sums<R: Real, const PLAIN: bool>(
        &self,
        left: [R; 6],
        right: [R; 6],
        c: R,
    ) -> (R, R, R) {
        let (k, kd) = self.pair(left, right, c);
        let scaled = c * self.scale * (left[1] * right[1]);
        (k, kd, closeness_of(left[0] * right[0], scaled))
    }

    const COUNTS: bool = true;

    fn diagonal(&self, v: f64) -> Pair {
        if v == 0.0 {
            // a zero vector is orthogonal to everything, itself included
            return Pair { k: 0.0, kd: self.slope * (0.5 + 0.5 * self.alpha).powi(2) };
        }
        let a = v * self.scale;
        let beta = (a / 2.0).sqrt();
        let square = self.alpha * self.alpha;
        let double = F64x1(2.0 * beta).erfcx().0;
        let curved = if beta < 0.4 {
            // erfcx(x) = sum (-x)^n / Gamma(n/2 + 1); the first two powers cancel
            let (mut even, mut odd) = (1.0, 2.0 / std::f64::consts::PI.sqrt());
            let mut sum = 0.0;
            for n in 2..40 {
                let coefficient = if n % 2 == 0 {
                    even /= f64::from(n) / 2.0;
                    even
                } else {
                    odd /= f64::from(n) / 2.0;
                    -odd
                };
                sum += coefficient * ((2.0 * beta).powi(n) - 2.0 * beta.powi(n));
            }
            sum / 2.0
        } else {
            (double - 2.0 * F64x1(beta).erfcx().0 + 1.0) / 2.0
        };
        Pair {
            k: self.value * (a / 2.0 + square * curved),
            kd: self.slope * (0.5 + square * double / 2.0),
        }
    }
}

/// The wedge `u, v < 0` seen from the perpendicular on the lines of constant `u + v`:
/// `E[e^(u+v) 1(u<0) 1(v<0)]` is the sum of the tilted halves on its two sides.
struct Wedge<R: Real> {
    /// Standard deviation of `u + v`, over `sqrt(2)`.
    kappa: R,
    /// `erfcx(kappa) / 4`.
    quarter: R,
    /// Cosines of the angles between the perpendicular and the sides.
    along: [R; 2],
    /// Their sines.
    across: [R; 2],
    /// Where the exponential is 1: variances too small to notice, or no wedge at all.
    plain: R::Mask,
}

impl<R: Real> Wedge<R> {
    #[inline(always)]
    fn new(p: Point<R>, q: Point<R>, rho: R, s: R, negative: R::Mask) -> Self {
        let one = rho.lit(1.0);
        // 1 + rho with all its digits
        let sum = ((s * s) / (rho + 1.0)).select(negative, rho + 1.0);
        let difference = p.beta - q.beta;
        let square = difference * difference + (p.beta * q.beta) * (sum * 2.0);
        let plain = square.lt(rho.lit(if R::SINGLE { 1e-36 } else { 1e-290 }));
        let kappa = one.select(plain, square.sqrt());
        let across_p = one.select(plain, (p.beta * s / kappa).min(one));
        let across_q = one.select(plain, (q.beta * s / kappa).min(one));
        Self {
            kappa,
            quarter: kappa.erfcx() * 0.25,
            along: [(-difference + p.beta * sum) / kappa, (difference + q.beta * sum) / kappa],
            across: [across_p, across_q],
            plain,
        }
    }
}

/// `1 - erfcx(x)` for `x >= 0`, relative accuracy at small `x`.
#[inline(always)]
fn erfcx_gap<R: Real>(x: R) -> R {
    let y = x.min(x.lit(1.0));
    let growth = (y * y).expm1();
    let near = (growth + 1.0) * y.erf() - growth;
    near.select(x.lt(x.lit(0.5)), -x.erfcx() + 1.0)
}

/// `G` as a Taylor series in `v`, of standard deviation `t`, the smaller one:
/// `sum_j E[n(u) v^j 1(v<0)] / j!`, with Stein's recursion for these moments `A_j` and for
/// `B_j = E[e^u 1(u<0) v^j 1(v<0)]`.
///
/// `slope` is `rho t`, `lower` is `B_0`, `gap` is `1 - erfcx` at the other variable's conditional
/// deviation.
#[inline(always)]
fn taylor<R: Real>(c: R, t: R, slope: R, s: R, lower: R, quadrant: R, gap: R) -> R {
    let b = t * t;
    let edge = t * (0.5 * DENSITY);
    // c E[delta(u) v^j 1(v<0)]
    let step = -(t * s);
    let mut wall = slope * DENSITY;
    let mut a = [lower - quadrant, c * lower + edge * gap];
    let mut e = [lower, c * lower - wall * MOMENTS[0] - edge * (-gap + 1.0)];
    let mut total = a[1];
    let mut factorial = 1.0;
    for j in 2..=TAYLOR {
        wall = wall * step;
        let next = c * e[1] + b * a[0] * (j - 1) as f64;
        let onward = c * e[1] - wall * MOMENTS[j - 1] + b * e[0] * (j - 1) as f64;
        a = [a[1], next];
        e = [e[1], onward];
        factorial *= j as f64;
        total = total + next * (1.0 / factorial);
    }
    total
}
