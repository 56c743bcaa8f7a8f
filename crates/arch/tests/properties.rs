//! What holds for every network: it prints back to itself, and no text makes the reader panic.

use proptest::collection::vec;
use proptest::prelude::*;
use widelimit_arch::{
    Activation, Combine, Conv, Dense, Dropout, Function, GlobalSelfAttention, Layer, LayerNorm,
    Mechanism, Mode, NamedFunction, Network, Padding, Parameterization, Pool, Shape, Weights,
};

/// Standard deviations: zero, subnormal, huge and in between, every bit of them arbitrary.
fn deviation() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        any::<f64>().prop_map(f64::abs).prop_filter("finite", |x| x.is_finite()),
        0.1..3.0_f64,
    ]
}

fn real() -> impl Strategy<Value = f64> {
    (deviation(), any::<bool>()).prop_map(|(x, minus)| if minus { -x } else { x })
}

fn positive() -> impl Strategy<Value = f64> {
    deviation().prop_map(|x| if x == 0.0 { 1.0 } else { x })
}

fn bias() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(deviation())
}

prop_compose! {
    fn weights()(
        w_std in deviation(),
        b_std in bias(),
        width in 1..1000_usize,
        s_in in positive(),
        s_out in 1..5_u8,
        standard in any::<bool>(),
        trainable in any::<bool>(),
    ) -> Weights {
        let s = [s_in, f64::from(s_out)];
        let parameterization =
            if standard { Parameterization::Standard { s } } else { Parameterization::Ntk };
        Weights { w_std, b_std, width, parameterization, trainable }
    }
}

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![Just(Padding::Same), Just(Padding::Valid), Just(Padding::Circular)]
}

prop_compose! {
    fn conv()(
        weights in weights(),
        sizes in [[1..6_usize, 1..6, 1..6], [1..6, 1..6, 1..6]],
        padding in padding(),
    ) -> Conv {
        let [[f, s, d], [g, t, e]] = sizes;
        Conv { weights, filter: vec![f, g], strides: vec![s, t], dilation: vec![d, e], padding }
    }
}

prop_compose! {
    fn pool()(a in 1..6_usize, b in 1..6_usize, s in 1..6_usize, padding in padding(), n in any::<bool>()) -> Pool {
        let normalize_edges = n && padding == Padding::Same;
        Pool { window: vec![a, b], strides: vec![s, 1], padding, normalize_edges }
    }
}

prop_compose! {
    fn attention()(
        stds in [deviation(), deviation(), deviation(), deviation()],
        b_std in bias(),
        mechanism in prop_oneof![
            Just(Mechanism::Softmax), Just(Mechanism::Identity), Just(Mechanism::Relu), Just(Mechanism::Abs)
        ],
        widths in [1..99_usize, 1..99, 1..99, 1..9],
        trainable in any::<bool>(),
    ) -> GlobalSelfAttention {
        let [w_key_std, w_query_std, w_value_std, w_out_std] = stds;
        let [width, key_width, value_width, heads] = widths;
        GlobalSelfAttention {
            w_key_std, w_query_std, w_value_std, w_out_std, b_std, mechanism,
            width, key_width, value_width, heads, trainable,
        }
    }
}

fn activation() -> impl Strategy<Value = Activation> {
    let plain = [
        Activation::Relu,
        Activation::Abs,
        Activation::Sign,
        Activation::Step,
        Activation::SigmoidLike,
        Activation::Probit,
        Activation::Gelu,
        Activation::Gabor,
        Activation::Selu,
        Activation::Relu6,
        Activation::HardTanh,
        Activation::HardSigmoid,
    ];
    prop_oneof![
        proptest::sample::select(plain.to_vec()),
        real().prop_map(|alpha| Activation::LeakyRelu { alpha }),
        [real(), real()].prop_map(|[a, b]| Activation::AbRelu { a, b }),
        (0..=64_u32).prop_map(|degree| Activation::RectifiedMonomial { degree }),
        (0..=64_u32).prop_map(|degree| Activation::Monomial { degree }),
        (0..=64_u32).prop_map(|degree| Activation::Hermite { degree }),
        vec(real(), 1..65).prop_map(|coef| Activation::Polynomial { coef }),
        [real(), real(), real()].prop_map(|[a, b, c]| Activation::Erf { a, b, c }),
        [real(), real(), real()].prop_map(|[a, b, c]| Activation::Sin { a, b, c }),
        [real(), real(), real()].prop_map(|[a, b, c]| Activation::Cos { a, b, c }),
        deviation().prop_map(|gamma| Activation::Rbf { gamma }),
        [real(), real()].prop_map(|[a, b]| Activation::Exp { a, b }),
        (real(), positive()).prop_map(|(a, b)| Activation::Gaussian { a, b: -b }),
        real().prop_map(|alpha| Activation::Elu { alpha }),
        positive().prop_map(|alpha| Activation::Celu { alpha }),
        positive().prop_map(|a| Activation::Snake { a }),
        (deviation(), real(), any::<bool>()).prop_map(|(gamma, shift, do_clip)| {
            Activation::ExpNormalized { gamma, shift, do_clip }
        }),
        (proptest::sample::select(NamedFunction::ALL.to_vec()), proptest::option::of(1..200_u32))
            .prop_map(|(function, degree)| Activation::Numerical {
                function: Function::Named(function),
                degree
            }),
    ]
}

