//! Kernels in memory.

use ndarray::{Array1, Array2};
use widelimit_graph::wl::{WlKernel, WlParams};
use widelimit_graph::{Gntk, Graphs, Method, Options, Plan, ReadOut, Report};

use super::features::Sides;
use super::{Family, GraphKernel};
use crate::{Error, Run, Scalar};

/// The kernel among `graphs`, or between them (rows) and `others` (columns).
///
/// # Errors
/// Parameters out of range, sides of which one has features or labels and the other has none, features of
/// different width; [`widelimit_graph::Error::Overflow`]; [`Error::MemoryLimit`] before anything is computed;
/// [`Error::Cancelled`].
pub fn kernel(
    kernel: &GraphKernel,
    graphs: &Graphs,
    others: Option<&Graphs>,
    run: &Run<'_>,
) -> Result<Array2<f64>, Error> {
    match &kernel.family {
        Family::Gntk(gntk) => gntk_kernel(gntk, kernel.normalise, graphs, others, run),
        Family::Wl(params) => wl_kernel(params, kernel.normalise, graphs, others, run),
    }
}

fn gntk_kernel(
    gntk: &Gntk,
    normalise: bool,
    graphs: &Graphs,
    others: Option<&Graphs>,
    run: &Run<'_>,
) -> Result<Array2<f64>, Error> {
    let sides = Sides::new(graphs, others)?;
    let (rows, columns) = (&*sides.rows, sides.columns());
    run.check_cancelled()?;
    let options = &run.graph_options();
    let values = match columns {
        None => gntk.kernel(rows, options)?,
        Some(columns) => gntk.cross(rows, columns, options)?,
    };
    if normalise { normalised(gntk, values, (rows, columns), options) } else { Ok(values) }
}

/// A GNTK with a [`Report`]: which pairs were sketched, how far off those may be, and what made the kernel positive.
/// Among `graphs`, or between them and `others`; `normalise` as in [`GraphKernel::normalise`]. The report is of the
/// kernel before that.
///
/// # Errors
/// As [`kernel`].
///
/// ```
/// use widelimit::Run;
/// use widelimit::graph::{Gntk, Graphs, Method, NodeSketch, Parts};
/// use widelimit::graphs::kernel_with_report;
///
/// let graphs = Graphs::new(Parts { node_offsets: &[0, 30, 65], ..Parts::default() })?;
/// let sketch = NodeSketch { size: 16, ..NodeSketch::default() };
/// let gntk = Gntk { method: Method::Sketched(sketch), ..Gntk::default() };
/// let (k, report) = kernel_with_report(&gntk, true, &graphs, None, &Run::default())?;
/// assert_eq!((k[[0, 0]], report.exact_pairs, report.sketched_pairs), (1.0, 2, 1));
/// assert!(report.relative_error.is_some_and(|error| error < 1e-9)); // nodes without edges are all alike
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn kernel_with_report(
    gntk: &Gntk,
    normalise: bool,
    graphs: &Graphs,
    others: Option<&Graphs>,
    run: &Run<'_>,
) -> Result<(Array2<f64>, Report), Error> {
    let sides = Sides::new(graphs, others)?;
    let (rows, columns) = (&*sides.rows, sides.columns());
    run.check_cancelled()?;
    let options = &run.graph_options();
    let (mut values, report) = gntk.kernel_with_report(rows, columns, options)?;
    if normalise {
        values = normalised(gntk, values, (rows, columns), options)?;
    }
    Ok((values, report))
}

/// A GNTK divided by the roots of both diagonals, which are exact even where the kernel is sketched: what made that
/// positive is not in them, so that kernels among graphs and between them are of one scale.
fn normalised(
    gntk: &Gntk,
    values: Array2<f64>,
    sides: (&Graphs, Option<&Graphs>),
    options: &Options<'_>,
) -> Result<Array2<f64>, Error> {
    let Gntk { layers, jumping_knowledge, .. } = *gntk;
    let scales = match gntk.method {
        Method::Decoupled | Method::Vectorised if sides.1.is_none() => {
            vec![Scales::of_square(&values)]
        }
        _ => Scales::of_gntk(gntk, &[ReadOut { layers, jumping_knowledge }], sides, options)?,
    };
    Ok(scales.into_iter().fold(values, |values, scales| scales.apply(values)))
}

