//! Error certificates of approximate kernels: how far `Z Z^T` is from `K`, estimated from a random sample.
//!
//! The kernel of `n` points is too large to compute, hence the approximation. On a random sample of `s` of them
//! (without replacement) it is not: the exact block `K_s` and the feature rows `Z_s` say how large the error of
//! the whole matrix is, and how sure that is. Three questions are answered:
//!
//! * **How large is the error of the matrix?** `|Z Z^T - K|_F / |K|_F` over all `n x n` entries. Diagonal and
//!   off-diagonal entries are estimated apart, as there are `n` of the one and `n (n - 1)` of the other, and the
//!   interval comes from leaving out one point at a time.
//! * **How large is the error that a regression sees?** The largest absolute eigenvalue `epsilon` of
//!   `(K + lambda I)^(-1/2) (Z Z^T - K) (K + lambda I)^(-1/2)`. For `epsilon < 1`
//!   `(1 - epsilon) (K + lambda I) <= Z Z^T + lambda I <= (1 + epsilon) (K + lambda I)`, from which bounds on the
//!   risk of ridge regression with ridge `lambda` follow.
//! * **Which dimension would do?** Errors of random features fall as one over the root of their number, except for
//!   the part that does not fall at all (a bias of the map), which several independent draws tell apart.
//!
//! # Scale of the ridge
//!
//! Eigenvalues of a kernel matrix grow with the number of points: those of a sample are near `s / n` times those
//! of the whole. The ridge `lambda` of the whole matrix therefore acts on the sample as `lambda_s = lambda s / n`.
//! [`Certify::lambda`] is the ridge of the *whole* matrix, relative ones in units of the mean of the diagonal
//! (estimated from the sample) as for [`Ridge`](crate::Ridge).
//!
//! # Sources
//!
//! Hoeffding, *A class of statistics with asymptotically normal distribution*, 1948; Arvesen, *Jackknifing
//! U-statistics*, 1969 (leaving out one point); Avron, Kapralov, Musco, Musco, Velingker & Zandieh, *Random Fourier
//! features for kernel ridge regression*, 2017, definition 2 and lemma 2 (spectral approximation and risk);
//! Politis & Romano, *Large sample confidence regions based on subsamples*, 1994 (halves).

mod dimension;
mod frobenius;
mod spectral;
mod student;

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar, gram};

use crate::Error;
use crate::check::{self, training_kernel, widen};
use crate::ridge::Shift;
use crate::rounding::{exponent, times_power};
use dimension::Law;

/// Fewest points of a sample.
pub const FEWEST: usize = 4;

/// An estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval; infinite where the sample does not bound the error.
    pub high: f64,
}

/// Parameters of a certificate.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_learn::certificate::Certify;
/// use widelimit_learn::Par;
/// // Eight points; features that miss a tenth of the kernel.
/// let x = Array2::from_shape_fn((8, 3), |(i, j)| ((i * 5 + j * 3) % 7) as f64 - 3.0);
/// let kernel = x.dot(&x.t());
/// let z = &x * 0.9f64.sqrt();
/// let certificate = Certify::new(8).check()?.certify(kernel.view(), &[z.view()], &Par::single())?;
/// assert!((certificate.frobenius.value - 0.1).abs() < 1e-12);
/// assert!(certificate.spectral.value < 0.1);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certify {
    /// The ridge of the whole matrix at which the spectral error is measured (default: a thousandth of its trace,
    /// which is `1e-3 n` in units of the mean of the diagonal).
    pub lambda: Shift,
    /// Number of points the sample was drawn from, `n`.
    pub population: usize,
    /// Level of the intervals, between 0 and 1 (default 0.95).
    pub confidence: f64,
    /// How often the sample is split into two random halves for the interval of the spectral error (default 8).
    pub splits: u32,
    /// Seed of the splits.
    pub seed: u64,
}

impl Certify {
    /// The default parameters for a sample of `population` points.
    pub fn new(population: usize) -> Self {
        let lambda = Shift::Relative(1e-3 * population as f64);
        Certify { lambda, population, confidence: 0.95, splits: 8, seed: 0 }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a negative ridge, a level outside `(0, 1)`, or no or more than 1000 splits.
    pub fn check(self) -> Result<CheckedCertify, Error> {
        self.lambda.check("lambda")?;
        let value = self.confidence;
        if !(value > 0.0 && value < 1.0) {
            let expected = "between 0 and 1";
            return Err(Error::Parameter { name: "confidence", expected, value });
        }
        if !(1..=1000).contains(&self.splits) {
            let (name, expected) = ("number of splits", "between 1 and 1000");
            return Err(Error::Parameter { name, expected, value: f64::from(self.splits) });
        }
        Ok(CheckedCertify { params: self })
    }
}

/// Checked parameters: what certifies.
#[derive(Clone, Copy, Debug)]
pub struct CheckedCertify {
    params: Certify,
}

/// The error of one draw of the features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawError {
    /// Number of features, `m`.
    pub dim: usize,
    /// Estimate of `|Z Z^T - K|_F / |K|_F`.
    pub frobenius: f64,
}

