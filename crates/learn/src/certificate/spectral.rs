//! The error that a regression with a ridge sees.

use ndarray::{Array2, Axis};
use widelimit_linalg::{Cholesky, Par, symmetric_eigenvalues};
use widelimit_sketch::random::Stream;

use super::Estimate;
use super::student::quantile;
use crate::Error;

/// Role of the splits among the streams of a seed.
const ROLE: u32 = 0x5EED;

/// How the interval is found: from random halves of the sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub splits: u32,
    pub seed: u64,
    pub confidence: f64,
    pub population: usize,
}

impl Spread {
    /// The spectral error of the sample with its interval, and the effective dimension of the sample.
    /// `ridge`: `lambda_s`.
    ///
    /// A half of the sample, drawn without replacement, misses the whole sample by as much as the sample misses
    /// an infinite population: the spread of the halves is the standard error of the sample. Their mean tells
    /// where the value is heading; an error proportional to one over the number of points, carried on to
    /// the population, is the other end that the interval has to reach.
    pub fn estimate(
        self,
        kernel: &Array2<f64>,
        error: &Array2<f64>,
        ridge: f64,
        par: &Par,
    ) -> Result<(Estimate, f64), Error> {
        let s = kernel.nrows();
        let (value, dimension) = largest(kernel.clone(), error.clone(), ridge, par)?;
        let missing = 1.0 - s as f64 / self.population as f64;
        if missing == 0.0 {
            return Ok((Estimate { value, low: value, high: value }, dimension));
        }
        let half = s / 2;
        let stream = Stream::new(self.seed, 0, ROLE);
        let mut values = Vec::with_capacity(2 * self.splits as usize);
        for split in 0..self.splits {
            // A random order; what is asked for is not larger than what there is.
            let order = stream.child(split).sample(s, s).unwrap_or_else(|_| (0..s).collect());
            for rows in [&order[..half], &order[s - half..]] {
                let part = |a: &Array2<f64>| a.select(Axis(0), rows).select(Axis(1), rows);
                let ridge = ridge * half as f64 / s as f64;
                values.push(largest(part(kernel), part(error), ridge, par)?.0);
            }
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let width = quantile(self.confidence, values.len() - 1) * (variance * missing).sqrt();
        let heading = (value + (value - mean) * missing).max(0.0);
        let low = (value.min(heading) - width).max(0.0);
        Ok((Estimate { value, low, high: value.max(heading) + width }, dimension))
    }
}

/// Largest absolute eigenvalue of `(K + ridge I)^(-1/2) E (K + ridge I)^(-1/2)`, and `trace K (K + ridge I)^-1`.
///
/// With `K + ridge I = L L^T` the matrix `L^-1 E L^-T` has the same eigenvalues and needs no root.
fn largest(
    mut kernel: Array2<f64>,
    error: Array2<f64>,
    ridge: f64,
    par: &Par,
) -> Result<(f64, f64), Error> {
    let n = kernel.nrows() as f64;
    kernel.diag_mut().mapv_inplace(|v| v + ridge);
    let factor = Cholesky::factor(kernel, par).map_err(|error| match error {
        widelimit_linalg::Error::NotPositiveDefinite { pivot, value } => {
            Error::NotPositiveDefinite { pivot, value, ridge, min_eigenvalue: None }
        }
        other => other.into(),
    })?;
    let left = factor.solve_lower(error.view(), par);
    let both = factor.solve_lower(left.t(), par);
    let symmetric = (&both + &both.t()) * 0.5;
    let values = symmetric_eigenvalues(symmetric, par)?;
    let ends = [values[0].abs(), values[values.len() - 1].abs()];
    let dimension = n - ridge * factor.inverse_diagonal(par).sum();
    Ok((ends[0].max(ends[1]), dimension.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn commuting_matrices_have_ratios_of_eigenvalues() {
        // Eigenvalues 3 and 1 of K, 0.5 and -0.4 of E, the same vectors.
        let k = array![[2.0, 1.0], [1.0, 2.0]];
        let e = array![[0.05, 0.45], [0.45, 0.05]];
        let (value, dimension) = largest(k, e, 0.5, &Par::single()).unwrap();
        assert!((value - 0.4 / 1.5).abs() < 1e-15, "{value}");
        assert!((dimension - (3.0 / 3.5 + 1.0 / 1.5)).abs() < 1e-15);
        let singular = array![[1.0, 1.0], [1.0, 1.0]];
        let refused = largest(singular.clone(), singular, 0.0, &Par::single());
        assert!(matches!(refused, Err(Error::NotPositiveDefinite { pivot: 1, .. })));
    }
}