/// Colours are those of the columns, or of all graphs; others take part in a graph's kernel with itself.
fn wl_kernel(
    params: &WlParams,
    normalise: bool,
    rows: &Graphs,
    columns: Option<&Graphs>,
    run: &Run<'_>,
) -> Result<Array2<f64>, Error> {
    let taken =
        8 * (rows.len() as u64).saturating_mul(columns.map_or(rows.len(), Graphs::len) as u64);
    let options = &run.less("the kernel", taken)?.graph_options();
    let params = WlParams { normalise, ..*params };
    let fitted = WlKernel::fit(columns.unwrap_or(rows), &params, options)?;
    Ok(match columns {
        None => fitted.gram(params.rounds, options)?,
        Some(_) => fitted.transform(rows, options)?.cross(params.rounds, options)?,
    })
}

/// The Weisfeiler-Leman kernels of 0, 1, ... and all rounds, among graphs, in one pass.
///
/// # Errors
/// As [`kernel`].
///
/// ```
/// use widelimit::Run;
/// use widelimit::graph::wl::WlParams;
/// use widelimit::graph::{Graphs, Parts};
/// use widelimit::graphs::rounds;
///
/// let parts = Parts { node_offsets: &[0, 3, 5], edge_index: [&[0, 1], &[1, 0]], ..Parts::default() };
/// let graphs = Graphs::new(parts)?;
/// let kernels = rounds(&WlParams::default(), &graphs, true, &Run::default())?;
/// assert_eq!((kernels.len(), kernels[5][[1, 1]]), (6, 1.0));
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn rounds(
    params: &WlParams,
    graphs: &Graphs,
    normalise: bool,
    run: &Run<'_>,
) -> Result<Vec<Array2<f64>>, Error> {
    let options = &run.graph_options();
    let params = WlParams { normalise, ..*params };
    Ok(WlKernel::fit(graphs, &params, options)?.grams(options)?)
}

/// GNTKs of several depths, with or without jumping knowledge, in one pass, in the order of `read_outs`, none deeper than
/// `gntk.layers`: among `graphs`, or between them and `others`. The recursion passes by all of them on its way to
/// the deepest.
///
/// # Errors
/// As [`kernel`], and a depth out of range.
///
/// ```
/// use widelimit::Run;
/// use widelimit::graph::{Gntk, Graphs, Parts, ReadOut};
/// use widelimit::graphs::{grid, kernel};
///
/// let parts = Parts { node_offsets: &[0, 3, 5], edge_index: [&[0, 1], &[1, 0]], ..Parts::default() };
/// let graphs = Graphs::new(parts)?;
/// let gntk = Gntk { layers: 3, ..Gntk::default() };
/// let kernels = grid(&gntk, &ReadOut::up_to(3), &graphs, None, false, &Run::default())?;
/// assert_eq!(kernels.len(), 6);
/// assert_eq!(kernels[4], kernel(&gntk.into(), &graphs, None, &Run::default())?);
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn grid(
    gntk: &Gntk,
    read_outs: &[ReadOut],
    graphs: &Graphs,
    others: Option<&Graphs>,
    normalise: bool,
    run: &Run<'_>,
) -> Result<Vec<Array2<f64>>, Error> {
    let sides = Sides::new(graphs, others)?;
    let (rows, columns) = (&*sides.rows, sides.columns());
    run.check_cancelled()?;
    let options = &run.graph_options();
    let kernels = gntk.kernels(read_outs, rows, columns, options)?;
    if !normalise {
        return Ok(kernels);
    }
    let scales = Scales::of_gntk(gntk, read_outs, (rows, columns), options)?;
    Ok(kernels.into_iter().zip(scales).map(|(values, scales)| scales.apply(values)).collect())
}

/// What a GNTK will cost: nothing is computed.
///
/// # Errors
/// Those of the parameters.
pub fn plan(
    gntk: &Gntk,
    graphs: &Graphs,
    others: Option<&Graphs>,
    run: &Run<'_>,
) -> Result<Plan, Error> {
    Ok(gntk.plan(graphs, others, &Options::new().par(run.par))?)
}

/// Bytes of a kernel among graphs while it is computed, as far as they are known beforehand.
pub(super) fn bytes(kernel: &GraphKernel, graphs: &Graphs, run: &Run<'_>) -> Result<u64, Error> {
    match &kernel.family {
        Family::Gntk(gntk) => Ok(plan(gntk, graphs, None, run)?.bytes),
        Family::Wl(_) => Ok(8 * (graphs.len() as u64).saturating_mul(graphs.len() as u64)),
    }
}

