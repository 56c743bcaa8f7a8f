//! What must hold before anything is computed: parameters in range, and the preconditions under
//! which the rules of the layers are exact.
//!
//! Three facts travel along the layers:
//!
//! * whether the channels are Gaussian, which the duals of activations and the rule of layer
//!   normalisation take for granted;
//! * whether any weights came before, which dropout needs;
//! * *what makes the output flip its sign*, inside a branch: its own weights, its input, or
//!   nothing. Covariances of branches add up only when the cross terms vanish, and they do when
//!   all branches but one flip with weights of their own. Products need independence alone:
//!   all branches but one must have weights.

use crate::activation::Activation;
use crate::catalogue::MAX_CHANNELS;
use crate::describe::describe;
use crate::error::Error;
use crate::function::Function;
use crate::layer::{Combine, Layer, Mode, Padding, Parameterization, Weights};
use crate::position::{List, Position};
use crate::table;
use crate::value::Value;

/// Blocks within blocks, at most.
pub(crate) const MAX_NESTING: usize = 32;

/// What is known of a network's input: how many spatial axes it must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Spatial axes of the input, when a layer fixes them, and the first layer that does.
    pub(crate) axes: Option<(usize, Position)>,
    /// Whether any layer acts on positions.
    pub(crate) spatial: bool,
}

/// Checks all layers and says what they need of the input.
pub(crate) fn check(layers: &[Layer]) -> Result<Facts, Error> {
    if layers.is_empty() {
        return Err(Error::Empty);
    }
    let mut checker = Checker::default();
    let input = State {
        law: Law::Input,
        weights: false,
        own_weights: false,
        flips: Flips::Input,
        removed: None,
    };
    checker.list(layers, None, List::Layers, input)?;
    Ok(checker.facts)
}

/// Distribution of the channels at fixed inputs.
#[derive(Clone, Debug)]
enum Law {
    /// The network's input itself.
    Input,
    /// Independent, equally distributed Gaussians.
    Gaussian,
    /// Something else, since this layer.
    Other { layer: String, at: Position },
}

/// What the output of a branch flips its sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flips {
    /// The last weights inside the branch.
    Weights,
    /// The branch's input.
    Input,
    /// Nothing.
    Never,
}

#[derive(Clone, Debug)]
struct State {
    law: Law,
    /// Weights anywhere before.
    weights: bool,
    /// Weights before, inside the branch.
    own_weights: bool,
    flips: Flips,
    /// The layer that removed the positions, if one did.
    removed: Option<Position>,
}

#[derive(Default)]
struct Checker {
    facts: Facts,
}

impl Checker {
    fn list(
        &mut self,
        layers: &[Layer],
        block: Option<&Position>,
        list: List,
        mut state: State,
    ) -> Result<State, Error> {
        for (index, layer) in layers.iter().enumerate() {
            let at = match block {
                None => Position::new(index),
                Some(block) => block.inside(list.step(index)),
            };
            if at.nesting() > MAX_NESTING {
                return Err(Error::TooDeep { at: at.to_string(), limit: MAX_NESTING });
            }
            parameters(layer, &at)?;
            self.layer(layer, at, &mut state)?;
        }
        Ok(state)
    }

