//! Hermite polynomials at the nodes of the tables, with the end of a slowly decaying series.
//!
//! A series cut off at a degree with weight left, or with that weight on one last polynomial, has features
//! of extreme size: what is left of a kinked function's coefficients belongs to a narrow kink, and a single
//! polynomial spreads it over twenty standard deviations with a size of `exp(z^2 / 4)`. Therefore the last
//! even and the last odd degree stand for *ends*: all further degrees of the same parity with coefficients
//! that go on as a power, `(n / n_0)^(-p / 2)`, faded out smoothly.

use std::f64::consts::PI;

use ndarray::Array2;

/// Standard deviations that a table reaches: a normal number is outside once in 10^15.
pub(super) const REACH: f64 = 8.0;

/// Cells in a standard deviation. A term of degree `n` bends with its own size times `n`, and a chord
/// misses it by `n / (8 * 256^2)` of that: 5e-4 for degree 256.
pub(super) const CELLS: usize = 256;

/// Nodes of a table.
pub(super) const NODES: usize = 2 * REACH as usize * CELLS + 1;

/// Where the ends are faded out: from half of it on.
const LAST: usize = 2048;

/// The functions that a profile is a sum of: Hermite polynomials, but for the two ends.
pub(super) struct Basis {
    count: usize,
    /// Coefficients of the degrees `count - 2`, `count`, .. and `count - 1`, `count + 1`, ..
    ends: Option<[Vec<f64>; 2]>,
    /// Values at the nodes: `NODES x count`.
    table: Array2<f64>,
}

impl Basis {
    /// The basis for `count` degrees. `masses` are the squares of the two ends in units of those of their
    /// first degrees; without, the last two functions are polynomials as well.
    pub fn new(count: usize, masses: Option<[f64; 2]>) -> Self {
        let ends = masses
            .filter(|_| count > 2)
            .map(|masses| [0, 1].map(|parity| end(count - 2 + parity, masses[parity])));
        let mut basis = Self { count, ends, table: Array2::zeros((0, 0)) };
        let mut table = Array2::zeros((NODES, count));
        for (node, mut row) in table.outer_iter_mut().enumerate() {
            basis.values(node as f64 / CELLS as f64 - REACH, |n, value| row[n] += value);
        }
        basis.table = table;
        basis
    }

    /// Values at the nodes: `NODES x count`.
    pub fn table(&self) -> &Array2<f64> {
        &self.table
    }

    /// Calls `add` with the numbers of the functions and parts of their values at `z`.
    pub fn values(&self, z: f64, mut add: impl FnMut(usize, f64)) {
        let degrees = if self.ends.is_some() { LAST } else { self.count };
        let plain = if self.ends.is_some() { self.count - 2 } else { self.count };
        let (mut before, mut value, mut root) = (0.0, 1.0, 0.0);
        let mut sums = [0.0; 2];
        for n in 0..degrees {
            if n < plain {
                add(n, value);
            } else if let Some(ends) = &self.ends {
                let (parity, at) = ((n - plain) % 2, (n - plain) / 2);
                sums[parity] += ends[parity].get(at).map_or(0.0, |c| c * value);
            }
            let next = (n as f64 + 1.0).sqrt();
            (before, value) = (value, (z * value - root * before) / next);
            root = next;
        }
        if self.ends.is_some() {
            add(plain, sums[0]);
            add(plain + 1, sums[1]);
        }
    }
}

/// Steepest power of an end.
const STEEPEST: f64 = 1e4;

/// Coefficients of the degrees `first`, `first + 2`, .., of square sum 1, with the signs `+ - + -` that
/// the order `+ + - -` of all degrees has on every second: a power of the degree that makes the square sum
/// `mass` times the first square.
fn end(first: usize, mass: f64) -> Vec<f64> {
    let fade = |n: usize| {
        let x = (2.0 * n as f64 / LAST as f64 - 1.0).max(0.0);
        (0.5 * PI * x).cos().powi(2)
    };
    let squares = |p: f64| -> Vec<f64> {
        let square = |n: usize| (n as f64 / first as f64).powf(-p) * fade(n).powi(2);
        (first..LAST).step_by(2).map(square).collect()
    };
    let (mut low, mut high) = (0.0, STEEPEST);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if squares(middle).iter().sum::<f64>() > mass {
            low = middle;
        } else {
            high = middle;
        }
    }
    let squares = squares(0.5 * (low + high));
    let total: f64 = squares.iter().sum();
    let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
    squares.iter().enumerate().map(|(k, square)| sign(k) * (square / total).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sign has coefficients `(-1)^k sqrt(2 / pi (2k)! / (4^k k!^2 (2k + 1)))` of degree `2k + 1`. Cut
    /// off, its series is off by half of it within four standard deviations.
    #[test]
    fn a_series_with_an_end_is_tame() {
        let mut c = vec![0.0; 200];
        let mut binomial: f64 = 1.0;
        for k in 0..100 {
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            c[2 * k + 1] = sign * (2.0 / PI * binomial / (2.0 * k as f64 + 1.0)).sqrt();
            binomial *= (2.0 * k as f64 + 1.0) / (2.0 * k as f64 + 2.0);
        }
        let missing = 1.0 - c.iter().map(|c| c * c).sum::<f64>();
        let last = c[199];
        let mass = 1.0 + missing / (last * last);
        let error = |basis: &Basis, c: &[f64], most: f64| {
            let nodes = basis.table().outer_iter().enumerate();
            nodes
                .map(|(node, row)| (node as f64 / CELLS as f64 - REACH, row))
                .filter(|(z, _)| z.abs() > 0.25 && z.abs() < most)
                .map(|(z, row)| {
                    let sum: f64 = row.iter().zip(c).map(|(h, c)| h * c).sum();
                    (sum - z.signum()).abs()
                })
                .fold(0.0, f64::max)
        };
        let cut = error(&Basis::new(200, None), &c, 4.0);
        c[199] = -(last * last + missing).sqrt();
        let ended = error(&Basis::new(200, Some([1.0, mass])), &c, 4.0);
        assert!(cut > 0.5 && ended < 0.1, "{cut}, {ended}");
    }

    #[test]
    fn ends_have_their_mass() {
        for (first, mass) in [(254, 1.5), (255, 300.0)] {
            let end = end(first, mass);
            let square: f64 = end.iter().map(|c| c * c).sum();
            assert!((square - 1.0).abs() < 1e-12 && (end[0].powi(2) * mass - 1.0).abs() < 1e-9);
        }
    }
}