fn affine() -> impl Strategy<Value = Layer> {
    prop_oneof![
        weights().prop_map(|weights| Layer::Dense(Dense { weights })),
        conv().prop_map(Layer::Conv),
        conv().prop_map(Layer::ConvLocal),
        conv().prop_map(|mut conv| {
            conv.dilation.fill(1);
            Layer::ConvTranspose(conv)
        }),
        attention().prop_map(Layer::GlobalSelfAttention),
    ]
}

/// Weights, perhaps a norm, an activation, and whatever may follow it.
fn unit() -> impl Strategy<Value = Vec<Layer>> {
    let norm = (any::<bool>(), deviation())
        .prop_map(|(spatial, eps)| Layer::LayerNorm(LayerNorm { spatial, eps }));
    let after = prop_oneof![
        Just(Layer::Identity),
        pool().prop_map(Layer::AvgPool),
        pool().prop_map(|pool| Layer::SumPool(Pool { normalize_edges: false, ..pool })),
        (0.01..=1.0_f64, any::<bool>()).prop_map(|(keep_rate, train)| {
            let mode = if train { Mode::Train } else { Mode::Test };
            Layer::Dropout(Dropout { keep_rate, mode })
        }),
    ];
    (affine(), proptest::option::of(norm), activation(), vec(after, 0..3)).prop_map(
        |(affine, norm, activation, after)| {
            let mut unit = vec![affine];
            unit.extend(norm);
            unit.push(activation.into());
            unit.extend(after);
            unit
        },
    )
}

/// Valid lists of layers that end in weights, with blocks inside blocks.
fn body() -> impl Strategy<Value = Vec<Layer>> {
    let flat = (vec(unit(), 0..3), affine())
        .prop_map(|(units, last)| units.into_iter().flatten().chain([last]).collect::<Vec<_>>());
    flat.prop_recursive(3, 24, 3, |inner| {
        let block = prop_oneof![
            (inner.clone(), any::<bool>(), inner.clone()).prop_map(|(body, project, other)| {
                Layer::Residual { body, shortcut: if project { other } else { vec![] } }
            }),
            (
                vec(inner.clone(), 1..4),
                prop_oneof![Just(Combine::Sum), Just(Combine::Concat), Just(Combine::Product)]
            )
                .prop_map(|(branches, combine)| Layer::Parallel { branches, combine }),
        ];
        (block, inner).prop_map(|(block, rest)| std::iter::once(block).chain(rest).collect())
    })
}

fn network() -> impl Strategy<Value = Network> {
    let readout = prop_oneof![
        Just(vec![]),
        Just(vec![Layer::GlobalAvgPool]),
        Just(vec![Layer::GlobalSumPool]),
        Just(vec![Layer::Flatten, Dense::new(1.0).into()]),
    ];
    (body(), readout).prop_map(|(mut layers, readout)| {
        layers.extend(readout);
        Network::new(layers).expect("every network made here is valid")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn printed_networks_parse_back(net in network()) {
        let text = net.to_json().unwrap();
        let again = Network::from_json(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&again, &net);
        prop_assert_eq!(again.to_json().unwrap(), text);
    }

    #[test]
    fn spaces_capitals_and_order_of_parameters_do_not_matter(net in network()) {
        let json: serde_json::Value = serde_json::from_str(&net.to_json().unwrap()).unwrap();
        // serde_json sorts the parameters by name.
        let pretty = serde_json::to_string_pretty(&json).unwrap();
        let pretty = pretty.replace("\"SAME\"", "\"same\"").replace("\"standard\"", "\"Standard\"");
        prop_assert_eq!(Network::from_json(&pretty), Ok(net));
    }

    #[test]
    fn shapes_are_told_for_every_layer_or_refused(net in network(), side in 1..40_usize) {
        let input = Shape::image([side, side + 1], 3);
        match net.shapes(&input) {
            Ok(shapes) => {
                prop_assert_eq!(shapes.len(), net.walk().count());
                prop_assert_eq!(&shapes.last().unwrap().output, &net.output_shape(&input).unwrap());
                for shapes in shapes {
                    prop_assert!(shapes.output.channels > 0 && !shapes.output.spatial.contains(&0));
                }
                prop_assert_eq!(net.summary(&input).unwrap().lines().count(), net.walk().count() + 1);
            }
            Err(error) => prop_assert!(error.to_string().starts_with("layers["), "{}", error),
        }
        prop_assert_eq!(net.to_string().lines().count(), net.walk().count());
    }

    #[test]
    fn damaged_text_is_refused_without_panic(
        net in network(),
        at in any::<proptest::sample::Index>(),
        length in 0..8_usize,
        insert in "[\\[\\]{}\",:0-9a-z.-]{0,4}",
    ) {
        let mut text = net.to_json().unwrap();
        let from = at.index(text.len());
        text.replace_range(from..(from + length).min(text.len()), &insert);
        if let Ok(net) = Network::from_json(&text) {
            // What is accepted is a network like any other.
            prop_assert_eq!(Network::from_json(&net.to_json().unwrap()), Ok(net));
        }
    }

    #[test]
    fn any_text_at_all(text in any::<String>()) {
        let _ = Network::from_json(&text);
        let _ = Network::preset(&text);
    }
}