/// What is known about the error of an approximate kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// `|Z Z^T - K|_F / |K|_F` of the whole matrix for the certified features. The interval covers the choice of the sample (for
    /// a sample of everything it is a point), not another draw of the features.
    pub frobenius: Estimate,
    /// `epsilon` at the ridge [`Self::lambda`]. The value is that of the sample; the interval is a guide rather
    /// than a proof: it spans the value, the value extrapolated from halves to the whole, and their spread.
    /// Measured on a kernel of 500 points at the level 0.95, it covered the truth 95 to 98 times in 100 where
    /// the effective dimension was below a tenth of the sample, and 83 to 88 times where it was a tenth to a half.
    pub spectral: Estimate,
    /// The ridge of the whole matrix, absolute.
    pub lambda: f64,
    /// Effective dimension `trace K_s (K_s + lambda_s I)^-1` of the sample. Where it is not small beside
    /// [`Self::sample`], the sample does not resolve the spectrum down to `lambda`: take a larger one.
    pub effective_dimension: f64,
    /// Level of the intervals.
    pub confidence: f64,
    /// Points of the sample, `s`.
    pub sample: usize,
    /// Points it was drawn from, `n`.
    pub population: usize,
    /// Number of features of the certified draw: the one with the most features, the first of equals.
    pub dim: usize,
    /// All draws, in the order given.
    pub draws: Vec<DrawError>,
    /// The relative Frobenius error that more features do not remove, from several draws; with a single one it is not known and
    /// taken as zero.
    pub bias: Option<f64>,
    law: Law,
}

impl Certificate {
    /// Number of features at which the relative Frobenius error is expected to reach `tolerance`:
    /// `v / (tolerance^2 - bias^2)`, where `v / m` is the part of the squared error that falls. `None` where
    /// the bias alone is larger.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a tolerance that is not positive and finite.
    pub fn dim_for(&self, tolerance: f64) -> Result<Option<usize>, Error> {
        self.law.dim_for(tolerance)
    }
}

impl CheckedCertify {
    /// Certifies features against the exact kernel of a sample: `kernel` is `s x s`, each array of `features` is
    /// `s x m` with the rows in the same order.
    ///
    /// Several arrays are **independent draws** of one map (other seeds, equal or different dimensions); they
    /// separate the part of the error that falls with the dimension from the part that does not. Operations:
    /// `s^2 m` for each draw, and about `12 s^3` for the spectral error with 8 splits. Memory: `s^2` numbers
    /// for each draw, and five times as much.
    ///
    /// # Errors
    /// [`Error::TooFewRows`] for less than [`FEWEST`] points; [`Error::Parameter`] for a sample larger than the
    /// population; [`Error::Empty`] for no features; [`Error::NotFinite`], [`Error::Shape`],
    /// [`Error::NotSymmetric`]; [`Error::DiagonalNotPositive`] for a kernel that is zero;
    /// [`Error::NotPositiveDefinite`] where `lambda` is too small for the rank of the kernel.
    pub fn certify<T: Scalar, U: Scalar>(
        &self,
        kernel: ArrayView2<T>,
        features: &[ArrayView2<U>],
        par: &Par,
    ) -> Result<Certificate, Error> {
        let Certify { lambda, population, confidence, splits, seed } = self.params;
        let sample = kernel.nrows();
        let mean = training_kernel(kernel, par)?;
        if sample < FEWEST {
            let what = "a certificate";
            return Err(Error::TooFewRows { what, needed: FEWEST, got: sample });
        }
        if sample > population {
            let expected = "at least the number of points in the sample";
            return Err(Error::Parameter {
                name: "population",
                expected,
                value: population as f64,
            });
        }
        let largest = kernel.iter().fold(0.0f64, |m, v| m.max(v.to_f64().abs()));
        if mean <= 0.0 {
            return Err(Error::DiagonalNotPositive { mean });
        }
        // Squares of huge or tiny kernels leave the range; a power of two rounds nothing.
        let power = exponent(largest);
        let kernel = widen(kernel).mapv_into(|v| times_power(v, -power));
        let errors = errors(&kernel, features, power, par)?;

        let dims: Vec<usize> = features.iter().map(|z| z.ncols()).collect();
        let chosen = (0..dims.len()).rev().max_by_key(|i| dims[*i]).unwrap_or(0);
        let design = frobenius::Design { sample, population };
        let squares = design.products(&errors, &kernel);
        let lambda = lambda.absolute(mean)?;
        let share = sample as f64 / population as f64;
        let scaled = times_power(lambda * share, -power);
        let spread = spectral::Spread { splits, seed, confidence, population };
        let (spectral, effective_dimension) =
            spread.estimate(&kernel, &errors[chosen], scaled, par)?;
        let law = Law::new(&dims, &squares);
        let draw =
            |(i, dim): (usize, &usize)| DrawError { dim: *dim, frobenius: squares[[i, i]].sqrt() };
        Ok(Certificate {
            frobenius: design.estimate(&errors[chosen], &kernel, confidence),
            spectral,
            lambda,
            effective_dimension,
            confidence,
            sample,
            population,
            dim: dims[chosen],
            draws: dims.iter().enumerate().map(draw).collect(),
            bias: law.bias(),
            law,
        })
    }
}

/// `Z Z^T - K` of every draw, for a kernel divided by `2^power`.
fn errors<U: Scalar>(
    kernel: &Array2<f64>,
    features: &[ArrayView2<U>],
    power: i32,
    par: &Par,
) -> Result<Vec<Array2<f64>>, Error> {
    if features.is_empty() || features.iter().any(|z| z.ncols() == 0) {
        return Err(Error::Empty { what: "the array of features" });
    }
    let error = |z: &ArrayView2<U>| {
        check::length("rows of the features", kernel.nrows(), z.nrows())?;
        check::finite("the array of features", *z)?;
        let mut error = gram(widen(*z).view(), None, par);
        error.zip_mut_with(kernel, |e, k| *e = times_power(*e, -power) - k);
        if error.iter().all(|e| e.is_finite()) {
            Ok(error)
        } else {
            Err(Error::Overflow { what: "the kernel of the features" })
        }
    };
    features.iter().map(error).collect()
}
