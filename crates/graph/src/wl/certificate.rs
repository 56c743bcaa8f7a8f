//! Whether refinement tells two graphs apart.

use super::counts::Counts;
use super::means::Means;
use super::objects::Objects;
use super::params::{Scheme, Start};
use super::refine::Steps;
use crate::{Error, Graph, Options};

/// What refinement says about two graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// They are not isomorphic: after so many rounds their colours do not occur equally often.
    Distinguished {
        /// The first such round, from 0.
        round: usize,
    },
    /// Their colours are stable and occur equally often: they may be isomorphic or not.
    Undecided {
        /// How many rounds told objects of one of the graphs apart.
        rounds: usize,
    },
}

/// Refines two graphs together until they differ or are stable. Labels of nodes and edges count where there
/// are any, weights and features do not.
///
/// # Errors
///
/// [`Error::Unlike`] where only one of them has labels of nodes or of edges or directions, [`Error::Parameter`],
/// [`Error::MemoryLimit`] where more bytes are needed than the options allow, and [`Error::Cancelled`].
///
/// ```
/// use widelimit_graph::wl::{Certificate, Scheme, certificate};
/// use widelimit_graph::{Budget, Graphs, Options, Parts};
///
/// // a ring of six nodes, and two triangles
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 6, 12],
///     edge_index: [
///         &[0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10, 11, 7, 8, 6, 10, 11, 9],
///         &[1, 2, 3, 4, 5, 0, 0, 1, 2, 3, 4, 5, 7, 8, 6, 10, 11, 9, 6, 7, 8, 9, 10, 11],
///     ],
///     ..Parts::default()
/// })?;
/// let (ring, triangles) = (graphs.graph(0), graphs.graph(1));
/// let by = |scheme| certificate(&ring, &triangles, scheme, &Options::new().budget(Budget::bytes(1 << 20)));
/// assert_eq!(by(Scheme::Vertices)?, Certificate::Undecided { rounds: 0 });
/// assert_eq!(by(Scheme::Folklore { k: 2 })?, Certificate::Distinguished { round: 1 });
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
pub fn certificate(
    left: &Graph<'_>,
    right: &Graph<'_>,
    scheme: Scheme,
    options: &Options<'_>,
) -> Result<Certificate, Error> {
    scheme.check()?;
    let unlike = |what, differs: bool| if differs { Err(Error::Unlike { what }) } else { Ok(()) };
    let labelled = left.labels().is_some();
    unlike("node labels", labelled != right.labels().is_some())?;
    unlike("edge labels", left.edge_labels(0).is_some() != right.edge_labels(0).is_some())?;
    unlike("directed edges", left.is_directed() != right.is_directed())?;
    let start = if labelled { Start::Labels } else { Start::Constant };
    let mut means = Means::new(options);
    let both = vec![left.clone(), right.clone()];
    let objects = Objects::new(both, scheme, start, left.is_directed(), &mut means)?;
    let mut steps = Steps::new(&objects, means);
    let (mut known, mut round) = (0, 0);
    loop {
        let counts = Counts::new(&steps.next()?, objects.offsets(), options.par);
        if !counts.row(0).eq(counts.row(1)) {
            return Ok(Certificate::Distinguished { round });
        }
        if steps.distinct == known {
            return Ok(Certificate::Undecided { rounds: round - 1 });
        }
        known = steps.distinct;
        round += 1;
    }
}
