//! Hermite coefficients of any activation at a given variance.

use std::f64::consts::PI;

use widelimit_arch::Activation;

use crate::pointwise::Pointwise;
use crate::quadrature::gauss_legendre;
use crate::{Dual, Error};

/// Standard deviations to which the integrals reach: the densities' root there is 1e-22.
const REACH: f64 = 14.0;

/// Longest panel of the quadrature, in standard deviations, and nodes on a panel.
const PANEL: f64 = 0.5;
const NODES: usize = 16;

/// The Hermite expansion of an activation: `c_i(v) = E[s(sqrt(v) z) h_i(z)]` with the orthonormal
/// Hermite polynomials `h_i` and standard normal `z`.
///
/// By Mehler's formula `E[s(u) s(u')] = sum_i c_i(v) c_i(v') rho^i`, and
/// `E[s'(u) s'(u')] = sum_i i c_i(v) c_i(v') rho^(i-1) / sqrt(v v')`.
///
/// ```
/// use widelimit_arch::Activation;
/// use widelimit_dual::Expansion;
///
/// let relu = Expansion::new(&Activation::Relu)?;
/// let c = relu.coefficients(2.0, 3)?;
/// let expected = [1.0 / std::f64::consts::PI.sqrt(), 0.5f64.sqrt()];
/// assert!((c[0] - expected[0]).abs() < 1e-14 && (c[1] - expected[1]).abs() < 1e-14);
/// # Ok::<(), widelimit_dual::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expansion {
    function: Pointwise,
    kinks: Vec<f64>,
    homogeneity: Option<f64>,
    panel: (Vec<f64>, Vec<f64>),
}

impl Expansion {
    /// The expansion of an activation.
    ///
    /// # Errors
    /// As [`Dual::new`].
    pub fn new(activation: &Activation) -> Result<Self, Error> {
        let homogeneity = Dual::new(activation)?.homogeneity();
        let function = Pointwise::new(activation);
        let kinks = function.kinks();
        Ok(Self { function, kinks, homogeneity, panel: gauss_legendre(NODES) })
    }

    /// The function that is expanded.
    pub fn function(&self) -> &Pointwise {
        &self.function
    }

    /// The `h` with `c_i(v) = v^(h/2) c_i(1)`, if there is one.
    pub fn homogeneity(&self) -> Option<f64> {
        self.homogeneity
    }

    /// `c_0(v), .., c_(count-1)(v)` by Gauss-Legendre rules on panels split at the kinks; about 1e-13
    /// of `E[s^2]^(1/2)` for functions that are smooth on the scale of half a standard deviation.
    ///
    /// # Errors
    /// A variance that is negative or not finite, or a user's function that fails.
    pub fn coefficients(&self, v: f64, count: usize) -> Result<Vec<f64>, Error> {
        self.project(v, count, |x, s| self.function.values(v, x, s))
    }

    /// The same of the derivative: `d_i(v) = E[s'(sqrt(v) z) h_i(z)]`, hence
    /// `E[s'(u) s'(u')] = sum_i d_i(v) d_i(v') rho^i`. Unless `s` jumps,
    /// `d_i(v) = sqrt(i + 1) c_(i+1)(v) / sqrt(v)`.
    ///
    /// ```
    /// use widelimit_arch::Activation;
    /// use widelimit_dual::Expansion;
    ///
    /// let d = Expansion::new(&Activation::Relu)?.slope_coefficients(2.0, 2)?;
    /// let expected = [0.5, (2.0 * std::f64::consts::PI).sqrt().recip()];
    /// assert!((d[0] - expected[0]).abs() < 1e-14 && (d[1] - expected[1]).abs() < 1e-14);
    /// # Ok::<(), widelimit_dual::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`coefficients`](Self::coefficients).
    pub fn slope_coefficients(&self, v: f64, count: usize) -> Result<Vec<f64>, Error> {
        self.project(v, count, |x, s| self.function.slopes(v, x, s))
    }

    /// `E[s'(sqrt(v) z)]`: `c_1(v) / sqrt(v)`, unless `s` jumps.
    ///
    /// # Errors
    /// As [`coefficients`](Self::coefficients).
    pub fn mean_slope(&self, v: f64) -> Result<f64, Error> {
        Ok(self.slope_coefficients(v, 1)?[0])
    }

    /// `E[f(sqrt(v) z) h_i(z)]` of a function that fills in its values.
    fn project(
        &self,
        v: f64,
        count: usize,
        f: impl Fn(&[f64], &mut [f64]) -> Result<(), Error>,
    ) -> Result<Vec<f64>, Error> {
        if !(v.is_finite() && v >= 0.0) {
            return Err(Error::Variance { index: 0, value: v });
        }
        let mut c = vec![0.0; count];
        let scale = v.sqrt();
        let (z, weights) = self.rule(scale);
        let x: Vec<f64> = z.iter().map(|z| scale * z).collect();
        let mut s = vec![0.0; x.len()];
        f(&x, &mut s)?;
        for ((z, w), s) in z.iter().zip(&weights).zip(&s) {
            let (mut before, mut value) = (0.0, w * s);
            for (i, c) in c.iter_mut().enumerate() {
                *c += value;
                let i = i as f64;
                (before, value) = (value, (z * value - i.sqrt() * before) / (i + 1.0).sqrt());
            }
        }
        Ok(c)
    }

