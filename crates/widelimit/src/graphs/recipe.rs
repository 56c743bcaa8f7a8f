//! Kernels between graphs as words: what files and stores say of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use widelimit_arch::{Activation, Dense, Layer, Network};
use widelimit_graph::wl::{Scheme, Start, WlKind, WlParams};
use widelimit_graph::{Family as SketchFamily, Gntk, Method, Precision, Repair, Scale};

use super::{Family, GraphKernel};
use crate::Error;

/// Names of choices, as users write them.
pub trait Words: Copy + PartialEq + 'static {
    /// All choices with their names.
    const WORDS: &'static [(&'static str, Self)];

    /// The choice of this name.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice)
    }

    /// Its name.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map_or("", |(name, _)| name)
    }
}

impl Words for Scale {
    const WORDS: &'static [(&'static str, Self)] =
        &[("uniform", Scale::Uniform), ("degree", Scale::Degree)];
}

impl Words for Precision {
    const WORDS: &'static [(&'static str, Self)] =
        &[("float64", Precision::Double), ("float32", Precision::Single)];
}

impl Words for SketchFamily {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("gaussian", SketchFamily::Gaussian),
        ("sign", SketchFamily::Sign),
        ("srht", SketchFamily::Srht),
        ("count", SketchFamily::CountSketch),
    ];
}

impl Words for Repair {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ridge", Repair::Ridge), ("clip", Repair::Clip), ("none", Repair::None)];
}

impl Words for WlKind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("subtree", WlKind::Subtree),
        ("optimal_assignment", WlKind::OptimalAssignment),
        ("shortest_path", WlKind::ShortestPath),
        ("edges", WlKind::Edges),
    ];
}

impl Words for Start {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Start::Auto),
        ("labels", Start::Labels),
        ("degree", Start::Degree),
        ("constant", Start::Constant),
    ];
}

impl Words for Scheme {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("vertices", Scheme::Vertices),
        ("local-2", Scheme::Local { k: 2 }),
        ("local-3", Scheme::Local { k: 3 }),
        ("oblivious-2", Scheme::Oblivious { k: 2 }),
        ("oblivious-3", Scheme::Oblivious { k: 3 }),
        ("folklore-2", Scheme::Folklore { k: 2 }),
        ("folklore-3", Scheme::Folklore { k: 3 }),
    ];
}

/// The activation of a name (`relu`, `tanh`), or of a layer as JSON (`{"layer": "leaky_relu", "alpha": 0.1}`).
///
/// # Errors
/// [`Error::Parameter`] for a layer that is no activation, and those of the description.
///
/// ```
/// use widelimit::arch::Activation;
/// use widelimit::graphs::activation;
/// assert_eq!(activation("relu")?, Activation::Relu);
/// assert_eq!(activation(r#"{"layer": "leaky_relu", "alpha": 0.1}"#)?, Activation::LeakyRelu { alpha: 0.1 });
/// assert!(activation("flatten").is_err());
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn activation(text: &str) -> Result<Activation, Error> {
    let layer = match text.trim_start().starts_with('{') {
        true => text.to_owned(),
        false => serde_json::json!({"layer": text}).to_string(),
    };
    // A network acts on its input with weights first.
    match Network::from_json(&format!("[{{\"layer\": \"dense\"}}, {layer}]"))?.layers() {
        [_, Layer::Activation(activation)] => Ok(activation.clone()),
        _ => Err(Error::Parameter {
            name: "activation",
            expected: "the name of an activation, or its layer as JSON",
            got: format!("`{text}`"),
        }),
    }
}

/// The text that [`activation`] reads.
fn words_of(activation: &Activation) -> Result<Value, Error> {
    let network = Network::new(vec![Dense::new(1.0).into(), activation.clone().into()])?;
    let described: Value = serde_json::from_str(&network.to_json()?).unwrap_or_default();
    // A list of layers, or an object that holds one.
    let layers = described.get("layers").unwrap_or(&described);
    Ok(layers[1].clone())
}

/// [`GraphKernel`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Gntk {
        layers: usize,
        mlp_layers: usize,
        scale: String,
        jumping_knowledge: bool,
        activation: Value,
        precision: String,
        normalise: bool,
    },
    Wl {
        kind: String,
        scheme: String,
        start: String,
        rounds: usize,
        normalise: bool,
    },
}

