//! Random networks on random images, the same for the same seed.
//!
//! A network grows layer by layer: a layer drawn at random stays if the network is still valid
//! with it. What comes out is checked by the slow evaluator, so that variances are such that
//! tests may ask for nearly all digits.

mod draw;

use ndarray::{Array3, ArrayD, Axis, Slice};
use widelimit_arch::{Dense, Layer, Network, Shape};

use super::Random;
use super::brute::{self, Adjacency};
use draw::Draw;

/// Inputs of a case.
const ROWS: [usize; 2] = [3, 2];

/// Largest errors in f64 and f32 where different units coincide (`Evaluation::closest` below
/// 1e-8): kinked activations have a square root of the distance there, which makes 1e-8 of the last
/// bit in f64; in f32 such pairs are computed once more.
pub const COINCIDENT: (f64, f64) = (1e-7, 5e-6);

/// A network and inputs, representable in `f32`.
pub struct Case {
    pub seed: u64,
    pub network: Network,
    pub x1: ArrayD<f64>,
    pub x2: ArrayD<f64>,
    pub a1: Option<Array3<f64>>,
    pub a2: Option<Array3<f64>>,
}

impl Case {
    /// Adjacency for a symmetric call.
    pub fn graphs(&self) -> Adjacency<'_> {
        self.a1.as_ref().map(|a1| (a1, None))
    }

    /// Adjacency for a call with both inputs.
    pub fn both_graphs(&self) -> Adjacency<'_> {
        self.a1.as_ref().map(|a1| (a1, self.a2.as_ref()))
    }

    /// All that is needed to see a failure again.
    pub fn describe(&self) -> String {
        let json = self.network.to_json().expect("no user functions");
        format!("seed {}, inputs {:?}: {json}", self.seed, self.x1.shape())
    }
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut random = Random::new(0x5eed_0000 + seed);
    loop {
        if let Some(case) = attempt(seed, &mut random) {
            return case;
        }
    }
}

