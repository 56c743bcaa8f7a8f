//! A network: a list of layers that passed every check.

use serde::ser::{Serialize, Serializer};

use crate::activation::Activation;
use crate::check::{self, Facts};
use crate::error::Error;
use crate::function::Function;
use crate::json;
use crate::layer::{Combine, Layer, Parameterization};
use crate::position::{List, Position};
use crate::preset;
use crate::shape::{Inference, Shape};

/// A checked network: every parameter is in range and every layer's rule is exact where it stands.
///
/// ```
/// use widelimit_arch::{Activation, Dense, Network, Shape};
///
/// let net = Network::builder()
///     .then(Dense::new(1.5).bias(0.05))
///     .then(Activation::Relu)
///     .then(Dense::new(1.5))
///     .build()?;
/// assert_eq!(net.output_shape(&Shape::vector(784))?, Shape::vector(1));
/// assert_eq!(Network::from_json(&net.to_json()?)?, net);
/// # Ok::<(), widelimit_arch::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
    facts: Facts,
}

impl Network {
    /// Checks a list of layers.
    ///
    /// # Errors
    /// A parameter out of range, or a precondition that does not hold (an activation without a
    /// Gaussian input, dependent branches in a sum, ...), with the position of the layer.
    pub fn new(layers: Vec<Layer>) -> Result<Self, Error> {
        let facts = check::check(&layers)?;
        Ok(Self { layers, facts })
    }

    /// Reads the JSON form: a list of layers, or `{"layers": [...]}`.
    ///
    /// ```
    /// # use widelimit_arch::Network;
    /// let net = Network::from_json(r#"[{"layer": "dense", "w_std": 1.5}, {"layer": "relu"}]"#)?;
    /// let error = Network::from_json(r#"[{"layer": "dense"}, {"layer": "rleu"}]"#).unwrap_err();
    /// assert_eq!(error.to_string(), r#"layers[1]: unknown layer "rleu"; did you mean "relu"?"#);
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// Text that is not JSON, an unknown layer or parameter, a missing parameter, a value out of
    /// range, and whatever [`Network::new`] finds.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::new(json::read(text)?)
    }

    /// The JSON form, as a list of layers; [`Network::from_json`] gives back an equal network.
    ///
    /// # Errors
    /// User functions have no text form.
    pub fn to_json(&self) -> Result<String, Error> {
        for (at, layer) in self.walk() {
            if let Layer::Activation(Activation::Numerical {
                function: Function::User(function),
                ..
            }) = layer
            {
                return Err(Error::UserFunction { at, name: function.name().into() });
            }
        }
        serde_json::to_string(&json::Layers(&self.layers))
            .map_err(|error| Error::Json { message: error.to_string() })
    }

    /// A network by name, as `mlp:3:relu`; [`presets`](crate::presets) lists them.
    ///
    /// # Errors
    /// An unknown name, or arguments it does not take.
    pub fn preset(text: &str) -> Result<Self, Error> {
        Self::new(preset::build(text)?)
    }

    /// The layers, first one first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Every layer with its position, blocks before what is inside them.
    ///
    /// ```
    /// # use widelimit_arch::Network;
    /// let net = Network::preset("mlp:1")?;
    /// let names: Vec<_> = net.walk().map(|(at, layer)| format!("{at} {}", layer.name())).collect();
    /// assert_eq!(names, ["layers[0] dense", "layers[1] relu", "layers[2] dense"]);
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    pub fn walk(&self) -> impl Iterator<Item = (Position, &Layer)> {
        let mut found = Vec::new();
        collect(&self.layers, None, List::Layers, &mut found);
        found.into_iter()
    }

    /// The same network with other activations: those for which `replace` returns one.
    ///
    /// ```
    /// # use widelimit_arch::{Activation, Network};
    /// let relu = Network::preset("mlp:3:relu")?;
    /// let erf = relu.map_activations(|_, _| Some(Activation::erf()))?;
    /// assert_eq!(erf.layers()[1], Activation::erf().into());
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn map_activations(
        &self,
        mut replace: impl FnMut(&Position, &Activation) -> Option<Activation>,
    ) -> Result<Self, Error> {
        Self::new(map_list(&self.layers, None, List::Layers, &mut replace))
    }

    /// Shape of the output for inputs of this shape.
    ///
    /// # Errors
    /// The wrong number of spatial axes, windows larger than their input, branches that do not
    /// fit together, sizes too large to count.
    pub fn output_shape(&self, input: &Shape) -> Result<Shape, Error> {
        self.infer(input, &mut |_, _, _, _| {})
    }

    /// The shapes that go into and come out of every layer, in the order of [`Network::walk`] but
    /// blocks *after* what is inside them.
    ///
    /// # Errors
    /// As [`Network::output_shape`].
    pub fn shapes(&self, input: &Shape) -> Result<Vec<LayerShapes>, Error> {
        let mut shapes = Vec::new();
        self.infer(input, &mut |at, _, input, output| {
            shapes.push(LayerShapes {
                at: at.clone(),
                input: input.clone(),
                output: output.clone(),
            });
        })?;
        Ok(shapes)
    }

    fn infer(
        &self,
        input: &Shape,
        visit: &mut dyn FnMut(&Position, &Layer, &Shape, &Shape),
    ) -> Result<Shape, Error> {
        if input.channels == 0 || input.spatial.contains(&0) {
            return Err(Error::EmptyInput { got: input.clone() });
        }
        let counts_channels = self.counts_channels();
        Inference { counts_channels, visit }.list(&self.layers, None, List::Layers, input)
    }

    /// Whether any layer needs inputs with positions (images, sequences, graphs).
    ///
    /// [`Layer::Flatten`] does not: of a vector it is the identity.
    pub fn is_spatial(&self) -> bool {
        self.facts.spatial
    }

    /// Spatial axes that inputs must have, when some layer fixes the number.
    pub fn input_axes(&self) -> Option<usize> {
        self.facts.axes.as_ref().map(|(axes, _)| *axes)
    }

    /// Whether any layer's rule depends on numbers of channels: those in the standard
    /// parameterisation, and concatenation.
    pub fn counts_channels(&self) -> bool {
        self.walk().any(|(_, layer)| match layer {
            Layer::Dense(dense) => dense.weights.parameterization != Parameterization::Ntk,
            Layer::Conv(conv) | Layer::ConvTranspose(conv) | Layer::ConvLocal(conv) => {
                conv.weights.parameterization != Parameterization::Ntk
            }
            Layer::Parallel { combine, .. } => *combine == Combine::Concat,
            _ => false,
        })
    }
}

