//! Networks by name.

use std::f64::consts::SQRT_2;

use crate::activation::Activation;
use crate::error::Error;
use crate::function::{Function, NamedFunction};
use crate::json;
use crate::layer::{Conv, Dense, Layer, Padding, Pool};
use crate::position::Position;
use crate::suggest::nearest;
use crate::table::{DefaultValue, LayerInfo, layers};

/// A network that can be asked for by name.
#[derive(Clone, Copy, Debug)]
pub struct PresetInfo {
    /// How it is written; optional arguments stand in brackets.
    pub form: &'static str,
    /// What it is.
    pub summary: &'static str,
}

impl PresetInfo {
    fn name(&self) -> &'static str {
        self.form.split([':', '[']).next().unwrap_or(self.form)
    }
}

/// Every preset.
///
/// ```
/// use widelimit_arch::{Network, presets};
/// assert!(presets().iter().any(|p| p.form == "mlp:DEPTH[:ACTIVATION]"));
/// Network::preset("mlp:3:gelu")?;
/// # Ok::<(), widelimit_arch::Error>(())
/// ```
pub fn presets() -> &'static [PresetInfo] {
    PRESETS
}

static PRESETS: &[PresetInfo] = &[
    PresetInfo {
        form: "mlp:DEPTH[:ACTIVATION]",
        summary: "DEPTH hidden layers with ACTIVATION (relu), no biases, and a dense readout",
    },
    PresetInfo {
        form: "cntk-gap:CONVS",
        summary: "CONVS 3x3 convolutions with ReLU, global average pooling and a dense readout",
    },
    PresetInfo {
        form: "cntk-flatten:CONVS",
        summary: "CONVS 3x3 convolutions with ReLU, flattened, and a dense readout",
    },
    PresetInfo {
        form: "myrtle5",
        summary: "3x3 convolutions with ReLU in groups of 2, 1, 1, averaged by 2x2 after each, and a final average",
    },
    PresetInfo { form: "myrtle7", summary: "the same in groups of 2, 2, 2" },
    PresetInfo { form: "myrtle10", summary: "the same in groups of 3, 3, 3" },
    PresetInfo {
        form: "resnet:BLOCKS",
        summary: "three groups of BLOCKS residual blocks of two 3x3 convolutions, strides 1, 2, 2, global average pooling and a dense readout",
    },
];

/// Most layers a preset's argument may ask for.
const MAX_DEPTH: usize = 1000;

/// The layers of the preset that a text names.
pub(crate) fn build(text: &str) -> Result<Vec<Layer>, Error> {
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default();
    let arguments: Vec<_> = parts.collect();
    let preset = PRESETS.iter().find(|p| p.name() == name).ok_or_else(|| Error::UnknownPreset {
        text: text.chars().take(40).collect(),
        suggestion: nearest(name, PRESETS.iter().map(PresetInfo::name)).map(str::to_owned),
        known: PRESETS.iter().map(|p| p.form).collect::<Vec<_>>().join(", "),
    })?;
    let invalid =
        |expected: String| Error::InvalidPreset { text: text.chars().take(60).collect(), expected };
    let number = |argument: &str| {
        argument.parse().ok().filter(|n| (1..=MAX_DEPTH).contains(n)).ok_or_else(|| {
            invalid(format!("{} with a whole number from 1 to {MAX_DEPTH}", preset.form))
        })
    };
    match (name, arguments.as_slice()) {
        ("mlp", [depth]) => Ok(mlp(number(depth)?, &Activation::Relu)),
        ("mlp", [depth, activation]) => {
            let found = json::activation(activation, &Position::default()).ok().flatten();
            let activation = found.ok_or_else(|| invalid(no_activation(activation)))?;
            Ok(mlp(number(depth)?, &activation))
        }
        ("cntk-gap", [convs]) => Ok(plain_convs(number(convs)?, Layer::GlobalAvgPool)),
        ("cntk-flatten", [convs]) => Ok(plain_convs(number(convs)?, Layer::Flatten)),
        ("myrtle5", []) => Ok(myrtle([2, 1, 1])),
        ("myrtle7", []) => Ok(myrtle([2, 2, 2])),
        ("myrtle10", []) => Ok(myrtle([3, 3, 3])),
        ("resnet", [blocks]) => Ok(resnet(number(blocks)?)),
        _ => Err(invalid(preset.form.into())),
    }
}

