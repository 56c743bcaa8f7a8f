//! The parameters of the kernel, and what is compiled from them once.

use widelimit_arch::Activation;
use widelimit_dual::{Affine, Dual};

use super::sketched::NodeSketch;
use crate::Error;

/// How the sum over a neighbourhood is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scale {
    /// Not at all: entries grow with the degrees to the power of twice the levels.
    Uniform,
    /// By one over the degree, self loop counted: a mean. Recommended where levels are many or degrees
    /// large.
    #[default]
    Degree,
}

/// Number format of the exact recursion over pairs of nodes. Variances, the diagonal and results are in double
/// precision either way, and so are sketched pairs and [`Method::Vectorised`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// `f64`.
    #[default]
    Double,
    /// `f32`: about half the time. A kernel that is normalised to a diagonal of 1 is off by about 1e-5 with labels or
    /// features that tell nodes apart, and by up to 1e-3 where nodes are alike but for differences of 1e-3 or less.
    Single,
}

/// By which means neighbourhoods of pairs are summed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Method {
    /// As the formula is written: the product of the Kronecker product of both adjacency matrices, entry by
    /// entry, with the vector of all pairs of nodes. `N^4` for a pair of graphs; for comparison only.
    Vectorised,
    /// Left and right neighbourhoods one after another: `N` times the number of edges.
    #[default]
    Decoupled,
    /// With random sketches between adjacency and covariance: `N^2 b`. Approximate.
    Sketched(NodeSketch),
    /// Decoupled or sketched, whichever takes fewer operations for the pair. A trial on a sample of the pairs that
    /// would be sketched comes first, unless all of them together save less than it costs; all pairs are decoupled
    /// unless it finds an error within [`NodeSketch::tolerance`].
    Auto(NodeSketch),
}

/// The graph neural tangent kernel: a graph network of infinite width as a kernel between graphs.
///
/// With adjacency `A` (`A + I` below has a self loop at every node) and node features `X`, the kernel of
/// two graphs follows from matrices over pairs of their nodes:
///
/// ```text
/// AGG(H)   = C o ((A1 + I) H (A2 + I)^T),   C = 1 (Uniform) or 1/(deg u deg v) (Degree)
/// J = X1 X2^T,   S = T = AGG(X1 X2^T)
/// for l = 1 .. layers - 1:
///     mlp times:  (S, D) <- c E[s(u) s(v)], c E[s'(u) s'(v)] for covariance S;   T <- T o D + S
///     J <- J + T;   S, T <- AGG(S), AGG(T) except after the last
/// kernel   = 2 sum T,   or 2 sum J with jumping knowledge
/// ```
///
/// with `c = 1/E[s(z)^2]` for a standard normal `z`: 2 for the ReLU.
///
/// Du, Hou, Salakhutdinov, Poczos, Wang and Xu (2019), *Graph neural tangent kernel: fusing graph neural
/// networks with graph kernels*, section 3; the factor 2 is that of their program.
///
/// ```
/// use widelimit_graph::{Gntk, Graphs, Options, Parts};
///
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 3, 5],
///     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
///     ..Parts::default()
/// })?
/// .with_default_features();
/// let kernel = Gntk { layers: 3, ..Gntk::default() }.kernel(&graphs, &Options::new())?;
/// assert_eq!(kernel.dim(), (2, 2));
/// assert_eq!(kernel[[0, 1]], kernel[[1, 0]]);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gntk {
    /// Levels, that of the features counted: at least 1. A level is an aggregation; level 1 has no
    /// activation behind it.
    pub layers: usize,
    /// Fully connected layers with activations behind each aggregation: at least 1.
    pub mlp: usize,
    /// Whether the read-out sums all levels.
    pub jumping_knowledge: bool,
    /// Scaling of the aggregation.
    pub scale: Scale,
    /// The activation.
    pub activation: Activation,
    /// By which means neighbourhoods are summed.
    pub method: Method,
    /// Number format of the recursion.
    pub precision: Precision,
}

