//! What is told of every layer: name, parameters, defaults and formula.

use crate::catalogue;
use crate::value::Domain;

/// What kind of thing a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Layers with weights.
    Weights,
    /// Activations with a closed-form dual.
    ClosedForm,
    /// Activations whose dual is computed from Hermite coefficients.
    Numerical,
    /// Pooling and reshaping of positions.
    Positions,
    /// Normalisation and regularisation.
    Normalisation,
    /// Blocks that hold other layers.
    Blocks,
}

/// The default of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// There is none: the parameter must be given.
    Required,
    /// This piece of JSON text.
    Is(&'static str),
    /// Depends on other parameters, as said in words.
    Otherwise(&'static str),
}

/// One parameter of a layer.
#[derive(Clone, Copy, Debug)]
pub struct ParameterInfo {
    /// Name in the JSON form.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// What it is when not given.
    pub default: DefaultValue,
    /// What it means.
    pub meaning: &'static str,
}

/// One layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerInfo {
    /// Name in the JSON form.
    pub name: &'static str,
    /// Other names it may be written by.
    pub aliases: &'static [&'static str],
    /// What kind of thing it is.
    pub group: Group,
    /// The function for activations; otherwise what it does in a few words.
    pub formula: &'static str,
    pub(crate) parameters: &'static [&'static [ParameterInfo]],
}

impl LayerInfo {
    /// The parameters, in the order in which they are printed.
    pub fn parameters(&self) -> impl Iterator<Item = &'static ParameterInfo> + use<> {
        self.parameters.iter().flat_map(|group| group.iter())
    }

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&'static ParameterInfo> {
        self.parameters().find(|p| p.name == name)
    }

    /// The name and the other names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether it is a point-wise activation.
    pub fn is_activation(&self) -> bool {
        matches!(self.group, Group::ClosedForm | Group::Numerical)
    }

    /// The parameters that have an effect.
    fn shown(&self) -> impl Iterator<Item = &'static ParameterInfo> + use<> {
        self.parameters().filter(|p| p.domain != Domain::Text)
    }

    /// The layer with its parameters and their defaults, on one line.
    ///
    /// ```
    /// let line = |name| widelimit_arch::layers().iter().find(|l| l.name == name).unwrap().signature();
    /// assert_eq!(line("relu"), "relu");
    /// assert_eq!(line("abrelu"), "abrelu(a, b)");
    /// assert_eq!(line("layer_norm"), r#"layer_norm(axes=["channel"], eps=1e-12)"#);
    /// ```
    pub fn signature(&self) -> String {
        let parameters: Vec<_> = self
            .shown()
            .map(|p| match p.default {
                DefaultValue::Is(default) => format!("{}={default}", p.name),
                DefaultValue::Required => p.name.to_string(),
                DefaultValue::Otherwise(_) => format!("[{}]", p.name),
            })
            .collect();
        if parameters.is_empty() {
            self.name.into()
        } else {
            format!("{}({})", self.name, parameters.join(", "))
        }
    }

    /// The names of the parameters, in words.
    pub(crate) fn known(&self) -> String {
        let names: Vec<_> = self.shown().map(|p| p.name).collect();
        if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) }
    }
}

/// Every layer that can be described, grouped by kind.
///
/// ```
/// let relu = widelimit_arch::layers().iter().find(|l| l.name == "leaky_relu").unwrap();
/// assert_eq!(relu.formula, "max(x, 0) + alpha min(x, 0)");
/// ```
pub fn layers() -> &'static [LayerInfo] {
    catalogue::LAYERS
}

/// The layer with this name or alias.
pub(crate) fn find(name: &str) -> Option<&'static LayerInfo> {
    catalogue::LAYERS.iter().find(|l| l.name == name || l.aliases.contains(&name))
}
