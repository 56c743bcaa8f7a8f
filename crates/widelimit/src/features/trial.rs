//! The method and the number of features, where they are to be found.

use std::time::Instant;

use widelimit_embed::Error as FeatureError;
use widelimit_exact as exact;

use super::job::{Job, Map};
use super::sample::Sample;
use super::settings::{DIM as DIM_IF_NONE, FeatureSettings, Method};
use crate::model::want;
use crate::{Error, Scalar};

/// Features of a trial, at most; all candidates get the same number.
const DIM: usize = 2048;

/// Operations that landmarks may take for all inputs in all: some minutes.
const OPERATIONS: f64 = 2e13;

/// Features that a tolerance may ask for.
const MOST: usize = 1 << 14;

/// Features that the search for a tolerance begins with.
const FIRST: usize = 64;

/// Features from which on errors follow the law that the search goes by.
const SETTLED: usize = 1024;

/// One method as it was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The method.
    pub method: Method,
    /// Number of features it was tried with.
    pub dim: usize,
    /// Its relative error on the rows of the trial, or why it was not tried.
    pub error: Result<f64, String>,
    /// Wall time of its features for a thousand inputs, on this machine and once the map is there; the choice depends on
    /// it only where time is limited. Infinite where it was not tried.
    pub seconds_per_thousand: f64,
}

impl<T: Scalar> Job<'_, T> {
    /// Tries methods on rows of the sample and takes the one with the smallest error of those that are fast enough.
    ///
    /// Landmarks are drawn from other rows than those on which errors are measured, where they would
    /// look better than they are for new inputs. Where every row can be a landmark nothing is tried: regression on
    /// such features is that on the exact kernel.
    ///
    /// Methods are tried with few features where many are asked for. One that needs more than that is tried with what
    /// is asked for, and its error compared as errors fall: with one over the root of the number.
    pub(super) fn choose(
        &self,
        sample: Option<&Sample>,
        settings: &FeatureSettings,
    ) -> Result<(Method, Vec<Candidate>), Error> {
        let (rows, asked) = (self.x.shape()[0], settings.method);
        let dim = settings.dim.for_rows(rows).unwrap_or(DIM_IF_NONE);
        let fallback =
            if asked == Method::Auto { Method::Embed(Default::default()) } else { asked };
        let Some(sample) = sample else { return Ok((fallback, Vec::new())) };
        let landmarks = match asked {
            Method::Auto => self.check_landmarks(rows, dim),
            _ => Ok(()),
        };
        if settings.without_trial(rows, dim) && landmarks.is_ok() {
            return Ok((Method::Nystrom, Vec::new()));
        }
        let methods: Vec<_> = match asked {
            Method::Auto => Method::all().filter(|method| *method != Method::Auto).collect(),
            only => vec![only],
        };
        let mut candidates = Vec::new();
        for (done, &method) in methods.iter().enumerate() {
            let tried = match (method, &landmarks) {
                (Method::Nystrom, Err(error)) => Err(error.to_string()),
                _ => match self.attempt(method, sample, dim) {
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    tried => tried.map_err(|error| error.to_string()),
                },
            };
            candidates.push(match tried {
                Ok(candidate) => candidate,
                Err(error) => {
                    let (dim, error) = (dim.min(DIM), Err(error));
                    Candidate { method, dim, error, seconds_per_thousand: f64::INFINITY }
                }
            });
            self.tell(done + 1, methods.len() + 1);
        }
        let limit = settings.max_seconds.unwrap_or(f64::INFINITY);
        let best = fast(&candidates, (rows, dim), limit)?
            .filter_map(|tried| {
                let error = *tried.error.as_ref().ok()?;
                Some((tried.method, error * (tried.dim as f64 / dim as f64).sqrt()))
            })
            // The first of equals.
            .reduce(|best, next| if next.1 < best.1 { next } else { best });
        Ok((best.map_or(fallback, |(method, _)| method), candidates))
    }

    /// A method on rows of the sample.
    fn attempt(&self, method: Method, sample: &Sample, dim: usize) -> Result<Candidate, Error> {
        let count = sample.half();
        let map = self.make_small(method, dim, &sample.rows[..count])?;
        // Random directions are drawn at their first use.
        self.features(&map, sample.inputs(1))?;
        let start = Instant::now();
        let features = self.features(&map, sample.inputs(count))?;
        let seconds = start.elapsed().as_secs_f64();
        // Of a kernel that is zero everything is exact.
        let error = sample.error(features.view(), self).unwrap_or(0.0);
        let seconds_per_thousand = 1000.0 * seconds / count.max(1) as f64;
        Ok(Candidate { method, dim: map.dim(), error: Ok(error), seconds_per_thousand })
    }

    /// A map with few features where many are asked for, or with those if it needs more.
    pub(super) fn make_small(
        &self,
        method: Method,
        dim: usize,
        left_out: &[usize],
    ) -> Result<Map, Error> {
        match self.make(method, dim.min(DIM), left_out) {
            Err(Error::Features(FeatureError::TooFewFeatures { needed, .. })) if needed <= dim => {
                self.make(method, dim, left_out)
            }
            made => made,
        }
    }

    /// Refuses landmarks whose kernel with so many inputs is out of proportion.
    pub(super) fn check_landmarks(&self, rows: usize, dim: usize) -> Result<(), Error> {
        let landmarks = dim.min(rows);
        let (n, l) = (rows as f64, landmarks as f64);
        let mut operations = n * l * l + l * l * l;
        // No plan is made of what is too large without it.
        if operations <= OPERATIONS {
            let options = self.run.options(want(self.quantity));
            let (network, input) = (self.network, &self.input);
            operations +=
                exact::plan::<f64>(network, rows, Some(landmarks), input, &options)?.flops;
        }
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
            self.check_room(dim, sample.len())?;
            let map = match self.make(method, dim, &[]) {
                Err(Error::Features(FeatureError::TooFewFeatures { needed, .. }))
                    if dim < needed && needed <= most =>
                {
                    dim = needed.max(2 * dim).min(most);
                    continue;
                }
                made => made?,
            };
            let features = self.features(&map, sample.inputs(sample.len()))?;
            let error = sample.error(features.view(), self).unwrap_or(0.0);
            if error <= tolerance {
                return Ok(map);
            }
            let predicted = 1.1 * dim as f64 * (error / tolerance).powi(2);
            // Landmarks are better than this law, and make the kernel exact in the end.
            let settled = method != Method::Nystrom && dim >= SETTLED;
            let hopeless = settled && predicted > 8.0 * most as f64;
            if dim == most || hopeless {
                return Err(Error::Tolerance { method: method.name(), tolerance, error, dim });
            }
            let next = predicted.clamp(1.25 * dim as f64, 8.0 * dim as f64);
            dim = (next.ceil() as usize).next_multiple_of(64).min(most);
        }
    }
}

