//! Every refusal says where, what and what was expected, in these very words.

use widelimit_arch::{
    Activation, Combine, Conv, Dense, Error, Layer, Network, Padding, Pool, Shape, UserFunction,
};

/// What reading the JSON text complains about.
fn refusal(json: &str) -> String {
    match Network::from_json(json) {
        Ok(net) => panic!("accepted:\n{net}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_and_structure() {
    for (json, message) in [
        (
            r#"[{"layer": "dense"}, {"layer": "rleu"}]"#,
            r#"layers[1]: unknown layer "rleu"; did you mean "relu"?"#,
        ),
        (r#"[{"layer": "transformer"}]"#, r#"layers[0]: unknown layer "transformer""#),
        (
            r#"[{"layer": "AvgPool", "window": [2, 2]}]"#,
            r#"layers[0]: unknown layer "AvgPool"; did you mean "avg_pool"?"#,
        ),
        (
            r#"[{"layer": "dense", "W_std": 2}]"#,
            "layers[0] (dense): unknown parameter \"W_std\"; did you mean \"w_std\"? \
             (it has w_std, b_std, width, parameterization, s, bias, trainable)",
        ),
        (
            r#"[{"layer": "dense"}, {"layer": "relu", "slope": 2}]"#,
            r#"layers[1] (relu): unknown parameter "slope" (it has none)"#,
        ),
        (r#"[{"layer": "dense", "w_std": 1, "w_std": 2}]"#, r#"layers[0]: "w_std" is given twice"#),
        (r#"[{"layer": "relu", "layer": "relu"}]"#, r#"layers[0]: "layer" is given twice"#),
        (
            r#"[{"layer": "conv", "w_std": 1}]"#,
            "layers[0] (conv): parameter \"filter\" is missing; \
             expected a list of 1 to 3 whole numbers, each at least 1",
        ),
        (
            r#"[{"layer": "dense"}, {"layer": "monomial"}]"#,
            "layers[1] (monomial): parameter \"degree\" is missing; \
             expected a whole number from 0 to 64",
        ),
        (
            r#"[{"layer": "residual"}]"#,
            r#"layers[0] (residual): parameter "body" is missing; expected a list of layers"#,
        ),
        (
            r#"[{"layer": "residual", "body": {"layer": "dense"}}]"#,
            "layers[0].body: expected a list of layers, got an object",
        ),
        (
            r#"[{"layer": "parallel", "combine": "sum", "branches": [[], {"layer": "dense"}]}]"#,
            "layers[0].branches[1]: expected a list of layers, got an object",
        ),
        (
            r#"[{"layer": "parallel", "combine": "sum", "branches": []}]"#,
            "layers[0] (parallel): \"branches\" must be a list of at least one list of layers, got []",
        ),
        (
            r#"["dense"]"#,
            "layers[0]: expected a layer, {\"layer\": \"NAME\", ...parameters}, got \"dense\"",
        ),
        (
            r#"[{"w_std": 1}]"#,
            "layers[0]: expected a layer, {\"layer\": \"NAME\", ...parameters}, got an object",
        ),
        (
            r#"{"layers": 3}"#,
            "the description: expected a list of layers, or {\"layers\": [...]}, got 3",
        ),
        (
            r#"{"layers": [], "version": 1}"#,
            "the description: expected a list of layers, or {\"layers\": [...]}, got an object",
        ),
        ("[]", "a network needs at least one layer"),
        (
            "[{]",
            "the network description is not valid JSON: key must be a string at line 1 column 3",
        ),
        (
            "",
            "the network description is not valid JSON: \
             EOF while parsing a value at line 1 column 0",
        ),
        (
            "[] []",
            "the network description is not valid JSON: trailing characters at line 1 column 4",
        ),
        (
            r#"[{"layer": "dense", "w_std": 1e999}]"#,
            "the network description is not valid JSON: number out of range at line 1 column 34",
        ),
        (
            r#"[{"layer": "dense", "w_std": NaN}]"#,
            "the network description is not valid JSON: expected value at line 1 column 30",
        ),
    ] {
        assert_eq!(refusal(json), message, "{json}");
    }
}

#[test]
fn values() {
    for (layer, message) in [
        (r#""dense", "w_std": -1"#, r#"(dense): "w_std" must be a number, at least 0, got -1"#),
        (r#""dense", "w_std": "2""#, r#"(dense): "w_std" must be a number, at least 0, got "2""#),
        (r#""dense", "width": 0"#, r#"(dense): "width" must be a whole number, at least 1, got 0"#),
        (
            r#""dense", "width": 2.5"#,
            r#"(dense): "width" must be a whole number, at least 1, got 2.5"#,
        ),
        (
            r#""dense", "width": 1e300"#,
            r#"(dense): "width" must be a whole number, at least 1, got 1e300"#,
        ),
        (r#""dense", "trainable": 1"#, r#"(dense): "trainable" must be true or false, got 1"#),
        (
            r#""dense", "parameterization": "mup""#,
            r#"(dense): "parameterization" must be one of "ntk", "standard", got "mup""#,
        ),
        (r#""dense", "s": [1]"#, r#"(dense): "s" must be a list of two numbers above 0, got [1]"#),
        (
            r#""dense", "width": 3, "parameterization": "standard", "s": [1, 1.5]"#,
            "(dense): \"s\" must be such that s[1] times the width 3 is a whole number, \
             at least 1, got 1.5",
        ),
        (
            r#""dense", "b_std": 0.1, "bias": false"#,
            r#"(dense): "bias" must be true or left out when b_std is above 0, got false"#,
        ),
        (
            r#""conv", "filter": [3, 0]"#,
            "(conv): \"filter\" must be a list of 1 to 3 whole numbers, each at least 1, got [3, 0]",
        ),
        (
            r#""conv", "filter": [1, 1, 1, 1]"#,
            "(conv): \"filter\" must be a list of 1 to 3 whole numbers, each at least 1, \
             got [1, 1, 1, 1]",
        ),
        (
            r#""conv", "filter": [3, 3], "strides": [2]"#,
            r#"(conv): "strides" must be a list with one entry per axis, 2, got [2]"#,
        ),
        (
            r#""conv", "filter": [3, 3], "padding": "FULL""#,
            r#"(conv): "padding" must be one of "SAME", "VALID", "CIRCULAR", got "FULL""#,
        ),
        (
            r#""conv_transpose", "filter": [3], "dilation": [2]"#,
            "(conv_transpose): unknown parameter \"dilation\" (it has filter, strides, padding, \
             w_std, b_std, width, parameterization, s, bias, trainable)",
        ),
        (
            r#""avg_pool", "window": [2, 2], "normalize_edges": true"#,
            r#"(avg_pool): "normalize_edges" must be false unless padding is SAME, got true"#,
        ),
        (
            r#""layer_norm", "axes": ["spatial"]"#,
            r#"(layer_norm): "axes" must be a list with "channel" in it, got ["spatial"]"#,
        ),
        (
            r#""layer_norm", "axes": ["channel", "channel"]"#,
            "(layer_norm): \"axes\" must be a list of different words out of \"channel\", \
             \"spatial\", got [\"channel\", \"channel\"]",
        ),
        (
            r#""dropout", "keep_rate": 0"#,
            r#"(dropout): "keep_rate" must be a number above 0 and at most 1, got 0"#,
        ),
        (r#""gaussian", "b": 0.5"#, r#"(gaussian): "b" must be a number below 0, got 0.5"#),
        (r#""celu", "alpha": 0"#, r#"(celu): "alpha" must be a number above 0, got 0"#),
        (
            r#""polynomial", "coef": []"#,
            r#"(polynomial): "coef" must be a list of 1 to 65 numbers, got []"#,
        ),
        (
            r#""hermite", "degree": 65"#,
            r#"(hermite): "degree" must be a whole number from 0 to 64, got 65"#,
        ),
        (
            r#""parallel", "combine": "max", "branches": [[]]"#,
            r#"(parallel): "combine" must be one of "sum", "concat", "product", got "max""#,
        ),
    ] {
        let json = format!(r#"[{{"layer": "dense"}}, {{"layer": {layer}}}]"#);
        assert_eq!(refusal(&json), format!("layers[1] {message}"), "{layer}");
    }
}

#[test]
fn the_same_checks_hold_for_layers_built_in_rust() {
    let refusal = |layer: Layer| {
        let layers = vec![Dense::new(1.0).into(), layer];
        Network::new(layers).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(Dense::new(f64::NAN).into()),
        r#"layers[1] (dense): "w_std" must be a number, at least 0, got NaN"#
    );
    assert_eq!(
        refusal(Activation::Polynomial { coef: vec![] }.into()),
        r#"layers[1] (polynomial): "coef" must be a list of 1 to 65 numbers, got []"#
    );
    assert_eq!(
        refusal(Conv::new([3], 1.0).dilation([2]).transposed()),
        r#"layers[1] (conv_transpose): "dilation" must be 1 for a transposed convolution, got [2]"#
    );
    assert_eq!(
        refusal(Pool::new([2]).padding(Padding::Same).normalize_edges().sum()),
        r#"layers[1] (sum_pool): "normalize_edges" must be false for a sum, got true"#
    );
    assert_eq!(
        refusal(Activation::from(UserFunction::new("kinky", [f64::INFINITY], f64::abs)).into()),
        r#"layers[1] (kinky): "kinks" must be a list of numbers, got inf"#
    );
    // A name of a user's that is also a layer's does not lead to that layer's rules.
    let own = UserFunction::new("gaussian", [], |x: f64| x.cos());
    assert!(Network::new(vec![Dense::new(1.0).into(), Activation::from(own).into()]).is_ok());
}

const DENSE: &str = r#"{"layer": "dense"}"#;
const RELU: &str = r#"{"layer": "relu"}"#;
const CONV: &str = r#"{"layer": "conv", "filter": [3, 3]}"#;
const FLATTEN: &str = r#"{"layer": "flatten"}"#;

fn parallel(combine: &str, branches: &[&str]) -> String {
    let branches: Vec<_> = branches.iter().map(|branch| format!("[{branch}]")).collect();
    format!(
        r#"{{"layer": "parallel", "combine": "{combine}", "branches": [{}]}}"#,
        branches.join(", ")
    )
}

#[test]
fn activations_need_gaussian_inputs() {
    let advice = "put a layer with weights (dense, conv, ...) before it";
    let concat = parallel("concat", &[DENSE, DENSE]);
    let product = parallel("product", &[DENSE, DENSE]);
    let dropout = r#"{"layer": "dropout", "keep_rate": 0.5}"#;
    for (json, at, cause) in [
        (RELU.to_string(), "layers[0] (relu)", "acts on the network's input itself"),
        (
            format!("{DENSE}, {RELU}, {RELU}"),
            "layers[2] (relu)",
            "its input is no longer Gaussian since layers[1] (relu)",
        ),
        (
            format!("{DENSE}, {RELU}, {{\"layer\": \"layer_norm\"}}"),
            "layers[2] (layer_norm)",
            "its input is no longer Gaussian since layers[1] (relu)",
        ),
        (
            format!("{CONV}, {FLATTEN}, {RELU}"),
            "layers[2] (relu)",
            "its input is no longer Gaussian since layers[1] (flatten)",
        ),
        (
            format!("{concat}, {RELU}"),
            "layers[1] (relu)",
            "its input is no longer Gaussian since layers[0] (parallel)",
        ),
        (
            format!("{product}, {RELU}"),
            "layers[1] (relu)",
            "its input is no longer Gaussian since layers[0] (parallel)",
        ),
        (
            format!("{DENSE}, {dropout}, {RELU}"),
            "layers[2] (relu)",
            "its input is no longer Gaussian since layers[1] (dropout)",
        ),
        (
            format!("{DENSE}, {{\"layer\": \"residual\", \"body\": [{RELU}, {RELU}, {DENSE}]}}"),
            "layers[1].body[1] (relu)",
            "its input is no longer Gaussian since layers[1].body[0] (relu)",
        ),
    ] {
        let expected = format!("{at}: needs a Gaussian input, but {cause}; {advice}");
        assert_eq!(refusal(&format!("[{json}]")), expected);
    }
}

#[test]
fn branches_must_be_independent() {
    let rule = "all branches of a sum but one must end in weights of their own (dense, conv, ...)";
    // Two copies of the input, two activations of it, two means that do not vanish.
    for branches in [
        ["", ""],
        ["", RELU],
        ["", r#"{"layer": "layer_norm"}"#],
        [&format!("{DENSE}, {RELU}"), &format!("{DENSE}, {RELU}")],
    ] {
        let json = format!("[{DENSE}, {}]", parallel("sum", &branches));
        let expected = format!(
            "layers[1] (parallel): branches[0] and branches[1] have cross terms, \
             which no kernel rule covers; {rule}"
        );
        assert_eq!(refusal(&json), expected);
        let ok = format!("[{DENSE}, {}]", parallel("concat", &branches));
        assert!(Network::from_json(&ok).is_ok(), "concatenation has no cross terms: {ok}");
    }
    assert_eq!(
        refusal(&format!(r#"[{DENSE}, {{"layer": "residual", "body": [{RELU}]}}]"#)),
        format!(
            "layers[1] (residual): body and shortcut have cross terms, \
             which no kernel rule covers; {rule}"
        )
    );
    assert_eq!(
        refusal(&format!("[{DENSE}, {}]", parallel("product", &["", DENSE, RELU]))),
        "layers[1] (parallel): branches[0] and branches[2] have cross terms, which no kernel rule \
         covers; all branches of a product but one must have weights of their own (dense, conv, ...)"
    );
    // One branch may be anything; of products, any branch with weights.
    for branches in [["", DENSE], [RELU, DENSE]] {
        assert!(Network::from_json(&format!("[{DENSE}, {}]", parallel("sum", &branches))).is_ok());
    }
    let hidden = format!("{DENSE}, {RELU}");
    assert!(Network::from_json(&format!("[{}]", parallel("product", &["", &hidden]))).is_ok());
    // What flips with the weights before a block inside a branch flips with weights of the branch.
    let block = format!(r#"{DENSE}, {{"layer": "residual", "body": [{RELU}, {DENSE}]}}"#);
    assert!(Network::from_json(&format!("[{DENSE}, {}]", parallel("sum", &["", &block]))).is_ok());
    // A sum with its input in it is not independent of the input.
    let sum = parallel("sum", &["", DENSE]);
    let json = format!("[{}]", parallel("product", &["", &sum]));
    assert!(Network::from_json(&json).is_err());
}

#[test]
fn a_sum_is_gaussian_only_if_all_branches_are() {
    let relu = |branches: &[&str]| {
        Network::from_json(&format!("[{DENSE}, {}, {RELU}]", parallel("sum", branches)))
    };
    assert!(relu(&["", DENSE]).is_ok());
    assert!(relu(&["", &format!("{RELU}, {DENSE}")]).is_ok());
    assert!(matches!(relu(&[RELU, DENSE]), Err(Error::NotGaussian { .. })));
    // Of the raw input, too.
    let raw = format!("[{}, {RELU}]", parallel("sum", &["", DENSE]));
    assert!(matches!(Network::from_json(&raw), Err(Error::NotGaussian { .. })));
}

#[test]
fn dropout_needs_weights_before_it() {
    let message = "layers[0] (dropout): must come after a layer with weights, \
                   not act on the network's input";
    for mode in ["train", "test"] {
        let json = format!(r#"[{{"layer": "dropout", "keep_rate": 0.5, "mode": "{mode}"}}]"#);
        assert_eq!(refusal(&json), message);
    }
    let idle = r#"{"layer": "dropout", "keep_rate": 0.5, "mode": "test"}"#;
    assert!(Network::from_json(&format!("[{DENSE}, {idle}, {RELU}]")).is_ok());
}

#[test]
fn positions_must_be_there() {
    for (json, message) in [
        (
            format!("[{FLATTEN}, {CONV}]"),
            "layers[1] (conv): acts on spatial positions, but layers[0] has left none",
        ),
        (
            format!(r#"[{CONV}, {{"layer": "global_avg_pool"}}, {{"layer": "global_sum_pool"}}]"#),
            "layers[2] (global_sum_pool): acts on spatial positions, but layers[1] has left none",
        ),
        (
            format!(r#"[{CONV}, {{"layer": "avg_pool", "window": [2]}}]"#),
            "layers[1] (avg_pool): expects 1 spatial axis, but layers[0] expects 2 spatial axes",
        ),
        (
            format!(r#"[{CONV}, {{"layer": "aggregate"}}]"#),
            "layers[1] (aggregate): expects 1 spatial axis, but layers[0] expects 2 spatial axes",
        ),
    ] {
        assert_eq!(refusal(&json), message);
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let net = |json: &str| Network::from_json(json).unwrap();
    let refusal =
        |json: &str, shape: Shape| net(json).output_shape(&shape).unwrap_err().to_string();
    assert_eq!(
        refusal(&format!("[{CONV}]"), Shape::vector(784)),
        "layers[0] (conv): needs an input with 2 spatial axes, got shape 784"
    );
    assert_eq!(
        refusal(&format!("[{CONV}, {CONV}]"), Shape::image([8, 4], 3)),
        "layers[1] (conv): window of 3 is larger than the 2 positions along axis 1"
    );
    assert_eq!(
        refusal(r#"[{"layer": "conv", "filter": [3], "dilation": [4]}]"#, Shape::image([8], 1)),
        "layers[0] (conv): window of 9 is larger than the 8 positions along axis 0"
    );
    assert_eq!(
        refusal(r#"[{"layer": "global_avg_pool"}]"#, Shape::vector(5)),
        "layers[0] (global_avg_pool): needs an input with spatial positions, got shape 5"
    );
    assert_eq!(
        refusal(
            &format!(r#"[{CONV}, {{"layer": "residual", "body": [{CONV}]}}]"#),
            Shape::image([8, 8], 3)
        ),
        "layers[1] (residual): body has shape 4x4x1, shortcut has 6x6x1; \
         their spatial sizes must agree"
    );
    let widths = [r#"{"layer": "dense", "width": 3}"#, r#"{"layer": "dense", "width": 4}"#];
    let sum = parallel("sum", &widths);
    assert_eq!(net(&format!("[{sum}]")).output_shape(&Shape::vector(2)), Ok(Shape::vector(4)));
    assert_eq!(
        refusal(
            &format!(r#"[{sum}, {{"layer": "dense", "parameterization": "standard"}}]"#),
            Shape::vector(2)
        ),
        "layers[0] (parallel): branches[0] has shape 3, branches[1] has 4; their channels must \
         agree, since other layers of this network depend on channel counts"
    );
    assert_eq!(
        refusal(&format!("[{DENSE}]"), Shape::vector(0)),
        "an input needs at least one channel and at least one position along every axis, got 0"
    );
    assert_eq!(
        refusal(&format!("[{FLATTEN}]"), Shape::image([usize::MAX, 2], 3)),
        "layers[0] (flatten): the output would have too many positions or channels to count"
    );
    assert_eq!(
        refusal(
            r#"[{"layer": "conv_transpose", "filter": [3], "strides": [1099511627776]}]"#,
            Shape::image([1 << 40], 3)
        ),
        "layers[0] (conv_transpose): the output would have too many positions or channels to count"
    );
}

#[test]
fn user_functions_have_no_text() {
    let net = Network::builder()
        .then(Dense::new(1.0))
        .parallel(Combine::Concat, |p| {
            p.branch(|b| b.then(Activation::function("bump", [], |x| (-x * x).exp())))
        })
        .build()
        .unwrap();
    assert_eq!(
        net.to_json().unwrap_err().to_string(),
        r#"layers[1].branches[0][0]: the user function "bump" cannot be written as JSON"#
    );
}

#[test]
fn presets() {
    for (text, message) in [
        (
            "mpl:3",
            "unknown preset \"mpl:3\"; did you mean \"mlp\"?; known: mlp:DEPTH[:ACTIVATION], \
             cntk-gap:CONVS, cntk-flatten:CONVS, myrtle5, myrtle7, myrtle10, resnet:BLOCKS",
        ),
        ("mlp", r#"preset "mlp": expected mlp:DEPTH[:ACTIVATION]"#),
        (
            "mlp:0",
            "preset \"mlp:0\": expected mlp:DEPTH[:ACTIVATION] with a whole number from 1 to 1000",
        ),
        (
            "mlp:3:rleu",
            "preset \"mlp:3:rleu\": expected an activation without required parameters after the \
             depth; `rleu` is not an activation, did you mean `relu`?",
        ),
        (
            "mlp:3:monomial",
            "preset \"mlp:3:monomial\": expected an activation without required parameters after \
             the depth; `monomial` needs parameters, which JSON can give",
        ),
        (
            "resnet:-1",
            "preset \"resnet:-1\": expected resnet:BLOCKS with a whole number from 1 to 1000",
        ),
        ("myrtle5:2", r#"preset "myrtle5:2": expected myrtle5"#),
    ] {
        assert_eq!(Network::preset(text).unwrap_err().to_string(), message);
    }
    let text = Network::preset("mlp:2:nix").unwrap_err().to_string();
    assert!(text.contains("`nix` is not an activation; known: relu, "), "{text}");
    assert!(text.contains(", tanh") && !text.contains("monomial"), "those that it takes: {text}");
}

#[test]
fn nesting_is_limited_and_never_overflows_the_stack() {
    let nested = |depth: usize| {
        let open = r#"{"layer": "parallel", "combine": "concat", "branches": [["#.repeat(depth);
        format!("[{open}{DENSE}{}]", "]]}".repeat(depth))
    };
    let deepest = Network::from_json(&nested(32)).unwrap();
    assert_eq!(deepest.walk().count(), 33);
    assert_eq!(Network::from_json(&deepest.to_json().unwrap()), Ok(deepest));
    let limit = "blocks may be nested at most 32 deep";
    assert!(refusal(&nested(33)).ends_with(limit), "{}", refusal(&nested(33)));
    assert_eq!(refusal(&nested(100_000)), format!("layers: {limit}"));
    assert_eq!(refusal(&"[".repeat(1_000_000)), format!("layers: {limit}"));
    let mut layer = Layer::Identity;
    for _ in 0..40 {
        layer = Layer::parallel(Combine::Sum, vec![vec![layer]]);
    }
    assert!(matches!(Network::new(vec![layer]), Err(Error::TooDeep { limit: 32, .. })));
}

#[test]
fn long_and_strange_texts_are_refused_quickly() {
    // Distinct unknown names, a repeated known one, a very long name.
    let names: Vec<_> = (0..200_000).map(|i| format!(r#""p{i}": 1"#)).collect();
    let json = format!(r#"[{{"layer": "dense", {}}}]"#, names.join(", "));
    assert!(refusal(&json).starts_with(r#"layers[0] (dense): unknown parameter "p0""#));
    let json = format!(r#"[{{"layer": "dense"{}}}]"#, r#", "w_std": 1"#.repeat(200_000));
    assert_eq!(refusal(&json), r#"layers[0]: "w_std" is given twice"#);
    let json = format!(r#"[{{"layer": "{}"}}]"#, "x".repeat(1_000_000));
    assert!(refusal(&json).len() < 100, "messages stay short");
    let json = format!(r#"[{{"layer": "polynomial", "coef": [{}0]}}]"#, "0,".repeat(1_000_000));
    assert!(refusal(&json).len() < 150, "messages stay short");
}