impl TryFrom<Vec<Layer>> for Network {
    type Error = Error;

    fn try_from(layers: Vec<Layer>) -> Result<Self, Error> {
        Self::new(layers)
    }
}

impl std::str::FromStr for Network {
    type Err = Error;

    /// As [`Network::from_json`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_json(text)
    }
}

/// As [`Network::to_json`].
impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::Layers(&self.layers).serialize(serializer)
    }
}

/// What goes into a layer and what comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerShapes {
    /// Position of the layer.
    pub at: Position,
    /// Shape of its input.
    pub input: Shape,
    /// Shape of its output.
    pub output: Shape,
}

fn collect<'a>(
    layers: &'a [Layer],
    block: Option<&Position>,
    list: List,
    found: &mut Vec<(Position, &'a Layer)>,
) {
    for (index, layer) in layers.iter().enumerate() {
        let at = match block {
            None => Position::new(index),
            Some(block) => block.inside(list.step(index)),
        };
        found.push((at.clone(), layer));
        match layer {
            Layer::Residual { body, shortcut } => {
                collect(body, Some(&at), List::Body, found);
                collect(shortcut, Some(&at), List::Shortcut, found);
            }
            Layer::Parallel { branches, .. } => {
                for (i, branch) in branches.iter().enumerate() {
                    collect(branch, Some(&at), List::Branch(i), found);
                }
            }
            _ => {}
        }
    }
}

type Replace<'a> = dyn FnMut(&Position, &Activation) -> Option<Activation> + 'a;

fn map_list(
    layers: &[Layer],
    block: Option<&Position>,
    list: List,
    replace: &mut Replace<'_>,
) -> Vec<Layer> {
    let position = |index| match block {
        None => Position::new(index),
        Some(block) => block.inside(list.step(index)),
    };
    layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let at = position(index);
            let mut block = |layers: &[Layer], list| map_list(layers, Some(&at), list, replace);
            match layer {
                Layer::Residual { body, shortcut } => Layer::Residual {
                    body: block(body, List::Body),
                    shortcut: block(shortcut, List::Shortcut),
                },
                Layer::Parallel { branches, combine } => Layer::Parallel {
                    branches: branches
                        .iter()
                        .enumerate()
                        .map(|(i, branch)| block(branch, List::Branch(i)))
                        .collect(),
                    combine: *combine,
                },
                Layer::Activation(activation) => Layer::Activation(
                    replace(&at, activation).unwrap_or_else(|| activation.clone()),
                ),
                other => other.clone(),
            }
        })
        .collect()
}
