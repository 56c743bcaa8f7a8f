//! Colour refinement of nodes.

use widelimit_linalg::Par;

use super::budget::Budget;
use super::dictionary::{Colours, Names};
use super::kernel::Traits;
use super::objects::Objects;
use super::params::{Scheme, Start};
use crate::{Error, Graphs};

/// Colours of all nodes, round after round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refinement {
    /// `colours[t][u]`: the colour of node `u`, numbered over all graphs, after `t` rounds. Colours of each
    /// round are numbered from 0 in the order of the nodes.
    pub colours: Vec<Vec<u32>>,
    /// Whether a further round would tell no more nodes apart.
    pub stable: bool,
}

/// Refines the colours of the nodes of all graphs together, until no more nodes are told apart or for so many
/// rounds.
///
/// A round costs `O(m log d)` for `m` edges and degrees up to `d`.
///
/// # Errors
///
/// [`Error::Weighted`], [`Error::NoLabels`], [`Error::NumericFeatures`].
///
/// ```
/// use widelimit_graph::wl::{Start, colour_refinement};
/// use widelimit_graph::{Graphs, Parts};
///
/// // a path of five nodes
/// let path = Graphs::new(Parts {
///     node_offsets: &[0, 5],
///     edge_index: [&[0, 1, 1, 2, 2, 3, 3, 4], &[1, 0, 2, 1, 3, 2, 4, 3]],
///     ..Parts::default()
/// })?;
/// let found = colour_refinement(&path, Start::Constant, 10, &Default::default())?;
/// assert_eq!(found.colours[1], [0, 1, 1, 1, 0]);
/// assert_eq!(found.colours[2], [0, 1, 2, 1, 0]);
/// assert!(found.stable && found.colours.len() == 3);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
pub fn colour_refinement(
    graphs: &Graphs,
    start: Start,
    rounds: usize,
    par: &Par,
) -> Result<Refinement, Error> {
    let traits = Traits::of(graphs, start)?;
    let mut budget = Budget::new(u64::MAX);
    let all = graphs.iter().collect();
    let objects = Objects::new(all, Scheme::Vertices, traits.start, traits.directed, &mut budget)?;
    let mut steps = Steps::new(&objects, budget);
    let mut colours = vec![steps.next(par)?];
    let mut known = steps.distinct;
    for _ in 0..rounds {
        let next = steps.next(par)?;
        if steps.distinct == known {
            return Ok(Refinement { colours, stable: true });
        }
        known = steps.distinct;
        colours.push(next);
    }
    let stable = known == graphs.nodes();
    Ok(Refinement { colours, stable })
}

/// Rounds, each with a dictionary of its own that is not kept.
pub(super) struct Steps<'a, 'b> {
    objects: &'a Objects<'b>,
    budget: Budget,
    before: Option<Vec<u32>>,
    /// Number of colours of the last round.
    pub(super) distinct: usize,
}

impl<'a, 'b> Steps<'a, 'b> {
    pub(super) fn new(objects: &'a Objects<'b>, budget: Budget) -> Self {
        Self { objects, budget, before: None, distinct: 0 }
    }

    /// The colours of the next round.
    pub(super) fn next(&mut self, par: &Par) -> Result<Vec<u32>, Error> {
        let mut dictionary = Colours::default();
        let mut names = Names::Learn(&mut dictionary);
        let colours =
            self.objects.colour(self.before.as_deref(), &mut names, &mut self.budget, par)?;
        self.distinct = dictionary.len();
        self.budget.give(dictionary.bytes());
        self.before = Some(colours.clone());
        Ok(colours)
    }
}
