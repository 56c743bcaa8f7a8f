//! What is to be computed.

use crate::{Error, Features, Graphs};

/// What is coloured, and which others the next colour is made of.
///
/// With `c` the colouring and `v = (v_1, ..., v_k)` a tuple of nodes, where `v[j <- w]` has `w` in place of
/// `v_j`:
///
/// | scheme | new colour of | is made of its colour and of |
/// |---|---|---|
/// | `Vertices` | a node `v` | `{{ c(w) : w in N(v) }}` |
/// | `Local` | a tuple | for each `j`: `{{ c(v[j <- w]) : w in N(v_j) }}` |
/// | `Oblivious` | a tuple | for each `j`: `{{ c(v[j <- w]) : w any node }}` |
/// | `Folklore` | a tuple | `{{ (c(v[1 <- w]), ..., c(v[k <- w])) : w any node }}` |
///
/// Tuples begin with the labels of their nodes and with which of them are equal and which adjacent. Folklore
/// refinement of pairs tells as much apart as oblivious refinement of triples. `Local` is called
/// delta-k-LWL (Morris, Rattan and Mutzel 2020); it looks at fewer tuples and can still tell more apart.
///
/// A graph of `N` nodes has `N^k` tuples: `Oblivious` and `Folklore` cost `k N^(k+1)` a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Colour refinement: the 1-dimensional Weisfeiler-Leman algorithm.
    Vertices,
    /// The local algorithm on tuples, delta-k-LWL.
    Local {
        /// Nodes in a tuple: 2 or 3.
        k: usize,
    },
    /// The oblivious k-dimensional algorithm.
    Oblivious {
        /// Nodes in a tuple: 2 or 3.
        k: usize,
    },
    /// The folklore k-dimensional algorithm.
    Folklore {
        /// Nodes in a tuple: 2 or 3.
        k: usize,
    },
}

impl Scheme {
    /// Nodes in a tuple.
    pub fn k(self) -> usize {
        match self {
            Self::Vertices => 1,
            Self::Local { k } | Self::Oblivious { k } | Self::Folklore { k } => k,
        }
    }

    pub(super) fn check(self) -> Result<(), Error> {
        let k = self.k();
        if self == Self::Vertices || (2..=3).contains(&k) {
            return Ok(());
        }
        Err(Error::Parameter { parameter: "k", got: k, range: "2 or 3" })
    }
}

/// The colours of nodes before the first round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Labels where there are labels, else degrees. Numeric features without labels are refused.
    #[default]
    Auto,
    /// Labels.
    Labels,
    /// The number of edges that begin at a node, whatever else is known of it.
    Degree,
    /// One colour for all, whatever is known of them.
    Constant,
}

impl Start {
    /// Never `Auto`.
    pub(super) fn resolve(self, graphs: &Graphs) -> Result<Self, Error> {
        let labelled = graphs.labels().is_some();
        match (self, graphs.features()) {
            (Self::Labels, _) if !labelled => {
                Err(Error::NoLabels { what: "a Weisfeiler-Leman kernel that starts from labels" })
            }
            (Self::Auto, _) if labelled => Ok(Self::Labels),
            (Self::Auto, Some(Features::Dense(rows))) => {
                Err(Error::NumericFeatures { width: rows.ncols() })
            }
            // without labels, a one-hot dictionary can only be one of degrees
            (Self::Auto, _) => Ok(Self::Degree),
            (stated, _) => Ok(stated),
        }
    }
}

/// How two graphs are compared. `n_t(c)` is how often colour `c` of round `t` occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WlKind {
    /// `sum_t sum_c n_t(c) n'_t(c)`: common subtree patterns. Without rounds, the vertex histogram kernel.
    #[default]
    Subtree,
    /// `sum_t sum_c min(n_t(c), n'_t(c))`: how many rounds the best assignment of nodes to nodes agrees for,
    /// summed over its pairs (Kriege, Giscard and Wilson 2016).
    OptimalAssignment,
    /// As `Subtree`, with the triples `(c(u), d, c(v))` of two different nodes and the number of edges of a
    /// shortest path from one to the other in place of colours. Pairs without a path do not count. Without
    /// rounds, the shortest path kernel.
    ShortestPath,
    /// As `Subtree`, with the triples `(c(u), label, c(v))` of edges in place of colours. Without rounds, the
    /// edge histogram kernel.
    Edges,
}

/// Parameters of a [`WlKernel`](super::WlKernel).
///
/// ```
/// use widelimit_graph::wl::{WlKind, WlParams};
///
/// let params = WlParams { kind: WlKind::OptimalAssignment, normalise: true, ..WlParams::default() };
/// assert_eq!(params.rounds, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WlParams {
    /// How graphs are compared.
    pub kind: WlKind,
    /// What is coloured. Kernels of pairs of nodes, `ShortestPath` and `Edges`, need `Vertices`.
    pub scheme: Scheme,
    /// The first colours.
    pub start: Start,
    /// Rounds of refinement, at most 1000. Kernels of all smaller numbers come with it.
    pub rounds: usize,
    /// Whether to give `K_ij / sqrt(K_ii K_jj)`. Rows of graphs without any feature stay zero.
    pub normalise: bool,
}

/// Beyond so many rounds no graph that can be refined at all within reason changes.
const MOST_ROUNDS: usize = 1000;

impl Default for WlParams {
    /// The subtree kernel after five rounds.
    fn default() -> Self {
        Self {
            kind: WlKind::Subtree,
            scheme: Scheme::Vertices,
            start: Start::Auto,
            rounds: 5,
            normalise: false,
        }
    }
}

impl WlParams {
    /// Counts of labels.
    pub fn vertex_histogram() -> Self {
        Self { rounds: 0, ..Self::default() }
    }

    /// Counts of edges by their label and the labels of their ends.
    pub fn edge_histogram() -> Self {
        Self { kind: WlKind::Edges, ..Self::vertex_histogram() }
    }

    /// Counts of pairs of nodes by their distance and their labels.
    pub fn shortest_path() -> Self {
        Self { kind: WlKind::ShortestPath, ..Self::vertex_histogram() }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.scheme.check()?;
        let pairs = matches!(self.kind, WlKind::ShortestPath | WlKind::Edges);
        if pairs && self.scheme != Scheme::Vertices {
            let range = "1 (Scheme::Vertices) where pairs of nodes are counted";
            return Err(Error::Parameter { parameter: "k", got: self.scheme.k(), range });
        }
        if self.rounds > MOST_ROUNDS {
            let range = "at most 1000";
            return Err(Error::Parameter { parameter: "rounds", got: self.rounds, range });
        }
        Ok(())
    }
}
