//! Weisfeiler-Leman kernels, fitted to graphs.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView2};

use super::counts::{Counts, Index, Pairing};
use super::dictionary::{Colours, Names, Triples};
use super::means::{Means, zeros};
use super::objects::Objects;
use super::pairs::Pairs;
use super::params::{Start, WlKind, WlParams};
use super::transform::WlFeatures;
use crate::{Error, Graphs, Options};

/// A kernel of the Weisfeiler-Leman family with the colours of the graphs it was fitted to.
///
/// The kernel of `t` rounds is a sum over rounds `0..=t`, so that one pass gives the kernels of every number of
/// rounds up to the one asked for: how many are best is for cross-validation to say. All rounds are made even
/// where these graphs are stable before, because graphs that come later may not be.
///
/// ```
/// use widelimit_graph::wl::{WlKernel, WlParams};
/// use widelimit_graph::{Graphs, Options, Parts};
///
/// // a triangle, and a path of three nodes
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 3, 6],
///     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4, 4, 5], &[1, 0, 2, 1, 0, 2, 4, 3, 5, 4]],
///     ..Parts::default()
/// })?;
/// let params = WlParams { rounds: 1, ..WlParams::default() };
/// let kernel = WlKernel::fit(&graphs, &params, &Options::new())?;
/// // degrees: (2, 2, 2) and (1, 2, 1); after a round the middle of the path differs from the triangle
/// assert_eq!(kernel.gram(0, &Options::new())?, ndarray::array![[9.0, 3.0], [3.0, 5.0]]);
/// assert_eq!(kernel.gram(1, &Options::new())?, ndarray::array![[18.0, 3.0], [3.0, 10.0]]);
/// let other = kernel.transform(&graphs.select(&[1])?, &Options::new())?;
/// assert_eq!(other.cross(1, &Options::new())?, ndarray::array![[3.0, 10.0]]);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WlKernel {
    pub(super) params: WlParams,
    pub(super) traits: Traits,
    pub(super) levels: Vec<Level>,
    pub(super) counts: Vec<Counts>,
}

/// What graphs must have in common to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// Never `Auto`.
    pub(super) start: Start,
    pub(super) edge_labels: bool,
    pub(super) directed: bool,
}

impl Traits {
    pub(super) fn of(graphs: &Graphs, start: Start) -> Result<Self, Error> {
        if graphs.is_weighted() {
            return Err(Error::Weighted);
        }
        let (edge_labels, directed) = (graphs.has_edge_labels(), graphs.is_directed());
        Ok(Self { start: start.resolve(graphs)?, edge_labels, directed })
    }
}

/// The dictionaries of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    pub(super) colours: Colours,
    pub(super) triples: Triples,
}

