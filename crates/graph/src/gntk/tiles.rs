//! Kernels in tiles: a band of graphs against a band of graphs.

use std::ops::Range;

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use widelimit_dual::Isa;

use super::band::{Band, Side};
use super::classes::Classes;
use super::config::{Checked, Gntk, Precision, ReadOut, Wanted};
use super::crew::{Crew, allocate, place};
use super::plan::TILE;
use super::recursion::Shared;
use super::sheet::Sheet;
use super::variances::Variances;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::Options;
use crate::real::{Real, format};

/// A kernel that is ready to be computed, tile by tile and in any order.
///
/// Making it checks the parameters, finds the classes of nodes, and passes over every graph once. A tile of the
/// kernel then depends on its rows and columns alone, to the last bit: tiles may be computed by several threads,
/// runs or machines of one kind, as long as each makes the `Recursion` of all graphs or of those of its tiles.
///
/// ```
/// use widelimit_graph::{Gntk, Graphs, Options, Parts};
///
/// let edge_index: [&[usize]; 2] = [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]];
/// let parts = Parts { node_offsets: &[0, 3, 5, 6], edge_index, ..Parts::default() };
/// let graphs = Graphs::new(parts)?.with_default_features();
/// let gntk = Gntk::default();
/// let recursion = gntk.recursion(&graphs, None, &Options::new())?;
/// let whole = gntk.kernel(&graphs, &Options::new())?;
/// assert_eq!(recursion.tile(1..3, 0..2)?, whole.slice(ndarray::s![1..3, 0..2]));
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
pub struct Recursion<'a> {
    shared: Shared<'a>,
    precision: Precision,
    options: Options<'a>,
}

impl<'a> Recursion<'a> {
    pub(crate) fn new(
        gntk: &Gntk,
        outputs: Vec<ReadOut>,
        graphs: &'a Graphs,
        others: Option<&'a Graphs>,
        options: &Options<'a>,
    ) -> Result<Self, Error> {
        let checked = Checked::new(gntk)?;
        check_features(graphs, others)?;
        options.check_cancelled()?;
        let plan = gntk.plan_of(outputs.len(), graphs, others, options)?;
        options.check_memory(plan.bytes)?;
        let wanted = Wanted::new(outputs, checked.layers);
        let sides: Vec<&Graphs> = [Some(graphs), others].into_iter().flatten().collect();
        let classes = Classes::new(&checked, &sides, options)?;
        let firsts = [0, graphs.nodes()];
        let sides: Vec<Side<'_>> = sides
            .into_iter()
            .zip(firsts)
            .map(|(graphs, first)| Side { graphs, classes: &classes, first })
            .collect();
        let variances = Variances::new(&checked, &wanted, &sides, options)?;
        let shared = Shared { checked, wanted, classes, variances, left: graphs, right: others };
        Ok(Self { shared, precision: gntk.precision, options: options.clone() })
    }

