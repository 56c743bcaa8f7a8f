//! How good predictions are: accuracy, errors, confusion matrix, predictive density.

use ndarray::{Array2, ArrayView2};

use crate::Error;
use widelimit_linalg::Scalar;

fn same_length(expected: usize, got: usize) -> Result<(), Error> {
    if expected == got {
        Ok(())
    } else {
        Err(Error::Shape { what: "number of predictions", expected, got })
    }
}

/// Share of equal labels, in `[0, 1]`.
///
/// # Errors
/// [`Error::Shape`] when the lengths differ, [`Error::Empty`] when there is nothing to compare.
///
/// ```
/// use widelimit_learn::metrics::accuracy;
/// assert_eq!(accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2]).unwrap(), 0.75);
/// ```
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64, Error> {
    same_length(truth.len(), predicted.len())?;
    if truth.is_empty() {
        return Err(Error::Empty { what: "list of predictions" });
    }
    let hits = truth.iter().zip(predicted).filter(|(a, b)| a == b).count();
    Ok(hits as f64 / truth.len() as f64)
}

/// Counts `C[t, p]` of rows of class `t` predicted as class `p`; shape `classes x classes`.
///
/// # Errors
/// [`Error::Shape`] when the lengths differ, [`Error::ClassCode`] for a code that is not below `classes`.
pub fn confusion_matrix(
    truth: &[usize],
    predicted: &[usize],
    classes: usize,
) -> Result<Array2<u64>, Error> {
    same_length(truth.len(), predicted.len())?;
    let mut counts = Array2::zeros((classes, classes));
    for (row, (&t, &p)) in truth.iter().zip(predicted).enumerate() {
        let code = t.max(p);
        if code >= classes {
            return Err(Error::ClassCode { row, code, classes });
        }
        counts[[t, p]] += 1;
    }
    Ok(counts)
}

fn check_pair<T: Scalar>(truth: ArrayView2<T>, predicted: ArrayView2<T>) -> Result<(), Error> {
    same_length(truth.nrows(), predicted.nrows())?;
    if truth.ncols() != predicted.ncols() {
        return Err(Error::Shape {
            what: "number of predicted outputs",
            expected: truth.ncols(),
            got: predicted.ncols(),
        });
    }
    if truth.is_empty() {
        return Err(Error::Empty { what: "array of predictions" });
    }
    Ok(())
}

/// Mean squared error over all rows and outputs.
///
/// # Errors
/// [`Error::Shape`] when the shapes differ, [`Error::Empty`] for empty arrays.
pub fn mse<T: Scalar>(truth: ArrayView2<T>, predicted: ArrayView2<T>) -> Result<f64, Error> {
    check_pair(truth, predicted)?;
    let total: f64 =
        truth.iter().zip(predicted).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum();
    Ok(total / truth.len() as f64)
}

/// Root of the mean squared error ([`mse`]).
///
/// # Errors
/// As [`mse`].
pub fn rmse<T: Scalar>(truth: ArrayView2<T>, predicted: ArrayView2<T>) -> Result<f64, Error> {
    mse(truth, predicted).map(f64::sqrt)
}

/// Coefficient of determination `1 - sum (y - f)^2 / sum (y - mean y)^2`, averaged over outputs.
///
/// An output whose truth is constant counts 1 when predicted exactly and 0 otherwise.
///
/// # Errors
/// As [`mse`].
pub fn r2<T: Scalar>(truth: ArrayView2<T>, predicted: ArrayView2<T>) -> Result<f64, Error> {
    check_pair(truth, predicted)?;
    let mut total = 0.0;
    for (y, f) in truth.columns().into_iter().zip(predicted.columns()) {
        let mean = y.iter().map(|v| v.to_f64()).sum::<f64>() / y.len() as f64;
        let residual: f64 = y.iter().zip(f).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum();
        let spread: f64 = y.iter().map(|v| (v.to_f64() - mean).powi(2)).sum();
        total += if spread > 0.0 {
            1.0 - residual / spread
        } else if residual == 0.0 {
            1.0
        } else {
            0.0
        };
    }
    Ok(total / truth.ncols() as f64)
}

/// Mean log density of the truth under independent normal predictions, over rows and outputs:
/// `mean of -log(2 pi v)/2 - (y - mean)^2 / (2 v)`. `variance` has one entry a row, shared by the outputs.
///
/// # Errors
/// [`Error::Shape`], [`Error::Empty`] as [`mse`]; [`Error::Parameter`] for a variance that is not positive.
pub fn mean_log_density<T: Scalar>(
    truth: ArrayView2<T>,
    mean: ArrayView2<T>,
    variance: &[f64],
) -> Result<f64, Error> {
    check_pair(truth, mean)?;
    if variance.len() != truth.nrows() {
        return Err(Error::Shape {
            what: "number of variances",
            expected: truth.nrows(),
            got: variance.len(),
        });
    }
    let mut total = 0.0;
    for ((y, f), &v) in truth.rows().into_iter().zip(mean.rows()).zip(variance) {
        if !(v > 0.0 && v.is_finite()) {
            return Err(Error::Parameter {
                name: "variance",
                expected: "positive and finite",
                value: v,
            });
        }
        for (a, b) in y.iter().zip(f) {
            let d = a.to_f64() - b.to_f64();
            total -= 0.5 * ((std::f64::consts::TAU * v).ln() + d * d / v);
        }
    }
    Ok(total / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn known_values() {
        let y = array![[1.0], [2.0], [3.0], [4.0]];
        let f = array![[1.5], [2.0], [3.0], [3.0]];
        assert_eq!(mse(y.view(), f.view()).unwrap(), 1.25 / 4.0);
        assert_eq!(rmse(y.view(), f.view()).unwrap(), (1.25f64 / 4.0).sqrt());
        assert_eq!(r2(y.view(), f.view()).unwrap(), 1.0 - 1.25 / 5.0);
        assert_eq!(confusion_matrix(&[0, 1, 1], &[0, 1, 0], 2).unwrap(), array![[1u64, 0], [1, 1]]);
        let density = mean_log_density(y.view(), y.view(), &[1.0; 4]).unwrap();
        assert!((density + 0.5 * std::f64::consts::TAU.ln()).abs() < 1e-15);
    }

    #[test]
    fn constant_truth() {
        let y = array![[2.0f32], [2.0]];
        assert_eq!(r2(y.view(), y.view()).unwrap(), 1.0);
        assert_eq!(r2(y.view(), array![[2.0f32], [2.5]].view()).unwrap(), 0.0);
    }

    #[test]
    fn refusals() {
        assert!(matches!(accuracy(&[0], &[0, 1]), Err(Error::Shape { expected: 1, got: 2, .. })));
        assert!(matches!(accuracy(&[], &[]), Err(Error::Empty { .. })));
        assert!(matches!(
            confusion_matrix(&[0, 3], &[0, 1], 2),
            Err(Error::ClassCode { row: 1, code: 3, classes: 2 })
        ));
        let y = array![[1.0]];
        assert!(matches!(
            mean_log_density(y.view(), y.view(), &[0.0]),
            Err(Error::Parameter { .. })
        ));
    }
}
