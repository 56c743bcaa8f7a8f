//! The exact kernel of a random sample, which features are held against.

use ndarray::{Array2, ArrayD, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};
use widelimit_exact as exact;
use widelimit_learn::Certify;
use widelimit_linalg::gram;
use widelimit_sketch::random::Stream;

use super::job::Job;
use crate::model::{kernel_of, want};
use crate::{Error, Scalar};

/// Role of the sample among the streams of a seed.
const ROLE: u32 = 0xFEA1;

/// Fewest rows from which an error is told.
const FEWEST: usize = 4;

/// Operations that the exact kernel of the sample may take: some seconds.
const OPERATIONS: f64 = 2e11;

/// How far the kernel of the features is from the exact one, measured on a random sample of the
/// training inputs ([`widelimit_learn::certificate`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Estimate of `|Z Z^T - K|_F / |K|_F` over all pairs of the training inputs.
    pub error: f64,
    /// Its interval of 95 percent, over the choice of the sample.
    pub interval: (f64, f64),
    /// Largest absolute eigenvalue of `(K + lambda I)^(-1/2) (Z Z^T - K) (K + lambda I)^(-1/2)`: where it is
    /// below 1, it bounds what the features cost a ridge regression with the ridge `lambda`.
    pub spectral_error: f64,
    /// That ridge: a thousandth of the trace of `K`.
    pub lambda: f64,
    /// Number of inputs in the sample.
    pub sample: usize,
    /// Number of inputs that it was drawn from.
    pub population: usize,
    /// Number of features.
    pub dim: usize,
}

/// Rows drawn without replacement, in random order, and their exact kernel.
pub(super) struct Sample {
    /// Which rows.
    pub rows: Vec<usize>,
    x: ArrayD<f64>,
    kernel: Array2<f64>,
    population: usize,
}

impl Sample {
    /// At most `wanted` rows; none where so few cannot tell an error.
    pub fn draw<T: Scalar>(job: &Job<'_, T>, wanted: usize) -> Result<Option<Self>, Error> {
        let population = job.x.shape()[0];
        let mut size = wanted.min(population);
        let options = job.run.options(want(job.quantity));
        while size >= 2 * FEWEST {
            let plan = exact::plan::<f64>(job.network, size, None, &job.input, &options)?;
            if plan.flops <= OPERATIONS {
                break;
            }
            size /= 2;
        }
        if size < FEWEST {
            return Ok(None);
        }
        let rows = job.draw(ROLE, population, size)?;
        let x = job.x.select(Axis(0), &rows).mapv(Scalar::widen);
        let run = &job.quiet();
        let kernel = kernel_of(job.network, job.quantity, x.view(), None, run)?;
        Ok(Some(Self { rows, x, kernel, population }))
    }

    /// Number of the first rows that leave as many others out.
    pub fn half(&self) -> usize {
        self.rows.len().min(self.population / 2)
    }

    /// The first rows of the sample.
    pub fn inputs(&self, count: usize) -> ndarray::ArrayViewD<'_, f64> {
        self.x.slice_axis(Axis(0), Slice::from(..count))
    }

    /// All rows of the sample.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The relative error of features of the first rows; `None` where the kernel is zero.
    pub fn error<T: Scalar>(&self, features: ArrayView2<'_, f64>, job: &Job<'_, T>) -> Option<f64> {
        let count = features.nrows();
        let approximate = gram(features, None, &job.run.par);
        let part = Slice::from(..count);
        let kernel = self.kernel.slice_axis(Axis(0), part);
        let kernel = kernel.slice_axis(Axis(1), part);
        let largest = kernel.iter().fold(0.0f64, |m, k| m.max(k.abs()));
        // Squares of huge or tiny kernels leave the range.
        let error = self.norm((&approximate - &kernel).mapv_into(|e| e / largest));
        let size = self.norm(kernel.mapv(|k| k / largest));
        let relative = error / size;
        relative.is_finite().then_some(relative)
    }

    /// Norm of the matrix of all pairs: there are `n` entries on the diagonal, `n (n - 1)` beside it.
    fn norm(&self, part: Array2<f64>) -> f64 {
        let (n, s) = (self.population as f64, part.nrows() as f64);
        let diagonal: f64 = part.diag().iter().map(|v| v * v).sum();
        let all: f64 = part.iter().map(|v| v * v).sum();
        let beside = (all - diagonal).max(0.0);
        (n / s * (diagonal + (n - 1.0) / (s - 1.0) * beside)).sqrt()
    }

    /// What is told of features of the whole sample; `None` where the kernel is zero.
    pub fn certificate<T: Scalar>(
        &self,
        features: ArrayView2<'_, f64>,
        job: &Job<'_, T>,
    ) -> Result<Option<Certificate>, Error> {
        let certify = Certify { seed: job.seed, ..Certify::new(self.population) }.check()?;
        let found = match certify.certify(self.kernel.view(), &[features], &job.run.par) {
            Err(widelimit_learn::Error::DiagonalNotPositive { .. }) => return Ok(None),
            found => found?,
        };
        Ok(Some(Certificate {
            error: found.frobenius.value,
            // Infinity has no place in JSON.
            interval: (found.frobenius.low, found.frobenius.high.min(f64::MAX)),
            spectral_error: found.spectral.value,
            lambda: found.lambda,
            sample: found.sample,
            population: found.population,
            dim: found.dim,
        }))
    }
}

impl<T: Scalar> Job<'_, T> {
    /// `count` different numbers below `n`, in random order.
    pub(super) fn draw(&self, role: u32, n: usize, count: usize) -> Result<Vec<usize>, Error> {
        let drawn = Stream::new(self.seed, 0, role).sample(n, count);
        drawn.map_err(|error| Error::from(widelimit_embed::Error::from(error)))
    }
}
