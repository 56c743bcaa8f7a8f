//! From a layer to its name and the values of its parameters: the writing half of the JSON form.
//!
//! Lists of layers inside blocks are not parameters here; `json` carries them.

use crate::activation::Activation;
use crate::function::{Function, NamedFunction};
use crate::layer::{Combine, Layer, Mechanism, Mode, Padding, Parameterization, Weights};
use crate::value::Value;

/// Parameters with their values, in the order of the table.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// The values of a layer's parameters; optional ones that say nothing are left out.
pub(crate) fn describe(layer: &Layer) -> Values {
    use Value::{Count, Flag, Real, Word, Words};
    match layer {
        Layer::Dense(dense) => describe_weights(&dense.weights),
        Layer::Conv(conv) | Layer::ConvTranspose(conv) | Layer::ConvLocal(conv) => {
            let mut values = describe_window(&conv.filter, "filter", &conv.strides, conv.padding);
            if conv.dilation.iter().any(|d| *d != 1) {
                values.push(("dilation", Value::Sizes(conv.dilation.clone())));
            }
            values.extend(describe_weights(&conv.weights));
            values
        }
        Layer::Activation(activation) => describe_activation(activation),
        Layer::AvgPool(pool) => {
            let mut values = describe_window(&pool.window, "window", &pool.strides, pool.padding);
            values.push(("normalize_edges", Flag(pool.normalize_edges)));
            values
        }
        Layer::SumPool(pool) => {
            describe_window(&pool.window, "window", &pool.strides, pool.padding)
        }
        Layer::LayerNorm(norm) => {
            let axes = if norm.spatial { vec!["channel", "spatial"] } else { vec!["channel"] };
            vec![("axes", Words(axes)), ("eps", Real(norm.eps))]
        }
        Layer::Dropout(dropout) => vec![
            ("keep_rate", Real(dropout.keep_rate)),
            (
                "mode",
                Word(match dropout.mode {
                    Mode::Train => "train",
                    Mode::Test => "test",
                }),
            ),
        ],
        Layer::Parallel { combine, .. } => vec![("combine", Word(combine.name()))],
        Layer::GlobalSelfAttention(a) => {
            let mut values = vec![
                ("w_key_std", Real(a.w_key_std)),
                ("w_query_std", Real(a.w_query_std)),
                ("w_value_std", Real(a.w_value_std)),
                ("w_out_std", Real(a.w_out_std)),
                ("b_std", Real(a.b_std.unwrap_or(0.0))),
                (
                    "mechanism",
                    Word(match a.mechanism {
                        Mechanism::Softmax => "SOFTMAX",
                        Mechanism::Identity => "IDENTITY",
                        Mechanism::Relu => "RELU",
                        Mechanism::Abs => "ABS",
                    }),
                ),
                ("width", Count(a.width)),
                ("key_width", Count(a.key_width)),
                ("value_width", Count(a.value_width)),
                ("heads", Count(a.heads)),
            ];
            describe_flags(&mut values, a.b_std, a.trainable);
            values
        }
        Layer::GlobalAvgPool
        | Layer::GlobalSumPool
        | Layer::Flatten
        | Layer::Identity
        | Layer::Residual { .. }
        | Layer::Aggregate => Vec::new(),
    }
}

fn describe_weights(weights: &Weights) -> Values {
    let mut values = vec![
        ("w_std", Value::Real(weights.w_std)),
        ("b_std", Value::Real(weights.b_std.unwrap_or(0.0))),
        ("width", Value::Count(weights.width)),
    ];
    if let Parameterization::Standard { s } = weights.parameterization {
        values.push(("parameterization", Value::Word("standard")));
        values.push(("s", Value::Reals(s.to_vec())));
    }
    describe_flags(&mut values, weights.b_std, weights.trainable);
    values
}

fn describe_flags(values: &mut Values, b_std: Option<f64>, trainable: bool) {
    // A bias of standard deviation 0 is still trained in the standard parameterisation, and
    // `b_std` alone could not tell it from none.
    if b_std == Some(0.0) {
        values.push(("bias", Value::Flag(true)));
    }
    if !trainable {
        values.push(("trainable", Value::Flag(false)));
    }
}

fn describe_window(
    window: &[usize],
    name: &'static str,
    strides: &[usize],
    padding: Padding,
) -> Values {
    vec![
        (name, Value::Sizes(window.to_vec())),
        ("strides", Value::Sizes(strides.to_vec())),
        (
            "padding",
            Value::Word(match padding {
                Padding::Same => "SAME",
                Padding::Valid => "VALID",
                Padding::Circular => "CIRCULAR",
            }),
        ),
    ]
}

