//! What a call will cost, before anything is computed or allocated.

use serde::Serialize;

use super::config::{Checked, Gntk, Method, Precision};
use super::sheet::Sheet;
use super::sketched::Repair;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::Options;

/// Nodes on one side of a tile where nothing speaks against it: three matrices over pairs of their classes stay
/// in the second-level cache.
pub(crate) const TILE: usize = 224;

/// Sizes and operations of a kernel.
///
/// `flops` counts every pair of nodes, as if no two nodes of a graph were alike; where some are, fewer are
/// needed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Rows of the kernel.
    pub rows: usize,
    /// Columns of the kernel.
    pub columns: usize,
    /// Bytes of the results.
    pub result_bytes: u64,
    /// Bytes used beside them at the peak, at most.
    pub scratch_bytes: u64,
    /// Both together; the graphs are not counted.
    pub bytes: u64,
    /// Pairs of graphs.
    pub pairs: u64,
    /// Pairs of nodes that go through activations, over all pairs of graphs.
    pub activations: f64,
    /// Floating-point operations.
    pub flops: f64,
}

/// Operations of a ReLU and its derivative.
pub(super) const ACTIVATION: f64 = 40.0;

impl Gntk {
    /// Plans the kernel among graphs, or between graphs and others.
    ///
    /// # Errors
    ///
    /// Those of the parameters; the budget of `options` is for the caller to compare.
    ///
    /// ```
    /// use widelimit_graph::{Gntk, Graphs, Options, Parts};
    ///
    /// let graphs = Graphs::new(Parts { node_offsets: &[0, 3, 5], ..Parts::default() })?;
    /// let plan = Gntk::default().plan(&graphs, None, &Options::new())?;
    /// assert_eq!((plan.pairs, plan.result_bytes), (3, 4 * 8));
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn plan(
        &self,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Plan, Error> {
        self.plan_of(1, graphs, others, options)
    }

    /// The same for several outputs.
    pub(crate) fn plan_of(
        &self,
        outputs: usize,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Plan, Error> {
        let checked = Checked::new(self)?;
        let (rows, columns) = (graphs.len(), others.map_or(graphs.len(), Graphs::len));
        let result_bytes =
            (outputs as u64 * 8).saturating_mul(rows as u64).saturating_mul(columns as u64);
        let sides = [Some(graphs), others];
        let widest = |side: &Graphs| {
            let largest = side.iter().map(|graph| graph.nodes()).max().unwrap_or(0);
            largest.max(options.tile.unwrap_or(TILE).min(side.nodes()))
        };
        let (left, right) = (widest(graphs), others.map_or(widest(graphs), widest));
        let width = graphs.features().map_or(1, |features| features.width());
        let sheet = match self.precision {
            Precision::Double => Sheet::<f64>::bytes(left, right, width),
            Precision::Single => Sheet::<f32>::bytes(left, right, width),
        };
        let held: u64 =
            sides.into_iter().flatten().map(|side| held_bytes(&checked, side, width)).sum();
        let n = rows as u64;
        let pairs = if others.is_some() { n * columns as u64 } else { n * (n + 1) / 2 };
        let pairs_bytes = self.pairs_bytes(&checked, graphs, others);
        let mut scratch_bytes = (sheet.max(pairs_bytes.0))
            .saturating_mul(options.par.threads() as u64)
            .saturating_add(held)
            .saturating_add(pairs_bytes.1);
        if self.method != Method::Decoupled {
            // The outputs before they are put in their places, or what makes a kernel positive afterwards.
            let collected = (outputs as u64 * 8).saturating_mul(pairs);
            let repaired = if others.is_some() { 0 } else { self.repair_matrices() * 8 * n * n };
            scratch_bytes = scratch_bytes.saturating_add(collected.max(repaired));
        }
        let (activations, flops) = operations(&checked, graphs, others);
        Ok(Plan {
            rows,
            columns,
            result_bytes,
            scratch_bytes,
            bytes: result_bytes.saturating_add(scratch_bytes),
            pairs,
            activations,
            flops,
        })
    }
}

impl Gntk {
    /// Bytes of a thread, and of all graphs, where pairs are computed node by node.
    fn pairs_bytes(
        &self,
        checked: &Checked,
        graphs: &Graphs,
        others: Option<&Graphs>,
    ) -> (u64, u64) {
        let rows = match &self.method {
            Method::Decoupled => return (0, 0),
            Method::Vectorised => 0,
            Method::Sketched(sketch) | Method::Auto(sketch) => 2 * sketch.size as u64,
        };
        let widest =
            |side: &Graphs| side.iter().map(|graph| graph.nodes()).max().unwrap_or(0) as u64;
        let pair = widest(graphs).saturating_mul(others.map_or(widest(graphs), widest));
        let each = 8 * rows + checked.levels() as u64 * (4 + 40 * checked.mlp as u64);
        let nodes = (graphs.nodes() + others.map_or(0, Graphs::nodes)) as u64;
        // features become dense
        let each = each + 8 * graphs.features().map_or(1, |features| features.width()) as u64;
        // covariances, the tangent kernel, a result, and products on the way
        (6 * 8 * pair, nodes.saturating_mul(each))
    }
}

impl Gntk {
    /// Matrices of the size of the kernel that are there while its eigenvalues are looked after.
    fn repair_matrices(&self) -> u64 {
        match &self.method {
            Method::Decoupled | Method::Vectorised => 0,
            Method::Sketched(sketch) | Method::Auto(sketch) => match sketch.repair {
                Repair::None | Repair::Ridge => 2,
                Repair::Clip => 5,
            },
        }
    }
}

/// What is known of the nodes of one side, at every level.
fn held_bytes(checked: &Checked, side: &Graphs, width: usize) -> u64 {
    let (nodes, entries) = (side.nodes() as u64, (side.nodes() + side.edges()) as u64);
    let levels = checked.levels() as u64;
    // classes, variances and what activations need (three numbers for a ReLU), for each node; rows of both the
    // classes and the bands, and those that are sorted
    let each_level = nodes * (64 + 40 * checked.mlp as u64) + 3 * 12 * entries;
    let dense = matches!(side.features(), Some(crate::graphs::Features::Dense(_)));
    let features = if dense { 2 * 8 * nodes * width as u64 } else { 0 };
    (levels + 1).saturating_mul(each_level).saturating_add(features)
}

/// Activations of pairs of nodes, and all operations.
fn operations(checked: &Checked, graphs: &Graphs, others: Option<&Graphs>) -> (f64, f64) {
    let right = others.unwrap_or(graphs);
    let half = if others.is_some() { 1.0 } else { 0.5 };
    let (n1, n2) = (graphs.nodes() as f64, right.nodes() as f64);
    let entries = |side: &Graphs| (side.nodes() + side.edges()) as f64;
    let levels = checked.levels() as f64;
    let layers = if checked.is_active() { levels * checked.mlp as f64 } else { 0.0 };
    let sums = 2.0 * 2.0 * levels * (entries(graphs) * n2 + n1 * entries(right));
    let activations = half * layers * n1 * n2;
    (activations, half * sums + ACTIVATION * activations)
}
