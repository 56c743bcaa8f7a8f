//! Layers with random parameters.

use widelimit_arch::{
    Activation, Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism,
    Padding, Parameterization, Pool, Weights,
};

use crate::common::{Random, activations};

/// Draws layers; some choices are made once for a network.
pub(super) struct Draw<'a> {
    pub(super) random: &'a mut Random,
    activations: Vec<Activation>,
    /// Whether there are graphs to aggregate over.
    graphs: bool,
    /// Channels of most layers, so that branches agree.
    width: usize,
    /// Whether some layers have the standard parameterisation.
    standard: bool,
    /// Blocks around the layer that is drawn.
    nesting: usize,
}

/// What the branches of a block do to the positions, all alike.
#[derive(Clone)]
enum Resize {
    Keep,
    Stride(Vec<usize>),
    Shrink(Vec<usize>),
}

impl<'a> Draw<'a> {
    pub(super) fn new(random: &'a mut Random, graphs: bool) -> Self {
        let mut activations = activations();
        activations.retain(|activation| !matches!(activation, Activation::Numerical { .. }));
        let (width, standard) = (random.between(1, 5), random.chance(0.2));
        Self { activations, graphs, width, standard, random, nesting: 0 }
    }

    /// One layer, or an activation that needs another before it.
    pub(super) fn layers(&mut self, spatial: &[usize]) -> Vec<Layer> {
        let axes = spatial.len();
        if self.graphs && self.random.chance(0.2) {
            return vec![Layer::Aggregate];
        }
        let layer = match self.random.below(100) {
            0..=24 => self.conv(axes, self.graphs).into(),
            25..=49 => return self.activation(),
            50..=56 => Layer::AvgPool(self.pool(axes, true)),
            57..=60 => Layer::SumPool(self.pool(axes, false)),
            61..=63 => self.dense(),
            64..=67 => self.conv(axes, false).local(),
            68..=71 => {
                let mut conv = self.conv(axes, false);
                conv.dilation.fill(1);
                conv.strides.iter_mut().for_each(|s| *s = (*s).min(2));
                conv.transposed()
            }
            72..=75 => self.layer_norm().into(),
            76..=79 => self.dropout().into(),
            80 => Layer::Identity,
            81..=87 => self.residual(spatial),
            88..=92 => self.parallel(spatial),
            93..=94 => self.attention(spatial).into(),
            _ => self.dense(),
        };
        vec![layer]
    }

    pub(super) fn weights(&mut self) -> Weights {
        let mut weights = Weights::new(self.random.real(1.0, 1.5));
        weights.width = self.width;
        weights.b_std = match self.random.below(10) {
            0..=3 => None,
            4 => Some(0.0),
            _ => Some(self.random.real(0.05, 0.4)),
        };
        if self.standard && self.random.chance(0.6) {
            let s = [self.random.pick(&[1.0, 1.5, 2.0]), self.random.pick(&[1.0, 1.0, 2.0])];
            weights.parameterization = Parameterization::Standard { s };
        }
        weights.trainable = !self.random.chance(0.08);
        weights
    }

    /// An activation; one that grows fast with its input comes after a normalisation.
    pub(super) fn activation(&mut self) -> Vec<Layer> {
        if self.random.chance(0.25) {
            return vec![Activation::Relu.into()];
        }
        let activation = self.activations[self.random.below(self.activations.len())].clone();
        let grows = matches!(
            activation,
            Activation::Monomial { .. }
                | Activation::RectifiedMonomial { degree: 2.. }
                | Activation::Polynomial { .. }
                | Activation::Hermite { .. }
                | Activation::Exp { .. }
        );
        let norm = grows.then(|| LayerNorm::channels().eps(1e-3).into());
        norm.into_iter().chain([activation.into()]).collect()
    }

    fn dense(&mut self) -> Layer {
        Dense { weights: self.weights() }.into()
    }

    fn padding(&mut self) -> Padding {
        self.random.pick(&[Padding::Same, Padding::Same, Padding::Valid, Padding::Circular])
    }

    /// Any convolution; where there are graphs more often one that keeps the vertices.
    fn conv(&mut self, axes: usize, keep: bool) -> Conv {
        let filter: Vec<_> = (0..axes).map(|_| self.random.pick(&[1, 2, 3, 3, 3, 4, 5])).collect();
        let mut conv = Conv::new(filter, 1.0).padding(self.padding());
        conv.weights = self.weights();
        if !(keep && self.random.chance(0.5)) {
            conv.strides = (0..axes).map(|_| self.random.pick(&[1, 1, 1, 2, 3])).collect();
        }
        conv.dilation = (0..axes).map(|_| self.random.pick(&[1, 1, 1, 2])).collect();
        conv
    }

    fn pool(&mut self, axes: usize, average: bool) -> Pool {
        let window: Vec<_> = (0..axes).map(|_| self.random.between(1, 3)).collect();
        let mut pool = Pool::new(window.clone()).padding(self.padding());
        pool.strides = match self.random.below(2) {
            0 => window,
            _ => (0..axes).map(|_| self.random.between(1, 2)).collect(),
        };
        pool.normalize_edges = average && pool.padding == Padding::Same && self.random.chance(0.5);
        pool
    }

