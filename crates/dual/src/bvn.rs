//! Probabilities of wedges and rectangles under the bivariate normal law, lane by lane.
//!
//! Everything goes through Owen's function `T(h, A) = (1/2pi) int_0^A e^(-h^2 (1+y^2)/2) / (1+y^2)
//! dy` (Owen 1956, Ann. Math. Statist. 27): its integrands have no feature narrower than their
//! interval, so one fixed Gauss rule serves every correlation, `+-1` included, where Plackett's
//! integral (Drezner and Wesolowsky 1990; Genz 2004) needs separate forms.

use std::f64::consts::{FRAC_1_PI, FRAC_1_SQRT_2};

use crate::lanes::Real;

/// Positive nodes and weights of the 20-point Gauss-Legendre rule: rounding error of `f64`.
const DOUBLE: [(f64, f64); 10] = [
    (0.993_128_599_185_094_9, 0.017_614_007_139_152_264),
    (0.963_971_927_277_913_8, 0.040_601_429_800_386_95),
    (0.912_234_428_251_326, 0.062_672_048_334_109_06),
    (0.839_116_971_822_218_9, 0.083_276_741_576_704_75),
    (0.746_331_906_460_150_8, 0.101_930_119_817_240_44),
    (0.636_053_680_726_515, 0.118_194_531_961_518_31),
    (0.510_867_001_950_827_1, 0.131_688_638_449_176_5),
    (0.373_706_088_715_419_55, 0.142_096_109_318_382_05),
    (0.227_785_851_141_645_07, 0.149_172_986_472_603_74),
    (0.076_526_521_133_497_34, 0.152_753_387_130_725_86),
];

/// The 12-point rule: rounding error of `f32`.
const SINGLE: [(f64, f64); 6] = [
    (0.981_560_634_246_719_2, 0.047_175_336_386_511_83),
    (0.904_117_256_370_474_8, 0.106_939_325_995_318_43),
    (0.769_902_674_194_304_7, 0.160_078_328_543_346_24),
    (0.587_317_954_286_617_5, 0.203_167_426_723_065_84),
    (0.367_831_498_998_180_2, 0.233_492_536_538_354_8),
    (0.125_233_408_511_468_94, 0.249_147_045_813_402_88),
];

/// `x` with `e^(-x^2)` below the last place of the format.
#[inline(always)]
fn reach<R: Real>() -> f64 {
    if R::SINGLE { 4.3 } else { 6.2 }
}

/// A quotient to integrate over `[0, 1]`; denominators lie in `[1, 2]`, so that four quotients can
/// share one division.
trait Quotient<R> {
    fn at(&self, x: R) -> (R, R);
}

#[inline(always)]
fn integrate<R: Real, Q: Quotient<R>>(quotient: &Q, like: R) -> R {
    if R::SINGLE { sum(quotient, like, &SINGLE) } else { sum(quotient, like, &DOUBLE) }
}

#[inline(always)]
fn sum<R: Real, Q: Quotient<R>, const N: usize>(
    quotient: &Q,
    like: R,
    table: &[(f64, f64); N],
) -> R {
    let mut total = like.zero();
    for m in 0..N / 2 {
        let (n0, d0) = both(quotient, like, table[2 * m]);
        let (n1, d1) = both(quotient, like, table[2 * m + 1]);
        total = total + (n0 * d1 + n1 * d0) / (d0 * d1);
    }
    total
}

/// Two nodes placed symmetrically, over one denominator, weight included.
#[inline(always)]
fn both<R: Real, Q: Quotient<R>>(quotient: &Q, like: R, (x, w): (f64, f64)) -> (R, R) {
    let (n0, d0) = quotient.at(like.lit(0.5 - 0.5 * x));
    let (n1, d1) = quotient.at(like.lit(0.5 + 0.5 * x));
    ((n0 * d1 + n1 * d0) * (0.5 * w), d0 * d1)
}

/// `e^(-beta^2 y^2) / (1 + y^2)`, `y = end x`.
struct Bell<R> {
    beta: R,
    end: R,
}

impl<R: Real> Quotient<R> for Bell<R> {
    #[inline(always)]
    fn at(&self, x: R) -> (R, R) {
        let y = self.end * x;
        let exponent = self.beta * y;
        ((-(exponent * exponent)).exp(), y.mul_add(y, x.lit(1.0)))
    }
}

