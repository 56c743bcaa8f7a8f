//! Sizes against the padding rules written out, and presets against the golden networks.

use widelimit_arch::{Combine, Conv, Dense, Layer, Network, Padding, Pool, Shape, presets};

const PADDINGS: [Padding; 3] = [Padding::Same, Padding::Valid, Padding::Circular];

fn line(layer: impl Into<Layer>, n: usize) -> Option<usize> {
    let net = Network::new(vec![layer.into()]).unwrap();
    net.output_shape(&Shape::image([n], 2)).ok().map(|shape| shape.spatial[0])
}

/// Positions of a window of `f` that steps by `s` over `n` entries.
fn windows(n: usize, f: usize, s: usize) -> Option<usize> {
    let count = (0..).step_by(s).take_while(|start| start + f <= n).count();
    (count > 0).then_some(count)
}

#[test]
fn convolutions_and_pools_have_as_many_outputs_as_windows_fit() {
    for n in 1..=12_usize {
        for f in 1..=5 {
            for s in 1..=4 {
                for dilation in 1..=3 {
                    let extent = (f - 1) * dilation + 1;
                    // Total padding, as the rules of the golden files say.
                    let pad = ((n.div_ceil(s) - 1) * s + extent).saturating_sub(n);
                    for padding in PADDINGS {
                        let total = if padding == Padding::Valid { n } else { n + pad };
                        let expected = windows(total, extent, s);
                        let conv =
                            Conv::new([f], 1.0).strides([s]).dilation([dilation]).padding(padding);
                        assert_eq!(line(conv.clone(), n), expected, "{n} {conv:?}");
                        assert_eq!(line(conv.clone().local(), n), expected, "{n} local {conv:?}");
                        if dilation == 1 {
                            let pool = Pool::new([f]).strides([s]).padding(padding);
                            assert_eq!(line(pool.clone().average(), n), expected, "{n} {pool:?}");
                            assert_eq!(line(pool.clone().sum(), n), expected, "{n} {pool:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn transposed_convolutions_spread_and_pad() {
    for n in 1..=9 {
        for f in 1..=5 {
            for s in 1..=4_usize {
                for padding in PADDINGS {
                    let overlap = if padding == Padding::Valid { f.max(s) - s } else { 0 };
                    let spread = (n - 1) * s + 1 + (f + s - 2) + overlap;
                    let conv = Conv::new([f], 1.0).strides([s]).padding(padding);
                    assert_eq!(line(conv.transposed(), n), windows(spread, f, 1), "{n} {f} {s}");
                }
            }
        }
    }
}

#[test]
fn channels_follow_widths_branches_and_flattening() {
    let out = |layers: Vec<Layer>, input: Shape| Network::new(layers).unwrap().output_shape(&input);
    let image = || Shape::image([4, 6], 3);
    let dense = |width| Dense::new(1.0).width(width);
    assert_eq!(out(vec![dense(7).into()], image()), Ok(Shape::image([4, 6], 7)));
    assert_eq!(
        out(vec![dense(7).standard(1.0, 3.0).into()], image()),
        Ok(Shape::image([4, 6], 21))
    );
    assert_eq!(out(vec![Layer::Flatten], image()), Ok(Shape::vector(72)));
    assert_eq!(out(vec![Layer::Flatten], Shape::vector(72)), Ok(Shape::vector(72)));
    assert_eq!(out(vec![Layer::GlobalSumPool], image()), Ok(Shape::vector(3)));
    let concat = Layer::parallel(
        Combine::Concat,
        vec![vec![], vec![dense(5).into()], vec![dense(7).standard(1.0, 2.0).into()]],
    );
    assert_eq!(out(vec![concat], image()), Ok(Shape::image([4, 6], 3 + 5 + 14)));
    let cube = Conv::new([2, 3, 4], 1.0).width(9);
    assert_eq!(out(vec![cube.into()], Shape::image([4, 4, 4], 2)), Ok(Shape::image([3, 2, 1], 9)));
}

#[test]
fn what_needs_positions() {
    let net = |json: &str| Network::from_json(json).unwrap();
    let flat = net(r#"[{"layer": "flatten"}, {"layer": "dense"}, {"layer": "relu"}]"#);
    assert!(!flat.is_spatial());
    assert_eq!(flat.input_axes(), None);
    let graph = net(r#"[{"layer": "aggregate"}, {"layer": "dense"}]"#);
    assert!(graph.is_spatial());
    assert_eq!(graph.input_axes(), Some(1));
    // However deep inside.
    let inner = net(r#"[{"layer": "parallel", "combine": "sum", "branches":
            [[{"layer": "residual", "body": [{"layer": "conv", "filter": [1, 2, 3]}]}]]}]"#);
    assert!(inner.is_spatial());
    assert_eq!(inner.input_axes(), Some(3));
}

/// Layers with every width set to 1, as in the presets.
fn narrowed(layers: &[Layer]) -> Vec<Layer> {
    let mut layers = layers.to_vec();
    for layer in &mut layers {
        match layer {
            Layer::Dense(dense) => dense.weights.width = 1,
            Layer::Conv(conv) => conv.weights.width = 1,
            _ => {}
        }
    }
    layers
}

#[test]
fn myrtle_presets_are_the_golden_ones() {
    let folder = std::env::var("WIDELIMIT_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let path = format!("{folder}/golden/cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} not found");
        return;
    };
    let index: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (preset, id) in [
        ("myrtle5", "nets.myrtle5_8x8"),
        ("myrtle5", "nets.myrtle5_8x8_gap"),
        ("myrtle10", "nets.myrtle10_8x8"),
    ] {
        let case = index["cases"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap();
        let golden = Network::from_json(&case["layers"].to_string()).unwrap();
        let mut golden = narrowed(golden.layers());
        // Averaging 2x2 positions by 2x2 and flattening is the global average.
        if let Some(at) = golden.iter().position(|layer| *layer == Layer::Flatten) {
            assert!(matches!(golden[at - 1], Layer::AvgPool(_)));
            golden.splice(at - 1..=at, [Layer::GlobalAvgPool]);
        }
        assert_eq!(Network::preset(preset).unwrap().layers(), golden, "{id}");
    }
}

#[test]
fn every_preset_works_on_the_inputs_it_is_for() {
    for info in presets() {
        let text = info.form.replace("[:ACTIVATION]", "");
        let text = text.replace("DEPTH", "3").replace("CONVS", "3").replace("BLOCKS", "2");
        let net = Network::preset(&text).unwrap();
        let input = if net.is_spatial() { Shape::image([32, 32], 3) } else { Shape::vector(784) };
        assert_eq!(net.output_shape(&input), Ok(Shape::vector(1)), "{text}");
        assert_eq!(Network::from_json(&net.to_json().unwrap()).unwrap(), net);
    }
    assert_eq!(Network::preset("mlp:3").unwrap(), Network::preset("mlp:3:relu").unwrap());
    assert_eq!(Network::preset("mlp:3:silu").unwrap(), Network::preset("mlp:3:swish").unwrap());
}