/// Where the names of a round come from.
pub(super) enum Source<'a> {
    Learn(&'a mut Vec<Level>),
    Known(&'a [Level]),
}

impl WlKernel {
    /// Colours these graphs.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`], [`Error::Weighted`], [`Error::NoLabels`] and [`Error::NumericFeatures`];
    /// [`Error::MemoryLimit`] where `N^k` tuples or the dictionary of colours need more than
    /// the options allow; [`Error::Cancelled`], here and in all methods with options.
    pub fn fit(graphs: &Graphs, params: &WlParams, options: &Options<'_>) -> Result<Self, Error> {
        params.check()?;
        let traits = Traits::of(graphs, params.start)?;
        let mut levels = Vec::new();
        let counts = count(graphs, params, traits, Source::Learn(&mut levels), options)?;
        Ok(Self { params: *params, traits, levels, counts })
    }

    /// What it was fitted with.
    pub fn params(&self) -> &WlParams {
        &self.params
    }

    /// Number of graphs it was fitted to, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.counts[0].graphs()
    }

    /// Number of different features (colours, or triples with colours) in a round.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for a round beyond [`WlParams::rounds`]; so in the methods below.
    pub fn dimension(&self, round: usize) -> Result<usize, Error> {
        self.check_round(round)?;
        Ok(self.known(round))
    }

    /// The features of a graph it was fitted to: `(round, number of the feature)` and how often it occurs.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchGraph`].
    pub fn features(&self, graph: usize) -> Result<BTreeMap<(usize, u32), u32>, Error> {
        features(&self.counts, graph)
    }

    /// The matrix of the kernel of some rounds: graphs x graphs.
    ///
    /// # Errors
    ///
    /// As [`dimension`](Self::dimension), and [`Error::OutOfMemory`].
    pub fn gram(&self, rounds: usize, options: &Options<'_>) -> Result<Array2<f64>, Error> {
        self.check_round(rounds)?;
        let mut gram = zeros(self.len(), self.len())?;
        let means = Means::new(options);
        for round in 0..=rounds {
            self.add((round, rounds), &self.counts[round], &mut gram, &means)?;
        }
        if self.params.normalise {
            let own = self.self_kernels(rounds)?;
            normalise(&mut gram, &own, &own);
        }
        Ok(gram)
    }

    /// The matrices of the kernels of 0, 1, ... and all rounds.
    ///
    /// # Errors
    ///
    /// [`Error::MemoryLimit`] where they need more than the options allow together: see
    /// [`each_gram`](Self::each_gram).
    pub fn grams(&self, options: &Options<'_>) -> Result<Vec<Array2<f64>>, Error> {
        let matrix = (self.len() as u64).saturating_mul(8 * self.len() as u64);
        let copies = self.counts.len() as u64 + 1 + u64::from(self.params.normalise);
        Means::new(options).take(matrix.saturating_mul(copies))?;
        let mut grams = Vec::with_capacity(self.counts.len());
        self.each_gram(options, |_, gram| grams.push(gram.to_owned()))?;
        Ok(grams)
    }

    /// Calls `visit` with every number of rounds and the matrix of its kernel; one is in memory at a time,
    /// and a second where they are normalised.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn each_gram(
        &self,
        options: &Options<'_>,
        mut visit: impl FnMut(usize, ArrayView2<'_, f64>),
    ) -> Result<(), Error> {
        let mut gram = zeros(self.len(), self.len())?;
        let mut scaled = if self.params.normalise { Some(gram.clone()) } else { None };
        let means = Means::new(options);
        let last = self.counts.len() - 1;
        for round in 0..=last {
            self.add((round, last), &self.counts[round], &mut gram, &means)?;
            match &mut scaled {
                None => visit(round, gram.view()),
                Some(scaled) => {
                    scaled.assign(&gram);
                    let own = self.self_kernels(round)?;
                    normalise(scaled, &own, &own);
                    visit(round, scaled.view());
                }
            }
        }
        Ok(())
    }

    /// The kernel of some rounds of every graph with itself, not normalised.
    ///
    /// # Errors
    ///
    /// As [`dimension`](Self::dimension).
    pub fn self_kernels(&self, rounds: usize) -> Result<Array1<f64>, Error> {
        self.check_round(rounds)?;
        Ok(self_kernels(&self.counts[..=rounds], self.pairing()))
    }

    /// Other graphs, in the terms of this kernel.
    ///
    /// Features that these graphs do not have get numbers beyond [`dimension`](Self::dimension): they count in
    /// the kernel of a graph with itself, and nowhere else. How a graph compares with those of the fit does not
    /// depend on the graphs that come with it.
    ///
    /// # Errors
    ///
    /// [`Error::Unlike`] where only one side has labels of nodes or edges, or directions, and as [`fit`](Self::fit).
    pub fn transform(
        &self,
        graphs: &Graphs,
        options: &Options<'_>,
    ) -> Result<WlFeatures<'_>, Error> {
        // Colours begin as these graphs would have them: as degrees, labels would be forgotten.
        let traits = Traits::of(graphs, self.params.start)?;
        let unlike =
            |what, differs: bool| if differs { Err(Error::Unlike { what }) } else { Ok(()) };
        unlike("node labels", traits.start != self.traits.start)?;
        unlike("edge labels", traits.edge_labels != self.traits.edge_labels)?;
        unlike("directed edges", traits.directed != self.traits.directed)?;
        let counts = count(graphs, &self.params, traits, Source::Known(&self.levels), options)?;
        Ok(WlFeatures { kernel: self, counts })
    }

    pub(super) fn check_round(&self, round: usize) -> Result<(), Error> {
        if round < self.counts.len() {
            return Ok(());
        }
        let range = "at most the rounds that the kernel was fitted with";
        Err(Error::Parameter { parameter: "number of rounds", got: round, range })
    }

    pub(super) fn pairing(&self) -> Pairing {
        match self.params.kind {
            WlKind::OptimalAssignment => Pairing::Smaller,
            WlKind::Subtree | WlKind::ShortestPath | WlKind::Edges => Pairing::Product,
        }
    }

    pub(super) fn known(&self, round: usize) -> usize {
        let level = &self.levels[round];
        match self.params.kind {
            WlKind::Subtree | WlKind::OptimalAssignment => level.colours.len(),
            WlKind::ShortestPath | WlKind::Edges => level.triples.len(),
        }
    }

    /// Adds what a round, one of those to `last`, contributes to the kernel between `rows` and the graphs of the fit.
    pub(super) fn add(
        &self,
        (round, last): (usize, usize),
        rows: &Counts,
        out: &mut Array2<f64>,
        means: &Means<'_>,
    ) -> Result<(), Error> {
        let index = Index::new(&self.counts[round], self.known(round));
        rows.add_to(&index, self.pairing(), out, means)?;
        means.rounds_done(round + 1, last + 1, out.len());
        Ok(())
    }
}

