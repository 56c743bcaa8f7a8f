//! A network on images as a graph of values, cut into stages.
//!
//! The program's registers become values that are written once. What mixes offsets (pooling, summing
//! over positions, attention) ends a *stage*: within a stage every offset, or every small set of
//! offsets that wrap into one another, goes through all layers on its own while it is in cache.

use crate::images::geometry::{AXES, Offsets, Size, positions, size, windows};
use crate::program::{Affine, Join, Mixing, Op, PoolScaling, Program, Spatial, TMap};
use widelimit_arch::Window;

/// What makes a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Make {
    /// Inner products over channels, then an affine map.
    Input { map: Affine },
    /// Sums over the taps of a filter, then an affine map.
    Conv { windows: Box<[Window; AXES]>, map: Affine },
    /// An affine map.
    Affine(Affine),
    /// An activation.
    Activation { dual: usize, slot: usize },
    /// Division by root mean squares.
    LayerNorm { slot: usize, eps: f64, spatial: bool },
    /// Dropout, which acts where a position of an input meets itself.
    Dropout { keep_rate: f64 },
    /// 0 for different positions.
    Local,
    /// Sum of two values.
    Add(Join),
    /// Product of two values.
    Mul(Join),
    /// Sums over windows, weighted.
    Pool { windows: Box<[Window; AXES]>, scaling: PoolScaling },
    /// Sum over all pairs, weighted.
    Global { weight: f64 },
    /// Mean over equal positions.
    Flatten { weight: f64 },
    /// A copy of everything that later stages need.
    Keep,
    /// `L K R^T`; `slot` counts the mixings.
    Mix { mixing: Mixing, slot: usize },
}

impl Make {
    /// Whether the value is gathered from images of many offsets, and begins a stage.
    pub fn gathers(&self) -> bool {
        matches!(
            self,
            Self::Pool { .. }
                | Self::Global { .. }
                | Self::Flatten { .. }
                | Self::Keep
                | Self::Mix { .. }
        )
    }

    /// Whether this is a convolution over three by three neighbours of flat images.
    pub fn is_neighbours(&self) -> bool {
        let Self::Conv { windows, .. } = self else { return false };
        let [planes, rows, columns] = **windows;
        planes == Window::identity(1) && rows.is_neighbours() && columns.is_neighbours()
    }
}

/// A value: covariances, and tangent kernels if `t`, between all positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub make: Make,
    pub inputs: Vec<usize>,
    pub size: Size,
    pub t: bool,
    pub layer: String,
    /// The stage it is used in.
    pub level: usize,
}

/// All values, every one behind those it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub output: usize,
    pub levels: usize,
    pub mixings: usize,
}

impl Graph {
    /// The graph of a program for images of this size.
    pub fn new(program: &Program, spatial: &[usize]) -> Self {
        let start = Node {
            make: Make::Input { map: Affine::IDENTITY },
            inputs: Vec::new(),
            size: size(spatial),
            t: false,
            layer: "the input".into(),
            level: 0,
        };
        let graph = Self { nodes: vec![start], output: 0, levels: 1, mixings: 0 };
        let mut builder = Builder { graph, registers: vec![0; program.registers()], fold: true };
        for (op, layer) in program.ops() {
            builder.op(op, layer);
        }
        let mut graph = builder.graph;
        graph.output = builder.registers[program.output()];
        graph.levels = graph.nodes.iter().map(|node| node.level).max().unwrap_or(0) + 1;
        graph
    }

    /// How often each value is used, the output once more.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        uses[self.output] += 1;
        self.nodes.iter().flat_map(|node| &node.inputs).for_each(|&input| uses[input] += 1);
        uses
    }

    /// The offsets of every value that are needed for some offsets of some of them, decided backwards
    /// from the last value to the first.
    pub fn demand(&self, wanted: &[(usize, Offsets)]) -> Vec<Offsets> {
        let mut demand = vec![Offsets::default(); self.nodes.len()];
        for (node, offsets) in wanted {
            demand[*node].join(offsets);
        }
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if demand[index].is_empty() {
                continue;
            }
            let own = demand[index].clone();
            for &input in &node.inputs {
                demand[input].join(&self.asks(node, &own, input));
            }
        }
        demand
    }

    /// The offsets of `input` that `node` needs for some of its own.
    pub fn asks(&self, node: &Node, offsets: &Offsets, input: usize) -> Offsets {
        match &node.make {
            Make::Conv { windows, .. } => offsets.map(windows, Window::moved),
            Make::Pool { windows, .. } => offsets.map(windows, Window::pooled),
            Make::Local if offsets.contains([0; AXES]) => Offsets::here(),
            Make::Local => Offsets::default(),
            Make::Flatten { .. } => Offsets::here(),
            Make::Global { .. } | Make::Mix { .. } => Offsets::all(self.nodes[input].size),
            _ => offsets.clone(),
        }
    }

    /// What has to be known of every image alone: variances in front of activations and
    /// normalisations, and all covariances in front of attention (which it asks for itself).
    pub fn variances(&self) -> Vec<(usize, Offsets)> {
        let mut wanted = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            match node.make {
                Make::Activation { .. } | Make::LayerNorm { .. } => {
                    wanted.push((node.inputs[0], Offsets::here()));
                }
                Make::Mix { mixing: Mixing::Attention { .. }, .. } => {
                    wanted.push((index, Offsets::here()));
                }
                _ => {}
            }
        }
        wanted
    }
}

