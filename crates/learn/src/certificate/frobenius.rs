//! The relative Frobenius error of the whole matrix from that of a sample.

use ndarray::Array2;

use super::Estimate;
use super::student::quantile;

/// How the sample was drawn: `s` of `n` points, without replacement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Design {
    pub sample: usize,
    pub population: usize,
}

/// Sums of squares that each point takes part in.
struct Squares {
    /// `E_ii^2`.
    diagonal: Vec<f64>,
    /// `sum_(j != i) E_ij^2`.
    beside: Vec<f64>,
}

impl Squares {
    fn of(a: &Array2<f64>) -> Self {
        let diagonal: Vec<f64> = a.diag().iter().map(|v| v * v).collect();
        let beside = a.rows().into_iter().zip(&diagonal);
        // Rounding may leave a little less than nothing.
        let beside = beside.map(|(row, d)| (row.dot(&row) - d).max(0.0)).collect();
        Squares { diagonal, beside }
    }
}

impl Design {
    /// Estimate of a sum over the whole matrix from sums over the diagonal and beside it of `s` points.
    fn whole(self, s: usize, diagonal: f64, beside: f64) -> f64 {
        let (n, s) = (self.population as f64, s as f64);
        n / s * (diagonal + (n - 1.0) / (s - 1.0) * beside)
    }

    /// `<E_a, E_b>_F / |K|_F^2` of the whole matrix for all pairs of draws.
    pub fn products(self, errors: &[Array2<f64>], kernel: &Array2<f64>) -> Array2<f64> {
        let product = |a: &Array2<f64>, b: &Array2<f64>| {
            let diagonal = a.diag().dot(&b.diag());
            let all: f64 = a.rows().into_iter().zip(b.rows()).map(|(a, b)| a.dot(&b)).sum();
            self.whole(self.sample, diagonal, all - diagonal)
        };
        let size = product(kernel, kernel);
        let d = errors.len();
        Array2::from_shape_fn((d, d), |(i, j)| {
            let entry = product(&errors[i.min(j)], &errors[i.max(j)]) / size;
            if i == j { entry.max(0.0) } else { entry }
        })
    }

