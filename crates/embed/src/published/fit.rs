//! Kernels on the sphere as polynomials with coefficients that are not negative.

use std::f64::consts::PI;

use ndarray::{Array1, Array2};

use super::nnls::nonnegative_least_squares;

/// Equally spaced correlations.
const GRID: usize = 201;

/// The `p_0, .., p_q >= 0` for which `sum_i p_i rho^i` is closest to `f` on `[low, 1]`.
///
/// The correlations are a grid of 201 and `extra` more that crowd towards 1, where kernels of deep
/// networks bend; their weights rise from 1/2 at `low` to 3/2 at 1. (The public code of Zandieh et al.
/// 2021 has such points and weights, and hands them to a solver of quadratic programs.)
pub(crate) fn nonnegative_series(
    f: impl Fn(f64) -> f64,
    degree: usize,
    low: f64,
    extra: usize,
) -> Vec<f64> {
    let grid = (0..GRID).map(|k| k as f64 / (GRID - 1) as f64);
    let crowded = (0..extra).map(|k| ((2 * k + 1) as f64 * PI / (4 * extra) as f64).cos());
    let on_grid = grid.map(|part| low + (1.0 - low) * part);
    let crowded = crowded.map(|rho| low.max(0.0) + (1.0 - low.max(0.0)) * rho);
    let mut rho: Vec<f64> = on_grid.chain(crowded).collect();
    rho.sort_by(f64::total_cmp);
    let last = (rho.len() - 1) as f64;
    let weights: Vec<f64> = (0..rho.len()).map(|k| 0.5 + k as f64 / last).collect();
    let a =
        Array2::from_shape_fn((rho.len(), degree + 1), |(k, i)| weights[k] * rho[k].powi(i as i32));
    let b: Array1<f64> = rho.iter().zip(&weights).map(|(&rho, w)| w * f(rho)).collect();
    nonnegative_least_squares(a.view(), b.view())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_is_found_again() {
        let f = |rho: f64| 0.3 + rho + 0.25 * rho.powi(4);
        for low in [-1.0, 0.4] {
            let found = nonnegative_series(f, 6, low, 40);
            let expected = [0.3, 1.0, 0.0, 0.0, 0.25, 0.0, 0.0];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }

    /// Free least squares of degree 3 would take off a multiple of `rho^3`.
    #[test]
    fn a_falling_function_has_no_negative_coefficients() {
        let found = nonnegative_series(|rho| rho - 0.2 * rho.powi(3), 3, -1.0, 20);
        assert!(found.iter().all(|&p| p >= 0.0), "{found:?}");
        assert!((found[1] - 0.85).abs() < 0.03 && found[3] == 0.0, "{found:?}");
    }
}
