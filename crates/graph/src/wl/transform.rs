//! New graphs in the terms of a fitted kernel.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};

use super::counts::Counts;
use super::kernel::{WlKernel, features, normalise, self_kernels};
use super::means::{Means, zeros};
use crate::{Error, Options};

/// Graphs that a [`WlKernel`] was not fitted to: see [`WlKernel::transform`].
#[derive(Clone, Debug)]
pub struct WlFeatures<'a> {
    pub(super) kernel: &'a WlKernel,
    pub(super) counts: Vec<Counts>,
}

impl WlFeatures<'_> {
    /// Number of graphs, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.counts[0].graphs()
    }

    /// The features of a graph: `(round, number of the feature)` and how often it occurs. Numbers from
    /// [`WlKernel::dimension`] on are of features that the graphs of the fit do not have.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchGraph`].
    pub fn features(&self, graph: usize) -> Result<BTreeMap<(usize, u32), u32>, Error> {
        features(&self.counts, graph)
    }

    /// The kernel of some rounds with the graphs of the fit: these graphs x those.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for more rounds than the kernel was fitted with, [`Error::OutOfMemory`],
    /// [`Error::Cancelled`].
    pub fn cross(&self, rounds: usize, options: &Options<'_>) -> Result<Array2<f64>, Error> {
        let kernel = self.kernel;
        kernel.check_round(rounds)?;
        let mut cross = zeros(self.len(), kernel.len())?;
        let means = Means::new(options);
        for round in 0..=rounds {
            kernel.add((round, rounds), &self.counts[round], &mut cross, &means)?;
        }
        if kernel.params.normalise {
            normalise(&mut cross, &self.self_kernels(rounds)?, &kernel.self_kernels(rounds)?);
        }
        Ok(cross)
    }

    /// The kernel of some rounds of every graph with itself, not normalised.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for more rounds than the kernel was fitted with.
    pub fn self_kernels(&self, rounds: usize) -> Result<Array1<f64>, Error> {
        self.kernel.check_round(rounds)?;
        Ok(self_kernels(&self.counts[..=rounds], self.kernel.pairing()))
    }
}
