//! The sum over all degrees beyond the first terms, at a few dozen of them.
//!
//! Where a function has a singularity, on the real line or near it, its coefficients decay slowly,
//! but they do so smoothly: as long as the singularity lies close to zero, `e_i(a)` is up to its
//! alternating sign a function of `log i` without features. Sums of products of such numbers with
//! `rho^i` are integrals, and a rule of high order has them from few values:
//!
//! ```text
//! sum_{m >= FIRST} F(m) = sum_n w_n F(m_n),    degrees 2m + 2 and 2m + 3
//! ```
//!
//! First come octaves with the Gauss rule of the counting measure (discrete Chebyshev
//! polynomials; Gautschi, Orthogonal Polynomials, §1.5), then, where sum and integral are the same,
//! Gauss-Legendre rules in `log m`. All weights are positive, so the kernel stays positive
//! definite. The nodes are not integers; [`waves`](super::waves) knows what that means.

use std::sync::LazyLock;

use crate::quadrature::gauss_legendre;

/// Terms summed one by one; the nodes stand for those from this one on.
pub(super) const FIRST: usize = 128;

/// Octaves of the counting measure, and nodes in each.
const OCTAVES: usize = 8;
const OCTAVE_NODES: usize = 8;

/// Panels of the integral, each this many times longer than the one before, and nodes in each.
const PANELS: usize = 16;
const RATIO: f64 = 16.0;
const PANEL_NODES: usize = 12;

/// One node of the sum over terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// The number of the term.
    pub term: f64,
    /// Root of the weight: coefficients carry it, so that products of two need none.
    pub root_weight: f64,
}

impl Node {
    /// The even degree at the node.
    #[inline(always)]
    pub fn even(self) -> f64 {
        2.0 * self.term + 2.0
    }
}

/// The nodes, ascending.
pub(super) static NODES: LazyLock<Vec<Node>> = LazyLock::new(|| {
    let mut nodes = Vec::with_capacity(OCTAVES * OCTAVE_NODES + PANELS * PANEL_NODES);
    for octave in 0..OCTAVES {
        let count = (FIRST << octave) as f64;
        nodes.extend(
            counting_rule(count, OCTAVE_NODES)
                .map(|(x, weight)| Node { term: count + x, root_weight: weight.sqrt() }),
        );
    }
    // midpoints: the term m stands for the interval from m - 1/2 to m + 1/2
    let mut low = (FIRST << OCTAVES) as f64 - 0.5;
    let (x, w) = gauss_legendre(PANEL_NODES);
    let half = RATIO.ln() / 2.0;
    for _ in 0..PANELS {
        for (x, w) in x.iter().zip(&w) {
            let term = low * (half * (1.0 + x)).exp();
            nodes.push(Node { term, root_weight: (half * w * term).sqrt() });
        }
        low *= RATIO;
    }
    nodes
});

/// Gauss rule for `sum_{x = 0}^{count - 1} f(x)`: nodes, ascending, with weights.
fn counting_rule(count: f64, n: usize) -> impl Iterator<Item = (f64, f64)> {
    // on [-1, 1]; monic polynomials with p_{k+1} = x p_k - b_k p_{k-1}
    let b = move |k: f64| k * k * (1.0 - (k / count) * (k / count)) / (4.0 * k * k - 1.0);
    let (start, _) = gauss_legendre(n);
    start.into_iter().map(move |mut x| {
        let at = |x: f64| {
            let (mut before, mut value, mut slope_before, mut slope) = (1.0, x, 0.0, 1.0);
            for k in 1..n {
                let next = x * value - b(k as f64) * before;
                let next_slope = value + x * slope - b(k as f64) * slope_before;
                (before, value, slope_before, slope) = (value, next, slope, next_slope);
            }
            (before, value, slope)
        };
        for _ in 0..8 {
            let (_, value, slope) = at(x);
            x -= value / slope;
        }
        let (before, _, slope) = at(x);
        let norm: f64 = (1..n).map(|k| b(k as f64)).product::<f64>() * count;
        ((x * count + (count - 1.0)) / 2.0, norm / (slope * before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counting_rule_sums_polynomials() {
        for count in [128.0, 1024.0] {
            for degree in 0..16 {
                let f = |x: f64| (2.0 * x / count - 1.0).powi(degree);
                let sum: f64 = (0..count as usize).map(|x| f(x as f64)).sum();
                let rule: f64 = counting_rule(count, 8).map(|(x, w)| w * f(x)).sum();
                assert!((sum - rule).abs() < 1e-13 * count, "{count} {degree}: {sum} {rule}");
            }
        }
    }

    #[test]
    fn slow_decay_is_summed() {
        // sums of m^-p e^(-rate m), by brute force far enough
        for (power, rate) in [(1.5, 1e-2), (0.5, 1e-3), (2.5, 3e-4), (1.0, 0.1)] {
            let f = |m: f64| m.powf(-power) * (-rate * m).exp();
            let far = (50.0 / rate) as usize;
            let sum: f64 = (FIRST..FIRST + far).rev().map(|m| f(m as f64)).sum();
            let rule: f64 = NODES.iter().map(|n| n.root_weight.powi(2) * f(n.term)).sum();
            // relative to what the sum would be without the factor at the first term
            let error = (sum - rule).abs() / sum * (-rate * FIRST as f64).exp();
            assert!(error < 1e-9, "{power} {rate}: {error:.1e}");
        }
    }
}
