//! Power series of an activation's dual, at the variance of every row.
//!
//! `E[s(u) s(u')] = sum_t w_t(v) w_t(v') rho^(i_t)` over terms `t` of degrees `i_t`, and another such sum
//! for the slopes. The rule decides where the weights come from.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use widelimit_arch::Activation;
use widelimit_dual::{Dual, Error, Expansion};

use crate::published::nonnegative_series;

/// Nodes of the weights for every doubling of the variance, and nodes a value is interpolated from.
const NODES: f64 = 16.0;
const NEIGHBOURS: i64 = 6;

/// Correlations at which a tail is compared with a power.
const SAMPLES: usize = 64;

/// Extra points of a fit for every degree.
const EXTRA: usize = 5;

/// Largest variance of a series made for variance 1. Its stated bound holds up to 1; features of unit
/// variance scatter about that, and up to here degrees up to 8 stay within a few per cent.
pub(crate) const LARGEST_VARIANCE: f64 = 1.5;

/// Where weights come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// Hermite coefficients at the variance itself, and powers in place of the tails.
    Own,
    /// The function is replaced by its Hermite polynomial at variance 1.
    Unit,
    /// Polynomials fitted to the duals from these correlations on.
    Fitted {
        /// Least correlation of values and of slopes.
        low: [f64; 2],
    },
}

/// What stops a row.
pub(crate) enum Stop {
    /// The activation cannot be evaluated.
    Dual(Error),
    /// A variance beyond [`LARGEST_VARIANCE`].
    Variance(f64),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Dual(error)
    }
}

/// Weights at one variance. Terms have degrees 0, 1, .., q; then come the even and the odd tail.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    /// Of the values.
    pub values: Vec<f64>,
    /// Of the slopes.
    pub slopes: Vec<f64>,
}

/// The series of one activation.
pub(crate) struct Series {
    rule: Rule,
    degree: usize,
    dual: Dual,
    expansion: Expansion,
    /// Those of variance 1 and the `h` of `s(t x) = t^h s(x)`, if there is one.
    unit: Option<(Weights, f64)>,
    /// Hermite coefficients at variance 1, for [`Rule::Unit`].
    polynomial: Vec<f64>,
    nodes: RwLock<HashMap<i64, Arc<Weights>>>,
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rule, degree) = (&self.rule, &self.degree);
        f.debug_struct("Series").field("rule", rule).field("degree", degree).finish_non_exhaustive()
    }
}

impl Series {
    /// The series of an activation up to a degree of at least 2.
    pub fn new(activation: &Activation, rule: Rule, degree: usize) -> Result<Self, Error> {
        let (dual, expansion) = (Dual::new(activation)?, Expansion::new(activation)?);
        let homogeneity = expansion.homogeneity();
        let polynomial = expansion.coefficients(1.0, degree + 1)?;
        let nodes = RwLock::default();
        let mut series = Self { rule, degree, dual, expansion, unit: None, polynomial, nodes };
        if let Some(homogeneity) = homogeneity {
            series.unit = Some((series.direct(1.0)?, homogeneity));
        }
        Ok(series)
    }

    /// Degree of a term.
    pub fn power(&self, term: usize) -> usize {
        let q = self.degree;
        match term {
            _ if term <= q => term,
            // the highest of each parity that is sketched; alone, degree 2 stands for both
            even if even == q + 1 => q - q % 2,
            _ if q < 3 => q,
            _ => q - (q + 1) % 2,
        }
    }

    /// The weights at a variance.
    pub fn weights(&self, v: f64) -> Result<Weights, Stop> {
        if let Some((unit, homogeneity)) = &self.unit {
            let scaled = |weights: &[f64], power: f64| {
                let factor = v.powf(0.5 * power);
                // 0 times infinity: slopes that vanish do so at variance 0 as well
                weights.iter().map(|w| if *w == 0.0 { 0.0 } else { w * factor }).collect()
            };
            let values = scaled(&unit.values, *homogeneity);
            return Ok(Weights { values, slopes: scaled(&unit.slopes, homogeneity - 1.0) });
        }
        if self.rule == Rule::Unit {
            if v > LARGEST_VARIANCE {
                return Err(Stop::Variance(v));
            }
            return Ok(self.radial(v));
        }
        if v < f64::MIN_POSITIVE {
            return Ok(self.direct(0.0)?);
        }
        let place = NODES * v.log2();
        let first = place.floor() as i64 - NEIGHBOURS / 2 + 1;
        let count = self.degree + 3;
        let mut sum = Weights { values: vec![0.0; count], slopes: vec![0.0; count] };
        for i in first..first + NEIGHBOURS {
            let others = (first..first + NEIGHBOURS).filter(|&j| j != i);
            let weight: f64 = others.map(|j| (place - j as f64) / (i - j) as f64).product();
            let node = self.node(i)?;
            let add = |sum: &mut [f64], node: &[f64]| {
                sum.iter_mut().zip(node).for_each(|(sum, node)| *sum += weight * node);
            };
            add(&mut sum.values, &node.values);
            add(&mut sum.slopes, &node.slopes);
        }
        Ok(sum)
    }

