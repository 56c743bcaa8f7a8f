//! A training kernel in its eigenbasis, and the filters of gradient flow without cancellation.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, Scalar, SymmetricEigen, matmul, symmetric_eigen};

use crate::Error;
use crate::rounding::semidefinite;

/// Training time, in the units of the continuous-time (gradient flow) limit: steps times learning rate
/// are counted as `learning_rate * t`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time {
    /// A finite time, not negative.
    At(f64),
    /// The limit of training for ever.
    Infinite,
}

impl Time {
    /// `rate * t`, with infinity for the limit.
    pub(crate) fn scaled(self, rate: f64) -> Result<f64, Error> {
        match self {
            Time::Infinite => Ok(f64::INFINITY),
            Time::At(t) if t >= 0.0 && t.is_finite() => Ok(rate * t),
            Time::At(value) => Err(Error::Parameter {
                name: "training time",
                expected: "finite and not negative (or Time::Infinite)",
                value,
            }),
        }
    }
}

/// Spectrum of a positive semi-definite matrix, in double precision.
///
/// Eigenvalues are not negative: small negative values are rounding of a kernel in the type it was computed
/// in and count as zero, larger ones are an error. In the limit of infinite time, directions with eigenvalues
/// up to `n epsilon max`, or up to the size of the negative ones, count as null: gradient flow never moves
/// along a null direction, and dividing rounding by rounding would.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum {
    pub values: Array1<f64>,
    /// Eigenvectors as columns.
    pub vectors: Array2<f64>,
    null: f64,
}

impl Spectrum {
    /// Of `kernel + shift I`, where `kernel` carries the rounding of `T`.
    pub fn new<T: Scalar>(mut kernel: Array2<f64>, shift: f64, par: &Par) -> Result<Self, Error> {
        kernel.diag_mut().mapv_inplace(|v| v + shift);
        let SymmetricEigen { mut values, vectors } = symmetric_eigen(kernel, par)?;
        let n = values.len();
        semidefinite::<T>(&values)?;
        let null = (n as f64 * T::EPSILON * values[n - 1]).max(-values[0]);
        values.mapv_inplace(|v| v.max(0.0));
        Ok(Spectrum { values, vectors, null })
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Number of directions that count as trained in the limit.
    pub fn rank(&self) -> usize {
        self.values.iter().filter(|w| **w > self.null).count()
    }

    /// `1 - exp(-w s)`: the share of a residual that has been learned at scaled time `s`.
    pub fn learned(&self, s: f64) -> Array1<f64> {
        self.values.mapv(|w| match s {
            f64::INFINITY => f64::from(u8::from(w > self.null)),
            _ => -(-w * s).exp_m1(),
        })
    }

    /// `exp(-w s)`: the share that has not.
    pub fn remaining(&self, s: f64) -> Array1<f64> {
        self.values.mapv(|w| match s {
            f64::INFINITY => f64::from(u8::from(w <= self.null)),
            _ => (-w * s).exp(),
        })
    }

    /// `(1 - exp(-w s)) / w`, which is `s` at `w = 0` and `1 / w` (0 along null directions) in the limit.
    pub fn growth(&self, s: f64) -> Array1<f64> {
        self.values.mapv(|w| match s {
            f64::INFINITY if w > self.null => 1.0 / w,
            f64::INFINITY => 0.0,
            _ if w * s < 1e-300 => s,
            _ => -(-w * s).exp_m1() / w,
        })
    }

    /// `V diag(filter) V^T b`.
    pub fn apply(&self, filter: &Array1<f64>, b: ArrayView2<f64>, par: &Par) -> Array2<f64> {
        let mut coefficients = matmul(self.vectors.t(), b, par);
        scale_rows(&mut coefficients, filter);
        matmul(self.vectors.view(), coefficients.view(), par)
    }

    /// `V diag(filter) V^T`.
    pub fn matrix(&self, filter: &Array1<f64>, par: &Par) -> Array2<f64> {
        let scaled = &self.vectors * &filter.view().insert_axis(Axis(0));
        matmul(scaled.view(), self.vectors.t(), par)
    }
}

/// Multiplies row `i` by `factors[i]`.
pub(crate) fn scale_rows(a: &mut Array2<f64>, factors: &Array1<f64>) {
    *a *= &factors.view().insert_axis(Axis(1));
}

/// Makes a matrix that is symmetric up to rounding exactly so.
pub(crate) fn symmetrise(a: &mut Array2<f64>) {
    for i in 0..a.nrows() {
        for j in 0..i {
            let mean = 0.5 * (a[[i, j]] + a[[j, i]]);
            a[[i, j]] = mean;
            a[[j, i]] = mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn diagonal(values: &[f64]) -> Result<Spectrum, Error> {
        let k = Array2::from_diag(&Array1::from(values.to_vec()));
        Spectrum::new::<f64>(k, 0.0, &Par::single())
    }

    #[test]
    fn filters_have_their_limits() {
        let s = diagonal(&[0.0, 1e-20, 1.0, 4.0]).unwrap();
        assert_eq!(s.rank(), 2);
        assert_eq!(s.growth(3.0)[0], 3.0);
        assert!((s.growth(3.0)[1] - 3.0).abs() < 1e-15);
        assert_eq!(s.growth(f64::INFINITY), array![0.0, 0.0, 1.0, 0.25]);
        assert_eq!(s.learned(f64::INFINITY), array![0.0, 0.0, 1.0, 1.0]);
        assert_eq!(s.learned(0.0), array![0.0, 0.0, 0.0, 0.0]);
        assert_eq!(s.growth(0.0), array![0.0, 0.0, 0.0, 0.0]);
        // 1 - exp(-x) for tiny x keeps every digit.
        let tiny = diagonal(&[1e-12]).unwrap().learned(1.0)[0];
        assert!((tiny - (1e-12 - 0.5e-24)).abs() < 1e-27);
    }

    #[test]
    fn rounding_below_zero_is_zero_and_more_is_an_error() {
        assert_eq!(diagonal(&[-1e-12, 1.0]).unwrap().values[0], 0.0);
        assert!(matches!(diagonal(&[-0.1, 1.0]), Err(Error::Indefinite { .. })));
    }
}