fn describe_activation(activation: &Activation) -> Values {
    use Value::{Count, Flag, Real, Reals, Word};
    match activation {
        Activation::LeakyRelu { alpha }
        | Activation::Elu { alpha }
        | Activation::Celu { alpha } => {
            vec![("alpha", Real(*alpha))]
        }
        Activation::AbRelu { a, b } | Activation::Exp { a, b } | Activation::Gaussian { a, b } => {
            vec![("a", Real(*a)), ("b", Real(*b))]
        }
        Activation::RectifiedMonomial { degree }
        | Activation::Monomial { degree }
        | Activation::Hermite { degree } => vec![("degree", Count(*degree as usize))],
        Activation::Polynomial { coef } => vec![("coef", Reals(coef.clone()))],
        Activation::Erf { a, b, c } | Activation::Sin { a, b, c } | Activation::Cos { a, b, c } => {
            vec![("a", Real(*a)), ("b", Real(*b)), ("c", Real(*c))]
        }
        Activation::Rbf { gamma } => vec![("gamma", Real(*gamma))],
        Activation::Snake { a } => vec![("a", Real(*a))],
        Activation::ExpNormalized { gamma, shift, do_clip } => {
            vec![("gamma", Real(*gamma)), ("shift", Real(*shift)), ("do_clip", Flag(*do_clip))]
        }
        Activation::Numerical { function: Function::Named(function), degree }
            if activation.name() == "numerical" =>
        {
            let mut values = vec![("function", Word(function.name()))];
            values.extend(degree.map(|degree| ("degree", Count(degree as usize))));
            values
        }
        Activation::Numerical { .. }
        | Activation::Relu
        | Activation::Abs
        | Activation::Sign
        | Activation::Step
        | Activation::SigmoidLike
        | Activation::Probit
        | Activation::Gelu
        | Activation::Gabor
        | Activation::Selu
        | Activation::Relu6
        | Activation::HardTanh
        | Activation::HardSigmoid => Vec::new(),
    }
}

impl Activation {
    /// The name in the JSON form; for a user's function, the name it was given.
    ///
    /// ```
    /// use widelimit_arch::Activation;
    /// assert_eq!(Activation::LeakyRelu { alpha: 0.1 }.name(), "leaky_relu");
    /// ```
    pub fn name(&self) -> &str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::AbRelu { .. } => "abrelu",
            Self::Abs => "abs",
            Self::Sign => "sign",
            Self::Step => "step",
            Self::RectifiedMonomial { .. } => "rectified_monomial",
            Self::Monomial { .. } => "monomial",
            Self::Polynomial { .. } => "polynomial",
            Self::Hermite { .. } => "hermite",
            Self::Erf { .. } => "erf",
            Self::SigmoidLike => "sigmoid_like",
            Self::Probit => "probit",
            Self::Gelu => "gelu",
            Self::Sin { .. } => "sin",
            Self::Cos { .. } => "cos",
            Self::Rbf { .. } => "rbf",
            Self::Exp { .. } => "exp",
            Self::Gaussian { .. } => "gaussian",
            Self::Gabor => "gabor",
            Self::Elu { .. } => "elu",
            Self::Celu { .. } => "celu",
            Self::Selu => "selu",
            Self::Relu6 => "relu6",
            Self::HardTanh => "hard_tanh",
            Self::HardSigmoid => "hard_sigmoid",
            Self::Snake { .. } => "snake",
            Self::ExpNormalized { .. } => "exp_normalized",
            Self::Numerical { function: Function::User(function), .. } => function.name(),
            Self::Numerical {
                // Their short names belong to the closed forms.
                function: Function::Named(NamedFunction::Elu | NamedFunction::Selu),
                ..
            } => "numerical",
            Self::Numerical { degree: Some(_), .. } => "numerical",
            Self::Numerical { function: Function::Named(function), degree: None } => {
                function.name()
            }
        }
    }
}

impl Layer {
    /// The name in the JSON form; for a user's function, the name it was given.
    pub fn name(&self) -> &str {
        match self {
            Self::Activation(activation) => activation.name(),
            other => other.kind(),
        }
    }

    /// Like [`Layer::name`], with one word for all activations.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv(_) => "conv",
            Self::ConvTranspose(_) => "conv_transpose",
            Self::ConvLocal(_) => "conv_local",
            Self::Activation(_) => "activation",
            Self::AvgPool(_) => "avg_pool",
            Self::SumPool(_) => "sum_pool",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::GlobalSumPool => "global_sum_pool",
            Self::Flatten => "flatten",
            Self::LayerNorm(_) => "layer_norm",
            Self::Dropout(_) => "dropout",
            Self::Identity => "identity",
            Self::Residual { .. } => "residual",
            Self::Parallel { .. } => "parallel",
            Self::Aggregate => "aggregate",
            Self::GlobalSelfAttention(_) => "global_self_attention",
        }
    }
}

impl Combine {
    /// The name in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Concat => "concat",
            Self::Product => "product",
        }
    }
}