    fn layer(&mut self, layer: &Layer, at: Position, state: &mut State) -> Result<(), Error> {
        match layer {
            Layer::Dense(_) => state.affine(),
            Layer::Conv(conv) | Layer::ConvTranspose(conv) | Layer::ConvLocal(conv) => {
                self.acts_on_positions(layer.kind(), &at, state, Some(conv.filter.len()))?;
                state.affine();
            }
            Layer::GlobalSelfAttention(_) => {
                self.acts_on_positions(layer.kind(), &at, state, None)?;
                state.affine();
            }
            Layer::Activation(_) => {
                state.needs_gaussian(layer.name(), &at)?;
                state.flips = Flips::Never;
                state.law = Law::Other { layer: layer.name().into(), at };
            }
            Layer::LayerNorm(norm) => {
                if norm.spatial {
                    self.acts_on_positions(layer.kind(), &at, state, None)?;
                }
                state.needs_gaussian(layer.name(), &at)?;
            }
            Layer::Dropout(dropout) => {
                if !state.weights {
                    return Err(Error::DropoutFirst { at });
                }
                if dropout.mode == Mode::Train && dropout.keep_rate < 1.0 {
                    state.law = Law::Other { layer: layer.name().into(), at };
                }
            }
            Layer::AvgPool(pool) | Layer::SumPool(pool) => {
                self.acts_on_positions(layer.kind(), &at, state, Some(pool.window.len()))?;
            }
            Layer::Aggregate => self.acts_on_positions(layer.kind(), &at, state, Some(1))?,
            Layer::GlobalAvgPool | Layer::GlobalSumPool => {
                self.acts_on_positions(layer.kind(), &at, state, None)?;
                state.removed = Some(at);
            }
            // Vectors pass through unchanged; of images, the channels are Gaussians of different
            // variances afterwards.
            Layer::Flatten => {
                if state.removed.is_none() && !matches!(state.law, Law::Input) {
                    state.law = Law::Other { layer: layer.name().into(), at: at.clone() };
                }
                state.removed.get_or_insert(at);
            }
            Layer::Identity => {}
            Layer::Residual { body, shortcut } => {
                let branches = [(List::Body, body.as_slice()), (List::Shortcut, shortcut)];
                self.block(&branches, Combine::Sum, "residual", at, state)?;
            }
            Layer::Parallel { branches, combine } => {
                let branches: Vec<_> =
                    branches.iter().enumerate().map(|(i, b)| (List::Branch(i), &b[..])).collect();
                self.block(&branches, *combine, "parallel", at, state)?;
            }
        }
        Ok(())
    }