/// `e^z / (1 + y^2)` with `z = -beta^2 (1 + y^2)`, `y = end x`; `(e^z - 1) / (1 + y^2)` where flat.
struct Wedge<R: Real> {
    beta: R,
    end: R,
    flat: R::Mask,
}

impl<R: Real> Quotient<R> for Wedge<R> {
    #[inline(always)]
    fn at(&self, x: R) -> (R, R) {
        let y = self.end * x;
        let denominator = y.mul_add(y, x.lit(1.0));
        let z = -((self.beta * self.beta) * denominator);
        (z.expm1().select(self.flat, z.exp()), denominator)
    }
}

/// `e^(-beta^2 (w^2 - s^2)) / (rho^2 + w^2)`, `w = s + length x`.
struct Slant<R> {
    beta: R,
    s: R,
    length: R,
    rho_squared: R,
}

impl<R: Real> Quotient<R> for Slant<R> {
    #[inline(always)]
    fn at(&self, x: R) -> (R, R) {
        let step = self.length * x;
        let w = self.s + step;
        let exponent = (self.beta * self.beta) * (step * (w + self.s));
        ((-exponent).exp(), w.mul_add(w, self.rho_squared))
    }
}

/// `e^(beta^2) T(sqrt(2) beta, end)` for `beta >= 0` and `end` in `[0, 1]`.
#[inline(always)]
fn scaled_owen<R: Real>(beta: R, end: R) -> R {
    // beyond `reach` the integrand is nothing
    let end = end.min(beta.lit(reach::<R>()) / beta);
    integrate(&Bell { beta, end }, beta) * (end * (0.5 * FRAC_1_PI))
}

/// `e^(beta^2) P(X < -sqrt(2) beta, Y < -sqrt(2) beta rho) - e^(beta^2) Phi(-sqrt(2) beta) / 2` for
/// `X`, `Y` of correlation `rho >= 0`, with `s = sqrt(1 - rho^2)` and `quarter = erfcx(beta) / 4`.
///
/// It is 0 at `rho = 0`, `quarter` at `rho = 1`, odd in `rho`, and bounded whatever `beta` is: the
/// exponential of a half-space tilted to its own boundary. Conditions on the second variable
/// collapse to one angle, so no correlation is special.
#[inline(always)]
pub(crate) fn tilted<R: Real>(beta: R, quarter: R, rho: R, s: R) -> R {
    let reach = reach::<R>();
    // the rest of the way from s to 1, or what the exponential leaves of it
    let whole = (rho * rho) / (s + 1.0);
    let floor = beta.max(beta.lit(if R::SINGLE { 1e-6 } else { 1e-12 }));
    let ratio = floor.lit(reach) / floor;
    let square = ratio * ratio;
    let length = whole.min(square / ((s * s + square).sqrt() + s));
    let slant = Slant { beta, s, length, rho_squared: rho * rho };
    let slanted = integrate(&slant, beta) * (rho * length) * (0.5 * FRAC_1_PI);
    scaled_owen(beta, rho) + slanted - quarter * (rho * beta).erf()
}

/// The bivariate normal distribution of correlation `r`.
#[derive(Clone, Copy)]
pub(crate) struct Bivariate<R> {
    /// Correlation.
    pub r: R,
    /// `sqrt(1 - r^2)`.
    pub s: R,
}

/// What is known of the quadrant below one corner `(h, k)`.
#[derive(Clone, Copy)]
pub(crate) struct Corner<R> {
    /// `P(X < h, Y < k) - Phi(h) Phi(k)`; absolute error 4e-16 (`f32`: 3e-7), and relative to the
    /// larger of the two tails beyond `|h|` and `|k|`.
    pub excess: R,
    /// Where flat: what the corner adds to the probability of a rectangle, sums over whose
    /// corners keep their digits however small the rectangle is. Elsewhere meaningless.
    pub flat: R,
    /// `P(Y < k | X = h)`.
    pub below_k: R,
    /// `P(X < h | Y = k)`.
    pub below_h: R,
    /// `(k - r h) / s`.
    pub distance_k: R,
    /// `(h - r k) / s`.
    pub distance_h: R,
}

