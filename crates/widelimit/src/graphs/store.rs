//! Kernels between graphs that take more than one run or machine.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;
use serde_json::{Value, json};
use widelimit_data::{StoreSpec, StoreState, TileSpec, TileStore, check_room, checksum};
use widelimit_exact::{Cancel, Progress};
use widelimit_graph::{Budget, Features, Graphs, Precision, Recursion};

use super::features::Sides;
use super::kernel::{Scales, narrow, plan};
use super::{Family, GraphKernel};
use crate::{Error, Run, Scalar, Shard};

/// The name of the array.
const ARRAY: &str = "kernel";

/// Operations of a tile: about a second's work.
const TILE_FLOPS: f64 = 1e9;

/// Graphs on one side of a tile, at least and at most.
const EDGES: (f64, f64) = (8.0, 1024.0);

/// Computes a kernel into the store (a folder, see [`TileStore`]) at `path`, which is made or continued, as
/// [`crate::kernel_to_store`] does for networks; the store has one array, `kernel`, in the precision of the
/// kernel's recursion. Tiles are exact, whatever the method.
///
/// # Errors
/// As [`kernel`](super::kernel()) and [`crate::kernel_to_store`].
///
/// ```
/// use widelimit::graph::{Gntk, Graphs, Parts};
/// use widelimit::graphs::kernel_to_store;
/// use widelimit::{Run, Shard};
///
/// let parts = Parts { node_offsets: &[0, 3, 5], edge_index: [&[0, 1], &[1, 0]], ..Parts::default() };
/// let graphs = Graphs::new(parts)?;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("k.store");
/// let gntk = Gntk::default().into();
/// let state = kernel_to_store(&gntk, &graphs, None, (&path, Shard::WHOLE), &Run::default())?;
/// assert!(state.complete && path.join("kernel.npy").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn kernel_to_store(
    kernel: &GraphKernel,
    graphs: &Graphs,
    others: Option<&Graphs>,
    to: (&Path, Shard),
    run: &Run<'_>,
) -> Result<StoreState, Error> {
    let single = match &kernel.family {
        Family::Gntk(gntk) => gntk.precision == Precision::Single,
        Family::Wl(_) => false,
    };
    let sides = match kernel.family {
        Family::Gntk(_) => Sides::new(graphs, others)?,
        Family::Wl(_) => Sides::as_given(graphs, others),
    };
    match single {
        false => store::<f64>(kernel, &sides, to, run),
        true => store::<f32>(kernel, &sides, to, run),
    }
}

fn store<T: Scalar>(
    kernel: &GraphKernel,
    sides: &Sides<'_>,
    (path, shard): (&Path, Shard),
    run: &Run<'_>,
) -> Result<StoreState, Error> {
    let (rows, columns) = (&*sides.rows, sides.columns());
    let shape = [rows.len(), columns.map_or(rows.len(), Graphs::len)];
    let bytes = (shape[0] as u64).saturating_mul(shape[1] as u64);
    let (usual, held) = match &kernel.family {
        Family::Gntk(gntk) => {
            let plan = plan(gntk, rows, columns, run)?;
            (edge(plan.flops / plan.pairs.max(1) as f64), plan.scratch_bytes)
        }
        // Colours are quick: the kernel is computed whole.
        Family::Wl(_) => (EDGES.1 as usize, bytes.saturating_mul(8)),
    };
    // Tiles keep the size that the store was begun with.
    let tile = TileStore::read_spec(path).map_or(usual, |spec| spec.tile);
    let tiles = (tile * tile * run.par.threads() * (size_of::<f64>() + size_of::<T>())) as u64;
    run.check_memory("the kernel", held.saturating_add(tiles))?;
    let bytes = bytes.saturating_mul(size_of::<T>() as u64);
    if !path.exists() {
        check_room(path, bytes / shard.parts() as u64)?;
    }
    let array = TileSpec { name: ARRAY.into(), shape: shape.to_vec(), float_type: T::PRECISION };
    let spec = StoreSpec {
        description: description(kernel, rows, columns)?,
        arrays: vec![array],
        tile,
        symmetric: columns.is_none(),
    };
    let store = TileStore::open_or_create(path, &spec, &shard.writer())?;
    let work =
        |source, levels| Work { store: &store, shard, spec: &spec, source, run }.all::<T>(levels);
    // What is held at a time was counted above.
    let options = run.graph_options().budget(Budget::unlimited());
    let outcome = match &kernel.family {
        Family::Gntk(gntk) => {
            let recursion = gntk.recursion(rows, columns, &options).map_err(Error::from);
            recursion.and_then(|recursion| {
                let scales = kernel.normalise.then(|| scales(&recursion, columns.is_none()));
                work(Source::Recursion(Box::new(recursion), scales), gntk.layers)
            })
        }
        Family::Wl(params) => super::kernel(kernel, rows, columns, run)
            .and_then(|values| work(Source::Whole(values), params.rounds)),
    };
    // Whatever came of it: what was computed is kept.
    let stopped = || outcome.is_err() || run.cancel.is_some_and(Cancel::is_cancelled);
    let state = store.close(&stopped);
    outcome?;
    Ok(state?)
}

