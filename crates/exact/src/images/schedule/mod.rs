//! In which order offsets go through the stages, and where their values lie meanwhile.
//!
//! The schedule of a pair is the same for all pairs and made once. A stage takes its offsets in bands
//! of one leading offset; what a later stage gathers from them is held in rows of that kind, which
//! come into being with the first band that contributes and are given back behind the last that reads.
//! Later stages run as soon as their rows are complete, so that of a deep network with pooling only a few
//! rows exist at a time.
//!
//! Exchanging the two images turns every offset round. Bands are ordered so that positive offsets and
//! their opposites come in the same order, and what both contribute is summed apart until all of it is
//! there: the result is then the same to the last bit (unless positions wrap).

mod planner;
mod rows;
mod stage;

use std::ops::Range;

use self::planner::Planner;
pub(crate) use self::rows::Rows;
pub(crate) use self::stage::{Handover, Stage, Target};
use crate::images::geometry::Offsets;
use crate::images::graph::{Graph, Make};

/// Where a value lies while its unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the place of this input, which nothing else reads.
    Over(usize),
    /// In scratch, one image of this many vectors behind the other.
    Scratch { base: usize, each: usize },
    /// In rows ([`Rows`]).
    Rows,
}

/// A range of vectors in a thread's memory.
pub(crate) type Span = Range<usize>;

/// What a thread does for a pair, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Runs a stage at offset 0 to find variances; nothing is handed on.
    Prepare { stage: usize },
    /// Runs units of a stage.
    Run { stage: usize, units: Range<usize> },
    /// Sets memory to zero.
    Clear(Span),
    /// Adds the second to the first.
    Merge(Span, Span),
    /// Sums become a value.
    Finish { node: usize },
    /// Mixes what was kept.
    Mix { node: usize },
}

/// Convolutions over neighbours, each with the activation behind it, one made of the other and of nothing
/// else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    /// The input of the network, where its products are still to be made.
    pub input: Option<usize>,
    pub links: Vec<(usize, Option<usize>)>,
}

impl Chain {
    /// The value it ends with.
    pub fn last(&self) -> Option<usize> {
        self.links.last().map(|&(conv, activation)| activation.unwrap_or(conv))
    }
}

/// How a pair is computed.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub stages: Vec<Stage>,
    pub steps: Vec<Step>,
    /// Where every value lies.
    pub places: Vec<Place>,
    /// By their first value.
    pub chains: Vec<Option<Chain>>,
    /// The rows of gathered values.
    pub rows: Vec<Option<Rows>>,
    /// Offsets of every value that are computed.
    pub demand: Vec<Offsets>,
    /// Vectors of memory for covariances; as much again for tangent kernels.
    pub space: usize,
    /// Entries that go through activations.
    pub activations: u64,
    /// The same for each value, whatever makes it.
    pub entries: Vec<u64>,
}

/// What a schedule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Variances of images alone, found on the way.
    Variances,
    /// A kernel, variances known.
    Kernel,
}

impl Schedule {
    pub fn new(graph: &Graph, wanted: &[(usize, Offsets)], purpose: Purpose) -> Self {
        let demand = graph.demand(wanted);
        let stages: Vec<_> =
            (0..graph.levels).map(|level| Stage::new(graph, &demand, level, purpose)).collect();
        let rows = (0..graph.nodes.len())
            .map(|node| {
                let gathers = graph.nodes[node].make.gathers() && !demand[node].is_empty();
                gathers.then(|| Rows::new(graph.nodes[node].size, &demand[node]))
            })
            .collect();
        let empty = Self {
            stages,
            steps: Vec::new(),
            places: vec![Place::Rows; graph.nodes.len()],
            chains: vec![None; graph.nodes.len()],
            rows,
            demand,
            space: 0,
            activations: 0,
            entries: vec![0; graph.nodes.len()],
        };
        let mut schedule = Planner::plan(graph, empty, purpose);
        if purpose == Purpose::Kernel {
            schedule.chain(graph);
        }
        schedule
    }

    /// Finds chains: values that only the next one is made of.
    fn chain(&mut self, graph: &Graph) {
        for stage in &self.stages {
            let over = |node: usize, input: usize| self.places[node] == Place::Over(input);
            let mut index = 0;
            while index < stage.nodes.len() {
                let head = index;
                let first = stage.nodes[head];
                let input = matches!(graph.nodes[first].make, Make::Input { .. }).then_some(first);
                index += usize::from(input.is_some());
                let mut links: Vec<(usize, Option<usize>)> = Vec::new();
                let mut last = input;
                while let Some(&conv) = stage.nodes.get(index)
                    && graph.nodes[conv].make.is_neighbours()
                    && last.is_none_or(|last| over(conv, last))
                {
                    let next = stage.nodes.get(index + 1).copied();
                    let activation = next.filter(|&next| {
                        let make = &graph.nodes[next].make;
                        matches!(make, Make::Activation { .. }) && over(next, conv)
                    });
                    index += 1 + usize::from(activation.is_some());
                    last = Some(activation.unwrap_or(conv));
                    links.push((conv, activation));
                }
                if links.is_empty() {
                    index = head + 1;
                } else {
                    self.chains[first] = Some(Chain { input, links });
                }
            }
        }
    }
}
