//! The random networks themselves: what they are made of, and the slow evaluator's shapes.

mod common;

use std::collections::BTreeMap;

use common::{brute, random_nets};
use widelimit_arch::{Conv, Group, Layer, Mechanism, Padding, Parameterization, Shape, Weights};

/// Cases that the engine is compared on.
const SEEDS: u64 = 200;

#[derive(Default)]
struct Census(BTreeMap<String, usize>);

impl Census {
    fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn weights(&mut self, weights: &Weights) {
        if weights.parameterization != Parameterization::Ntk {
            self.note("standard parameterisation");
        }
        if !weights.trainable {
            self.note("not trained");
        }
    }

    fn padding(&mut self, kind: &str, padding: Padding) {
        self.note(format!("{kind}, {padding:?}"));
    }

    fn conv(&mut self, kind: &str, conv: &Conv) {
        self.weights(&conv.weights);
        self.padding(kind, conv.padding);
        if conv.strides.iter().any(|s| *s > 1) {
            self.note(format!("{kind}, strided"));
        }
        if conv.dilation.iter().any(|d| *d > 1) {
            self.note(format!("{kind}, dilated"));
        }
    }

    fn layer(&mut self, layer: &Layer) {
        let name = layer.name();
        self.note(name);
        match layer {
            Layer::Dense(dense) => self.weights(&dense.weights),
            Layer::Conv(conv) | Layer::ConvTranspose(conv) | Layer::ConvLocal(conv) => {
                self.conv(name, conv);
            }
            Layer::AvgPool(pool) | Layer::SumPool(pool) => {
                self.padding(name, pool.padding);
                if pool.normalize_edges {
                    self.note("normalised edges");
                }
            }
            Layer::LayerNorm(norm) => self.note(format!("layer norm, spatial {}", norm.spatial)),
            Layer::Parallel { combine, .. } => self.note(format!("parallel, {combine:?}")),
            Layer::GlobalSelfAttention(attention) => {
                self.note(format!("attention, {:?}", attention.mechanism));
            }
            _ => {}
        }
    }
}

/// What must be there besides every layer.
fn wanted() -> Vec<String> {
    let mut wanted: Vec<String> = ["standard parameterisation", "not trained", "normalised edges"]
        .into_iter()
        .chain(["1 axes", "2 axes", "3 axes", "ends in vectors", "ends on pixels", "coincident"])
        .map(String::from)
        .collect();
    for kind in ["conv", "conv_transpose", "conv_local", "avg_pool", "sum_pool"] {
        for padding in [Padding::Same, Padding::Valid, Padding::Circular] {
            wanted.push(format!("{kind}, {padding:?}"));
        }
    }
    for mechanism in [Mechanism::Softmax, Mechanism::Identity, Mechanism::Relu, Mechanism::Abs] {
        wanted.push(format!("attention, {mechanism:?}"));
    }
    wanted
}

#[test]
fn networks_use_everything() {
    let mut census = Census::default();
    for seed in 0..SEEDS {
        let case = random_nets::case(seed);
        let shape = case.x1.shape();
        let input = Shape::image(&shape[1..shape.len() - 1], shape[shape.len() - 1]);
        let result = brute::evaluate(&case.network, &case.x1, Some(&case.x2), case.both_graphs());
        let output = case.network.output_shape(&input).unwrap();
        assert_eq!((result.spatial, result.channels), (output.spatial.clone(), output.channels));
        census.note(format!("{} axes", input.spatial.len()));
        census.note(if output.is_vector() { "ends in vectors" } else { "ends on pixels" });
        census.note(format!("depth {:>2}", case.network.layers().len()));
        if result.closest < 1e-8 {
            census.note("coincident");
        }
        for (_, layer) in case.network.walk() {
            census.layer(layer);
        }
    }
    for (what, count) in &census.0 {
        println!("{what:<28} {count}");
    }
    let layers = widelimit_arch::layers().iter();
    let layers = layers.filter(|info| info.group != Group::Numerical).map(|info| info.name.into());
    let missing: Vec<_> =
        layers.chain(wanted()).filter(|what| !census.0.contains_key(what)).collect();
    assert!(missing.is_empty(), "no network has {missing:?}");
}