fn scales(recursion: &Recursion<'_>, symmetric: bool) -> Scales {
    Scales {
        rows: recursion.diagonal().mapv_into(f64::sqrt),
        columns: (!symmetric).then(|| recursion.column_diagonal().mapv_into(f64::sqrt)),
        raised: false,
    }
}

/// Graphs on one side of a tile. It follows from the kernel alone, not from the machine, so that parts of one
/// job fit together wherever they are computed.
fn edge(flops_of_a_pair: f64) -> usize {
    let edge = (TILE_FLOPS / flops_of_a_pair.max(1.0)).sqrt();
    (edge.clamp(EDGES.0, EDGES.1) / 8.0).floor() as usize * 8
}

/// The tiles of one call.
struct Work<'a> {
    store: &'a TileStore,
    shard: Shard,
    spec: &'a StoreSpec,
    source: Source<'a>,
    run: &'a Run<'a>,
}

/// Where tiles come from.
enum Source<'a> {
    /// Computed when they are asked for, then divided.
    Recursion(Box<Recursion<'a>>, Option<Scales>),
    /// Cut out of the kernel.
    Whole(Array2<f64>),
}

impl Source<'_> {
    fn tile(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Array2<f64>, Error> {
        match self {
            Self::Whole(values) => {
                let band = values.slice_axis(Axis(0), Slice::from(rows));
                Ok(band.slice_axis(Axis(1), Slice::from(columns)).to_owned())
            }
            Self::Recursion(recursion, scales) => {
                let place = (rows.start, columns.start);
                let mut values = recursion.tile(rows, columns)?;
                if let Some(scales) = scales {
                    scales.divide(place, &mut values);
                }
                Ok(values)
            }
        }
    }
}

/// First row and column of a tile, by its number.
fn places(spec: &StoreSpec) -> Vec<(usize, usize)> {
    let (n1, n2) = (spec.arrays[0].shape[0], spec.arrays[0].shape[1]);
    let row_band = |row: usize| {
        let first = if spec.symmetric { row } else { 0 };
        (first..n2).step_by(spec.tile).map(move |column| (row, column))
    };
    (0..n1).step_by(spec.tile).flat_map(row_band).collect()
}