/// Runs a check on the cases of all seeds below a number before any failure is told.
pub fn everywhere(seeds: u64, mut check: impl FnMut(&Case)) {
    let mut failures = Vec::new();
    for seed in 0..seeds {
        let case = case(seed);
        let run = std::panic::AssertUnwindSafe(|| check(&case));
        if let Err(cause) = std::panic::catch_unwind(run) {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or(cause.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            failures.push(format!("{text}: {}", case.describe()));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn attempt(seed: u64, random: &mut Random) -> Option<Case> {
    let input = shape(random);
    let network = Growth::new(random, input.clone()).grow()?;
    let graphs = network.walk().any(|(_, layer)| matches!(layer, Layer::Aggregate));
    let [mut x1, mut x2] = ROWS.map(|rows| images(random, rows, &input));
    match random.below(10) {
        0 | 1 => {
            // Repeated images, within the first inputs and across.
            let copies = [0, 1].map(|i| x1.index_axis(Axis(0), i).to_owned());
            x1.index_axis_mut(Axis(0), 2).assign(&copies[0]);
            x2.index_axis_mut(Axis(0), 1).assign(&copies[1]);
        }
        2 | 3 => {
            // Positions without any signal.
            let mut image = x1.index_axis_mut(Axis(0), 1);
            let half = input.spatial[0] / 2;
            image.slice_axis_mut(Axis(0), Slice::from(..half)).fill(0.0);
        }
        _ => {}
    }
    let [a1, a2] = ROWS.map(|rows| graphs.then(|| adjacency(random, rows, input.spatial[0])));
    let case = Case { seed, network, x1, x2, a1, a2 };
    is_moderate(&case).then_some(case)
}

/// Whether all numbers of one image are of moderate size.
fn is_moderate(case: &Case) -> bool {
    let one = case.x1.slice_axis(Axis(0), Slice::from(..1)).to_owned();
    let result = brute::evaluate(&case.network, &one, None, case.graphs());
    let [least, most] = result.variances;
    let fits = |x: &f64| x.is_finite() && x.abs() < 1e5;
    let largest = result.nngp.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    (least >= 1e-3 && most <= 30.0)
        && largest > 1e-4
        && result.nngp.iter().chain(&result.ntk).all(fits)
}

fn shape(random: &mut Random) -> Shape {
    let limit = if random.chance(0.1) { 125 } else { 56 };
    loop {
        let spatial: Vec<usize> = match random.below(10) {
            0..=1 => vec![random.between(3, 16)],
            2..=3 => (0..3).map(|_| random.between(3, 5)).collect(),
            _ => (0..2).map(|_| random.between(4, 9)).collect(),
        };
        if spatial.iter().product::<usize>() <= limit {
            return Shape::image(spatial, random.between(1, 4));
        }
    }
}

fn images(random: &mut Random, rows: usize, input: &Shape) -> ArrayD<f64> {
    let shape: Vec<usize> = [&[rows][..], &input.spatial, &[input.channels]].concat();
    ArrayD::from_shape_simple_fn(shape, || f64::from(random.normal() as f32))
}

/// Weights between some of the vertices, about one in sum.
fn adjacency(random: &mut Random, rows: usize, vertices: usize) -> Array3<f64> {
    Array3::from_shape_simple_fn((rows, vertices, vertices), || {
        let edge = random.chance(0.5);
        let weight = random.real(0.0, 4.0) / vertices as f64;
        if edge { f64::from(weight as f32) } else { 0.0 }
    })
}

/// A network that is valid at every moment.
struct Growth<'a> {
    draw: Draw<'a>,
    input: Shape,
    layers: Vec<Layer>,
}

impl<'a> Growth<'a> {
    fn new(random: &'a mut Random, input: Shape) -> Self {
        let graphs = input.spatial.len() == 1 && random.chance(0.4);
        Self { draw: Draw::new(random, graphs), input, layers: Vec::new() }
    }

    fn grow(mut self) -> Option<Network> {
        let depth = self.draw.random.between(1, 7);
        for _ in 0..depth {
            let spatial = self.spatial()?;
            // Most refusals are activations where nothing is Gaussian yet.
            (0..30).find(|_| {
                let layers = self.draw.layers(&spatial);
                self.push(layers)
            })?;
        }
        self.end()?;
        Network::new(self.layers).ok()
    }

    fn spatial(&self) -> Option<Vec<usize>> {
        if self.layers.is_empty() {
            return Some(self.input.spatial.clone());
        }
        let network = Network::new(self.layers.clone()).ok()?;
        Some(network.output_shape(&self.input).ok()?.spatial)
    }

    /// Removes positions, or not, and adds layers on vectors, or not.
    fn end(&mut self) -> Option<()> {
        let ends = match self.draw.random.below(10) {
            0..=2 => vec![Layer::GlobalAvgPool],
            3 => vec![Layer::GlobalSumPool],
            4..=6 => vec![Layer::Flatten],
            7 => vec![self.draw.two_ends()],
            // Kernels of pixels.
            _ => return Some(()),
        };
        self.push(ends).then_some(())?;
        if self.draw.random.chance(0.6) {
            let dense = Dense { weights: self.draw.weights() };
            self.push(vec![dense.into()]).then_some(())?;
            if self.draw.random.chance(0.4) {
                let activation = self.draw.activation();
                let dense = Dense { weights: self.draw.weights() };
                self.push([activation, vec![dense.into()]].concat()).then_some(())?;
            }
        }
        Some(())
    }

    /// Adds layers if the network stays valid and small.
    fn push(&mut self, layers: Vec<Layer>) -> bool {
        let before = self.layers.len();
        self.layers.extend(layers);
        let valid = self.is_valid();
        if !valid {
            self.layers.truncate(before);
        }
        valid
    }

    fn is_valid(&self) -> bool {
        let Ok(network) = Network::new(self.layers.clone()) else { return false };
        let Ok(shapes) = network.shapes(&self.input) else { return false };
        let small = |shape: &Shape| shape.positions().is_some_and(|n| n <= 144);
        // Graphs have as many vertices as the input has positions.
        let graph = network.walk().all(|(at, layer)| {
            !matches!(layer, Layer::Aggregate)
                || shapes.iter().any(|s| s.at == at && s.input.spatial == self.input.spatial)
        });
        graph && shapes.iter().all(|s| small(&s.output))
    }
}
