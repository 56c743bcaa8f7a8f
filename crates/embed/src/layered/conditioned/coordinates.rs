//! Coordinates of random directions along the mean direction.
//!
//! Only their law matters, one direction at a time: `E[F(z)]` is the mean of `F(z_j) p(z_j) / q(z_j)` for `z_j`
//! drawn from `q` in equal strata. What is sampled of two straight pieces is large where the sign of
//! `u = c z + w` is open, `|z|` up to about `|v| / |c|`; half of the coordinates are drawn narrower there.

use widelimit_sketch::random::Stream;

/// Least standard deviation of the narrow half.
const NARROWEST: f64 = 0.05;

/// So many coordinates and the roots of their weights; half of them with standard deviation `spread`, unless
/// it is 1.
pub(super) fn coordinates(stream: Stream, count: usize, spread: f64) -> Vec<(f64, f64)> {
    let spread = spread.clamp(NARROWEST, 1.0);
    let narrow = if spread < 1.0 { count / 2 } else { 0 };
    let wide = count - narrow;
    let shares = [wide, narrow].map(|n| n as f64 / count as f64);
    let draw = |j: usize| {
        let (stratum, strata, scale) =
            if j < wide { (j, wide, 1.0) } else { (j - wide, narrow, spread) };
        let z = scale * quantile((stratum as f64 + inside(stream.unit(j as u64))) / strata as f64);
        let ratio = (0.5 * z * z * (1.0 - spread.powi(-2))).exp() / spread;
        (z, (shares[0] + shares[1] * ratio).sqrt().recip())
    };
    (0..count).map(draw).collect()
}

/// A number of [0, 1) moved off the ends.
fn inside(unit: f64) -> f64 {
    unit.clamp(1e-16, 1.0 - 1e-16)
}

/// The standard normal quantile, to nine digits (Acklam 2003, *An algorithm for computing the inverse normal
/// cumulative distribution function*).
fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] =
        [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    const TAIL: f64 = 0.02425;
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of the distribution function from tables.
    #[test]
    fn quantiles_are_those_of_the_normal_law() {
        for (p, z) in [
            (0.5, 0.0),
            (0.841_344_746_068_543, 1.0),
            (0.977_249_868_051_821, 2.0),
            (0.001_349_898_031_630_09, -3.0),
            (2.866_515_718_791_94e-7, -5.0),
        ] {
            assert!((quantile(p) - z).abs() < 1e-8 * (1.0 + z.abs()), "{p}: {}", quantile(p));
        }
    }

    /// Means over many draws within 4 standard errors, for even and odd numbers of columns.
    #[test]
    fn weighted_moments_are_normal_whatever_the_spread() {
        for (count, spread) in [(1, 0.3), (2, 0.3), (7, 0.6), (50, 0.0), (9, 1.0)] {
            for (power, moment) in [(0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0)] {
                let draws = 4000;
                let mean = |seed: u64| {
                    let all = coordinates(Stream::new(seed, 3, 2), count, spread);
                    all.iter().map(|(z, root)| root * root * z.powi(power)).sum::<f64>()
                        / count as f64
                };
                let all: Vec<f64> = (0..draws).map(mean).collect();
                let found = all.iter().sum::<f64>() / draws as f64;
                let square = all.iter().map(|x| (x - found).powi(2)).sum::<f64>() / draws as f64;
                let error = (square / draws as f64).sqrt();
                let off = (found - moment).abs();
                assert!(off < 4.0 * error + 1e-9, "{count} {spread} {power}: {found}, {error:e}");
            }
        }
    }
}
