//! Generalised cross-validation from moments alone.

use super::Centre;
use super::spectrum::MomentSpectrum;

/// Generalised cross-validation at one ridge (Golub, Heath & Wahba, *Technometrics* 21, 1979).
///
/// ```text
/// gcv = (rss / n) / (1 - trace(H) / n)^2,    rss = sum_i w_i |y_i - f(x_i)|^2 / m
/// ```
///
/// with the hat matrix `H` of the fitted values, mean or intercept included: leave-one-out with every leverage
/// replaced by the mean one. In the eigenbasis `G = V diag(g) V^T`, with `c = V^T b`,
///
/// ```text
/// rss = rss_0 + sum_j c_j^2 lambda^2 / (g_j (g_j + lambda)^2),   rss_0 = sum_i w_i y_i^2 - sum_j c_j^2 / g_j,
/// trace(H) = sum_j g_j / (g_j + lambda)  [+ 1 - n sum_j (V^T mu)_j^2 / (g_j + lambda)],
/// ```
///
/// the bracket for centred targets, whose sum vanishes for centred features. All terms of the path are
/// positive; only `rss_0` cancels, and does so once. A residual below `p epsilon` of the targets' sum of squares
/// cannot be told from moments and counts as that bound: of two ridges that interpolate, neither wins by rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GcvPoint {
    /// The ridge `lambda` added to the diagonal.
    pub ridge: f64,
    /// The same in units of the mean squared norm of the rows.
    pub relative: f64,
    /// The score.
    pub gcv: f64,
    /// Mean over rows and outputs of the squared residual on the training rows (weighted).
    pub mse: f64,
    /// `trace(H)`: degrees of freedom the fit uses.
    pub degrees: f64,
}

/// The path a ridge was chosen from.
#[derive(Clone, Debug, PartialEq)]
pub struct GcvPath {
    /// Ascending in the ridge.
    pub points: Vec<GcvPoint>,
    /// Index of the chosen point; equally good points are decided for the largest ridge.
    pub chosen: usize,
}

impl GcvPath {
    /// The chosen point.
    pub fn best(&self) -> GcvPoint {
        self.points[self.chosen]
    }
}

/// Scores at absolute ridges; those that leave no degree of freedom are left out. `O(p)` each after `O(p m)`.
pub(super) fn points(spectrum: &MomentSpectrum, ridges: &[f64]) -> Vec<GcvPoint> {
    let MomentSpectrum { normal, values, coefficients, means, .. } = spectrum;
    let n = normal.rows as f64;
    let outputs = coefficients.ncols() as f64;
    let total = normal.squares.sum() / outputs;
    let null = values.len() as f64 * f64::EPSILON * values[values.len() - 1];
    // Directions without an eigenvalue explain nothing.
    let explained: Vec<(f64, f64)> = values
        .iter()
        .zip(coefficients.rows())
        .filter(|(g, _)| **g > null)
        .map(|(g, c)| (*g, c.dot(&c) / g / outputs))
        .collect();
    let rest = (total - explained.iter().map(|(_, e)| e).sum::<f64>()).max(0.0);
    let smallest = values.len() as f64 * f64::EPSILON * total;
    let point = |&ridge: &f64| {
        let shrunk = explained.iter().map(|(g, e)| e * (ridge / (g + ridge)).powi(2));
        let rss = (rest + shrunk.sum::<f64>()).max(smallest);
        let mut degrees: f64 = values.iter().map(|g| g / (g + ridge)).sum();
        if normal.centre != Centre::Nothing {
            degrees += 1.0;
        }
        if normal.centre == Centre::Targets {
            let by_mean = values.iter().zip(means).map(|(g, a)| a * a / (g + ridge));
            degrees -= n * by_mean.sum::<f64>();
        }
        let free = 1.0 - degrees / n;
        let (mse, relative) = (rss / n, normal.relative(ridge));
        let point = GcvPoint { ridge, relative, gcv: mse / (free * free), mse, degrees };
        (free > 1e3 * f64::EPSILON && point.gcv.is_finite()).then_some(point)
    };
    ridges.iter().filter_map(point).collect()
}
