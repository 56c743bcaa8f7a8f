//! Features: rows `z(x)` whose products `z(x) . z(x')` stand for the kernel of a network, at a cost that
//! grows with the number of inputs, not with its square.
//!
//! | method | what it is | cost of `n` inputs |
//! |---|---|---|
//! | the strategies of [`widelimit_embed`] | random features of the network, layer by layer or as a whole | linear in `n` |
//! | `nystrom` | exact kernel with `m` of the training inputs, whitened | `n m` entries of the kernel, `n m^2` operations |
//! | `auto` | tries all of them on a few hundred rows | that of the one it takes |
//!
//! Features are compared with the exact kernel of a random sample at the end of a fit: [`Certificate`].
//!
//! ```
//! use ndarray::Array2;
//! use widelimit::features::{Dim, FeatureSettings, Features};
//! use widelimit::{Network, Quantity, Run};
//!
//! let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i + 5 * j) as f64 * 0.61).sin());
//! let network = Network::preset("mlp:2:relu")?;
//! let settings = FeatureSettings { dim: Dim::Given(512), ..FeatureSettings::default() };
//! let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &Run::default())?;
//! let z = features.transform(x.view(), &Run::default())?;
//! assert_eq!(z.dim(), (60, features.dim()));
//! assert!(features.certificate().is_some_and(|certificate| certificate.error < 0.2));
//! # Ok::<(), widelimit::Error>(())
//! ```

mod file;
mod job;
mod nystrom;
mod plan;
mod sample;
mod settings;
mod store;
mod trial;

use ndarray::{Array2, ArrayView, ArrayViewMut2, Dimension};
use widelimit_arch::Shape;
pub use widelimit_embed::Strategy;

use crate::model::{check_finite, check_network, expect_shape, shape_of};
use crate::{Certificate, Error, Network, Quantity, Run, Scalar};
pub use file::FeatureFile;
use job::{Job, Map};
pub use plan::{FeaturePlan, MethodPlan};
use sample::Sample;
pub use settings::{Dim, FeatureSettings, Method};
pub(crate) use store::ENTRY;
pub use trial::Candidate;

/// A fitted feature map.
#[derive(Debug)]
pub struct Features {
    network: Network,
    input: Shape,
    quantity: Quantity,
    seed: u64,
    map: Map,
    certificate: Option<Certificate>,
    trial: Vec<Candidate>,
}

impl Features {
    /// Fits features to training inputs, `(n, d)` or `(n, spatial axes.., channels)`.
    ///
    /// # Errors
    /// Inputs that are empty or not finite, a number of features or a tolerance that cannot be,
    /// [`Error::Tolerance`] for one that no affordable number reaches, [`Error::TimeLimit`] where no method is fast
    /// enough, [`Error::Features`] for a layer
    /// that the method has no rule for, [`Error::EndsOnPositions`], [`Error::Aggregates`],
    /// [`Error::MemoryLimit`], [`Error::Cancelled`].
    pub fn fit<T: Scalar, D: Dimension>(
        network: &Network,
        x: ArrayView<'_, T, D>,
        quantity: Quantity,
        settings: &FeatureSettings,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        settings.check()?;
        let x = x.into_dyn();
        let input = shape_of(x.view(), "x")?;
        if x.is_empty() {
            let shape = x.shape().to_vec();
            return Err(widelimit_embed::Error::Empty { input: "x", shape }.into());
        }
        check_network(network, &input)?;
        check_finite(x.view())?;
        let (rows, seed) = (x.shape()[0], settings.seed);
        let job = Job { network, x, input: input.clone(), quantity, seed, run };
        // Refused before anything is computed.
        if let Some(dim) = settings.dim.for_rows(rows) {
            let most = if settings.method == Method::Nystrom { dim.min(rows) } else { dim };
            job.check_room(most, settings.sample().min(rows))?;
        }
        let sample = match settings.sample() {
            0 => None,
            wanted => Sample::draw(&job, wanted)?,
        };
        let (method, trial) = match settings.tries() {
            true => job.choose(sample.as_ref(), settings)?,
            false => (settings.method, Vec::new()),
        };
        let map = match settings.dim {
            Dim::Tolerance(tolerance) => job.grow(method, sample.as_ref(), tolerance)?,
            dim => job.make(method, dim.for_rows(rows).unwrap_or(1), &[])?,
        };
        let parts = trial.len() + 1;
        job.tell(parts, parts);
        let certificate = match &sample {
            Some(sample) if settings.certify > 0 => {
                let features = job.features(&map, sample.inputs(sample.len()))?;
                sample.certificate(features.view(), &job)?
            }
            _ => None,
        };
        Ok(Self { network: network.clone(), input, quantity, seed, map, certificate, trial })
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.map.dim()
    }

    /// How they are made; never [`Method::Auto`].
    pub fn method(&self) -> Method {
        self.map.method()
    }

    /// The kernel they stand for.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The seed they were drawn with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Shape of one input.
    pub fn input(&self) -> &Shape {
        &self.input
    }

    /// How far their kernel is from the exact one on the training inputs; `None` where it was not
    /// measured (fewer than four rows, or not wanted) or the kernel is zero.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// What [`Method::Auto`] measured before it chose; empty otherwise, after loading, and where every row could be a
    /// landmark.
    pub fn trial(&self) -> &[Candidate] {
        &self.trial
    }

    /// Features of inputs, one a row: `(n, dim)`. A row's features do not depend on the others.
    ///
    /// # Errors
    /// As [`transform_into`](Self::transform_into), and [`Error::MemoryLimit`] where the result does not fit.
    pub fn transform<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<Array2<T>, Error> {
        let rows = x.shape().first().copied().unwrap_or(0);
        let bytes = rows as u64 * self.dim() as u64 * size_of::<T>() as u64;
        let run = &run.less("the features", bytes)?;
        let mut out = Array2::from_elem((rows, self.dim()), T::narrow(0.0));
        self.transform_into(x, out.view_mut(), run)?;
        Ok(out)
    }

    /// The same into an array of the caller, `(n, dim)`.
    ///
    /// # Errors
    /// [`Error::InputShape`] or [`Error::Length`] for inputs of another shape, values that are not
    /// finite, [`Error::Length`] for an output of another size, [`Error::Cancelled`].
    pub fn transform_into<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        out: ArrayViewMut2<'_, T>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let x = x.into_dyn();
        expect_shape(x.view(), &self.input)?;
        check_finite(x.view())?;
        for (what, expected, got) in [
            ("number of rows of the output", x.shape()[0], out.nrows()),
            ("number of columns of the output", self.dim(), out.ncols()),
        ] {
            if got != expected {
                return Err(Error::Length { what, expected, got });
            }
        }
        self.map.transform(&self.network, self.quantity, x, out, run)
    }
}
