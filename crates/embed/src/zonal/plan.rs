//! Which part of the kernel is exact, and how many features the rest gets.
//!
//! With `m` features for the rest, the mean square of the error over pairs of inputs is at most about
//! `E^2 / m`, where `E` is the mean of the rest's kernel of an input with itself. Exact features are taken
//! one axis at a time, the best gain for a feature first, as long as `E / sqrt(m)` falls. Since the bound is
//! crude where `sigma^2` is nearly constant, the plans met on the way are left to a trial.

use ndarray::{Array2, Array3, ArrayView2};

use super::exact::{DEGREES, count};

/// Share of a term's energy that counts as left when the sample has none outside the exact part: other
/// inputs may.
const FLOOR: f64 = 1e-3;

/// Share of a term's energy that is rounding.
const ROUNDING: f64 = 1e-12;

/// What one term of the factorisation gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Share {
    /// Whether degree 0 has a feature.
    pub constant: bool,
    /// Leading axes along which degree `n + 1` is exact.
    pub axes: [usize; DEGREES],
    /// Features for the rest.
    pub sampled: usize,
}

impl Share {
    /// Features of the exact part.
    pub fn exact(&self) -> usize {
        let monomials = self.axes.iter().enumerate().map(|(n, &axes)| count(n + 1, axes));
        usize::from(self.constant) + monomials.sum::<usize>()
    }
}

/// What is known of the sample.
pub(super) struct Energies {
    /// Mean energy of every degree of every term: `(r, n)`.
    pub terms: Array2<f64>,
    /// Mean energy of degree `n + 1` along the first `k` axes: `(r, n, k)`, `k` from 0.
    pub along: Array3<f64>,
    /// Whether axes are taken all or none.
    pub whole: bool,
    /// Whether no input can have a part beside the axes.
    pub complete: bool,
}

/// Mean energies of degree `n + 1` along the first `k` axes of the rows of `y`, weighted:
/// `mean_i weights[i, r, n] |y_i[..k]|^(2 n + 2)`.
pub(super) fn measured(y: ArrayView2<f64>, weights: &[Array2<f64>]) -> Array3<f64> {
    let ranks = weights.first().map_or(0, |w| w.nrows());
    let mut along = Array3::zeros((ranks, DEGREES, y.ncols() + 1));
    for (row, weights) in y.outer_iter().zip(weights) {
        let mut square = 0.0;
        for (k, y) in row.iter().enumerate() {
            square += y * y;
            let mut power = 1.0;
            for n in 0..DEGREES {
                power *= square;
                for r in 0..ranks {
                    along[[r, n, k + 1]] += weights[[r, n]] * power;
                }
            }
        }
    }
    along / (weights.len().max(1) as f64)
}

/// Plans worth a trial, or the least number of features if `dim` is below it.
pub(super) fn plans(energies: &Energies, dim: usize) -> Result<Vec<Vec<Share>>, usize> {
    let mut plans = Vec::new();
    for highest in [2, DEGREES] {
        let mut greedy = Greedy::new(energies, highest);
        let least = greedy.used + greedy.reserve;
        if dim < least {
            return Err(least);
        }
        let mut next = 0;
        loop {
            let more = greedy.step(dim);
            if greedy.used >= next || !more {
                plans.push(greedy.shares(dim));
                next = greedy.used + greedy.used / 2 + 4;
            }
            if !more {
                break;
            }
        }
    }
    Ok(plans)
}

struct Greedy<'a> {
    energies: &'a Energies,
    /// Highest degree of the first term's exact part; the others get degree 1.
    highest: usize,
    /// Energy of every term from degree 1 on.
    total: Vec<f64>,
    shares: Vec<Share>,
    /// Exact features so far, and what they leave.
    used: usize,
    rest: f64,
    /// Features that must stay for the rest.
    reserve: usize,
}

