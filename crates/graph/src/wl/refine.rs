//! Colour refinement of nodes.

use super::dictionary::{Colours, Names};
use super::kernel::Traits;
use super::means::Means;
use super::objects::Objects;
use super::params::{Scheme, Start};
use crate::{Error, Graphs, Options};

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
/// use widelimit_graph::{Graphs, Options, Parts};
///
/// // a path of five nodes
/// let path = Graphs::new(Parts {
///     node_offsets: &[0, 5],
///     edge_index: [&[0, 1, 1, 2, 2, 3, 3, 4], &[1, 0, 2, 1, 3, 2, 4, 3]],
///     ..Parts::default()
/// })?;
/// let found = colour_refinement(&path, Start::Constant, 10, &Options::new())?;
/// assert_eq!(found.colours[1], [0, 1, 1, 1, 0]);
/// assert_eq!(found.colours[2], [0, 1, 2, 1, 0]);
/// assert!(found.stable && found.colours.len() == 3);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
pub fn colour_refinement(
    graphs: &Graphs,
    start: Start,
    rounds: usize,
    options: &Options<'_>,
) -> Result<Refinement, Error> {
    let traits = Traits::of(graphs, start)?;
    let mut means = Means::new(options);
    let all = graphs.iter().collect();
    let objects = Objects::new(all, Scheme::Vertices, traits.start, traits.directed, &mut means)?;
    let mut steps = Steps::new(&objects, means);
    let mut colours = vec![steps.next()?];
    let mut known = steps.distinct;
    for _ in 0..rounds {
        let next = steps.next()?;
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
    means: Means<'a>,
    before: Option<Vec<u32>>,
    /// Number of colours of the last round.
    pub(super) distinct: usize,
}

impl<'a, 'b> Steps<'a, 'b> {
    pub(super) fn new(objects: &'a Objects<'b>, means: Means<'a>) -> Self {
        Self { objects, means, before: None, distinct: 0 }
    }

    /// The colours of the next round.
    pub(super) fn next(&mut self) -> Result<Vec<u32>, Error> {
        let mut dictionary = Colours::default();
        let mut names = Names::Learn(&mut dictionary);
        let colours = self.objects.colour(self.before.as_deref(), &mut names, &mut self.means)?;
        self.distinct = dictionary.len();
        self.means.give(dictionary.bytes());
        self.before = Some(colours.clone());
        Ok(colours)
    }
}