/// Counts the features of every round.
fn count(
    graphs: &Graphs,
    params: &WlParams,
    traits: Traits,
    mut source: Source<'_>,
    options: &Options<'_>,
) -> Result<Vec<Counts>, Error> {
    let mut means = Means::new(options);
    let graphs = graphs.iter().collect();
    let objects = Objects::new(graphs, params.scheme, traits.start, traits.directed, &mut means)?;
    let pairs = Pairs::new(params.kind, objects.graphs(), &mut means)?;
    let mut counts = Vec::with_capacity(params.rounds + 1);
    let mut before: Option<Vec<u32>> = None;
    for round in 0..=params.rounds {
        let (mut colours, mut triples) = match &mut source {
            Source::Learn(levels) => {
                levels.push(Level::default());
                let Level { colours, triples } = &mut levels[round];
                (Names::Learn(colours), Names::Learn(triples))
            }
            Source::Known(levels) => {
                (Names::extend(&levels[round].colours), Names::extend(&levels[round].triples))
            }
        };
        let found = objects.colour(before.as_deref(), &mut colours, &mut means)?;
        let of_round = match &pairs {
            None => Counts::new(&found, objects.offsets(), options.par),
            Some(pairs) => {
                let colours = (&found[..], objects.offsets());
                let graphs = objects.graphs();
                pairs.count(graphs, traits.directed, colours, &mut triples, &mut means)?
            }
        };
        means.take(of_round.bytes())?;
        counts.push(of_round);
        before = Some(found);
    }
    Ok(counts)
}

/// See [`WlKernel::features`].
pub(super) fn features(
    counts: &[Counts],
    graph: usize,
) -> Result<BTreeMap<(usize, u32), u32>, Error> {
    let graphs = counts[0].graphs();
    if graph >= graphs {
        return Err(Error::NoSuchGraph { index: graph, graphs });
    }
    let of_round = |(round, counts): (usize, &Counts)| {
        counts.row(graph).map(|(feature, count)| ((round, feature), count)).collect::<Vec<_>>()
    };
    Ok(counts.iter().enumerate().flat_map(of_round).collect())
}

/// Sums over rounds of what each graph has in common with itself.
pub(super) fn self_kernels(counts: &[Counts], pairing: Pairing) -> Array1<f64> {
    let of = |graph| counts.iter().map(|round| round.with_itself(graph, pairing)).sum();
    Array1::from_shape_fn(counts[0].graphs(), of)
}

/// `K_ij / sqrt(K_ii K_jj)`; zero where a graph has no feature.
pub(super) fn normalise(kernel: &mut Array2<f64>, left: &Array1<f64>, right: &Array1<f64>) {
    for (mut row, &own) in kernel.outer_iter_mut().zip(left) {
        for (value, &other) in row.iter_mut().zip(right) {
            let scale = (own * other).sqrt();
            *value = if scale > 0.0 { *value / scale } else { 0.0 };
        }
    }
}
