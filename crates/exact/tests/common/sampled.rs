//! Convolutional networks of finite width, drawn at random, with their gradients.
//!
//! Weights and gradients only: no rule of the kernels is used.

use ndarray::{Array1, Array2};
use widelimit_arch::{Activation, Conv, Layer, Padding, Parameterization, Weights};

use super::Random;

/// Positions x channels.
type Map = Array2<f64>;

/// A sampled layer.
enum Node {
    Affine(Affine),
    Activation(fn(f64) -> (f64, f64)),
    /// `matrix` times the map.
    Pool(Array2<f64>),
    Flatten,
    Residual(Vec<Node>, Vec<Node>),
}

struct Affine {
    /// For each output position, the positions that the filter lies on.
    windows: Vec<Vec<Option<usize>>>,
    /// (entries of the window x channels) x outputs.
    w: Array2<f64>,
    b: Array1<f64>,
    scale: f64,
    b_scale: f64,
    /// Gradients with respect to weights and biases are this times those of `y = x w + b`.
    gradient: [f64; 2],
}

/// What a layer saw, for the way back.
enum Trace {
    Input(Map),
    Branches(Vec<Trace>, Vec<Trace>),
}

/// A network of finite width; the last layer is a readout with one output.
pub struct Sampled {
    nodes: Vec<Node>,
}

/// Shape of a map: sizes of both axes (none after pooling) and channels.
#[derive(Clone)]
struct Shape {
    sizes: Vec<usize>,
    channels: usize,
}

impl Sampled {
    /// Draws all weights; widths are those of the layers.
    pub fn draw(random: &mut Random, layers: &[Layer], sizes: [usize; 2], channels: usize) -> Self {
        let mut shape = Shape { sizes: sizes.to_vec(), channels };
        Self { nodes: nodes(random, layers, &mut shape) }
    }

    /// Covariance of the outputs over the readout's weights, and product of the gradients.
    pub fn kernels(&self, x: &Map, z: &Map) -> (f64, f64) {
        let (left, right) = (self.run(x), self.run(z));
        let Some(Node::Affine(readout)) = self.nodes.last() else { panic!("no readout") };
        let mut products = Vec::new();
        let one = Map::ones((1, 1));
        overlap(&self.nodes, [&left, &right], [one.clone(), one], &mut products);
        let (Trace::Input(x), Trace::Input(z)) = (&left[left.len() - 1], &right[right.len() - 1])
        else {
            panic!("no readout")
        };
        let nngp = readout.scale.powi(2) * (x * z).sum() + readout.b_scale.powi(2);
        (nngp, products.iter().sum())
    }

    fn run(&self, x: &Map) -> Vec<Trace> {
        forward(&self.nodes, x.clone()).1
    }
}

fn nodes(random: &mut Random, layers: &[Layer], shape: &mut Shape) -> Vec<Node> {
    layers.iter().map(|layer| node(random, layer, shape)).collect()
}

