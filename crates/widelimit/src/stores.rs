//! What is done with stores beside computing them: joining, exporting, choosing their tiles.

use std::path::Path;

use widelimit_arch::{Network, Shape};
use widelimit_data::{StoreReader, StoreState};
use widelimit_exact::{self as exact, Budget, Cancel, Options, Plan, Progress};
use widelimit_linalg::Par;

use crate::{Error, Run, Scalar};

/// Tiles of new stores are what these many threads would get, wherever they are computed.
const THREADS: usize = 4;

/// The smallest tile a memory limit can force.
const SMALLEST: usize = 24;

/// Joins stores of one job, computed on machines that share nothing, to a store at `out`, which must
/// not be there. The parts are left as they are.
///
/// Only finished tiles that have their checksums are taken. The result is a store like any other:
/// complete, with the bytes that a single call would have written, or to be continued with
/// [`kernel_to_store`](crate::kernel_to_store). It appears when it is whole. Of `run`, the switch and
/// the listener count; progress is told in tiles.
///
/// # Errors
/// [`widelimit_data::Error::PartDiffers`] for a part of another job than the first, and the others of
/// [`widelimit_data::merge_stores`]; [`Error::Cancelled`].
///
/// ```
/// use widelimit::exact::Want;
/// use widelimit::{Network, Run, Shard, kernel_to_store, merge_stores};
/// let dir = tempfile::tempdir()?;
/// let x = ndarray::Array2::<f64>::eye(300);
/// let network = Network::preset("mlp:1:relu")?;
/// let parts = [1, 2].map(|number| dir.path().join(format!("part{number}.store")));
/// for (part, number) in parts.iter().zip(1..) {
///     let shard = Shard::new(number, 2).ok_or("no such shard")?;
///     kernel_to_store(&network, x.view(), None, Want::NTK, (part, shard), &Run::default())?;
/// }
/// let state = merge_stores(&parts, dir.path().join("k.store"), &Run::default())?;
/// assert!(state.complete);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge_stores(
    parts: &[impl AsRef<Path>],
    out: impl AsRef<Path>,
    run: &Run<'_>,
) -> Result<StoreState, Error> {
    Ok(widelimit_data::merge_stores(parts, out, &report(run))?)
}

/// Writes the arrays of the complete store at `path` to an `.npz` file, or its only one to an `.npy`
/// file, a few rows at a time. Tiles are compared with their checksums first. Of `run`, the switch and
/// the listener count; progress is told in tiles.
///
/// # Errors
/// [`widelimit_data::Error::StoreIncomplete`] and the others of [`StoreReader::export`];
/// [`Error::Cancelled`].
///
/// ```
/// use widelimit::exact::Want;
/// use widelimit::{Network, Run, Shard, export_store, kernel_to_store};
/// let dir = tempfile::tempdir()?;
/// let x = ndarray::Array2::<f64>::eye(20);
/// let (store, out) = (dir.path().join("k.store"), dir.path().join("k.npy"));
/// let network = Network::preset("mlp:1:relu")?;
/// kernel_to_store(&network, x.view(), None, Want::NTK, (&store, Shard::WHOLE), &Run::default())?;
/// export_store(&store, &out, &Run::default())?;
/// assert_eq!(std::fs::read(out)?, std::fs::read(store.join("ntk.npy"))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export_store(
    path: impl AsRef<Path>,
    out: impl AsRef<Path>,
    run: &Run<'_>,
) -> Result<(), Error> {
    Ok(StoreReader::open(path)?.export(out, &report(run))?)
}

/// Tells the listener how many tiles are done, and says whether to go on.
fn report(run: &Run<'_>) -> impl Fn(usize, usize) -> bool {
    move |done_tiles, total_tiles| {
        if let Some(progress) = run.progress {
            let (done_entries, total_entries) = (done_tiles as u64, total_tiles as u64);
            progress(Progress { done_tiles, total_tiles, done_entries, total_entries });
        }
        !run.cancel.is_some_and(Cancel::is_cancelled)
    }
}

/// The plan of a new store. Its tiles follow from the kernel alone, not from the machine, so that parts
/// of one job fit together wherever they are computed; only a memory limit that is too small for them
/// makes smaller ones.
pub(crate) fn plan_new<T: Scalar>(
    network: &Network,
    (n1, n2): (usize, Option<usize>),
    shape: &Shape,
    options: &Options<'_>,
) -> Result<Plan, Error> {
    let plan = |options: &Options<'_>| exact::plan::<T>(network, n1, n2, shape, options);
    let anywhere = options.clone().par(Par::new(THREADS)).budget(Budget::unlimited());
    let mut tile = plan(&anywhere)?.tile;
    loop {
        match plan(&options.clone().tile(tile)) {
            Err(exact::Error::MemoryLimit { .. }) if tile / 2 >= SMALLEST => tile /= 2,
            outcome => return Ok(outcome?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_of_a_store_do_not_depend_on_the_machine() {
        let network = Network::preset("mlp:3:relu").unwrap();
        let plan = |n, threads, budget| {
            let options = Options::new().par(Par::new(threads)).budget(budget);
            plan_new::<f64>(&network, (n, None), &Shape::vector(5), &options).map(|plan| plan.tile)
        };
        for (n, edge) in [(20, 96), (700, 96), (2000, 192), (30_000, 288)] {
            for threads in [1, 64] {
                for budget in [Budget::unlimited(), Budget::bytes(1 << 30)] {
                    assert_eq!(plan(n, threads, budget).unwrap(), edge);
                }
            }
        }
        let tight = plan(5_000, 1, Budget::bytes(2 << 20)).unwrap();
        assert!((SMALLEST..288).contains(&tight), "{tight}");
        assert!(matches!(plan(30_000, 1, Budget::bytes(1000)), Err(Error::MemoryLimit { .. })));
    }
}