/// Those whose features of all rows take no longer than the limit; their time grows with the number of features.
fn fast(
    candidates: &[Candidate],
    (rows, dim): (usize, usize),
    limit: f64,
) -> Result<impl Iterator<Item = &Candidate>, Error> {
    let seconds = move |tried: &Candidate| {
        let share = dim as f64 / tried.dim.max(1) as f64;
        tried.seconds_per_thousand * share * rows as f64 / 1000.0
    };
    let needed = candidates.iter().map(seconds).fold(f64::INFINITY, f64::min);
    // Where none could be tried, the reason is another one.
    if needed > limit && needed.is_finite() {
        return Err(Error::TimeLimit { rows, dim, needed, limit });
    }
    Ok(candidates.iter().filter(move |tried| seconds(tried) <= limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_ones_are_those_within_the_limit() {
        let tried = |method, dim, seconds_per_thousand| Candidate {
            method,
            dim,
            error: Ok(0.1),
            seconds_per_thousand,
        };
        let slow = tried(Method::Nystrom, 1000, 3.0);
        let quick = tried(Method::Embed(Default::default()), 500, 1.0);
        let failed = Candidate { seconds_per_thousand: f64::INFINITY, ..slow.clone() };
        let all = [slow, quick, failed];
        // 2000 rows with 1000 features: 6 and 4 seconds.
        let within = |limit| {
            fast(&all, (2000, 1000), limit)
                .map(|found| found.map(|tried| tried.seconds_per_thousand).collect::<Vec<_>>())
        };
        assert_eq!(within(6.0).unwrap(), [3.0, 1.0]);
        assert_eq!(within(5.9).unwrap(), [1.0]);
        let error = within(3.9).unwrap_err();
        assert!(matches!(
            error,
            Error::TimeLimit { rows: 2000, dim: 1000, needed: 4.0, limit: 3.9 }
        ));
        assert!(fast(&all[2..], (2000, 1000), 3.9).unwrap().next().is_none());
    }
}
