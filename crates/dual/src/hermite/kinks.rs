//! Where a user's function jumps or bends, and the duals of the jumps and bends alone.
//!
//! With steps of height `j` and ramps of slope `g` at the kinks, `S(x) = sum j [x > t] + g max(x -
//! t, 0)` has the same slowly decaying coefficients as the function itself, and its duals are known
//! in closed form. Below zero the mirrored pieces `-j [x < t] + g max(t - x, 0)` do as well, being
//! only a straight line away, and vanish where variances do not reach them. With `P = P(u > t, v > t')`, `p = t / sqrt(a)`, `q = t' / sqrt(b)`, and `x`, `y`
//! for the standardised variables,
//!
//! ```text
//! E[y; ..] = phi(q) P(x > p | y = q) + rho phi(p) P(y > q | x = p)
//! E[x y; ..] = rho (P + p phi(p) P(y > q | x = p) + q phi(q) P(x > p | y = q)) + s e / (2 pi)
//! ```
//!
//! (Rosenbaum 1961, J. R. Stat. Soc. B 23), with `s e / (2 pi)` the density at the corner times `1 -
//! rho^2`. So what a cut series of the function lacks near `|rho| = 1` is what one of `S` lacks.

use std::f64::consts::FRAC_1_PI;

use widelimit_arch::UserFunction;

use crate::Pair;
use crate::bvn::Bivariate;
use crate::families::near_one;
use crate::lanes::{F64x1, Real};
use crate::quadrature::gauss_legendre;

/// Distances from a kink, relative to its size or 1, at which both sides are looked at for a jump.
const NEAR: f64 = 1e-9;
const APART: f64 = 1e-5;

/// Points on each side of a kink, and how far they reach, for its bend.
const POINTS: usize = 12;
const REACH: f64 = 0.2;

/// Relative difference of the slopes below which a function does not bend.
const STRAIGHT: f64 = 1e-8;

/// Kinks further out than this many standard deviations are as good as infinitely far.
const FAR: f64 = 40.0;

/// One kink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kink {
    at: f64,
    jump: f64,
    bend: f64,
}

impl Kink {
    /// The side of it that zero is not on.
    fn side(&self) -> f64 {
        if self.at < 0.0 { -1.0 } else { 1.0 }
    }
}

/// The kinks of one function.
#[derive(Clone, Debug)]
pub(super) struct Kinks(Vec<Kink>);

impl Kinks {
    /// Looks at the declared kinks, and at zero; `None` if the function cannot be evaluated there.
    pub(super) fn new(function: &UserFunction) -> Option<Self> {
        let mut places = function.kinks().to_vec();
        places.push(0.0);
        places.sort_by(f64::total_cmp);
        places.dedup();
        let mut kinks = Vec::with_capacity(places.len());
        for (i, &at) in places.iter().enumerate() {
            let size = at.abs().max(1.0);
            let jump = jump(function, at, size)?;
            let below = if i == 0 { f64::INFINITY } else { at - places[i - 1] };
            let above = places.get(i + 1).map_or(f64::INFINITY, |next| next - at);
            let right = slope(function, at, above.min(REACH * size))?;
            let left = slope(function, at, -below.min(REACH * size))?;
            let kink = Kink { at, jump, bend: right - left };
            let seen = jump != 0.0 || kink.bend.abs() > STRAIGHT * (right.abs() + left.abs());
            if seen || function.kinks().contains(&at) {
                kinks.push(kink);
            }
        }
        Some(Self(kinks))
    }

    /// Whether there is a jump.
    pub(super) fn jump(&self) -> bool {
        self.0.iter().any(|kink| kink.jump != 0.0)
    }

    /// Whether all kinks lie at zero.
    pub(super) fn central(&self) -> bool {
        self.0.iter().all(|kink| kink.at == 0.0)
    }

    /// Without the jumps.
    pub(super) fn bends(&self) -> Self {
        Self(self.0.iter().map(|kink| Kink { jump: 0.0, ..*kink }).collect())
    }

    /// The function less its jumps.
    pub(super) fn without_jumps(&self, function: &UserFunction) -> UserFunction {
        let inner = function.clone();
        let kinks = self.0.clone();
        UserFunction::from_slices(function.name(), function.kinks(), move |x, y| {
            inner.evaluate(x, y)?;
            for (x, y) in x.iter().zip(y) {
                let above = kinks.iter().filter(|kink| *x > kink.at);
                *y -= above.map(|kink| kink.jump).sum::<f64>();
            }
            Ok(())
        })
    }