impl Work<'_> {
    /// Computes what this shard has to; threads take the next tile when they have done one.
    fn all<T: Scalar>(&self, level: usize) -> Result<(), Error> {
        let tiles: Vec<_> = places(self.spec)
            .into_iter()
            .enumerate()
            .filter(|(i, _)| self.shard.holds(*i))
            .collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let failure = Mutex::new(None);
        let work = || {
            while let Some(&(number, place)) = tiles.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome =
                    self.run.check_cancelled().and_then(|()| self.one::<T>(number, place, level));
                if let Err(error) = outcome {
                    next.store(tiles.len(), Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                    return;
                }
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                self.report(done, tiles.len());
            }
        };
        let threads = self.run.par.threads().min(tiles.len());
        self.run.par.install(|| {
            (0..threads).into_par_iter().with_max_len(1).for_each(|_| work());
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn one<T: Scalar>(
        &self,
        number: usize,
        (row, column): (usize, usize),
        level: usize,
    ) -> Result<(), Error> {
        if !self.store.needs(number) {
            return Ok(());
        }
        let (n1, n2) = (self.spec.arrays[0].shape[0], self.spec.arrays[0].shape[1]);
        let edge = self.spec.tile;
        let ends = ((row + edge).min(n1), (column + edge).min(n2));
        let values = self.source.tile(row..ends.0, column..ends.1)?;
        let values = narrow::<T>(&values, (row, level))?;
        self.store.write(0, row, column, values.view())?;
        if self.spec.symmetric && row != column {
            self.store.write(0, column, row, values.t())?;
        }
        Ok(self.store.finish_tile(number)?)
    }

    fn report(&self, done_tiles: usize, total_tiles: usize) {
        if let Some(progress) = self.run.progress {
            let (done_entries, total_entries) = (done_tiles as u64, total_tiles as u64);
            progress(Progress { done_tiles, total_tiles, done_entries, total_entries });
        }
    }
}

/// What a store is computed from: all that its bits depend on.
fn description(
    kernel: &GraphKernel,
    rows: &Graphs,
    columns: Option<&Graphs>,
) -> Result<Value, Error> {
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": kernel.to_json()?,
        "graphs": told(rows),
        "others": columns.map(told),
    }))
}