struct Builder {
    graph: Graph,
    /// The value in every register.
    registers: Vec<usize>,
    /// Whether the last value may take an affine map along.
    fold: bool,
}

impl Builder {
    fn op(&mut self, op: &Op, layer: &str) {
        match op {
            Op::Copy { from, to, .. } => {
                self.registers[*to] = self.registers[*from];
                self.fold = false;
            }
            Op::Affine { register, map } => self.affine(*register, *map, layer),
            Op::Activation { register, dual, slot, t } => {
                self.one(*register, Make::Activation { dual: *dual, slot: *slot }, *t, layer);
            }
            Op::LayerNorm { register, slot, eps, spatial, t } => {
                let make = Make::LayerNorm { slot: *slot, eps: *eps, spatial: *spatial };
                self.one(*register, make, *t, layer);
            }
            Op::Dropout { register, keep_rate, t } => {
                self.one(*register, Make::Dropout { keep_rate: *keep_rate }, *t, layer);
            }
            Op::Add { into, from, t } => self.two([*into, *from], Make::Add(*t), *t, layer),
            Op::Mul { into, from, t } => self.two([*into, *from], Make::Mul(*t), *t, layer),
            Op::Spatial { register, kind, t } => self.spatial(*register, kind, *t, layer),
        }
    }

    /// An affine map goes along with a sum that nothing else uses.
    fn affine(&mut self, register: usize, map: Affine, layer: &str) {
        let t = map.t != TMap::Empty;
        let last = self.graph.nodes.len() - 1;
        if self.fold
            && self.registers[register] == last
            && let Make::Input { map: own } | Make::Conv { map: own, .. } =
                &mut self.graph.nodes[last].make
        {
            *own = own.then(map);
            self.graph.nodes[last].t = t;
            return;
        }
        self.one(register, Make::Affine(map), t, layer);
    }

    fn spatial(&mut self, register: usize, kind: &Spatial, t: bool, layer: &str) {
        let from = self.graph.nodes[self.registers[register]].size;
        let pairs = positions(from) as f64;
        match kind {
            Spatial::Conv(axes) => {
                let windows = Box::new(windows(axes));
                let size = windows.map(|window| window.output);
                let taps: usize = windows.iter().map(|window| window.filter).product();
                let map = Affine::scaling(1.0 / taps as f64, t);
                self.one(register, Make::Conv { windows, map }, t, layer);
                self.last().size = size;
            }
            Spatial::Local => self.one(register, Make::Local, t, layer),
            Spatial::Pool { windows: axes, scaling } => {
                let windows = Box::new(windows(axes));
                let size = windows.map(|window| window.output);
                self.one(register, Make::Pool { windows, scaling: *scaling }, t, layer);
                self.last().size = size;
            }
            Spatial::Global { mean } => {
                let weight = if *mean { 1.0 / (pairs * pairs) } else { 1.0 };
                self.one(register, Make::Global { weight }, t, layer);
                self.last().size = [1; AXES];
            }
            Spatial::Flatten => {
                self.one(register, Make::Flatten { weight: 1.0 / pairs }, t, layer);
                self.last().size = [1; AXES];
            }
            Spatial::Mix(mixing) => {
                self.one(register, Make::Keep, t, layer);
                let slot = self.graph.mixings;
                self.graph.mixings += 1;
                self.one(register, Make::Mix { mixing: *mixing, slot }, t, layer);
            }
        }
        self.fold = matches!(kind, Spatial::Conv(_));
    }

    fn last(&mut self) -> &mut Node {
        let last = self.graph.nodes.len() - 1;
        &mut self.graph.nodes[last]
    }

    fn push(&mut self, make: Make, inputs: Vec<usize>, t: bool, layer: &str) -> usize {
        let nodes = &self.graph.nodes;
        let size = nodes[inputs[0]].size;
        let below = inputs.iter().map(|&input| nodes[input].level).max().unwrap_or(0);
        // a mixing stands in the stage that what it mixes was kept for
        let begins = make.gathers() && !matches!(make, Make::Mix { .. });
        let level = below + usize::from(begins);
        self.graph.nodes.push(Node { make, inputs, size, t, layer: layer.to_owned(), level });
        self.fold = false;
        self.graph.nodes.len() - 1
    }

    fn one(&mut self, register: usize, make: Make, t: bool, layer: &str) {
        self.registers[register] = self.push(make, vec![self.registers[register]], t, layer);
    }

    /// Joins two values; one of an earlier stage is kept for the later one.
    fn two(&mut self, registers: [usize; 2], make: Make, t: Join, layer: &str) {
        let mut values = registers.map(|register| self.registers[register]);
        let level = |graph: &Graph, value: usize| graph.nodes[value].level;
        let latest = values.map(|value| level(&self.graph, value)).into_iter().max().unwrap_or(0);
        for value in &mut values {
            if level(&self.graph, *value) < latest {
                let t = self.graph.nodes[*value].t;
                *value = self.push(Make::Keep, vec![*value], t, layer);
                self.last().level = latest;
            }
        }
        let node = self.push(make, values.to_vec(), t != Join::Neither, layer);
        self.registers[registers[0]] = node;
    }
}
