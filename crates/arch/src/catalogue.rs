//! Every layer in one table.
//!
//! The JSON reader, the checks, the error messages and the printed lists all come from here.

use crate::table::{DefaultValue, Group, LayerInfo, ParameterInfo};
use crate::value::{Domain, LARGEST_COUNT};

const fn required(name: &'static str, domain: Domain, meaning: &'static str) -> ParameterInfo {
    ParameterInfo { name, domain, default: DefaultValue::Required, meaning }
}

const fn with_default(
    name: &'static str,
    domain: Domain,
    default: &'static str,
    meaning: &'static str,
) -> ParameterInfo {
    ParameterInfo { name, domain, default: DefaultValue::Is(default), meaning }
}

const fn otherwise(
    name: &'static str,
    domain: Domain,
    default: &'static str,
    meaning: &'static str,
) -> ParameterInfo {
    ParameterInfo { name, domain, default: DefaultValue::Otherwise(default), meaning }
}

const fn layer(
    name: &'static str,
    group: Group,
    formula: &'static str,
    parameters: &'static [&'static [ParameterInfo]],
) -> LayerInfo {
    LayerInfo { name, aliases: &[], group, formula, parameters }
}

/// Highest degree of monomials and Hermite polynomials: their moments still fit a double.
pub(crate) const MAX_DEGREE: usize = 64;

/// Most channels that a layer may have.
pub(crate) const MAX_CHANNELS: f64 = LARGEST_COUNT as f64;

const AT_LEAST_ONE: Domain = Domain::Count { min: 1, max: LARGEST_COUNT };
const DEGREE: Domain = Domain::Count { min: 0, max: MAX_DEGREE };

const WIDTH: ParameterInfo = with_default(
    "width",
    AT_LEAST_ONE,
    "1",
    "output channels; used by concatenation and the standard parameterisation only",
);
const B_STD: ParameterInfo =
    with_default("b_std", Domain::NonNegative, "0", "standard deviation of the bias; 0 is no bias");
const TRAINABLE: ParameterInfo =
    with_default("trainable", Domain::Flag, "true", "whether the layer's own term enters the NTK");

const WEIGHTS: &[ParameterInfo] = &[
    with_default(
        "w_std",
        Domain::NonNegative,
        "1",
        "standard deviation of the weights, times 1/sqrt(fan-in)",
    ),
    B_STD,
    WIDTH,
    with_default(
        "parameterization",
        Domain::Word(&["ntk", "standard"]),
        "\"ntk\"",
        "scaling of the weights",
    ),
    with_default(
        "s",
        Domain::Scales,
        "[1, 1]",
        "width multipliers of input and output (standard only)",
    ),
    otherwise(
        "bias",
        Domain::Flag,
        "true when b_std is above 0",
        "keeps a trained bias whose b_std is 0 (standard only)",
    ),
    TRAINABLE,
];

const PADDING: ParameterInfo = with_default(
    "padding",
    Domain::Word(&["SAME", "VALID", "CIRCULAR"]),
    "\"VALID\"",
    "treatment of borders",
);
const STRIDES: ParameterInfo =
    otherwise("strides", Domain::Sizes, "1 along every axis", "step per spatial axis");
const FILTER: &[ParameterInfo] =
    &[required("filter", Domain::Sizes, "filter size per spatial axis"), STRIDES, PADDING];
const DILATION: &[ParameterInfo] = &[otherwise(
    "dilation",
    Domain::Sizes,
    "1 along every axis",
    "distance of filter taps per spatial axis",
)];
const WINDOW: &[ParameterInfo] =
    &[required("window", Domain::Sizes, "window size per spatial axis"), STRIDES, PADDING];

const AMPLITUDE: ParameterInfo = with_default("a", Domain::Real, "1", "amplitude");
const OFFSET: ParameterInfo = with_default("c", Domain::Real, "0", "offset");
const FREQUENCY: ParameterInfo = with_default("b", Domain::Real, "1", "frequency");
const PHASE: ParameterInfo = with_default("c", Domain::Real, "0", "phase");
const SATURATION: &[ParameterInfo] =
    &[with_default("alpha", Domain::Real, "1", "saturation value")];
const ROUTE: &[ParameterInfo] =
    &[otherwise("route", Domain::Text, "not given", "how a reference computed the dual; ignored")];

/// The functions that a `numerical` layer may name.
pub(crate) const FUNCTIONS: &[&str] = &[
    "tanh",
    "sigmoid",
    "softplus",
    "swish",
    "mish",
    "softsign",
    "log_sigmoid",
    "gelu_tanh",
    "arctan",
    "elu",
    "selu",
];

use Group::{Blocks, ClosedForm, Normalisation, Numerical, Positions, Weights};