    pub(crate) fn shared(&self) -> &Shared<'a> {
        &self.shared
    }

    /// Rows and columns of the kernel.
    pub fn shape(&self) -> (usize, usize) {
        let rows = self.shared.left.len();
        (rows, self.shared.right.map_or(rows, Graphs::len))
    }

    /// The kernel of every graph of the rows with itself.
    pub fn diagonal(&self) -> Array1<f64> {
        self.own(0, 0)
    }

    /// The kernels of all read-outs of every graph of the rows with itself, in their order.
    pub fn diagonals(&self) -> Vec<Array1<f64>> {
        (0..self.shared.wanted.len()).map(|output| self.own(0, output)).collect()
    }

    /// The kernel of every graph of the columns with itself.
    pub fn column_diagonal(&self) -> Array1<f64> {
        self.own(usize::from(self.shared.right.is_some()), 0)
    }

    fn own(&self, side: usize, output: usize) -> Array1<f64> {
        let sums = &self.shared.variances.sums[side];
        sums.iter().map(|sums| self.shared.wanted.value(output, |stage| sums[stage])).collect()
    }

    /// Some rows and columns of the kernel. The recursion runs on one thread.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for a part that lies outside, [`Error::Overflow`], [`Error::OutOfMemory`],
    /// [`Error::Cancelled`].
    pub fn tile(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Array2<f64>, Error> {
        Ok(self.tiles(rows, columns)?.swap_remove(0))
    }

    /// Some rows and columns of the kernels of all read-outs, in their order.
    ///
    /// # Errors
    ///
    /// As [`tile`](Self::tile).
    pub fn tiles(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let (n1, n2) = self.shape();
        for (what, range, len) in [("rows", &rows, n1), ("columns", &columns, n2)] {
            if range.start > range.end || range.end > len {
                let (start, end) = (range.start, range.end);
                return Err(Error::Range { what, start, end, len });
            }
        }
        match self.precision {
            Precision::Double => self.part::<f64>(rows, columns),
            Precision::Single => self.part::<f32>(rows, columns),
        }
    }

    fn part<T: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let mut out = self.allocate(rows.len(), columns.len())?;
        let lefts = self.bands::<T>(false, rows.clone())?;
        let rights = self.bands::<T>(true, columns.clone())?;
        let mut sheet = self.sheet::<T>();
        for left in &lefts {
            for right in &rights {
                self.options.check_cancelled()?;
                let at = (left.graphs.start - rows.start, right.graphs.start - columns.start);
                for (out, block) in out.iter_mut().zip(self.block(&mut sheet, left, right)?) {
                    place(out, at, block.dim()).assign(&block);
                }
            }
        }
        Ok(out)
    }

    /// A matrix for every output.
    fn allocate(&self, rows: usize, columns: usize) -> Result<Vec<Array2<f64>>, Error> {
        (0..self.shared.wanted.len()).map(|_| allocate(rows, columns)).collect()
    }

    fn sheet<T: Real>(&self) -> Sheet<T> {
        Sheet::new(self.options.isa.unwrap_or_else(Isa::best))
    }

    fn bands<T: Real>(&self, right: bool, graphs: Range<usize>) -> Result<Vec<Band<T>>, Error> {
        let side = self.shared.side(right);
        let runs = side.cut(graphs, self.options.tile.unwrap_or(TILE));
        let Shared { checked, variances, .. } = &self.shared;
        let band = |graphs: &Range<usize>| {
            side.band(graphs.clone(), checked, variances).map_err(|error| match error {
                // the variances are finite: only the format is too small
                Error::Activation(_) => {
                    let fails = |&g: &usize| side.band::<T>(g..g + 1, checked, variances).is_err();
                    let graph = graphs.clone().find(fails).unwrap_or(graphs.start);
                    let (level, format) = (checked.levels(), format::<T>());
                    let side = if right { "right" } else { "left" };
                    Error::Overflow { side, graph, level, format }
                }
                other => other,
            })
        };
        let bands: Vec<_> =
            self.options.par.install(|| runs.par_iter().with_max_len(16).map(band).collect());
        bands.into_iter().collect()
    }

    /// All outputs for a band of rows and a band of columns.
    ///
    /// Among the graphs of one batch the graph that comes first stands on the left, whichever entry is asked
    /// for, and the diagonal is known.
    fn block<T: Real>(
        &self,
        sheet: &mut Sheet<T>,
        rows: &Band<T>,
        columns: &Band<T>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let shape = (rows.graphs.len(), columns.graphs.len());
        let symmetric = self.shared.right.is_none();
        let (r0, c0) = (rows.graphs.start, columns.graphs.start);
        let upper = |i: usize, j: usize| !symmetric || r0 + i < c0 + j;
        let any = |wanted: &dyn Fn(usize, usize) -> bool| {
            (0..shape.0).any(|i| (0..shape.1).any(|j| wanted(i, j)))
        };
        let mut direct = Vec::new();
        if any(&upper) {
            direct = self.shared.sums(sheet, rows, columns, &self.options)?;
        }
        let mut mirrored = Vec::new();
        // a square on the diagonal is its own mirror image
        let own = symmetric && rows.graphs == columns.graphs;
        if !own && any(&|i, j| r0 + i > c0 + j && !upper(i, j)) {
            mirrored = self.shared.sums(sheet, columns, rows, &self.options)?;
        }
        let (pairs, wanted) = (shape.0 * shape.1, &self.shared.wanted);
        let value = |output: usize, i: usize, j: usize| {
            if upper(i, j) {
                return wanted.value(output, |stage| direct[stage * pairs + i * shape.1 + j]);
            }
            if r0 + i == c0 + j {
                let sums = &self.shared.variances.sums[0][r0 + i];
                return wanted.value(output, |stage| sums[stage]);
            }
            let sums = if own { &direct } else { &mirrored };
            wanted.value(output, |stage| sums[stage * pairs + j * shape.0 + i])
        };
        let matrix = |output| Array2::from_shape_fn(shape, |(i, j)| value(output, i, j));
        Ok((0..wanted.len()).map(matrix).collect())
    }

    /// All outputs, whole.
    pub(crate) fn all(&self) -> Result<Vec<Array2<f64>>, Error> {
        match self.precision {
            Precision::Double => self.whole::<f64>(),
            Precision::Single => self.whole::<f32>(),
        }
    }

    fn whole<T: Real>(&self) -> Result<Vec<Array2<f64>>, Error> {
        let (n1, n2) = self.shape();
        let symmetric = self.shared.right.is_none();
        let lefts = self.bands::<T>(false, 0..n1)?;
        let others = if symmetric { Vec::new() } else { self.bands::<T>(true, 0..n2)? };
        let rights = if symmetric { &lefts } else { &others };
        let out = self.allocate(n1, n2)?;
        let tiles: Vec<(usize, usize)> = (0..lefts.len())
            .flat_map(|i| (if symmetric { i } else { 0 }..rights.len()).map(move |j| (i, j)))
            .collect();
        let total = if symmetric { n1 * (n1 + 1) / 2 } else { n1 * n2 };
        let crew = Crew::new(tiles.len(), total as u64, out);
        let work = || {
            let mut sheet = self.sheet::<T>();
            while let Some(index) = crew.next() {
                let (i, j) = tiles[index];
                let (left, right) = (&lefts[i], &rights[j]);
                let done = self
                    .options
                    .check_cancelled()
                    .and_then(|()| self.block(&mut sheet, left, right));
                let blocks = match done {
                    Ok(blocks) => blocks,
                    Err(error) => return crew.fail(error),
                };
                let mirror = symmetric && i != j;
                crew.put(&blocks, (left.graphs.start, right.graphs.start), mirror);
                let (a, b) = (left.graphs.len() as u64, right.graphs.len() as u64);
                let pairs = if symmetric && i == j { a * (a + 1) / 2 } else { a * b };
                crew.report(pairs, &self.options);
            }
        };
        let threads = self.options.par.threads().min(tiles.len());
        self.options.par.install(|| {
            (0..threads).into_par_iter().with_max_len(1).for_each(|_| work());
        });
        crew.finish()
    }
}

/// Both sides have features, of one width.
fn check_features(graphs: &Graphs, others: Option<&Graphs>) -> Result<(), Error> {
    let width = |side: &Graphs, name: &'static str| match side.features() {
        Some(features) => Ok(features.width()),
        None => Err(Error::FeaturesMissing { side: name }),
    };
    let left = width(graphs, "the graphs")?;
    if let Some(others) = others {
        let right = width(others, "the other graphs")?;
        if left != right {
            return Err(Error::FeatureWidth { left, right });
        }
    }
    Ok(())
}
