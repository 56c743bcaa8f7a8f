//! What is asked of features.

use std::fmt;

use widelimit_embed::Strategy;

use crate::Error;

/// Features where nothing is said.
pub(super) const DIM: usize = 8192;

/// Fewest features where nothing is said: layered maps divide them among layers.
const LEAST: usize = 512;

/// Rows of the sample on which features are compared with the exact kernel.
const CERTIFY: usize = 400;

/// How features are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// The one with the smallest error on some rows, of those whose cost is in proportion.
    #[default]
    Auto,
    /// A map of the network itself; its time is linear in the number of inputs.
    Embed(Strategy),
    /// The exact kernel with a random part of the training inputs (landmarks), whitened: the Nystrom
    /// approximation (Williams and Seeger, 2001).
    Nystrom,
}

impl Method {
    /// Every method, in the order in which equals are preferred.
    ///
    /// ```
    /// use widelimit::features::Method;
    /// let names: Vec<_> = Method::all().map(Method::name).collect();
    /// assert!(names.contains(&"auto") && names.contains(&"centred") && names.contains(&"nystrom"));
    /// assert_eq!(Method::from_name("nystrom"), Some(Method::Nystrom));
    /// assert_eq!(Method::from_name("polynomial:5").map(|m| m.to_string()).as_deref(), Some("polynomial:5"));
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        let maps = Strategy::ALL.into_iter().map(Self::Embed);
        [Self::Auto].into_iter().chain(maps).chain([Self::Nystrom])
    }

    /// Its name: `auto`, that of a [`Strategy`] (without a degree), or `nystrom`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Embed(strategy) => strategy.name(),
            Self::Nystrom => "nystrom",
        }
    }

    /// The method of this name; `polynomial:12` and the like name a degree.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "nystrom" => Some(Self::Nystrom),
            _ => Strategy::from_name(name).map(Self::Embed),
        }
    }
}

impl fmt::Display for Method {
    /// Its name, with the degree where that is not the usual one: what [`Method::from_name`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let degree = match self {
            Self::Embed(strategy) => strategy.degree(),
            _ => None,
        };
        match degree {
            Some(degree) if degree != Strategy::DEGREE => write!(f, "{}:{degree}", self.name()),
            _ => f.write_str(self.name()),
        }
    }
}

/// How many features.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Dim {
    /// As many as there are rows, but 512 at least and 8192 at most.
    #[default]
    Auto,
    /// So many; `nystrom` makes one a training input at most.
    Given(usize),
    /// As many as it takes for a relative error of the kernel (Frobenius norm) that is not larger,
    /// measured on the rows of the certificate.
    Tolerance(f64),
}

impl Dim {
    /// The number for `rows` inputs, where no measurement is needed.
    pub(crate) fn for_rows(self, rows: usize) -> Option<usize> {
        match self {
            Self::Auto => Some(rows.clamp(LEAST, DIM)),
            Self::Given(dim) => Some(dim),
            Self::Tolerance(_) => None,
        }
    }
}

/// How many features, how they are made, and how well they are looked at.
///
/// ```
/// use widelimit::features::{Dim, FeatureSettings};
/// let settings = FeatureSettings { dim: Dim::Given(2048), seed: 7, ..FeatureSettings::default() };
/// assert_eq!(settings.method.name(), "auto");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureSettings {
    /// How many.
    pub dim: Dim,
    /// How.
    pub method: Method,
    /// Same seed, same features.
    pub seed: u64,
    /// Rows of the random sample on which the certificate is measured; fewer where their exact kernel
    /// would be dear. 0 for none.
    pub certify: usize,
    /// Seconds that features of all rows may take, on this machine and as the trial measures it: methods that take
    /// longer are refused. Features are then no longer the same on every machine. `None` for no limit.
    pub max_seconds: Option<f64>,
}

impl Default for FeatureSettings {
    /// Method and number by themselves, seed 0, a certificate from 400 rows, any time.
    fn default() -> Self {
        Self { dim: Dim::Auto, method: Method::Auto, seed: 0, certify: CERTIFY, max_seconds: None }
    }
}

impl FeatureSettings {
    /// The settings for a fit to `sample` of `rows` rows, which share the time in proportion.
    ///
    /// ```
    /// use widelimit::features::FeatureSettings;
    /// let settings = FeatureSettings { max_seconds: Some(60.0), ..FeatureSettings::default() };
    /// assert_eq!(settings.for_sample(100, 6000).max_seconds, Some(1.0));
    /// ```
    pub fn for_sample(&self, sample: usize, rows: usize) -> Self {
        let share = sample as f64 / rows.max(1) as f64;
        Self { max_seconds: self.max_seconds.map(|seconds| seconds * share), ..*self }
    }

    /// Refuses what cannot be asked.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(seconds) =
            self.max_seconds.filter(|seconds| seconds.is_nan() || *seconds <= 0.0)
        {
            let (name, expected) = ("max_seconds", "a time that is above 0");
            return Err(Error::Parameter { name, expected, got: seconds.to_string() });
        }
        let (name, expected, got) = match self.dim {
            Dim::Given(0) => ("dim", "a number of features that is at least 1", "0".to_owned()),
            Dim::Tolerance(t) if !(t > 0.0 && t < 1.0) => {
                ("tolerance", "a relative error between 0 and 1", t.to_string())
            }
            _ => return Ok(()),
        };
        Err(Error::Parameter { name, expected, got })
    }

    /// Whether methods are tried first.
    pub(super) fn tries(&self) -> bool {
        self.method == Method::Auto || self.max_seconds.is_some()
    }

    /// Whether every row can be a landmark, at any time: `auto` then takes `nystrom` without a trial, if its cost is in
    /// proportion.
    pub(super) fn without_trial(&self, rows: usize, dim: usize) -> bool {
        dim >= rows && self.max_seconds.is_none()
    }

    /// Rows of the sample that this asks for.
    pub(super) fn sample(&self) -> usize {
        let measured = matches!(self.dim, Dim::Tolerance(_)) || self.tries();
        if measured { self.certify.max(CERTIFY) } else { self.certify }
    }
}
