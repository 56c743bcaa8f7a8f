//! How far the kernel of features is from the exact one, on a random sample of what they were fitted to.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use widelimit_learn::{Certify, Estimate};
use widelimit_linalg::Par;
use widelimit_sketch::random::Stream;

use crate::Error;

/// Role of the sample among the streams of a seed.
pub(crate) const ROLE: u32 = 0xFEA1;

/// Fewest inputs from which an error is told.
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
    /// Its interval of 95 percent: a guide rather than a proof, from halves of the sample.
    pub spectral_interval: (f64, f64),
    /// That ridge: a thousandth of the trace of `K`.
    pub lambda: f64,
    /// Effective dimension `trace K (K + lambda I)^(-1)`, as far as the sample resolves it: where it is not small
    /// beside [`sample`](Self::sample), so is the spectral error not known well.
    pub effective_dimension: f64,
    /// Number of inputs in the sample.
    pub sample: usize,
    /// Number of inputs that it was drawn from.
    pub population: usize,
    /// Number of features.
    pub dim: usize,
}

impl Certificate {
    /// Number of features at which [`error`](Self::error) is expected to be `wanted`.
    ///
    /// Errors of random features fall as one over the root of their number; those of landmarks fall faster.
    ///
    /// ```
    /// # use ndarray::Array2;
    /// # use widelimit::features::{Dim, FeatureSettings, Features};
    /// # use widelimit::{Network, Quantity, Run};
    /// # let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i + 5 * j) as f64 * 0.61).sin());
    /// # let network = Network::preset("mlp:2:relu")?;
    /// # let settings = FeatureSettings { dim: Dim::Given(512), ..FeatureSettings::default() };
    /// # let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &Run::default())?;
    /// let certificate = features.certificate().unwrap();
    /// assert_eq!(certificate.dim_for(certificate.error), Some(certificate.dim));
    /// assert_eq!(certificate.dim_for(certificate.error / 2.0), Some(4 * certificate.dim));
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn dim_for(&self, wanted: f64) -> Option<usize> {
        self.dim_where(self.error, wanted)
    }

    /// Number of features at which [`spectral_error`](Self::spectral_error) is expected to be `wanted`, by the same law.
    pub fn dim_for_spectral(&self, wanted: f64) -> Option<usize> {
        self.dim_where(self.spectral_error, wanted)
    }

    /// None for an error that cannot be reached.
    fn dim_where(&self, error: f64, wanted: f64) -> Option<usize> {
        let dim = (self.dim as f64 * (error / wanted).powi(2)).ceil();
        (wanted > 0.0 && dim < usize::MAX as f64).then_some((dim as usize).max(1))
    }

    /// What the exact kernel and the features of a sample of `population` inputs say; `None` where the kernel is zero.
    pub(crate) fn of(
        kernel: ArrayView2<'_, f64>,
        features: ArrayView2<'_, f64>,
        (population, seed): (usize, u64),
        par: &Par,
    ) -> Result<Option<Self>, Error> {
        // Infinity has no place in JSON.
        let finite = |estimate: Estimate| (estimate.low, estimate.high.min(f64::MAX));
        let certify = Certify { seed, ..Certify::new(population) }.check()?;
        let found = match certify.certify(kernel, &[features], par) {
            Err(widelimit_learn::Error::DiagonalNotPositive { .. }) => return Ok(None),
            found => found?,
        };
        Ok(Some(Self {
            error: found.frobenius.value,
            interval: finite(found.frobenius),
            spectral_error: found.spectral.value,
            spectral_interval: finite(found.spectral),
            lambda: found.lambda,
            effective_dimension: found.effective_dimension,
            sample: found.sample,
            population: found.population,
            dim: found.dim,
        }))
    }
}

/// `count` different numbers below `n`, in random order.
pub(crate) fn draw(seed: u64, role: u32, n: usize, count: usize) -> Result<Vec<usize>, Error> {
    let drawn = Stream::new(seed, 0, role).sample(n, count);
    drawn.map_err(|error| Error::from(widelimit_embed::Error::from(error)))
}

/// The size of a sample, `wanted` or half of it or a quarter ..., whose exact kernel is computed in some seconds by
/// what `flops` says of a size; `None` where so few inputs cannot tell an error.
pub(crate) fn affordable(
    wanted: usize,
    flops: impl Fn(usize) -> Result<f64, Error>,
) -> Result<Option<usize>, Error> {
    let mut size = wanted;
    while size >= 2 * FEWEST && flops(size)? > OPERATIONS {
        size /= 2;
    }
    Ok((size >= FEWEST).then_some(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_shrink_until_they_are_affordable() {
        let size = |wanted, unit: f64| affordable(wanted, |n| Ok(unit * (n * n) as f64)).unwrap();
        assert_eq!(size(400, 1.0), Some(400));
        assert_eq!(size(400, OPERATIONS / 1e4), Some(100));
        assert_eq!(size(400, OPERATIONS), Some(6)); // no fewer than can be halved
        assert_eq!((size(4, OPERATIONS), size(3, 1.0), size(0, 1.0)), (Some(4), None, None));
        assert!(affordable(8, |_| Err(Error::Cancelled)).is_err());
    }
}