    /// Nodes in standard deviations, and weights times the normal density.
    fn rule(&self, scale: f64) -> (Vec<f64>, Vec<f64>) {
        let inside = |z: &f64| z.abs() < REACH;
        let mut edges: Vec<f64> = vec![-REACH, REACH];
        edges.extend(self.kinks.iter().map(|kink| kink / scale).filter(inside));
        edges.sort_by(f64::total_cmp);
        let (mut z, mut weights) = (Vec::new(), Vec::new());
        for pair in edges.windows(2) {
            let panels = ((pair[1] - pair[0]) / PANEL).ceil().max(1.0);
            let half = 0.5 * (pair[1] - pair[0]) / panels;
            for panel in 0..panels as usize {
                let centre = pair[0] + half * (2.0 * panel as f64 + 1.0);
                for (node, weight) in self.panel.0.iter().zip(&self.panel.1) {
                    let at = centre + half * node;
                    z.push(at);
                    weights.push(half * weight * (-0.5 * at * at).exp() / (2.0 * PI).sqrt());
                }
            }
        }
        (z, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointwise::tests::all;

    /// At correlation 1/2 a hundred degrees leave 1e-30.
    #[test]
    fn the_series_is_the_dual() {
        for activation in all() {
            let (dual, expansion) =
                (Dual::new(&activation).unwrap(), Expansion::new(&activation).unwrap());
            for (a, b) in [(1.0, 1.0), (0.2, 2.5)] {
                let (c, d) = (
                    expansion.coefficients(a, 100).unwrap(),
                    expansion.coefficients(b, 100).unwrap(),
                );
                let (root, rho) = ((a * b).sqrt(), 0.5f64);
                let exact = dual.pair(a, b, rho * root);
                let (mut k, mut kd) = (0.0, 0.0);
                for i in (0..100).rev() {
                    k = k * rho + c[i] * d[i];
                    if i > 0 {
                        kd = kd * rho + i as f64 * c[i] * d[i] / root;
                    }
                }
                let size = (dual.diagonal(a).k * dual.diagonal(b).k).sqrt();
                assert!((k - exact.k).abs() < 2e-11 * size, "{activation:?}: {k}, {exact:?}");
                let jumps =
                    matches!(dual.name(), "sign" | "step") || dual.homogeneity() == Some(0.0);
                let size = (dual.diagonal(a).kd * dual.diagonal(b).kd).sqrt();
                assert!(
                    jumps || (kd - exact.kd).abs() <= 2e-10 * size,
                    "{activation:?}: {kd}, {exact:?}"
                );
            }
        }
    }

    #[test]
    fn the_mean_slope_is_the_first_coefficient_unless_there_are_jumps() {
        for activation in all() {
            let expansion = Expansion::new(&activation).unwrap();
            let slope = expansion.mean_slope(1.7).unwrap();
            let line = expansion.coefficients(1.7, 2).unwrap()[1] / 1.7f64.sqrt();
            let jumps = Dual::new(&activation).unwrap().homogeneity() == Some(0.0);
            let expected = if jumps { 0.0 } else { line };
            assert!((slope - expected).abs() < 1e-9, "{activation:?}: {slope}, {expected}");
        }
    }

    #[test]
    fn slopes_have_the_shifted_coefficients() {
        for activation in [Activation::Relu, Activation::Gelu, Activation::Relu6] {
            let expansion = Expansion::new(&activation).unwrap();
            let (v, count) = (1.7f64, 12);
            let values = expansion.coefficients(v, count + 1).unwrap();
            let slopes = expansion.slope_coefficients(v, count).unwrap();
            for (i, d) in slopes.iter().enumerate() {
                let expected = (i as f64 + 1.0).sqrt() * values[i + 1] / v.sqrt();
                assert!((d - expected).abs() < 1e-11, "{activation:?} {i}: {d}, {expected}");
            }
        }
    }

    #[test]
    fn a_vanishing_variance_leaves_the_value_at_zero() {
        for activation in [Activation::Gelu, Activation::cos(), Activation::Relu6] {
            let c = Expansion::new(&activation).unwrap().coefficients(0.0, 3).unwrap();
            let mut at_zero = [0.0];
            Pointwise::new(&activation).values(0.0, &[0.0], &mut at_zero).unwrap();
            assert!((c[0] - at_zero[0]).abs() < 1e-14 && c[1].abs() < 1e-14, "{c:?}");
        }
        let expansion = Expansion::new(&Activation::Gelu).unwrap();
        assert!(matches!(expansion.coefficients(-1.0, 1), Err(Error::Variance { .. })));
    }
}