    /// `|E|_F / |K|_F` with its interval.
    ///
    /// Leaving out one point at a time gives the variance of the logarithm of the ratio (of the squared ratio, where one point carries the whole error); the share of points that were not drawn scales it.
    pub fn estimate(self, error: &Array2<f64>, kernel: &Array2<f64>, confidence: f64) -> Estimate {
        let s = self.sample;
        let (e, k) = (Squares::of(error), Squares::of(kernel));
        let sum = |a: &[f64]| a.iter().sum::<f64>();
        let totals = [sum(&e.diagonal), sum(&e.beside), sum(&k.diagonal), sum(&k.beside)];
        let ratio = self.whole(s, totals[0], totals[1]) / self.whole(s, totals[2], totals[3]);
        let value = ratio.sqrt();
        // An entry beside the diagonal leaves with either of its points.
        let without = |i: usize| {
            let rest = |total: f64, part: f64| (total - part).max(0.0);
            let error = self.whole(
                s - 1,
                rest(totals[0], e.diagonal[i]),
                rest(totals[1], 2.0 * e.beside[i]),
            );
            let size = self.whole(
                s - 1,
                rest(totals[2], k.diagonal[i]),
                rest(totals[3], 2.0 * k.beside[i]),
            );
            if error == 0.0 { 0.0 } else { error / size }
        };
        let left: Vec<f64> = (0..s).map(without).collect();
        let missing = 1.0 - s as f64 / self.population as f64;
        if missing == 0.0 || left.iter().all(|r| *r == ratio) {
            return Estimate { value, low: value, high: value };
        }
        if left.iter().any(|r| !r.is_finite()) {
            return Estimate { value, low: 0.0, high: f64::INFINITY };
        }
        let width = |values: &[f64]| {
            let mean = sum(values) / s as f64;
            let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            quantile(confidence, s - 1) * (spread * (s - 1) as f64 / s as f64 * missing).sqrt()
        };
        if left.iter().all(|r| *r > 0.0) {
            let logarithms: Vec<f64> = left.iter().map(|r| 0.5 * r.ln()).collect();
            let factor = width(&logarithms).exp();
            Estimate { value, low: value / factor, high: value * factor }
        } else {
            let width = width(&left);
            Estimate { value, low: (ratio - width).max(0.0).sqrt(), high: (ratio + width).sqrt() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, array};

    #[test]
    fn a_sample_of_everything_is_exact() {
        let design = Design { sample: 3, population: 3 };
        let e = array![[1.0, 2.0, 0.0], [2.0, 0.0, -1.0], [0.0, -1.0, 3.0]];
        let k = array![[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 2.0]];
        let want = (20.0f64 / 14.0).sqrt();
        let got = design.estimate(&e, &k, 0.9);
        assert!((got.value - want).abs() < 1e-15 && got.low == got.value && got.high == got.value);
        let product = design.products(&[e.clone(), k.clone()], &k);
        assert!((product[[0, 0]] - want * want).abs() < 1e-15);
        // <E, K> = 2 + 2 + 2 + 6, |K|^2 = 14.
        assert!(
            (product[[0, 1]] - 12.0 / 14.0).abs() < 1e-15 && product[[1, 0]] == product[[0, 1]]
        );
    }

    #[test]
    fn leaving_out_a_point_is_estimating_without_it() {
        let s = 5;
        let entry = |i: usize, j: usize| ((i * j + 3 * (i + j)) % 7) as f64;
        let e = Array2::from_shape_fn((s, s), |(i, j)| entry(i, j) - 2.5);
        let k = Array2::from_shape_fn((s, s), |(i, j)| 1.0 / (1.0 + entry(i, j)));
        let logarithm = |i: usize| {
            let rest: Vec<usize> = (0..s).filter(|j| *j != i).collect();
            let part = |a: &Array2<f64>| a.select(Axis(0), &rest).select(Axis(1), &rest);
            let design = Design { sample: s - 1, population: 20 };
            0.5 * design.products(&[part(&e)], &part(&k))[[0, 0]].ln()
        };
        let left: Vec<f64> = (0..s).map(logarithm).collect();
        let mean = left.iter().sum::<f64>() / 5.0;
        let spread = left.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        // Of 20 points 15 were not drawn.
        let want = quantile(0.9, 4) * (spread * 4.0 / 5.0 * 0.75).sqrt();
        let got = Design { sample: s, population: 20 }.estimate(&e, &k, 0.9);
        assert!(((got.high / got.value).ln() / want - 1.0).abs() < 1e-12);
        assert!(((got.value / got.low).ln() / want - 1.0).abs() < 1e-12);
    }

    /// Sampling all subsets of three of five points gives the whole on average.
    #[test]
    fn sums_are_unbiased() {
        let a = Array2::from_shape_fn((5, 5), |(i, j)| {
            1.0 / (1.0 + (i * j) as f64 + i as f64 + j as f64)
        });
        let whole: f64 = a.iter().map(|v| v * v).sum();
        let design = Design { sample: 3, population: 5 };
        let (mut total, mut count) = (0.0, 0.0);
        for i in 0..5 {
            for j in 0..i {
                for k in 0..j {
                    let at = [i, j, k];
                    let part = Array2::from_shape_fn((3, 3), |(p, q)| a[[at[p], at[q]]]);
                    let squares = Squares::of(&part);
                    let (d, b): (f64, f64) =
                        (squares.diagonal.iter().sum(), squares.beside.iter().sum());
                    total += design.whole(3, d, b);
                    count += 1.0;
                }
            }
        }
        assert!((total / count / whole - 1.0).abs() < 1e-13);
    }
}