impl GraphKernel {
    /// The kernel as JSON. Of a GNTK the method is left out: what goes to files is exact.
    ///
    /// # Errors
    /// An activation with a function of the user has no text.
    ///
    /// ```
    /// use widelimit::graph::Gntk;
    /// use widelimit::graphs::GraphKernel;
    /// let kernel = GraphKernel::from(Gntk { layers: 4, ..Gntk::default() });
    /// assert_eq!(GraphKernel::from_json(&kernel.to_json()?.to_string())?, kernel);
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn to_json(&self) -> Result<Value, Error> {
        let normalise = self.normalise;
        let written = match &self.family {
            Family::Gntk(gntk) => Written::Gntk {
                layers: gntk.layers,
                mlp_layers: gntk.mlp,
                scale: gntk.scale.word().into(),
                jumping_knowledge: gntk.jumping_knowledge,
                activation: words_of(&gntk.activation)?,
                precision: gntk.precision.word().into(),
                normalise,
            },
            Family::Wl(params) => Written::Wl {
                kind: params.kind.word().into(),
                scheme: params.scheme.word().into(),
                start: params.start.word().into(),
                rounds: params.rounds,
                normalise,
            },
        };
        Ok(serde_json::json!(written))
    }

    /// The kernel that [`to_json`](Self::to_json) described.
    ///
    /// # Errors
    /// [`Error::Parameter`] for other text, and those of [`activation`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let wrong = |got: String| Error::Parameter {
            name: "kernel",
            expected: "a kernel between graphs as JSON",
            got,
        };
        let written: Written =
            serde_json::from_str(text).map_err(|error| wrong(format!("`{text}`: {error}")))?;
        let unknown = |word: &str| wrong(format!("`{word}`"));
        match written {
            Written::Gntk {
                layers,
                mlp_layers,
                scale,
                jumping_knowledge,
                activation,
                precision,
                normalise,
            } => {
                let gntk = Gntk {
                    layers,
                    mlp: mlp_layers,
                    jumping_knowledge,
                    scale: Scale::from_word(&scale).ok_or_else(|| unknown(&scale))?,
                    activation: self::activation(&activation.to_string())?,
                    method: Method::Decoupled,
                    precision: Precision::from_word(&precision)
                        .ok_or_else(|| unknown(&precision))?,
                };
                Ok(Self { family: Family::Gntk(gntk), normalise })
            }
            Written::Wl { kind, scheme, start, rounds, normalise } => {
                let params = WlParams {
                    kind: WlKind::from_word(&kind).ok_or_else(|| unknown(&kind))?,
                    scheme: Scheme::from_word(&scheme).ok_or_else(|| unknown(&scheme))?,
                    start: Start::from_word(&start).ok_or_else(|| unknown(&start))?,
                    rounds,
                    ..WlParams::default()
                };
                Ok(Self { family: Family::Wl(params), normalise })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let gntk = Gntk {
            layers: 5,
            mlp: 3,
            jumping_knowledge: true,
            scale: Scale::Uniform,
            activation: Activation::LeakyRelu { alpha: 0.25 },
            precision: Precision::Single,
            method: Method::Decoupled,
        };
        for normalise in [false, true] {
            let kernel = GraphKernel { normalise, ..gntk.clone().into() };
            let text = kernel.to_json().unwrap().to_string();
            assert_eq!(GraphKernel::from_json(&text).unwrap(), kernel, "{text}");
            for (_, scheme) in Scheme::WORDS {
                let params = WlParams { scheme: *scheme, rounds: 7, ..WlParams::default() };
                let kernel = GraphKernel { normalise, ..params.into() };
                let text = kernel.to_json().unwrap().to_string();
                assert_eq!(GraphKernel::from_json(&text).unwrap(), kernel, "{text}");
            }
        }
    }

    #[test]
    fn other_words_are_refused() {
        let text = GraphKernel::from(Gntk::default()).to_json().unwrap().to_string();
        for (from, to) in [
            ("degree", "metre"),
            ("float64", "float16"),
            ("\"gntk\"", "\"rbf\""),
            ("relu", "flatten"),
            ("\"layers\":2", "\"layers\":-2"),
            ("\"layers\":2", "\"depth\":2"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(text, changed, "{from}");
            assert!(GraphKernel::from_json(&changed).is_err(), "{changed}");
        }
    }
}
