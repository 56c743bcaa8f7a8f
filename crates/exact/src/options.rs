//! What to compute, and with what means.

pub use widelimit_linalg::{Budget, Cancel, Progress};

use widelimit_dual::Isa;
use widelimit_linalg::Par;

/// One of the two kernels of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Covariance of the outputs at initialisation.
    Nngp,
    /// Inner product of the gradients with respect to the parameters.
    Ntk,
}

/// Which kernels are wanted. Without the NTK nothing of it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The NNGP kernel.
    pub nngp: bool,
    /// The neural tangent kernel.
    pub ntk: bool,
}

impl Want {
    /// Only the NNGP kernel.
    pub const NNGP: Self = Self { nngp: true, ntk: false };
    /// Only the neural tangent kernel.
    pub const NTK: Self = Self { nngp: false, ntk: true };
    /// Both, in one pass.
    pub const BOTH: Self = Self { nngp: true, ntk: true };

    /// The wanted quantities, NNGP first.
    pub fn quantities(self) -> impl Iterator<Item = Quantity> {
        [(self.nngp, Quantity::Nngp), (self.ntk, Quantity::Ntk)]
            .into_iter()
            .filter_map(|(wanted, quantity)| wanted.then_some(quantity))
    }

    pub(crate) fn count(self) -> usize {
        usize::from(self.nngp) + usize::from(self.ntk)
    }
}

/// Which pairs of positions of a network that ends on positions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spatial {
    /// All pairs: an entry has the axes `(h, w, h', w')`.
    #[default]
    Full,
    /// Every position with itself: an entry has the axes `(h, w)`. Far cheaper, since the others need
    /// not be computed.
    Diagonal,
}

/// Means and wishes of a call; nothing here changes a result except [`want`](Self::want) and
/// [`spatial`](Self::spatial).
///
/// ```
/// use widelimit_exact::{Budget, Options, Want};
/// use widelimit_linalg::Par;
///
/// let options = Options::new().want(Want::BOTH).par(Par::new(2)).budget(Budget::bytes(1 << 30));
/// ```
#[derive(Clone)]
pub struct Options<'a> {
    pub(crate) want: Want,
    pub(crate) par: Par,
    pub(crate) budget: Budget,
    pub(crate) isa: Option<Isa>,
    pub(crate) tile: Option<usize>,
    pub(crate) spatial: Spatial,
    pub(crate) cancel: Option<&'a Cancel>,
    pub(crate) progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for Options<'_> {
    /// The NTK on all cores, without limits.
    fn default() -> Self {
        Self {
            want: Want::NTK,
            par: Par::new(0),
            budget: Budget::unlimited(),
            isa: None,
            tile: None,
            spatial: Spatial::Full,
            cancel: None,
            progress: None,
        }
    }
}

impl<'a> Options<'a> {
    /// The NTK on all cores, without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which kernels to compute (the NTK).
    pub fn want(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    /// Threads to use (all cores).
    pub fn par(mut self, par: Par) -> Self {
        self.par = par;
        self
    }

    /// Memory limit (none).
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Instruction set of the element-wise part (the best one of this machine).
    pub fn isa(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// Rows and columns of a tile (chosen from the sizes and the memory limit).
    pub fn tile(mut self, tile: usize) -> Self {
        self.tile = Some(tile);
        self
    }

    /// Pairs of positions that are wanted where the network ends on positions (all).
    pub fn spatial(mut self, spatial: Spatial) -> Self {
        self.spatial = spatial;
        self
    }

    /// Switch that stops the call.
    pub fn cancel(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Called after every tile, from whichever thread finished it.
    pub fn progress(mut self, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), crate::Error> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            return Err(crate::Error::Cancelled);
        }
        Ok(())
    }
}