fn node(random: &mut Random, layer: &Layer, shape: &mut Shape) -> Node {
    match layer {
        Layer::Dense(dense) => {
            let windows = (0..shape.sizes.iter().product()).map(|p| vec![Some(p)]).collect();
            Node::Affine(affine(random, windows, &dense.weights, shape))
        }
        Layer::Conv(conv) => {
            let (windows, sizes) = windows(conv, &shape.sizes);
            shape.sizes = sizes;
            Node::Affine(affine(random, windows, &conv.weights, shape))
        }
        Layer::Activation(Activation::Relu) => {
            Node::Activation(|x| if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) })
        }
        Layer::Activation(Activation::Sin { .. }) => Node::Activation(|x| (x.sin(), x.cos())),
        Layer::AvgPool(pool) => {
            // The window is its own filter: a mean over what it lies on.
            let conv = Conv::new(pool.window.clone(), 1.0)
                .strides(pool.strides.clone())
                .padding(pool.padding);
            let (windows, sizes) = windows(&conv, &shape.sizes);
            let mut matrix = Array2::zeros((windows.len(), shape.sizes.iter().product()));
            for (p, window) in windows.iter().enumerate() {
                for q in window.iter().flatten() {
                    matrix[[p, *q]] += 1.0 / window.len() as f64;
                }
            }
            shape.sizes = sizes;
            Node::Pool(matrix)
        }
        Layer::GlobalAvgPool => {
            let positions = shape.sizes.iter().product();
            shape.sizes.clear();
            Node::Pool(Array2::from_elem((1, positions), 1.0 / positions as f64))
        }
        Layer::Flatten => {
            shape.channels *= shape.sizes.iter().product::<usize>();
            shape.sizes.clear();
            Node::Flatten
        }
        Layer::Residual { body, shortcut } => {
            let mut other = shape.clone();
            let body = nodes(random, body, shape);
            Node::Residual(body, nodes(random, shortcut, &mut other))
        }
        other => panic!("{} is not sampled", other.name()),
    }
}

fn affine(
    random: &mut Random,
    windows: Vec<Vec<Option<usize>>>,
    weights: &Weights,
    shape: &mut Shape,
) -> Affine {
    let fan_in = windows[0].len() * shape.channels;
    let scale = weights.w_std / (fan_in as f64).sqrt();
    let b_scale = weights.b_std.unwrap_or(0.0);
    let gradient = match weights.parameterization {
        _ if !weights.trainable => [0.0, 0.0],
        Parameterization::Ntk => [scale, b_scale],
        // The weights themselves have the scale.
        Parameterization::Standard { .. } => [1.0, f64::from(u8::from(weights.b_std.is_some()))],
    };
    let w = random.matrix(fan_in, weights.width);
    let b = random.matrix(1, weights.width).row(0).to_owned();
    shape.channels = weights.width;
    Affine { windows, w, b, scale, b_scale, gradient }
}

/// For each output position, what the filter lies on, in an image framed by `padding`.
fn windows(conv: &Conv, sizes: &[usize]) -> (Vec<Vec<Option<usize>>>, Vec<usize>) {
    let mut before = [0; 2];
    let mut outputs = [0; 2];
    for axis in 0..2 {
        let (n, stride) = (sizes[axis], conv.strides[axis]);
        let extent = conv.dilation[axis] * (conv.filter[axis] - 1) + 1;
        let total = match conv.padding {
            Padding::Valid => 0,
            _ => ((n.div_ceil(stride) - 1) * stride + extent).max(n) - n,
        };
        before[axis] = total / 2;
        outputs[axis] = (n + total - extent) / stride + 1;
    }
    // Where a line or column of the framed image comes from.
    let source = |line: usize, axis: usize| {
        let (line, n) = (line as isize - before[axis] as isize, sizes[axis] as isize);
        match conv.padding {
            Padding::Circular => Some(line.rem_euclid(n) as usize),
            _ => (0..n).contains(&line).then_some(line as usize),
        }
    };
    let mut windows = Vec::new();
    for i in 0..outputs[0] {
        for j in 0..outputs[1] {
            let mut window = Vec::new();
            for di in 0..conv.filter[0] {
                for dj in 0..conv.filter[1] {
                    let row = source(i * conv.strides[0] + di * conv.dilation[0], 0);
                    let column = source(j * conv.strides[1] + dj * conv.dilation[1], 1);
                    window.push(row.zip(column).map(|(row, column)| row * sizes[1] + column));
                }
            }
            windows.push(window);
        }
    }
    (windows, outputs.to_vec())
}

impl Affine {
    /// What every output position sees, as rows.
    fn patches(&self, x: &Map) -> Array2<f64> {
        let channels = x.ncols();
        let mut patches = Array2::zeros((self.windows.len(), self.windows[0].len() * channels));
        for (window, mut patch) in self.windows.iter().zip(patches.rows_mut()) {
            for (entry, place) in window.iter().enumerate() {
                if let Some(p) = place {
                    for c in 0..channels {
                        patch[entry * channels + c] = x[[*p, c]];
                    }
                }
            }
        }
        patches
    }

