//! Networks trained by gradient flow for a time: kernels and dynamics wired together.

use ndarray::{ArrayD, ArrayView, ArrayView2, Dimension};
use widelimit_exact::{self as exact, Inputs, Want};
use widelimit_learn::ensemble::{Ensemble, NewPoints, Trained, gradient_descent_mse_ensemble};
use widelimit_learn::gradient_flow::Training;
use widelimit_learn::{Posterior, Prior, Time};

use crate::model::{check_network, shape_of};
use crate::{Error, Network, Run};

/// The infinite ensemble of an infinitely wide network, trained by gradient flow on the squared loss.
///
/// Every member starts at a random draw of its weights. Works in double precision.
/// Source: J. Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
/// descent", NeurIPS 2019, section 2.4.
#[derive(Debug)]
pub struct Flow {
    network: Network,
    x: ArrayD<f64>,
    ensemble: Ensemble,
}

impl Flow {
    /// Computes both kernels of the training inputs, rows or images as for [`Model::fit`](crate::Model::fit),
    /// and decomposes them.
    ///
    /// # Errors
    /// [`Error::EndsOnPositions`], [`Error::Aggregates`], those of the kernels and of
    /// [`gradient_descent_mse_ensemble`].
    pub fn new<D: Dimension>(
        network: &Network,
        x: ArrayView<'_, f64, D>,
        targets: ArrayView2<'_, f64>,
        training: Training,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        let x = x.into_dyn();
        check_network(network, &shape_of(x.view(), "x")?)?;
        let kernels = exact::kernel(network, x.view(), None, &run.options(Want::BOTH))?;
        run.check_cancelled()?;
        let nngp = kernels.nngp.unwrap_or_default();
        let ensemble =
            gradient_descent_mse_ensemble(nngp, kernels.ntk, targets, training, &run.par)?;
        Ok(Self { network: network.clone(), x: x.to_owned(), ensemble })
    }

    /// Mean at new inputs (rows x outputs) and, if wanted, covariance over the ensemble (rows x rows).
    ///
    /// # Errors
    /// Inputs of another shape or not finite, a negative time.
    pub fn predict<D: Dimension>(
        &self,
        x: ArrayView<'_, f64, D>,
        trained: Trained,
        time: Time,
        covariance: bool,
        run: &Run<'_>,
    ) -> Result<Posterior<f64>, Error> {
        let want = if trained == Trained::LastLayer { Want::NNGP } else { Want::BOTH };
        let options = run.options(want);
        let x = x.into_dyn();
        let train = Inputs::from(self.x.view());
        let kernels = exact::kernel(&self.network, x.view(), Some(train), &options)?;
        let prior = if covariance {
            exact::kernel(&self.network, x, None, &run.options(Want::NNGP))?.nngp
        } else {
            None
        };
        let nngp = kernels.nngp.unwrap_or_default();
        let new = NewPoints {
            nngp: nngp.view(),
            ntk: kernels.ntk.as_ref().map(|ntk| ntk.view()),
            prior: prior.as_ref().map_or(Prior::Unknown, |prior| Prior::Full(prior.view())),
        };
        Ok(self.ensemble.predict(trained, time, new, &run.par)?)
    }
}
