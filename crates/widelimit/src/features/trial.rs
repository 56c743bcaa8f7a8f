//! The method and the number of features, where they are to be found.

use std::time::Instant;

use widelimit_exact as exact;

use super::job::{Job, Map};
use super::sample::Sample;
use super::settings::Method;
use crate::model::want;
use crate::{Error, Scalar};

/// Features of a trial, at most; all candidates get the same number.
const DIM: usize = 2048;

/// Operations that landmarks may take for all inputs in all: some minutes.
const OPERATIONS: f64 = 2e13;

/// Features that a tolerance may ask for.
const MOST: usize = 1 << 14;

/// Features that the search for a tolerance begins with.
const FIRST: usize = 1024;

/// One method as it was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The method.
    pub method: Method,
    /// Number of features it was tried with.
    pub dim: usize,
    /// Its relative error on the rows of the trial, or why it was not tried.
    pub error: Result<f64, String>,
    /// Wall time of its features for a thousand inputs, on this machine; the choice does not depend on it.
    pub seconds_per_thousand: f64,
}

impl<T: Scalar> Job<'_, T> {
    /// Tries every method on rows of the sample and takes the one with the smallest error.
    ///
    /// Landmarks are drawn from other rows than those on which errors are measured, where they would
    /// look better than they are for new inputs.
    pub(super) fn choose(
        &self,
        sample: Option<&Sample>,
        dim: usize,
    ) -> Result<(Method, Vec<Candidate>), Error> {
        let fallback = Method::Embed(Default::default());
        let Some(sample) = sample else { return Ok((fallback, Vec::new())) };
        let methods = Method::all().filter(|method| *method != Method::Auto);
        let mut candidates = Vec::new();
        for method in methods {
            let start = Instant::now();
            let tried = self.attempt(method, sample, dim);
            let seconds = start.elapsed().as_secs_f64();
            let (dim, error) = match tried {
                Ok((dim, error)) => (dim, Ok(error)),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => (dim.min(DIM), Err(error.to_string())),
            };
            let seconds_per_thousand = 1000.0 * seconds / sample.half().max(1) as f64;
            candidates.push(Candidate { method, dim, error, seconds_per_thousand });
        }
        let best = candidates
            .iter()
            .filter_map(|candidate| Some((candidate.method, *candidate.error.as_ref().ok()?)))
            // The first of equals.
            .reduce(|best, next| if next.1 < best.1 { next } else { best });
        Ok((best.map_or(fallback, |(method, _)| method), candidates))
    }

    /// Number of features and error of a method on rows of the sample.
    fn attempt(&self, method: Method, sample: &Sample, dim: usize) -> Result<(usize, f64), Error> {
        if method == Method::Nystrom {
            self.check_landmarks(dim)?;
        }
        let count = sample.half();
        let map = self.make(method, dim.min(DIM), &sample.rows[..count])?;
        let features = self.features(&map, sample.inputs(count))?;
        // Of a kernel that is zero everything is exact.
        Ok((map.dim(), sample.error(features.view(), self).unwrap_or(0.0)))
    }

    /// Refuses landmarks whose kernel with all inputs is out of proportion.
    fn check_landmarks(&self, dim: usize) -> Result<(), Error> {
        let rows = self.x.shape()[0];
        let landmarks = dim.min(rows);
        let options = self.run.options(want(self.quantity));
        let plan = exact::plan::<f64>(self.network, rows, Some(landmarks), &self.input, &options)?;
        let (n, l) = (rows as f64, landmarks as f64);
        let operations = plan.flops + n * l * l + l * l * l;
        if operations <= OPERATIONS {
            return Ok(());
        }
        Err(Error::Parameter {
            name: "operations of nystrom",
            expected: "2e13 at most for it to be taken by itself",
            got: format!("{operations:.1e}"),
        })
    }

    /// The smallest number of features found whose error on the sample is within the tolerance.
    ///
    /// Errors of random features fall as one over the root of their number; where they fall more slowly, the
    /// next step is larger than that, and the measured error has the last word.
    pub(super) fn grow(
        &self,
        method: Method,
        sample: Option<&Sample>,
        tolerance: f64,
    ) -> Result<Map, Error> {
        let rows = self.x.shape()[0];
        let Some(sample) = sample else {
            return Err(Error::TooFewRows { what: "a tolerance", needed: 4, got: rows });
        };
        let most = if method == Method::Nystrom { rows.min(MOST) } else { MOST };
        let mut dim = FIRST.min(most);
        loop {
            let map = self.make(method, dim, &[])?;
            let features = self.features(&map, sample.inputs(sample.len()))?;
            let error = sample.error(features.view(), self).unwrap_or(0.0);
            if error <= tolerance {
                return Ok(map);
            }
            let predicted = 1.1 * dim as f64 * (error / tolerance).powi(2);
            // Landmarks are better than this law, and make the kernel exact in the end.
            let hopeless = method != Method::Nystrom && predicted > 8.0 * most as f64;
            if dim == most || hopeless {
                return Err(Error::Tolerance { method: method.name(), tolerance, error, dim });
            }
            let next = predicted.clamp(1.25 * dim as f64, 8.0 * dim as f64);
            dim = (next.ceil() as usize).next_multiple_of(64).min(most);
        }
    }
}