    /// The steps and ramps as a function.
    pub(super) fn function(&self) -> UserFunction {
        let kinks = self.0.clone();
        let places: Vec<f64> = kinks.iter().map(|kink| kink.at).collect();
        UserFunction::new("kinks", places, move |x| {
            let part = |kink: &Kink| {
                let beyond = kink.side() * (x - kink.at);
                if beyond > 0.0 { kink.bend.mul_add(beyond, kink.side() * kink.jump) } else { 0.0 }
            };
            kinks.iter().map(part).sum()
        })
    }

    /// The duals of the steps and ramps; jumps have no part in `kd`.
    pub(super) fn pair(&self, a: f64, b: f64, c: f64) -> Pair {
        // in one order, so that a swap changes no bit
        let (a, b) = (a.min(b), a.max(b));
        let (one, zero) = (F64x1(1.0), F64x1(0.0));
        let [(scaled_a, e_a), (scaled_b, e_b)] = [near_one(a), near_one(b)];
        let scaled = F64x1(c * (e_a * e_b));
        let width = F64x1::difference_of_products(F64x1(scaled_a), F64x1(scaled_b), scaled, scaled);
        let root = (scaled_a * scaled_b).sqrt();
        let r = F64x1(scaled.0 / root).min(one).max(-one);
        let s = F64x1(width.max(zero).sqrt().0 / root).min(one);
        let (sigma, tau) = (a.sqrt(), b.sqrt());
        let mut sum = Pair { k: 0.0, kd: 0.0 };
        for left in &self.0 {
            for right in &self.0 {
                let [p, q] = [left.at.abs() / sigma, right.at.abs() / tau];
                if p > FAR || q > FAR {
                    continue;
                }
                // as if both were looked at from zero
                let sides = left.side() * right.side();
                let r = F64x1(sides * r.0);
                let law = Bivariate { r, s };
                let corner = law.corner(F64x1(-p), F64x1(-q), one.lt(zero));
                let above = |x: f64| F64x1(-x).norm_cdf().0;
                let both = corner.excess.0 + above(p) * above(q);
                let at_p = F64x1(p).norm_pdf().0 * corner.below_k.0;
                let at_q = F64x1(q).norm_pdf().0 * corner.below_h.0;
                let (x, y) = (at_p + r.0 * at_q, at_q + r.0 * at_p);
                let distances = corner.distance_h.0.powi(2) + corner.distance_k.0.powi(2);
                let density = (-0.25 * (p * p + q * q + distances)).exp();
                let product = r.0 * (both + p * at_p + q * at_q) + s.0 * density * 0.5 * FRAC_1_PI;
                let ramps = product - p * y - q * x + p * q * both;
                let [step, other] = [left, right].map(|kink| kink.side() * kink.jump);
                sum.k += step * other * both
                    + step * right.bend * tau * (y - q * both)
                    + left.bend * other * sigma * (x - p * both)
                    + left.bend * right.bend * sigma * tau * ramps;
                sum.kd += sides * (left.bend * right.bend * both);
            }
        }
        sum
    }
}

/// The jump at a kink: 0 where the function only moves fast.
fn jump(function: &UserFunction, at: f64, size: f64) -> Option<f64> {
    let x = [at - APART * size, at - NEAR * size, at + NEAR * size, at + APART * size];
    let mut y = [0.0; 4];
    function.evaluate(&x, &mut y).ok()?;
    let (near, apart) = (y[2] - y[1], y[3] - y[0]);
    let rounding = 1e-12 * y.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
    if !(near.is_finite() && apart.is_finite()) {
        return None;
    }
    let jumps = near.abs() > rounding.max(0.9 * apart.abs());
    // less the way the function goes between the two points
    Some(if jumps { near - (apart - near) * NEAR / (APART - NEAR) } else { 0.0 })
}

/// The slope at one end of an interval, from the Legendre series inside.
fn slope(function: &UserFunction, at: f64, length: f64) -> Option<f64> {
    let (nodes, weights) = gauss_legendre(POINTS);
    let x: Vec<f64> = nodes.iter().map(|x| at + length * 0.5 * (1.0 + x)).collect();
    let mut y = vec![0.0; POINTS];
    function.evaluate(&x, &mut y).ok()?;
    let mut sum = 0.0;
    for ((x, w), y) in nodes.iter().zip(&weights).zip(&y) {
        let (mut before, mut value, mut sign) = (0.0, 1.0, -1.0);
        for l in 0..POINTS {
            let l = l as f64;
            // P_l'(-1) = (-1)^(l-1) l (l + 1) / 2
            sum += w * y * value * (l + 0.5) * sign * l * (l + 1.0) / 2.0;
            (before, value) = (value, ((2.0 * l + 1.0) * x * value - l * before) / (l + 1.0));
            sign = -sign;
        }
    }
    let slope = sum * 2.0 / length;
    slope.is_finite().then_some(slope)
}