    /// Weights at a variance of the grid.
    fn node(&self, index: i64) -> Result<Arc<Weights>, Error> {
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(&index).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let weights = Arc::new(self.direct((index as f64 / NODES).exp2())?);
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        Ok(nodes.entry(index).or_insert(weights).clone())
    }

    fn direct(&self, v: f64) -> Result<Weights, Error> {
        let q = self.degree;
        match self.rule {
            Rule::Own => self.own(v),
            Rule::Unit => {
                let mut weights = self.own(v)?;
                weights.values.truncate(q + 1);
                // those of the slopes end with the derivative of the last of the values
                weights.slopes.truncate(q);
                Ok(weights)
            }
            Rule::Fitted { low: [values, slopes] } => {
                let fit = |of: &dyn Fn(f64) -> f64, low: f64| {
                    let fitted = nonnegative_series(of, q, low, EXTRA * q);
                    fitted.into_iter().map(f64::sqrt).collect()
                };
                Ok(Weights {
                    values: fit(&|rho| self.dual.pair(v, v, v * rho).k, values),
                    slopes: fit(&|rho| self.dual.pair(v, v, v * rho).kd, slopes),
                })
            }
        }
    }

    /// Hermite coefficients and tails.
    fn own(&self, v: f64) -> Result<Weights, Error> {
        let count = self.degree + 1;
        if v == 0.0 {
            let (mut values, mut slopes) = (vec![0.0; count + 2], vec![0.0; count + 2]);
            let function = self.expansion.function();
            function.values(0.0, &[0.0], &mut values[..1])?;
            function.slopes(0.0, &[0.0], &mut slopes[..1])?;
            return Ok(Weights { values, slopes });
        }
        let mut values = self.expansion.coefficients(v, count)?;
        let mut slopes = self.expansion.slope_coefficients(v, count)?;
        let powers = [self.power(count), self.power(count + 1)];
        values.extend(tails(&values, powers, |rho| self.dual.pair(v, v, v * rho).k));
        slopes.extend(tails(&slopes, powers, |rho| self.dual.pair(v, v, v * rho).kd));
        Ok(Weights { values, slopes })
    }

    /// The polynomial `p = sum_n b_n h_n` at variance `v`:
    ///
    /// ```text
    /// E[p(sqrt(v) z) h_l(z)] = sum_j b_(l+2j) v^(l/2) (v - 1)^j sqrt((l+2j)! / l!) / (2^j j!)
    /// ```
    ///
    /// (Han et al. 2022, *Fast neural kernel embeddings for general activations*, theorem 2.)
    fn radial(&self, v: f64) -> Weights {
        let (q, root) = (self.degree, v.sqrt());
        let value = |l: usize| {
            let (mut factor, mut sum) = (root.powi(l as i32), 0.0);
            for (j, n) in (l..=q).step_by(2).enumerate() {
                if j > 0 {
                    factor *= (v - 1.0) * ((n * (n - 1)) as f64).sqrt() / (2 * j) as f64;
                }
                sum += self.polynomial[n] * factor;
            }
            sum
        };
        let values: Vec<f64> = (0..=q).map(value).collect();
        // at variance 0 only the slope of degree 0 is left, whose formula is 0/0
        let inverse = if root > 0.0 { root.recip() } else { 0.0 };
        let slope = |l: usize| ((l + 1) as f64).sqrt() * values[l + 1] * inverse;
        let slopes = (0..q).map(slope).collect();
        Weights { values, slopes }
    }
}

