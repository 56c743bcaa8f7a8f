//! What is asked of a feature map.

/// Which kernel the features stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quantity {
    /// The neural tangent kernel.
    #[default]
    Ntk,
    /// The covariance of the network at initialisation.
    Nngp,
}

/// How features are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// The whole network as one random layer whose activation has the kernel's own power series as
    /// squared Hermite coefficients; for networks of vectors.
    Zonal,
    /// Layer by layer: the Hermite parts of degree 0 and 1 exactly, the rest of an activation by
    /// orthogonal random features.
    #[default]
    Centred,
    /// Layer by layer, plain random features (Zandieh et al., 2021, Algorithm 2).
    Random,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::Zonal, Self::Centred, Self::Random];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zonal => "zonal",
            Self::Centred => "centred",
            Self::Random => "random",
        }
    }

    /// The strategy of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name)
    }
}

/// Parameters of a feature map.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Number of features.
    pub dim: usize,
    /// Which kernel.
    pub quantity: Quantity,
    /// How.
    pub strategy: Strategy,
    /// Same seed, same features.
    pub seed: u64,
}

impl Settings {
    /// Features for the NTK by the default strategy, seed 0.
    pub fn new(dim: usize) -> Self {
        Self { dim, quantity: Quantity::Ntk, strategy: Strategy::default(), seed: 0 }
    }
}