impl Default for Gntk {
    /// Two levels, one layer each, without jumping knowledge, Degree scaling, ReLU, exact in `f64`.
    fn default() -> Self {
        Self {
            layers: 2,
            mlp: 1,
            jumping_knowledge: false,
            scale: Scale::Degree,
            activation: Activation::Relu,
            method: Method::Decoupled,
            precision: Precision::Double,
        }
    }
}

/// Checked parameters.
#[derive(Clone)]
pub(crate) struct Checked {
    pub layers: usize,
    pub mlp: usize,
    pub scale: Scale,
    pub dual: Dual,
    /// `c`.
    pub factor: f64,
    /// Whether pairs may be computed in single precision.
    pub single: bool,
}

/// More levels or layers than this are a slip of the keyboard.
const MOST: usize = 1000;

impl Checked {
    pub fn new(gntk: &Gntk) -> Result<Self, Error> {
        for (parameter, got) in [("layers", gntk.layers), ("mlp", gntk.mlp)] {
            if got == 0 || got > MOST {
                return Err(Error::Parameter { parameter, got, range: "from 1 to 1000" });
            }
        }
        if let Method::Sketched(sketch) | Method::Auto(sketch) = &gntk.method {
            sketch.check()?;
        }
        let dual = Dual::new(&gntk.activation)?;
        let power = dual.diagonal(1.0).k;
        let factor = power.recip();
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::Power { activation: dual.name(), power });
        }
        let Gntk { layers, mlp, scale, precision, .. } = *gntk;
        let single = precision == Precision::Single && gntk.method != Method::Vectorised;
        Ok(Self { layers, mlp, scale, dual, factor, single })
    }

    /// Aggregations that are made: one for each level with an activation, and one for the first level where
    /// there is no other.
    pub fn levels(&self) -> usize {
        (self.layers - 1).max(1)
    }

    /// Whether activations follow the aggregations.
    pub fn is_active(&self) -> bool {
        self.layers > 1
    }

    /// `S <- c k`, `T <- c T kd + S`.
    pub fn then(&self) -> Affine {
        let factor = self.factor;
        Affine { scale: factor, shift: 0.0, keep: factor, share: factor, offset: 0.0 }
    }
}

/// What is read out: a depth with or without jumping knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadOut {
    /// Levels, from 1.
    pub layers: usize,
    /// Whether the levels are summed.
    pub jumping_knowledge: bool,
}

impl ReadOut {
    /// All read-outs of up to so many levels, by depth, each without jumping knowledge and with it.
    pub fn up_to(layers: usize) -> Vec<Self> {
        (1..=layers)
            .flat_map(|layers| {
                [false, true].map(|jumping_knowledge| Self { layers, jumping_knowledge })
            })
            .collect()
    }
}

/// Sums over all pairs of nodes that the read-outs are made of: number 0 is that of `X1 X2^T`, number 1 that of
/// the first aggregation, number `1 + l` that of `T` behind the activations of level `l`.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    outputs: Vec<ReadOut>,
    needed: Vec<bool>,
}

impl Wanted {
    pub fn new(outputs: Vec<ReadOut>, layers: usize) -> Self {
        let mut needed = vec![false; layers + 1];
        for output in &outputs {
            for stage in Self::stages(*output) {
                needed[stage] = true;
            }
        }
        Self { outputs, needed }
    }

    fn stages(output: ReadOut) -> impl Iterator<Item = usize> {
        let ReadOut { layers, jumping_knowledge } = output;
        let sums = if jumping_knowledge { 2..layers + 1 } else { layers..layers + 1 };
        jumping_knowledge.then_some(0).into_iter().chain(sums)
    }

    pub fn needs(&self, stage: usize) -> bool {
        self.needed[stage]
    }

    pub fn stages_len(&self) -> usize {
        self.needed.len()
    }

    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// The value of an output from the sums of all stages of a pair.
    pub fn value(&self, output: usize, sum: impl Fn(usize) -> f64) -> f64 {
        2.0 * Self::stages(self.outputs[output]).map(sum).sum::<f64>()
    }
}