/// Weights of the powers that stand for what a series leaves out, `r(rho) = f(rho) - sum_i c_i^2 rho^i`:
/// for its even and its odd part the multiple of the power that is closest on `[0, 1]`. (A weight that
/// restores the norm, `r(1)`, is three times as far off at the correlations that pairs have.)
fn tails(c: &[f64], powers: [usize; 2], f: impl Fn(f64) -> f64) -> [f64; 2] {
    let rest = |rho: f64| f(rho) - c.iter().rev().fold(0.0, |sum, c| sum * rho + c * c);
    let [mut even, mut odd] = [(0.0, 0.0); 2];
    for k in 0..SAMPLES {
        let rho = (k as f64 + 0.5) / SAMPLES as f64;
        let (here, there) = (rest(rho), rest(-rho));
        for (sums, part, power) in
            [(&mut even, here + there, powers[0]), (&mut odd, here - there, powers[1])]
        {
            let power = rho.powi(power as i32);
            sums.0 += 0.5 * part * power;
            sums.1 += power * power;
        }
    }
    [even, odd].map(|(along, square)| {
        let weight = along / square;
        if weight > 0.0 && weight.is_finite() { weight.sqrt() } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(series: &Series, weights: [&[f64]; 2], rho: f64) -> f64 {
        let terms = weights[0].iter().zip(weights[1]).enumerate();
        terms.map(|(t, (a, b))| a * b * rho.powi(series.power(t) as i32)).sum()
    }

    fn weights(series: &Series, v: f64) -> Weights {
        series.weights(v).unwrap_or_else(|_| panic!("variance {v}"))
    }

    /// At correlations of 1/2 and less what is left of degree 16 is below 1e-5 even with a kink.
    #[test]
    fn series_at_their_own_variances_are_the_dual() {
        for activation in [Activation::Relu, Activation::Gelu, Activation::Relu6, Activation::Sign]
        {
            let series = Series::new(&activation, Rule::Own, 16).unwrap();
            let dual = Dual::new(&activation).unwrap();
            for (a, b, rho) in [(0.37, 2.9, 0.5), (11.0, 0.2, -0.4), (1.0, 1.0, 0.0)] {
                let exact = dual.pair(a, b, rho * f64::sqrt(a * b));
                let (left, right) = (weights(&series, a), weights(&series, b));
                let k = sum(&series, [&left.values, &right.values], rho);
                let kd = sum(&series, [&left.slopes, &right.slopes], rho);
                let size = (dual.diagonal(a).k * dual.diagonal(b).k).sqrt();
                assert!((k - exact.k).abs() < 1e-5 * size, "{activation:?}: {k}, {exact:?}");
                assert!((kd - exact.kd).abs() < 1e-5, "{activation:?}: {kd}, {exact:?}");
            }
        }
    }

    /// A cubic is its own polynomial, at every variance.
    #[test]
    fn radial_factors_are_those_of_the_polynomial() {
        let activation = Activation::Polynomial { coef: vec![0.3, -1.0, 0.4, 0.2] };
        let series = Series::new(&activation, Rule::Unit, 5).unwrap();
        let expansion = Expansion::new(&activation).unwrap();
        for v in [0.3, 1.0, 1.4] {
            let found = weights(&series, v);
            let values = expansion.coefficients(v, 6).unwrap();
            let slopes = expansion.slope_coefficients(v, 5).unwrap();
            let pairs = found.values.iter().zip(&values).chain(found.slopes.iter().zip(&slopes));
            for (found, expected) in pairs {
                assert!((found - expected).abs() < 1e-12, "{v}: {found}, {expected}");
            }
        }
        assert!(matches!(series.weights(1.6), Err(Stop::Variance(v)) if v == 1.6));
    }

    /// With the tail's power in place the error near 1 is smaller than without.
    #[test]
    fn tails_bring_the_series_closer() {
        let series = Series::new(&Activation::Relu, Rule::Own, 8).unwrap();
        let weights = weights(&series, 1.0);
        let dual = Dual::new(&Activation::Relu).unwrap();
        let error = |count: usize, rho: f64| {
            let slopes = &weights.slopes[..count];
            (sum(&series, [slopes, slopes], rho) - dual.pair(1.0, 1.0, rho).kd).abs()
        };
        let mean = |count| (0..100).map(|k| error(count, f64::from(k) / 100.0)).sum::<f64>();
        assert!(mean(11) < 0.6 * mean(9), "{} {}", mean(11), mean(9));
    }
}