impl<R: Real> Bivariate<R> {
    /// All about the corner `(h, k)`; swapping `h` and `k` swaps the results, bitwise.
    ///
    /// `flat` marks lanes with small `h` and `k`, where Owen's function is replaced by its distance
    /// from its value at `h = 0`, an angle: around a rectangle these angles cancel exactly.
    #[inline(always)]
    pub(crate) fn corner(self, h: R, k: R, flat: R::Mask) -> Corner<R> {
        let Self { r, s } = self;
        let (one, zero) = (r.lit(1.0), r.zero());
        let sign = one.copysign(r);
        let gap = (s * s) / (r.abs() + 1.0);
        // k - r h = (k -+ h) +- (1 - |r|) h: exact differences where the correlation is extreme
        let (x, y) = (h * sign, k * sign);
        let origin = h.abs().max(k.abs()).eq(zero);
        // towards the origin on the diagonal of the first quadrant both slopes are (1 - r) / s
        let limit = (one - r).select(r.lt(zero), gap);
        let u = limit.select(origin, (k - x) + gap * x);
        let v = limit.select(origin, (h - y) + gap * y);
        let p = s.select(origin, h.abs() * s);
        let q = s.select(origin, k.abs() * s);
        let sign_h = one.select(origin, one.copysign(h));
        let sign_k = one.select(origin, one.copysign(k));

        let floor = s.max(r.lit(if R::SINGLE { 1e-30 } else { 1e-150 }));
        let distance_k = zero.select(origin, u / floor);
        let distance_h = zero.select(origin, v / floor);
        let (h, k) = (h.abs(), k.abs());
        let (tail_h, tail_k) = ((-h).norm_cdf(), (-k).norm_cdf());
        let first = owen(h, tail_h, u.abs(), p, distance_k.abs(), flat);
        let second = owen(k, tail_k, v.abs(), q, distance_h.abs(), flat);
        let side_k = one.copysign(u) * sign_h;
        let side_h = one.copysign(v) * sign_k;
        let turned = first.value * side_k + second.value * side_h;
        let angles = (first.angle * side_k + second.angle * side_h).select(flat, zero);
        let outside = ((tail_h + tail_k) * 0.5 - tail_h * tail_k) * (sign_h * sign_k);
        Corner {
            excess: outside - (turned + angles),
            flat: -turned,
            below_k: (one - first.tail).select(zero.lt(distance_k), first.tail),
            below_h: (one - second.tail).select(zero.lt(distance_h), second.tail),
            distance_k,
            distance_h,
        }
    }
}

/// Owen's function of one slope.
struct Owen<R> {
    /// `T`, or `T` less its angle where flat.
    value: R,
    /// `atan(slope) / (2 pi)`.
    angle: R,
    /// The upper normal tail beyond `reverse`.
    tail: R,
}

