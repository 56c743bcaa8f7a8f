//! Networks written layer by layer in Rust.

use crate::error::Error;
use crate::layer::{Combine, Layer};
use crate::network::Network;

/// Collects layers; [`Builder::build`] checks them.
///
/// ```
/// use widelimit_arch::{Activation, Dense, Network};
///
/// let net = Network::builder()
///     .then(Dense::new(1.0))
///     .residual(|body| body.then(Activation::Relu).then(Dense::new(1.4).bias(0.1)))
///     .then(Activation::Relu)
///     .then(Dense::new(1.4))
///     .build()?;
/// assert_eq!(net.layers().len(), 4);
/// # Ok::<(), widelimit_arch::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing happens before `build`"]
pub struct Builder {
    layers: Vec<Layer>,
}

impl Network {
    /// Starts an empty network.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Adds a layer.
    pub fn then(mut self, layer: impl Into<Layer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// Adds several copies of what `part` builds.
    ///
    /// ```
    /// # use widelimit_arch::{Activation, Dense, Network};
    /// let net = Network::builder()
    ///     .repeat(3, |b| b.then(Dense::new(1.4)).then(Activation::Relu))
    ///     .then(Dense::new(1.4))
    ///     .build()?;
    /// assert_eq!(net.layers().len(), 7);
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    pub fn repeat(mut self, times: usize, part: impl Fn(Builder) -> Builder) -> Self {
        let part = part(Self::default()).layers;
        for _ in 0..times {
            self.layers.extend_from_slice(&part);
        }
        self
    }

    /// Adds `body(x) + x`.
    pub fn residual(self, body: impl FnOnce(Builder) -> Builder) -> Self {
        self.residual_with(body, |shortcut| shortcut)
    }

    /// Adds `body(x) + shortcut(x)`.
    pub fn residual_with(
        self,
        body: impl FnOnce(Builder) -> Builder,
        shortcut: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let body = body(Self::default()).layers;
        let shortcut = shortcut(Self::default()).layers;
        self.then(Layer::Residual { body, shortcut })
    }

    /// Adds branches of the same input, joined by `combine`.
    ///
    /// ```
    /// # use widelimit_arch::{Activation, Combine, Dense, Network};
    /// let net = Network::builder()
    ///     .parallel(Combine::Concat, |p| {
    ///         p.branch(|b| b.then(Dense::new(1.4).width(30)).then(Activation::Relu))
    ///             .branch(|b| b.then(Dense::new(1.0).width(90)).then(Activation::erf()))
    ///     })
    ///     .then(Dense::new(1.0))
    ///     .build()?;
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    pub fn parallel(self, combine: Combine, branches: impl FnOnce(Branches) -> Branches) -> Self {
        let branches = branches(Branches::default()).branches;
        self.then(Layer::Parallel { branches, combine })
    }

    /// The network.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn build(self) -> Result<Network, Error> {
        Network::new(self.layers)
    }
}

/// Collects the branches of a parallel block.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    branches: Vec<Vec<Layer>>,
}

impl Branches {
    /// Adds a branch; an empty one is the identity.
    pub fn branch(mut self, part: impl FnOnce(Builder) -> Builder) -> Self {
        self.branches.push(part(Builder::default()).layers);
        self
    }
}