    fn apply(&self, x: &Map) -> Map {
        self.patches(x).dot(&self.w) * self.scale + &self.b * self.b_scale
    }

    /// Gradient with respect to the input, which has this many positions.
    fn back(&self, g: &Map, positions: usize) -> Map {
        let patches = g.dot(&self.w.t()) * self.scale;
        let channels = patches.ncols() / self.windows[0].len();
        let mut x = Map::zeros((positions, channels));
        for (window, patch) in self.windows.iter().zip(patches.rows()) {
            for (entry, place) in window.iter().enumerate() {
                if let Some(p) = place {
                    for c in 0..channels {
                        x[[*p, c]] += patch[entry * channels + c];
                    }
                }
            }
        }
        x
    }

    /// Product of the gradients with respect to weights and bias of two inputs.
    fn overlap(&self, [x, z]: [&Map; 2], [gx, gz]: [&Map; 2]) -> f64 {
        let [w, b] = self.gradient.map(|g| g * g);
        let seen = self.patches(x).dot(&self.patches(z).t());
        (gx.dot(&gz.t()) * (seen * w + b)).sum()
    }
}

/// The output, and what every layer saw.
fn forward(nodes: &[Node], mut x: Map) -> (Map, Vec<Trace>) {
    let mut traces = Vec::new();
    for node in nodes {
        let (y, trace) = match node {
            Node::Affine(affine) => (affine.apply(&x), Trace::Input(x)),
            Node::Activation(s) => (x.mapv(|x| s(x).0), Trace::Input(x)),
            Node::Pool(matrix) => (matrix.dot(&x), Trace::Input(x)),
            Node::Flatten => {
                let flat = Map::from_shape_vec((1, x.len()), x.iter().copied().collect());
                (flat.expect("equal sizes"), Trace::Input(x))
            }
            Node::Residual(body, shortcut) => {
                let (y, body) = forward(body, x.clone());
                let (short, shortcut) = forward(shortcut, x);
                (y + short, Trace::Branches(body, shortcut))
            }
        };
        traces.push(trace);
        x = y;
    }
    (x, traces)
}

/// Takes gradients back through all layers for two inputs at once, noting every product.
fn overlap(
    nodes: &[Node],
    traces: [&[Trace]; 2],
    mut g: [Map; 2],
    products: &mut Vec<f64>,
) -> [Map; 2] {
    for (i, node) in nodes.iter().enumerate().rev() {
        g = match (node, &traces[0][i], &traces[1][i]) {
            (Node::Residual(body, shortcut), Trace::Branches(xb, xs), Trace::Branches(zb, zs)) => {
                let long = overlap(body, [xb, zb], g.clone(), products);
                let short = overlap(shortcut, [xs, zs], g, products);
                let [lx, lz] = long;
                let [sx, sz] = short;
                [lx + sx, lz + sz]
            }
            (node, Trace::Input(x), Trace::Input(z)) => {
                if let Node::Affine(affine) = node {
                    products.push(affine.overlap([x, z], [&g[0], &g[1]]));
                }
                [back(node, x, &g[0]), back(node, z, &g[1])]
            }
            _ => unreachable!("traces follow nodes"),
        };
    }
    g
}

fn back(node: &Node, x: &Map, g: &Map) -> Map {
    match node {
        Node::Affine(affine) => affine.back(g, x.nrows()),
        Node::Activation(s) => x.mapv(|x| s(x).1) * g,
        Node::Pool(matrix) => matrix.t().dot(g),
        Node::Flatten => {
            Map::from_shape_vec(x.dim(), g.iter().copied().collect()).expect("equal sizes")
        }
        Node::Residual(..) => unreachable!("has a trace of its own"),
    }
}