/// Owen's `T(h, numerator / denominator)` for `h >= 0` and parts that are not negative; 0 where
/// the parts vanish together. `reverse` is `h numerator / denominator`, `tail_h` the upper normal
/// tail beyond `h`.
#[inline(always)]
fn owen<R: Real>(
    h: R,
    tail_h: R,
    numerator: R,
    denominator: R,
    reverse: R,
    flat: R::Mask,
) -> Owen<R> {
    let steep = denominator.lt(numerator);
    let (near, far) = (numerator.min(denominator), numerator.max(denominator));
    let slope = near / far.max(h.lit(if R::SINGLE { 1e-37 } else { 1e-300 }));
    // nothing is left this far out, and the square must not overflow
    let beta = (reverse.select(steep, h) * FRAC_1_SQRT_2).min(h.lit(40.0));
    let cut = slope.min(beta.lit(reach::<R>()) / beta);
    let end = slope.select(flat, cut);
    let value = integrate(&Wedge { beta, end, flat }, beta) * (end * (0.5 * FRAC_1_PI));
    // T(h, A) + T(hA, 1/A) = (x + y)/2 - x y = 1/4 - (1/2 - x)(1/2 - y), upper tails x and y
    let tail = (-reverse).norm_cdf();
    let (x, y) = (tail_h, tail);
    let centre = (h * FRAC_1_SQRT_2).erf() * (reverse * FRAC_1_SQRT_2).erf() * -0.25;
    let both = centre.select(flat, (x + y) * 0.5 - x * y);
    Owen {
        value: (both - value).select(steep, value),
        angle: numerator.atan2(denominator) * (0.5 * FRAC_1_PI),
        tail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::F64x1;
    use crate::quadrature::gauss_legendre;

    fn excess(h: f64, k: f64, r: f64) -> f64 {
        let s = ((1.0 - r) * (1.0 + r)).sqrt();
        Bivariate { r: F64x1(r), s: F64x1(s) }.corner(F64x1(h), F64x1(k), false).excess.0
    }

    fn cdf(x: f64) -> f64 {
        F64x1(x).norm_cdf().0
    }

    #[test]
    fn tables_are_gauss_rules() {
        for (points, table) in [(20, &DOUBLE[..]), (12, &SINGLE[..])] {
            let (nodes, weights) = gauss_legendre(points);
            for (i, (x, w)) in table.iter().enumerate() {
                assert!((nodes[points - 1 - i] - x).abs() < 1e-15);
                assert!((weights[i] - w).abs() < 1e-15);
            }
        }
    }

    /// `(1/2pi) int_0^(asin r) e^(-(h^2 + k^2 - 2 h k sin t) / (2 cos^2 t)) dt`, panels shrinking
    /// towards the end.
    fn plackett(h: f64, k: f64, r: f64) -> f64 {
        let (nodes, weights) = gauss_legendre(24);
        let (end, mut sum) = (r.asin(), 0.0);
        let mut left = 1.0;
        while left > 1e-17 {
            let right = left * 0.7;
            for (x, w) in nodes.iter().zip(&weights) {
                let t = end * (1.0 - (right + (left - right) * (x + 1.0) / 2.0));
                let exponent = (h * h + k * k - 2.0 * h * k * t.sin()) / (2.0 * t.cos().powi(2));
                sum += w * (left - right) / 2.0 * (-exponent).exp();
            }
            left = right;
        }
        sum * end / (2.0 * std::f64::consts::PI)
    }

    #[test]
    fn agrees_with_plackett() {
        let places = [0.0, 1e-9, 0.003, 0.2, 1.0, 2.5, 6.0, 10.0];
        for h in places {
            for k in places {
                for r in [0.0, 0.1, 0.5, 0.8, 0.93, 0.99, 0.99999] {
                    for (h, k, r) in [(h, k, r), (-h, k, r), (h, k, -r), (-h, -k, r)] {
                        let (value, exact) = (excess(h, k, r), plackett(h, k, r));
                        let larger = cdf(-h.abs()).max(cdf(-k.abs()));
                        // cos^2 t in the exponent of the reference has lost digits towards r = 1
                        let bound = 4e-16 + 1e-15 * larger / (1.0 - f64::abs(r)).sqrt();
                        assert!((value - exact).abs() <= bound, "({h}, {k}, {r}): {value} {exact}");
                        assert!(value.abs() <= 1.001 * larger, "({h}, {k}, {r}): {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn known_values_and_limits() {
        for r in [-1.0, -0.999, -0.3, 0.0, 0.6, 1.0 - 1e-12, 1.0] {
            let exact = f64::asin(r) / (2.0 * std::f64::consts::PI);
            assert!((excess(0.0, 0.0, r) - exact).abs() < 2e-16, "at {r}");
        }
        for h in [-8.0, -1.0, 0.0, 0.4, 3.0] {
            for k in [-7.0, -1.0, 0.0, 0.4, 2.0] {
                let product = cdf(h) * cdf(k);
                let together = cdf(f64::min(h, k)) - product;
                // opposite: P(-k < X < h)
                let opposite = (cdf(h) - cdf(-k)).max(0.0) - product;
                assert!((excess(h, k, 1.0) - together).abs() < 3e-16, "({h}, {k})");
                assert!((excess(h, k, -1.0) - opposite).abs() < 3e-16, "({h}, {k})");
                assert_eq!(excess(h, k, 0.37).to_bits(), excess(k, h, 0.37).to_bits());
            }
        }
    }

    #[test]
    fn tilted_wedges_agree_with_the_bivariate_law() {
        for beta in [1e-9, 0.01, 0.5, 1.0, 3.0, 5.0] {
            for rho in [0.0, 1e-3, 0.4, 0.9, 0.9999, 1.0] {
                let s = f64::sqrt((1.0 - rho) * (1.0 + rho));
                let quarter = F64x1(beta).erfcx().0 / 4.0;
                let value = tilted(F64x1(beta), F64x1(quarter), F64x1(rho), F64x1(s)).0;
                let h = -beta * std::f64::consts::SQRT_2;
                let probability = excess(h, rho * h, rho) + cdf(h) * cdf(rho * h);
                let growth = f64::exp(beta * beta);
                let exact = growth * probability - quarter;
                assert!((value - exact).abs() < 1e-15 * growth, "({beta}, {rho}): {value} {exact}");
            }
        }
    }
}