impl<'a> Greedy<'a> {
    /// Axes to add at once: with few, a gain may hide behind one that is none.
    const STRIDE: usize = 4;

    fn new(energies: &'a Energies, highest: usize) -> Self {
        let ranks = energies.terms.nrows();
        let constants: Vec<bool> = (0..ranks).map(|r| energies.terms[[r, 0]] > 0.0).collect();
        let total: Vec<f64> =
            energies.terms.outer_iter().map(|terms| terms.iter().skip(1).sum()).collect();
        Self {
            energies,
            highest,
            shares: constants
                .iter()
                .map(|&constant| Share { constant, axes: [0; DEGREES], sampled: 0 })
                .collect(),
            used: constants.iter().filter(|&&constant| constant).count(),
            rest: total.iter().sum(),
            reserve: total.iter().filter(|&&total| total > 0.0).count(),
            total,
        }
    }

    /// The shares so far, with all features that are left given out.
    fn shares(&self, dim: usize) -> Vec<Share> {
        let mut shares = self.shares.clone();
        let left: Vec<f64> = (0..shares.len()).map(|r| self.left(r)).collect();
        let (sum, open) =
            (left.iter().sum::<f64>(), left.iter().filter(|&&left| left > 0.0).count());
        let mut free = dim - self.used;
        let extra = free.saturating_sub(open) as f64;
        for (share, &left) in shares.iter_mut().zip(&left).filter(|(_, left)| **left > 0.0) {
            share.sampled = 1 + (extra * left / sum) as usize;
            free = free.saturating_sub(share.sampled);
        }
        // what rounding leaves
        if left[0] > 0.0 {
            shares[0].sampled += free;
        }
        shares
    }

    /// Energy of a term beside its exact part; 0 only if no input has any.
    fn left(&self, r: usize) -> f64 {
        let (energies, share) = (self.energies, &self.shares[r]);
        let all = energies.along.dim().2 - 1;
        let open = |n: usize| {
            let exact = n <= DEGREES && energies.complete && share.axes[n - 1] == all;
            energies.terms[[r, n]] > ROUNDING * energies.terms.row(r).sum() && !exact
        };
        if !(1..energies.terms.ncols()).any(open) {
            return 0.0;
        }
        let gone: f64 = (0..DEGREES).map(|n| energies.along[[r, n, share.axes[n]]]).sum();
        (self.total[r] - gone).max(FLOOR * self.total[r])
    }

    /// Takes the best further axes; whether there were any worth it.
    fn step(&mut self, dim: usize) -> bool {
        let free = (dim - self.used) as f64;
        let all = self.energies.along.dim().2 - 1;
        let mut best: Option<(f64, usize, usize, usize, f64, usize)> = None;
        for (r, share) in self.shares.iter().enumerate() {
            for n in 0..if r == 0 { self.highest } else { 1 } {
                let (now, most) = (share.axes[n], share.axes[n] + Self::STRIDE);
                let next = match self.energies.whole {
                    true if n == 0 && now == 0 => all..=all,
                    true => continue,
                    false => now + 1..=all.min(most),
                };
                for k in next {
                    let gain = self.energies.along[[r, n, k]] - self.energies.along[[r, n, now]];
                    let cost = count(n + 1, k).saturating_sub(count(n + 1, now));
                    if self.used.saturating_add(cost) + self.reserve > dim {
                        break;
                    }
                    let after = (self.rest - gain).max(0.0) / (free - cost as f64).sqrt();
                    let rate = gain / cost as f64;
                    if gain > 0.0
                        && after < self.rest / free.sqrt()
                        && best.is_none_or(|(most, ..)| rate > most)
                    {
                        best = Some((rate, r, n, k, gain, cost));
                    }
                }
            }
        }
        let Some((_, r, n, k, gain, cost)) = best else { return false };
        self.shares[r].axes[n] = k;
        self.used += cost;
        self.rest -= gain;
        true
    }
}
