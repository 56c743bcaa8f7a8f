//! What is asked of a feature map.

use std::ops::RangeInclusive;

use crate::Error;

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
///
/// `Zonal` to `Polynomial` are this crate's own; the others are published systems, kept so that results
/// can be compared with theirs. What they have in common and do not share with their public code: sketches
/// are real where that has complex ones, and rows of transforms are sampled without replacement.
///
/// ```
/// use widelimit_embed::Strategy;
///
/// assert_eq!(Strategy::from_name("polynomial:12"), Some(Strategy::Polynomial { degree: 12 }));
/// assert_eq!(Strategy::from_name("polynomial"), Some(Strategy::Polynomial { degree: 8 }));
/// assert_eq!(Strategy::from_name("ntk_random_features"), Some(Strategy::Random));
/// assert_eq!(Strategy::from_name("centred:3"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// The whole network as one random layer whose activation has the kernel's own power series as
    /// squared Hermite coefficients; for networks of vectors.
    Zonal,
    /// Layer by layer: the Hermite parts of degree 0 and 1 exactly, the rest of an activation by
    /// orthogonal random features. On images, a map that is fitted knows more exactly: what
    /// activations do along the mean direction of their units.
    #[default]
    Centred,
    /// Layer by layer: Hermite coefficients at the variance of every row, degrees 0 and 1 exactly, the
    /// others up to `degree` by sketched powers. What the series leaves out is replaced by multiples of
    /// the two highest powers, so that features stand for a kernel close to the network's, not for the
    /// network's.
    Polynomial {
        /// Largest degree, 2 to 64.
        degree: usize,
    },
    /// Layer by layer, plain random features (Zandieh et al. 2021, *Scaling neural tangent kernels via
    /// sketching and random features*, Algorithm 2), also named `ntk_random_features`.
    ///
    /// Directions of the ReLU family are uniform on a sphere. For `relu(w . x) / |w|` with the density
    /// `|w|^2 N(0, I)`, from which the paper draws by Gibbs sampling what it calls leverage scores, that
    /// is the same law: the feature depends on the direction of `w` alone, and the density is isotropic.
    Random,
    /// The kernel of a network of vectors without bias, with activations of degree 1, as one polynomial of
    /// the cosine with coefficients fitted subject to not being negative; all degrees sketched, and
    /// sketched together once more (Zandieh et al. 2021, Algorithm 1 as in its public code).
    NtkSketch {
        /// Largest degree, 2 to 64; the public code has 2, 4 and 8.
        degree: usize,
    },
    /// Layer by layer and pixel by pixel, for activations of degree 1: polynomials fitted to both duals
    /// from the least correlation of the layer on, all degrees sketched (Zandieh et al. 2021, CNTKSketch).
    /// Filters lay their taps over each other with random signs, where the paper puts them side by side
    /// and sketches.
    CntkSketch {
        /// Largest degree, 2 to 64.
        degree: usize,
    },
    /// Layer by layer: Hermite polynomial of an activation at variance 1 in place of the activation, all
    /// degrees sketched (Han et al. 2022, *Fast neural kernel embeddings for general activations*).
    /// Activations of degree 1 see points of unit norm; for all others variances must be at most 1.5: the
    /// published bound of the error holds up to 1, and the error grows like `v^degree` beyond.
    HermiteSketch {
        /// Largest degree, 2 to 64.
        degree: usize,
    },
}

impl Strategy {
    /// Largest degree where none is given.
    pub const DEGREE: usize = 8;

    /// Degrees there may be; below, nothing would be sketched.
    pub const DEGREES: RangeInclusive<usize> = 2..=64;

    /// Every strategy.
    pub const ALL: [Self; 7] = [
        Self::Zonal,
        Self::Centred,
        Self::Polynomial { degree: Self::DEGREE },
        Self::Random,
        Self::NtkSketch { degree: Self::DEGREE },
        Self::CntkSketch { degree: Self::DEGREE },
        Self::HermiteSketch { degree: Self::DEGREE },
    ];

    /// Its name, without the degree.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zonal => "zonal",
            Self::Centred => "centred",
            Self::Polynomial { .. } => "polynomial",
            Self::Random => "random",
            Self::NtkSketch { .. } => "ntk_sketch",
            Self::CntkSketch { .. } => "cntk_sketch",
            Self::HermiteSketch { .. } => "hermite_sketch",
        }
    }

    /// The strategy of this name; `polynomial:12` and the like name a degree.
    pub fn from_name(name: &str) -> Option<Self> {
        let (name, degree) = match name.split_once(':') {
            Some((name, degree)) => (name, Some(degree.parse().ok()?)),
            None => (name, None),
        };
        let name = if name == "ntk_random_features" { "random" } else { name };
        let strategy = Self::ALL.into_iter().find(|strategy| strategy.name() == name)?;
        match degree {
            Some(degree) => strategy.with_degree(degree),
            None => Some(strategy),
        }
    }

    /// The largest degree, of strategies that have one.
    pub const fn degree(self) -> Option<usize> {
        match self {
            Self::Polynomial { degree }
            | Self::NtkSketch { degree }
            | Self::CntkSketch { degree }
            | Self::HermiteSketch { degree } => Some(degree),
            Self::Zonal | Self::Centred | Self::Random => None,
        }
    }

    /// The same with another degree; none for strategies without one.
    pub const fn with_degree(self, degree: usize) -> Option<Self> {
        match self {
            Self::Polynomial { .. } => Some(Self::Polynomial { degree }),
            Self::NtkSketch { .. } => Some(Self::NtkSketch { degree }),
            Self::CntkSketch { .. } => Some(Self::CntkSketch { degree }),
            Self::HermiteSketch { .. } => Some(Self::HermiteSketch { degree }),
            Self::Zonal | Self::Centred | Self::Random => None,
        }
    }

    /// Whether degrees 0 and 1 are exact.
    pub(crate) const fn knows_low_degrees(self) -> bool {
        matches!(self, Self::Zonal | Self::Centred | Self::Polynomial { .. })
    }

    /// Fails for a degree out of range.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self.degree() {
            Some(got) if !Self::DEGREES.contains(&got) => {
                let (least, most) = (*Self::DEGREES.start(), *Self::DEGREES.end());
                Err(Error::Degree { strategy: self.name(), got, least, most })
            }
            _ => Ok(()),
        }
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