/// A kernel in the precision of `T`.
///
/// # Errors
/// [`widelimit_graph::Error::Overflow`] for a number that the precision cannot hold, with the row of the graph
/// and the number of levels as given in `told`: the number of the first row, and the layers of the kernel.
pub fn narrow<T: Scalar>(values: &Array2<f64>, told: (usize, usize)) -> Result<Array2<T>, Error> {
    let narrow = values.mapv(T::narrow);
    let (first, level) = told;
    match narrow.indexed_iter().find(|(_, value)| !value.widen().is_finite()) {
        None => Ok(narrow),
        Some(((row, _), _)) => {
            let (graph, format) = (first + row, T::PRECISION.name());
            Err(widelimit_graph::Error::Overflow { side: "left", graph, level, format }.into())
        }
    }
}

/// What entries of a normalised kernel are divided by: the roots of both diagonals.
pub(super) struct Scales {
    pub rows: Array1<f64>,
    /// `None` where rows and columns are the same graphs.
    pub columns: Option<Array1<f64>>,
    /// Whether something may have been added to the diagonal of the kernel.
    pub raised: bool,
}

impl Scales {
    /// Of a kernel among graphs, whose diagonal is at hand.
    fn of_square(values: &Array2<f64>) -> Self {
        Self { rows: values.diag().mapv(f64::sqrt), columns: None, raised: false }
    }

    /// Of the kernels of all read-outs.
    fn of_gntk(
        gntk: &Gntk,
        read_outs: &[ReadOut],
        (rows, columns): (&Graphs, Option<&Graphs>),
        options: &Options<'_>,
    ) -> Result<Vec<Self>, Error> {
        let roots = |graphs: &Graphs| {
            let diagonals = gntk.diagonals(read_outs, graphs, options)?;
            Ok::<_, Error>(diagonals.into_iter().map(|diagonal| diagonal.mapv_into(f64::sqrt)))
        };
        let raised = matches!(gntk.method, Method::Sketched(_) | Method::Auto(_));
        Ok(match columns {
            None => roots(rows)?.map(|rows| Self { rows, columns: None, raised }).collect(),
            Some(columns) => roots(rows)?
                .zip(roots(columns)?)
                .map(|(rows, columns)| Self { rows, columns: Some(columns), raised })
                .collect(),
        })
    }

    /// A whole kernel, divided.
    fn apply(&self, mut values: Array2<f64>) -> Array2<f64> {
        self.divide((0, 0), &mut values);
        values
    }