pub(crate) static LAYERS: &[LayerInfo] = &[
    layer("dense", Weights, "fully connected; on images a 1x1 convolution", &[WEIGHTS]),
    layer("conv", Weights, "convolution with shared weights", &[FILTER, DILATION, WEIGHTS]),
    layer("conv_transpose", Weights, "transposed convolution", &[FILTER, WEIGHTS]),
    layer(
        "conv_local",
        Weights,
        "convolution with own weights at every position",
        &[FILTER, DILATION, WEIGHTS],
    ),
    layer(
        "global_self_attention",
        Weights,
        "global self-attention, keys and queries tied, linear scaling",
        &[&[
            with_default(
                "w_key_std",
                Domain::NonNegative,
                "1",
                "standard deviation of the key weights",
            ),
            with_default(
                "w_query_std",
                Domain::NonNegative,
                "1",
                "standard deviation of the query weights",
            ),
            with_default(
                "w_value_std",
                Domain::NonNegative,
                "1",
                "standard deviation of the value weights",
            ),
            with_default(
                "w_out_std",
                Domain::NonNegative,
                "1",
                "standard deviation of the output weights",
            ),
            B_STD,
            with_default(
                "mechanism",
                Domain::Word(&["SOFTMAX", "IDENTITY", "RELU", "ABS"]),
                "\"SOFTMAX\"",
                "function of the scores",
            ),
            WIDTH,
            with_default("key_width", AT_LEAST_ONE, "1", "channels of keys and queries"),
            with_default("value_width", AT_LEAST_ONE, "1", "channels of values"),
            with_default("heads", AT_LEAST_ONE, "1", "number of heads"),
            otherwise(
                "bias",
                Domain::Flag,
                "true when b_std is above 0",
                "keeps a bias whose b_std is 0",
            ),
            TRAINABLE,
        ]],
    ),
    layer("relu", ClosedForm, "max(x, 0)", &[ROUTE]),
    layer(
        "leaky_relu",
        ClosedForm,
        "max(x, 0) + alpha min(x, 0)",
        &[&[with_default("alpha", Domain::Real, "0.01", "slope of the negative half")], ROUTE],
    ),
    layer(
        "abrelu",
        ClosedForm,
        "a min(x, 0) + b max(x, 0)",
        &[
            &[
                required("a", Domain::Real, "slope of the negative half"),
                required("b", Domain::Real, "slope of the positive half"),
            ],
            ROUTE,
        ],
    ),
    layer("abs", ClosedForm, "|x|", &[ROUTE]),
    layer("sign", ClosedForm, "sign(x); derivative counted as 0", &[ROUTE]),
    layer("step", ClosedForm, "1 for x > 0, else 0; derivative counted as 0", &[ROUTE]),
    layer(
        "rectified_monomial",
        ClosedForm,
        "x^degree for x >= 0, else 0",
        &[&[required("degree", DEGREE, "exponent")], ROUTE],
    ),
    layer("monomial", ClosedForm, "x^degree", &[&[required("degree", DEGREE, "exponent")], ROUTE]),
    layer(
        "polynomial",
        ClosedForm,
        "sum_k coef[k] x^k",
        &[
            &[required(
                "coef",
                Domain::Reals { max: MAX_DEGREE + 1 },
                "coefficients, constant first",
            )],
            ROUTE,
        ],
    ),
    layer(
        "hermite",
        ClosedForm,
        "He_degree(x) / sqrt(degree!)",
        &[&[required("degree", DEGREE, "degree")], ROUTE],
    ),
    layer(
        "erf",
        ClosedForm,
        "a erf(b x) + c",
        &[&[AMPLITUDE, with_default("b", Domain::Real, "1", "inner scale"), OFFSET], ROUTE],
    ),
    layer("sigmoid_like", ClosedForm, "erf(x / 2.4020563531719796) / 2 + 1/2", &[ROUTE]),
    layer("probit", ClosedForm, "Phi(x), the normal distribution function", &[ROUTE]),
    layer("gelu", ClosedForm, "x Phi(x)", &[ROUTE]),
    layer("sin", ClosedForm, "a sin(b x + c)", &[&[AMPLITUDE, FREQUENCY, PHASE], ROUTE]),
    layer("cos", ClosedForm, "a cos(b x + c)", &[&[AMPLITUDE, FREQUENCY, PHASE], ROUTE]),
    layer(
        "rbf",
        ClosedForm,
        "sqrt(2) sin(sqrt(2 gamma) x + pi/4)",
        &[
            &[with_default("gamma", Domain::NonNegative, "1", "inverse squared length scale")],
            ROUTE,
        ],
    ),
    layer(
        "exp",
        ClosedForm,
        "a exp(b x)",
        &[&[AMPLITUDE, with_default("b", Domain::Real, "1", "rate")], ROUTE],
    ),
    layer(
        "gaussian",
        ClosedForm,
        "a exp(b x^2)",
        &[&[AMPLITUDE, with_default("b", Domain::Negative, "-1", "exponent")], ROUTE],
    ),
    layer("gabor", ClosedForm, "exp(-x^2) sin(x)", &[ROUTE]),
    layer("elu", ClosedForm, "x for x > 0, else alpha (exp(x) - 1)", &[SATURATION, ROUTE]),
    layer(
        "celu",
        ClosedForm,
        "x for x > 0, else alpha (exp(x / alpha) - 1)",
        &[&[with_default("alpha", Domain::Positive, "1", "saturation value")], ROUTE],
    ),
    layer("selu", ClosedForm, "1.0507… elu(x) with alpha = 1.6732…", &[ROUTE]),
    layer("relu6", ClosedForm, "min(max(x, 0), 6)", &[ROUTE]),
    layer("hard_tanh", ClosedForm, "min(max(x, -1), 1)", &[ROUTE]),
    layer("hard_sigmoid", ClosedForm, "min(max(x / 6 + 1/2, 0), 1)", &[ROUTE]),
    layer(
        "snake",
        ClosedForm,
        "x + sin(a x)^2 / a",
        &[&[with_default("a", Domain::Positive, "1", "frequency")], ROUTE],
    ),
    layer(
        "exp_normalized",
        ClosedForm,
        "kernel r exp(gamma (q12 / r + shift)), r = sqrt(q11 q22)",
        &[
            &[
                with_default("gamma", Domain::NonNegative, "1", "rate"),
                with_default("shift", Domain::Real, "-1", "added to the cosine"),
                with_default(
                    "do_clip",
                    Domain::Flag,
                    "false",
                    "no effect: the cosine is always clipped",
                ),
            ],
            ROUTE,
        ],
    ),
    layer("tanh", Numerical, "tanh(x)", &[ROUTE]),
    layer("sigmoid", Numerical, "1 / (1 + exp(-x))", &[ROUTE]),
    layer("softplus", Numerical, "log(1 + exp(x))", &[ROUTE]),
    LayerInfo { aliases: &["silu"], ..layer("swish", Numerical, "x / (1 + exp(-x))", &[ROUTE]) },
    layer("mish", Numerical, "x tanh(log(1 + exp(x)))", &[ROUTE]),
    layer("softsign", Numerical, "x / (1 + |x|)", &[ROUTE]),
    layer("log_sigmoid", Numerical, "-log(1 + exp(-x))", &[ROUTE]),
    layer("gelu_tanh", Numerical, "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))", &[ROUTE]),
    layer("arctan", Numerical, "arctan(x)", &[ROUTE]),
    layer(
        "numerical",
        Numerical,
        "the function named by `function`",
        &[
            &[
                required("function", Domain::Word(FUNCTIONS), "which function"),
                otherwise(
                    "degree",
                    Domain::Count { min: 1, max: 100_000 },
                    "not given",
                    "quadrature degree of a reference; the engine chooses its own accuracy",
                ),
            ],
            ROUTE,
        ],
    ),
    layer(
        "avg_pool",
        Positions,
        "average over windows",
        &[
            WINDOW,
            &[with_default(
                "normalize_edges",
                Domain::Flag,
                "false",
                "divide by the number of real positions in the window (SAME only)",
            )],
        ],
    ),
    layer("sum_pool", Positions, "sum over windows", &[WINDOW]),
    layer("global_avg_pool", Positions, "average over all positions", &[]),
    layer("global_sum_pool", Positions, "sum over all positions", &[]),
    layer("flatten", Positions, "positions become channels", &[]),
    layer(
        "aggregate",
        Positions,
        "sum over the neighbours in a graph, weighted by its adjacency matrix",
        &[],
    ),
    layer(
        "layer_norm",
        Normalisation,
        "x / sqrt(mean(x^2) + eps)",
        &[&[
            with_default(
                "axes",
                Domain::Words(&["channel", "spatial"]),
                "[\"channel\"]",
                "axes of the mean",
            ),
            with_default("eps", Domain::NonNegative, "1e-12", "added to the mean square"),
        ]],
    ),
    layer(
        "dropout",
        Normalisation,
        "units are dropped at random, the others divided by keep_rate",
        &[&[
            required("keep_rate", Domain::Fraction, "probability that a unit is kept"),
            with_default(
                "mode",
                Domain::Word(&["train", "test"]),
                "\"train\"",
                "test is the identity",
            ),
        ]],
    ),
    layer("identity", Normalisation, "x", &[]),
    layer(
        "residual",
        Blocks,
        "body(x) + shortcut(x)",
        &[&[
            required("body", Domain::Layers, "the long way"),
            with_default(
                "shortcut",
                Domain::Layers,
                "[]",
                "the short way; an empty list is the identity",
            ),
        ]],
    ),
    layer(
        "parallel",
        Blocks,
        "several branches of the same input, combined",
        &[&[
            required(
                "combine",
                Domain::Word(&["sum", "concat", "product"]),
                "how the branches are joined",
            ),
            required("branches", Domain::Branches, "the branches; an empty list is the identity"),
        ]],
    ),
];
