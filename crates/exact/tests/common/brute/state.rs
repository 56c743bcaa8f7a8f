//! What is known at some layer, and the layers without weights that need nothing else.

use ndarray::{Array2, ArrayD};
use widelimit_arch::{Dropout, LayerNorm, Mode, Pool};

use super::windows::Windows;

/// One number for each pair of positions `(p, p')` of two inputs.
pub(super) type Block = Array2<f64>;

/// Two inputs, by their places in the list of all of them, and their covariances.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) k: Block,
    pub(super) t: Block,
}

/// What is known at some layer.
#[derive(Clone)]
pub(super) struct State {
    pub(super) spatial: Vec<usize>,
    pub(super) channels: usize,
    /// `K(x, x)` of all inputs, first ones first.
    pub(super) own: Vec<Block>,
    /// The wanted pairs, by rows. A symmetric call has the pairs of inputs with themselves too.
    pub(super) pairs: Vec<Pair>,
}

impl State {
    /// `K = <x[p], x'[p']> / channels` and `T = 0`.
    pub(super) fn new(x1: &ArrayD<f64>, x2: Option<&ArrayD<f64>>) -> Self {
        let (positions, channels) = {
            let shape = &x1.shape()[1..];
            (&shape[..shape.len() - 1], shape[shape.len() - 1])
        };
        let inputs: Vec<Array2<f64>> = x1
            .outer_iter()
            .chain(x2.iter().flat_map(|x2| x2.outer_iter()))
            .map(|x| {
                let shape = (positions.iter().product(), channels);
                Array2::from_shape_vec(shape, x.iter().copied().collect()).expect("equal shapes")
            })
            .collect();
        let block = |left: usize, right: usize| {
            let (x, z) = (&inputs[left], &inputs[right]);
            Block::from_shape_fn((x.nrows(), z.nrows()), |(p, q)| {
                (0..channels).map(|c| x[[p, c]] * z[[q, c]]).sum::<f64>() / channels as f64
            })
        };
        let n1 = x1.shape()[0];
        let right = if x2.is_some() { n1..inputs.len() } else { 0..n1 };
        let pairs = (0..n1).flat_map(|left| right.clone().map(move |right| (left, right)));
        Self {
            spatial: positions.to_vec(),
            channels,
            own: (0..inputs.len()).map(|i| block(i, i)).collect(),
            pairs: pairs
                .map(|(left, right)| {
                    let k = block(left, right);
                    Pair { left, right, t: Block::zeros(k.dim()), k }
                })
                .collect(),
        }
    }

    fn positions(&self) -> usize {
        self.spatial.iter().product()
    }

    /// The same linear map on every covariance and tangent; it may depend on the two inputs.
    pub(super) fn map(&mut self, map: impl Fn(&Block, usize, usize) -> Block) {
        for (i, own) in self.own.iter_mut().enumerate() {
            *own = map(own, i, i);
        }
        for Pair { left, right, k, t } in &mut self.pairs {
            *k = map(k, *left, *right);
            *t = map(t, *left, *right);
        }
    }

    /// Variances of all positions of an input.
    pub(super) fn variances(&self, input: usize) -> Vec<f64> {
        self.own[input].diag().to_vec()
    }

    pub(super) fn pool(&mut self, pool: &Pool, average: bool) {
        let windows =
            Windows::sliding(&self.spatial, &pool.window, &pool.strides, None, pool.padding);
        self.map(|block, _, _| windows.pool(block, average, pool.normalize_edges));
        self.spatial = windows.outputs;
    }

    /// Mean or sum over all pairs of positions.
    pub(super) fn pool_all(&mut self, average: bool) {
        let count = if average { (self.positions() as f64).powi(2) } else { 1.0 };
        self.map(|block, _, _| Block::from_elem((1, 1), block.sum() / count));
        self.spatial.clear();
    }

    pub(super) fn flatten(&mut self) {
        let positions = self.positions();
        self.map(|block, _, _| Block::from_elem((1, 1), block.diag().sum() / positions as f64));
        self.channels *= positions;
        self.spatial.clear();
    }

    pub(super) fn layer_norm(&mut self, norm: &LayerNorm) {
        let scales: Vec<Vec<f64>> = (0..self.own.len())
            .map(|input| {
                let mut v = self.variances(input);
                if norm.spatial {
                    let mean = v.iter().sum::<f64>() / v.len() as f64;
                    v.fill(mean);
                }
                v.iter().map(|v| v + norm.eps).collect()
            })
            .collect();
        self.map(|block, left, right| {
            let scale = |p: usize, q: usize| (scales[left][p] * scales[right][q]).sqrt();
            Block::from_shape_fn(block.dim(), |(p, q)| block[[p, q]] / scale(p, q))
        });
    }

    /// Only a unit compared with itself meets its own mask twice.
    pub(super) fn dropout(&mut self, dropout: &Dropout) {
        if dropout.mode == Mode::Test {
            return;
        }
        self.map(|block, left, right| {
            let mut block = block.clone();
            if left == right {
                block.diag_mut().mapv_inplace(|x| x / dropout.keep_rate);
            }
            block
        });
    }
}