    fn layer_norm(&mut self) -> LayerNorm {
        let spatial = self.random.chance(0.4);
        LayerNorm { spatial, eps: self.random.pick(&[1e-3, 0.1]) }
    }

    fn dropout(&mut self) -> Dropout {
        let rate = self.random.real(0.4, 1.0);
        if self.random.chance(0.8) { Dropout::train(rate) } else { Dropout::test(rate) }
    }

    fn attention(&mut self, spatial: &[usize]) -> GlobalSelfAttention {
        let mechanism = self.random.pick(&[
            Mechanism::Softmax,
            Mechanism::Softmax,
            Mechanism::Identity,
            Mechanism::Relu,
            Mechanism::Abs,
        ]);
        // Rows of a softmax have sum 1; others grow with the number of positions.
        let positions: usize = spatial.iter().product();
        let scale = match mechanism {
            Mechanism::Softmax => 1.0,
            _ => (positions as f64).powf(-0.35),
        };
        GlobalSelfAttention {
            w_key_std: scale * self.random.real(0.8, 1.2),
            w_query_std: scale * self.random.real(0.8, 1.2),
            w_value_std: self.random.real(0.9, 1.3),
            w_out_std: self.random.real(0.9, 1.3),
            b_std: self.random.chance(0.5).then(|| self.random.real(0.05, 0.3)),
            mechanism,
            width: self.width,
            trainable: !self.random.chance(0.2),
            ..GlobalSelfAttention::default()
        }
    }

    /// Branches that end in vectors, each in its own way.
    pub(super) fn two_ends(&mut self) -> Layer {
        let mut branch = |end| vec![end, self.dense()];
        let branches = vec![branch(Layer::GlobalAvgPool), branch(Layer::Flatten)];
        let combine = self.random.pick(&[Combine::Sum, Combine::Concat, Combine::Product]);
        Layer::parallel(combine, branches)
    }

    fn residual(&mut self, spatial: &[usize]) -> Layer {
        let resize = self.resize(spatial);
        let body = self.branch(spatial, &resize, true);
        let shortcut = if matches!(resize, Resize::Keep) && self.random.chance(0.6) {
            Vec::new()
        } else {
            self.branch(spatial, &resize, true)
        };
        Layer::residual(body, shortcut)
    }

    fn parallel(&mut self, spatial: &[usize]) -> Layer {
        let resize = self.resize(spatial);
        let combine = self.random.pick(&[Combine::Sum, Combine::Concat, Combine::Product]);
        let branches = (0..self.random.between(1, 3))
            .map(|_| {
                let mut branch = self.branch(spatial, &resize, combine == Combine::Sum);
                if let (Combine::Concat, Some(Layer::Dense(dense))) = (combine, branch.last_mut()) {
                    dense.weights.width = self.random.between(1, 7);
                }
                branch
            })
            .collect();
        Layer::parallel(combine, branches)
    }

    fn resize(&mut self, spatial: &[usize]) -> Resize {
        let axes = spatial.iter();
        match self.random.below(10) {
            0..=1 => Resize::Stride(axes.map(|_| self.random.between(1, 2)).collect()),
            2 => Resize::Shrink(axes.map(|n| self.random.between(1, 3.min(*n))).collect()),
            _ => Resize::Keep,
        }
    }

    /// Layers that resize once; `weights_last` as sums need it.
    fn branch(&mut self, spatial: &[usize], resize: &Resize, weights_last: bool) -> Vec<Layer> {
        self.nesting += 1;
        let axes = spatial.len();
        let mut layers = Vec::new();
        if self.random.chance(0.5) {
            layers.extend(self.activation());
        }
        let mut conv = self.conv(axes, true);
        conv.padding = self.random.pick(&[Padding::Same, Padding::Circular]);
        conv.strides.fill(1);
        match resize {
            Resize::Keep => layers.push(conv.into()),
            // The same number of positions is left by strided pooling.
            Resize::Stride(strides) if self.random.chance(0.4) => {
                let mut pool = self.pool(axes, true);
                pool.strides.clone_from(strides);
                if pool.padding == Padding::Valid {
                    pool.padding = Padding::Same;
                }
                layers.extend([pool.average(), conv.into()]);
            }
            Resize::Stride(strides) => layers.push(conv.strides(strides.clone()).into()),
            Resize::Shrink(filter) => {
                let mut valid = Conv::new(filter.clone(), 1.0);
                valid.weights = self.weights();
                layers.push(valid.into());
            }
        }
        if self.random.chance(0.3) {
            layers.push(self.layer_norm().into());
        }
        if self.nesting < 3 && self.random.chance(0.15) {
            layers.push(Layer::residual(self.branch(spatial, &Resize::Keep, true), Vec::new()));
        }
        if self.random.chance(0.4) {
            layers.extend(self.activation());
        }
        if self.random.chance(0.15) {
            layers.push(self.dropout().into());
        }
        if weights_last || self.random.chance(0.3) {
            layers.push(self.dense());
        }
        self.nesting -= 1;
        layers
    }
}
