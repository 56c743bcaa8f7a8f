//! The exact kernel of a random sample, which features are held against.

use ndarray::{Array2, ArrayD, ArrayView2, Axis, Slice};
use widelimit_exact as exact;
use widelimit_linalg::gram;

use super::job::Job;
use crate::certificate::{Certificate, ROLE, affordable, draw};
use crate::model::{kernel_of, want};
use crate::{Error, Scalar};

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
        let options = job.run.options(want(job.quantity));
        let flops =
            |size| Ok(exact::plan::<f64>(job.network, size, None, &job.input, &options)?.flops);
        let Some(size) = affordable(wanted.min(population), flops)? else { return Ok(None) };
        let rows = draw(job.seed, ROLE, population, size)?;
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
        let drawn_from = (self.population, job.seed);
        Certificate::of(self.kernel.view(), features, drawn_from, &job.run.par)
    }
}