    /// Notes that a layer needs positions, and how many axes of them.
    fn acts_on_positions(
        &mut self,
        layer: &'static str,
        at: &Position,
        state: &State,
        axes: Option<usize>,
    ) -> Result<(), Error> {
        if let Some(removed) = &state.removed {
            return Err(Error::NoPositions { at: at.clone(), layer, removed: removed.clone() });
        }
        self.facts.spatial = true;
        let Some(axes) = axes else { return Ok(()) };
        match &self.facts.axes {
            None => self.facts.axes = Some((axes, at.clone())),
            Some((fixed, other)) if *fixed != axes => {
                return Err(Error::AxesDisagree {
                    at: at.clone(),
                    layer,
                    expected: axes,
                    other: other.clone(),
                    fixed: *fixed,
                });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn block(
        &mut self,
        branches: &[(List, &[Layer])],
        combine: Combine,
        layer: &'static str,
        at: Position,
        state: &mut State,
    ) -> Result<(), Error> {
        let mut ends = Vec::with_capacity(branches.len());
        for (list, layers) in branches {
            let start = State { own_weights: false, flips: Flips::Input, ..state.clone() };
            ends.push(self.list(layers, Some(&at), *list, start)?);
        }
        let independent = |end: &State| match combine {
            Combine::Sum => end.flips == Flips::Weights,
            Combine::Product => end.own_weights,
            Combine::Concat => true,
        };
        let mut dependent = (0..ends.len()).filter(|i| !independent(&ends[*i]));
        if let (Some(first), Some(second)) = (dependent.next(), dependent.next()) {
            return Err(Error::CrossTerms {
                at,
                layer,
                first: branches[first].0.to_string(),
                second: branches[second].0.to_string(),
                rule: if combine == Combine::Sum {
                    "all branches of a sum but one must end in weights of their own (dense, conv, ...)"
                } else {
                    "all branches of a product but one must have weights of their own (dense, conv, ...)"
                },
            });
        }
        state.join(&ends, combine, layer, at);
        Ok(())
    }
}

impl State {
    fn affine(&mut self) {
        self.law = Law::Gaussian;
        self.weights = true;
        self.own_weights = true;
        self.flips = Flips::Weights;
    }

    fn needs_gaussian(&self, layer: &str, at: &Position) -> Result<(), Error> {
        let cause = match &self.law {
            Law::Gaussian => return Ok(()),
            Law::Input => "acts on the network's input itself".to_string(),
            Law::Other { layer, at } => {
                format!("its input is no longer Gaussian since {at} ({layer})")
            }
        };
        Err(Error::NotGaussian { at: at.clone(), layer: layer.to_string(), cause })
    }

    /// The state after a block, from the states at the ends of its branches.
    fn join(&mut self, ends: &[State], combine: Combine, layer: &'static str, at: Position) {
        let one = ends.len() == 1;
        let all_gaussian = ends.iter().all(|end| matches!(end.law, Law::Gaussian));
        self.law = match ends {
            [only] => only.law.clone(),
            _ if combine == Combine::Sum && all_gaussian => Law::Gaussian,
            _ => Law::Other { layer: layer.into(), at },
        };
        self.weights = ends.iter().any(|end| end.weights);
        // What is left of the input itself still varies with it.
        self.own_weights |= ends.iter().all(|end| end.own_weights);
        self.removed = ends.iter().find_map(|end| end.removed.clone());
        let before = self.flips;
        // Seen from outside, a branch that flips with its input flips with what that does.
        let flips =
            ends.iter().map(|end| if end.flips == Flips::Input { before } else { end.flips });
        self.flips = if combine == Combine::Product && !one {
            // Flipping the weights of one factor flips the product.
            if ends.iter().any(|end| end.flips == Flips::Weights) {
                Flips::Weights
            } else {
                Flips::Never
            }
        } else {
            flips.max().unwrap_or(before)
        };
    }
}

/// Every parameter against the table, and the rules that tie several together.
fn parameters(layer: &Layer, at: &Position) -> Result<(), Error> {
    let invalid = |field, expected: String, got: String| {
        Err(Error::InvalidValue {
            at: at.clone(),
            layer: layer.name().into(),
            field,
            expected,
            got,
        })
    };
    if let Layer::Activation(Activation::Numerical { function: Function::User(function), .. }) =
        layer
    {
        return match function.kinks().iter().find(|x| !x.is_finite()) {
            Some(x) => invalid("kinks", "a list of numbers".into(), x.to_string()),
            None => Ok(()),
        };
    }
    if let Some(info) = table::find(layer.name()) {
        for (name, value) in describe(layer) {
            if let Some(parameter) = info.parameter(name)
                && !parameter.domain.contains(&value)
            {
                return invalid(parameter.name, parameter.domain.to_string(), value.to_string());
            }
        }
    }
    let one_per_axis = |field, window: &[usize], sizes: &[usize]| {
        if sizes.len() == window.len() {
            return Ok(());
        }
        let expected = format!("a list with one entry per axis, {}", window.len());
        invalid(field, expected, Value::Sizes(sizes.to_vec()).to_string())
    };
    match layer {
        Layer::Dense(dense) => whole_channels(&dense.weights, invalid),
        Layer::Conv(conv) | Layer::ConvTranspose(conv) | Layer::ConvLocal(conv) => {
            one_per_axis("strides", &conv.filter, &conv.strides)?;
            one_per_axis("dilation", &conv.filter, &conv.dilation)?;
            if matches!(layer, Layer::ConvTranspose(_)) && conv.dilation.iter().any(|d| *d != 1) {
                return invalid(
                    "dilation",
                    "1 for a transposed convolution".into(),
                    Value::Sizes(conv.dilation.clone()).to_string(),
                );
            }
            whole_channels(&conv.weights, invalid)
        }
        Layer::AvgPool(pool) | Layer::SumPool(pool) => {
            one_per_axis("strides", &pool.window, &pool.strides)?;
            if !pool.normalize_edges {
                Ok(())
            } else if matches!(layer, Layer::SumPool(_)) {
                invalid("normalize_edges", "false for a sum".into(), "true".into())
            } else if pool.padding != Padding::Same {
                invalid("normalize_edges", "false unless padding is SAME".into(), "true".into())
            } else {
                Ok(())
            }
        }
        Layer::Parallel { branches, .. } if branches.is_empty() => {
            invalid("branches", "a list of at least one list of layers".into(), "[]".into())
        }
        _ => Ok(()),
    }
}

/// The standard parameterisation counts channels: `s_out width` must be a whole number.
fn whole_channels(
    weights: &Weights,
    invalid: impl Fn(&'static str, String, String) -> Result<(), Error>,
) -> Result<(), Error> {
    let Parameterization::Standard { s: [_, s_out] } = weights.parameterization else {
        return Ok(());
    };
    let channels = s_out * weights.width as f64;
    if (1.0..=MAX_CHANNELS).contains(&channels) && channels.fract() == 0.0 {
        return Ok(());
    }
    let expected =
        format!("such that s[1] times the width {} is a whole number, at least 1", weights.width);
    invalid("s", expected, s_out.to_string())
}