    /// Divides the part of the kernel that begins at a row and a column.
    ///
    /// Among the same graphs the diagonal becomes 1 exactly, unless something was added to it. A graph whose features are all zero has the kernel
    /// 0 with every graph, and keeps it.
    pub fn divide(&self, (row, column): (usize, usize), values: &mut Array2<f64>) {
        let columns = self.columns.as_ref().unwrap_or(&self.rows);
        for ((i, j), value) in values.indexed_iter_mut() {
            let product = self.rows[row + i] * columns[column + j];
            if product > 0.0 {
                let own = self.columns.is_none() && row + i == column + j;
                let raised = self.raised && *value > product * (1.0 + 4.0 * f64::EPSILON);
                *value = if own && !raised { 1.0 } else { *value / product };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphs::features::tests::rings;
    use widelimit_graph::wl::WlKind;
    use widelimit_graph::{NodeSketch, Scale};

    fn close(a: &Array2<f64>, b: &Array2<f64>) {
        assert_eq!(a.dim(), b.dim());
        assert!((a - b).iter().all(|d| d.abs() < 1e-13), "{a} {b}");
    }

    #[test]
    fn parts_of_a_kernel_are_those_of_the_whole() {
        let all = rings(&[3, 5, 6, 4, 7]);
        let (one, two) = (all.select(&[2, 0]).unwrap(), all.select(&[1, 3, 4]).unwrap());
        for scale in [Scale::Uniform, Scale::Degree] {
            for normalise in [false, true] {
                let gntk = Gntk { layers: 4, scale, ..Gntk::default() };
                let recipe = GraphKernel { normalise, ..gntk.clone().into() };
                let run = Run::default();
                let whole = kernel(&recipe, &all, None, &run).unwrap();
                let cross = kernel(&recipe, &one, Some(&two), &run).unwrap();
                let scale = whole.diag().iter().fold(0.0, |a: f64, b| a.max(*b));
                for (i, row) in [2, 0].into_iter().enumerate() {
                    for (j, column) in [1, 3, 4].into_iter().enumerate() {
                        let difference = cross[[i, j]] - whole[[row, column]];
                        assert!(difference.abs() <= 1e-14 * scale);
                    }
                }
                let depths = ReadOut::up_to(4);
                let grids = grid(&gntk, &depths, &one, Some(&two), normalise, &run).unwrap();
                close(&(&grids[6] / scale), &(&cross / scale));
                let grids = grid(&gntk, &depths, &all, None, normalise, &run).unwrap();
                close(&(&grids[6] / scale), &(&whole / scale));
            }
        }
    }

    #[test]
    fn what_makes_a_sketched_kernel_positive_does_not_scale_it() {
        let graphs = rings(&[30, 41, 52, 63]);
        let features = Array2::from_shape_fn((186, 3), |(i, j)| ((7 * i + 3 * j) as f64).sin());
        let graphs = graphs.with_features(features).unwrap();
        let sketch = NodeSketch { size: 3, deflate: 0, principal: 0, ..NodeSketch::default() };
        let gntk = Gntk { layers: 3, method: Method::Sketched(sketch), ..Gntk::default() };
        let run = Run::default();
        let (raw, report) = kernel_with_report(&gntk, false, &graphs, None, &run).unwrap();
        assert!(report.ridge > 0.0);
        let (scaled, _) = kernel_with_report(&gntk, true, &graphs, None, &run).unwrap();
        let own = gntk.diagonal(&graphs, &Options::new()).unwrap();
        for ((i, j), value) in scaled.indexed_iter() {
            let expected = raw[[i, j]] / (own[i] * own[j]).sqrt();
            assert!((value / expected - 1.0).abs() < 1e-12, "{i} {j}: {value} {expected}");
        }
        assert!(scaled.diag().iter().all(|own| *own > 1.0));
    }

    #[test]
    fn normalised_kernels_have_ones_and_are_symmetric() {
        let zero = rings(&[3]).with_features(Array2::zeros((3, 2))).unwrap();
        let gntk = GraphKernel { normalise: true, ..Gntk::default().into() };
        assert_eq!(kernel(&gntk, &zero, None, &Run::default()).unwrap()[[0, 0]], 0.0);
        let values = kernel(&gntk, &rings(&[3, 4, 9]), None, &Run::default()).unwrap();
        assert!(values.diag().iter().all(|x| *x == 1.0));
        assert_eq!(values, values.t());
    }

    #[test]
    fn colours_of_one_side_count_on_it() {
        let all = rings(&[3, 5, 6, 4, 7]);
        let stars = {
            let ends: [&[usize]; 2] = [&[0, 1, 0, 2, 0, 3], &[1, 0, 2, 0, 3, 0]];
            let parts = widelimit_graph::Parts {
                node_offsets: &[0, 4],
                edge_index: ends,
                ..Default::default()
            };
            Graphs::new(parts).unwrap()
        };
        for kind in [WlKind::Subtree, WlKind::OptimalAssignment, WlKind::ShortestPath] {
            let params = WlParams { kind, rounds: 3, ..WlParams::default() };
            for normalise in [false, true] {
                let recipe = GraphKernel { normalise, ..params.into() };
                let run = Run::default();
                let whole = kernel(&recipe, &all, None, &run).unwrap();
                let cross = kernel(&recipe, &all, Some(&all), &run).unwrap();
                close(&whole, &cross);
                assert_eq!(rounds(&params, &all, normalise, &run).unwrap()[3], whole);
                // Nothing of a star is in a ring but in the degrees' absence: the kernel is that of no colours.
                let apart = kernel(&recipe, &stars, Some(&all), &run).unwrap();
                assert!(apart.iter().all(|x| *x == 0.0), "{kind:?} {apart}");
            }
        }
    }

    #[test]
    fn memory_is_told_before_it_is_taken() {
        let graphs = rings(&[3, 4, 9]);
        let budget = widelimit_exact::Budget::bytes(1000);
        let run = Run { budget, ..Run::default() };
        let error = kernel(&Gntk::default().into(), &graphs, None, &run).unwrap_err();
        assert!(matches!(error, Error::MemoryLimit { limit: 1000, .. }), "{error}");
        let planned = plan(&Gntk::default(), &graphs, None, &run).unwrap();
        assert_eq!((planned.rows, planned.pairs), (3, 6));
    }
}