/// Sizes and checksums of a batch of graphs.
fn told(graphs: &Graphs) -> Value {
    let sum = |values: Vec<f64>| checksum(ndarray::aview1(&values));
    let numbers = |values: &[usize]| values.iter().map(|x| *x as f64).collect::<Vec<_>>();
    let (mut degrees, mut targets) = (Vec::new(), Vec::new());
    let (mut weights, mut edge_labels) = (Vec::new(), Vec::new());
    for graph in graphs.iter() {
        for node in 0..graph.nodes() {
            degrees.push(graph.degree(node) as f64);
            let labels = graph.edge_labels(node).unwrap_or_default();
            edge_labels.extend(labels.iter().map(|label| f64::from(*label)));
            for (target, weight) in graph.weighted(node) {
                targets.push(target as f64);
                weights.push(weight);
            }
        }
    }
    let features = match graphs.features() {
        None => None,
        Some(Features::Dense(rows)) => Some(checksum(rows.view())),
        // Which columns they are does not matter, which nodes are alike does; the width tells both kinds apart.
        Some(Features::OneHot { codes, width }) => {
            let codes = codes.iter().map(|code| f64::from(*code));
            Some(sum(codes.chain([*width as f64]).collect()))
        }
    };
    json!({
        "graphs": graphs.len(),
        "nodes": graphs.nodes(),
        "edges": graphs.edges(),
        "offsets_crc32": sum(numbers(graphs.node_offsets())),
        "edges_crc32": sum([degrees, targets].concat()),
        "weights_crc32": sum(weights),
        "features_crc32": features,
        "labels_crc32": graphs.labels().map(|labels| sum(labels.iter().map(|l| f64::from(*l)).collect())),
        "edge_labels_crc32": graphs.has_edge_labels().then(|| sum(edge_labels)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphs::features::tests::rings;
    use crate::graphs::kernel;
    use widelimit_data::StoreReader;
    use widelimit_graph::Gntk;

    fn graphs() -> Graphs {
        let sizes: Vec<usize> = (0..40).map(|i| 3 + i % 9).collect();
        rings(&sizes)
    }

    /// A heavy kernel has small tiles: several of them.
    fn recipe(precision: Precision) -> GraphKernel {
        let gntk = Gntk { layers: 400, mlp: 3, precision, ..Gntk::default() };
        GraphKernel { normalise: true, ..gntk.into() }
    }

    fn read(path: &Path) -> Array2<f64> {
        let file = widelimit_data::ArrayFile::open(path.join("kernel.npy")).unwrap();
        file.read().unwrap().into_f64().into_dimensionality().unwrap()
    }

    #[test]
    fn parts_make_the_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let (graphs, recipe) = (graphs(), recipe(Precision::Double));
        let others = graphs.select(&[3, 1, 7]).unwrap();
        for others in [None, Some(&others)] {
            let name = if others.is_some() { "cross" } else { "own" };
            let path = dir.path().join(format!("{name}.store"));
            let mut state = None;
            for number in [3, 1, 2] {
                let part = (path.as_path(), Shard::new(number, 3).unwrap());
                state =
                    Some(kernel_to_store(&recipe, &graphs, others, part, &Run::default()).unwrap());
            }
            let state = state.unwrap();
            assert!(state.complete && state.tiles > 2, "{state:?}");
            let want = kernel(&recipe, &graphs, others, &Run::default()).unwrap();
            assert_eq!(read(&path), want);
            // Nothing is left to be done.
            let again = (path.as_path(), Shard::WHOLE);
            let state = kernel_to_store(&recipe, &graphs, others, again, &Run::default()).unwrap();
            assert_eq!((state.found, state.missing), (state.tiles, 0));
        }
    }

    #[test]
    fn kernels_of_colours_are_cut_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let recipe =
            GraphKernel { normalise: true, ..widelimit_graph::wl::WlParams::default().into() };
        let state =
            kernel_to_store(&recipe, &graphs(), None, (&path, Shard::WHOLE), &Run::default());
        assert!(state.unwrap().complete);
        assert_eq!(read(&path), kernel(&recipe, &graphs(), None, &Run::default()).unwrap());
    }

    #[test]
    fn single_precision_is_stored_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let recipe = recipe(Precision::Single);
        kernel_to_store(&recipe, &graphs(), None, (&path, Shard::WHOLE), &Run::default()).unwrap();
        let spec = StoreReader::open(&path).unwrap().spec().clone();
        assert_eq!(spec.arrays[0].float_type, crate::Precision::F32);
        let want = kernel(&recipe, &graphs(), None, &Run::default()).unwrap();
        assert!((read(&path) - want).iter().all(|d| d.abs() < 1e-7));
    }

    #[test]
    fn another_job_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let gntk = GraphKernel::from(Gntk::default());
        let store = |recipe: &GraphKernel, graphs: &Graphs| {
            kernel_to_store(recipe, graphs, None, (&path, Shard::WHOLE), &Run::default())
        };
        store(&gntk, &graphs()).unwrap();
        let deeper = Gntk { layers: 3, ..Gntk::default() }.into();
        let error = store(&deeper, &graphs()).unwrap_err().to_string();
        assert!(error.contains("kernel.layers is 2, not 3"), "{error}");
        let mut sizes: Vec<usize> = (0..40).map(|i| 3 + i % 9).collect();
        sizes.swap(0, 1);
        let error = store(&gntk, &rings(&sizes)).unwrap_err().to_string();
        assert!(error.contains("graphs"), "{error}");
    }

    #[test]
    fn tiles_follow_from_the_kernel() {
        assert_eq!(edge(1.0), 1024);
        assert_eq!(edge(1e5), 96);
        assert_eq!(edge(1e12), 8);
        for symmetric in [true, false] {
            let array = TileSpec {
                name: ARRAY.into(),
                shape: vec![9, 9],
                float_type: crate::Precision::F64,
            };
            let spec = StoreSpec { description: json!(1), arrays: vec![array], tile: 2, symmetric };
            assert_eq!(places(&spec).len(), spec.tiles());
        }
    }
}