/// What is expected of an activation's name, and why this one is not it.
fn no_activation(name: &str) -> String {
    let name: String = name.chars().take(40).collect();
    let activations = || layers().iter().filter(|l| l.is_activation());
    let known = activations().any(|l| l.names().any(|n| n == name));
    let reason = match (known, nearest(&name, activations().flat_map(|l| l.names()))) {
        (true, _) => format!("`{name}` needs parameters, which JSON can give"),
        (false, Some(near)) => format!("`{name}` is not an activation, did you mean `{near}`?"),
        (false, None) => {
            let alone =
                |l: &&LayerInfo| l.parameters().all(|p| p.default != DefaultValue::Required);
            let all: Vec<_> = activations().filter(alone).map(|l| l.name).collect();
            format!("`{name}` is not an activation; known: {}", all.join(", "))
        }
    };
    format!("an activation without required parameters after the depth; {reason}")
}

/// Hidden layers and a readout.
fn mlp(depth: usize, activation: &Activation) -> Vec<Layer> {
    let w_std = if halves_variance(activation) { SQRT_2 } else { 1.0 };
    let mut layers = Vec::with_capacity(2 * depth + 1);
    for _ in 0..depth {
        layers.push(Dense::new(w_std).into());
        layers.push(activation.clone().into());
    }
    layers.push(Dense::new(w_std).into());
    layers
}

/// Whether the activation is about the identity on one half of the line and small on the other,
/// so that weights of variance 2 keep the scale from layer to layer.
fn halves_variance(activation: &Activation) -> bool {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::Gelu
        | Activation::Elu { .. }
        | Activation::Celu { .. }
        | Activation::Relu6 => true,
        Activation::Numerical { function: Function::Named(function), .. } => matches!(
            function,
            NamedFunction::Softplus
                | NamedFunction::Swish
                | NamedFunction::Mish
                | NamedFunction::GeluTanh
                | NamedFunction::Elu
        ),
        _ => false,
    }
}

fn conv(w_std: f64) -> Conv {
    Conv::new([3, 3], w_std).padding(Padding::Same)
}

fn plain_convs(convs: usize, readout: Layer) -> Vec<Layer> {
    let mut layers = Vec::with_capacity(2 * convs + 2);
    for _ in 0..convs {
        layers.push(conv(SQRT_2).into());
        layers.push(Activation::Relu.into());
    }
    layers.extend([readout, Dense::new(SQRT_2).into()]);
    layers
}

/// Shankar et al., "Neural Kernels Without Tangents" (2020), figure 2; on images whose sides are
/// powers of two the final average equals further 2x2 averages.
fn myrtle(groups: [usize; 3]) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (group, convs) in groups.into_iter().enumerate() {
        if group > 0 {
            layers.push(Layer::AvgPool(Pool::new([2, 2]).strides([2, 2])));
        }
        for _ in 0..convs {
            layers.push(conv(SQRT_2).into());
            layers.push(Activation::Relu.into());
        }
    }
    layers.extend([Layer::GlobalAvgPool, Dense::new(SQRT_2).into()]);
    layers
}

/// Wide residual network; the first block of a group has a convolution as shortcut.
fn resnet(blocks: usize) -> Vec<Layer> {
    // Each block multiplies the variance by 1.25 or more; unit weights keep deep ones in range of
    // single precision, where sqrt(2) would double it.
    let mut layers = vec![conv(1.0).into()];
    for stride in [1, 2, 2] {
        for block in 0..blocks {
            let strides = if block == 0 { [stride; 2] } else { [1; 2] };
            let body = vec![
                Activation::Relu.into(),
                conv(1.0).strides(strides).into(),
                Activation::Relu.into(),
                conv(1.0).into(),
            ];
            let shortcut =
                if block == 0 { vec![conv(1.0).strides(strides).into()] } else { vec![] };
            layers.push(Layer::Residual { body, shortcut });
        }
    }
    layers.extend([Layer::GlobalAvgPool, Dense::new(1.0).into()]);
    layers
}
