//! Kernels that go to a file as they are computed.

use std::path::Path;

use ndarray::ArrayView2;
use serde_json::{Value, json};
use widelimit_arch::Shape;
use widelimit_data::{StoreSpec, TileFile, TileSpec, TileStore, check_room, checksum};
use widelimit_exact::{self as exact, Quantity, Sink, Summary, Want};

use crate::{Error, Network, Run, Scalar};

/// Computes a kernel and writes it to `path` (`.npz` with arrays `nngp` and `ntk` as wanted, or `.npy`
/// for a single one), tile by tile: memory stays at scratch size whatever the size of the result. The file
/// appears under its name when it is complete.
///
/// # Errors
/// Those of [`exact::kernel_into`] and of writing.
pub fn kernel_to_file<T: Scalar>(
    network: &Network,
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    want: Want,
    path: &Path,
    run: &Run<'_>,
) -> Result<exact::Summary, Error> {
    let names: Vec<Quantity> = want.quantities().collect();
    let n2 = x2.map(|x2| x2.nrows());
    let plan =
        exact::plan::<T>(network, x1.nrows(), n2, &Shape::vector(x1.ncols()), &run.options(want))?;
    check_room(path, plan.result_bytes)?;
    let file = TileFile::create(path, &arrays(want, x1, x2))?;
    let file = Tiles { file, names };
    let summary = exact::kernel_into(network, x1, x2.map(Into::into), &run.options(want), &file)?;
    file.file.finish()?;
    Ok(summary)
}

/// A part of the tiles of a kernel: those whose number leaves `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// All tiles.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The part number `number`, from 1 to `count`.
    ///
    /// ```
    /// use widelimit::Shard;
    /// assert!(Shard::new(3, 3).is_some());
    /// assert_eq!(Shard::new(1, 1), Some(Shard::WHOLE));
    /// assert!(Shard::new(0, 3).is_none() && Shard::new(4, 3).is_none());
    /// ```
    pub fn new(number: usize, count: usize) -> Option<Self> {
        (1..=count).contains(&number).then(|| Self { index: number - 1, count })
    }

    fn holds(self, tile: usize) -> bool {
        tile % self.count == self.index
    }

    /// The name of the record of this shard's tiles.
    fn writer(self) -> String {
        format!("{}-of-{}", self.index + 1, self.count)
    }
}

/// What a call did for a store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSummary {
    /// What was planned and computed.
    pub summary: Summary,
    /// Tiles that were there before.
    pub found: usize,
    /// All tiles of the store.
    pub tiles: usize,
    /// Whether no tile is missing any more.
    pub complete: bool,
}

/// Computes a kernel into the store (a folder, see [`TileStore`]) at `path`, which is made or continued:
/// tiles that it has are not computed again, and those of other shards are left to other calls, at the
/// same time or later, on any machine that sees the folder. A call that is stopped, by whatever means,
/// loses two seconds of work. The arrays have the same bits however often and by whomever they were
/// continued.
///
/// # Errors
/// As [`kernel_to_file`]; [`widelimit_data::Error::StoreDiffers`] for a store of another network, of
/// other inputs, another precision or other wishes.
pub fn kernel_to_store<T: Scalar>(
    network: &Network,
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    want: Want,
    (path, shard): (&Path, Shard),
    run: &Run<'_>,
) -> Result<StoreSummary, Error> {
    let options = run.options(want);
    let n2 = x2.map(|x2| x2.nrows());
    // Tiles keep the size that the store was begun with.
    let options = match TileStore::read_spec(path) {
        Ok(spec) => options.tile(spec.tile),
        Err(_) => options,
    };
    let plan = exact::plan::<T>(network, x1.nrows(), n2, &Shape::vector(x1.ncols()), &options)?;
    let (tile, tiles) = (plan.tile, plan.tiles);
    let description = description(network, x1, x2, want)?;
    if !path.exists() {
        check_room(path, plan.result_bytes)?;
    }
    let spec = StoreSpec { description, arrays: arrays(want, x1, x2), tile, tiles };
    let store = TileStore::open_or_create(path, &spec, &shard.writer())?;
    let found = store.done();
    let names: Vec<Quantity> = want.quantities().collect();
    let sink = Tiles { file: Part { store, shard }, names };
    let outcome = exact::kernel_into(network, x1, x2.map(Into::into), &options.tile(tile), &sink);
    // Whatever came of it: what was computed is kept.
    let complete = sink.file.store.close()?;
    Ok(StoreSummary { summary: outcome?, found, tiles, complete })
}

/// The arrays of a kernel's file.
fn arrays<T: Scalar>(
    want: Want,
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
) -> Vec<TileSpec> {
    let shape = vec![x1.nrows(), x2.map_or(x1.nrows(), |x2| x2.nrows())];
    want.quantities()
        .map(|quantity| TileSpec {
            name: name(quantity).into(),
            shape: shape.clone(),
            float_type: T::PRECISION,
        })
        .collect()
}

/// What a store is computed from: all that its bits depend on.
fn description<T: Scalar>(
    network: &Network,
    x1: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    want: Want,
) -> Result<Value, Error> {
    let inputs = |x: ArrayView2<'_, T>| json!({"shape": x.shape(), "crc32": checksum(x)});
    // What was just written reads back.
    let network: Value = serde_json::from_str(&network.to_json()?).unwrap_or_default();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "network": network,
        "kernels": want.quantities().map(name).collect::<Vec<_>>(),
        "x1": inputs(x1),
        "x2": x2.map(inputs),
    }))
}

/// The name of a kernel in files and messages.
pub(crate) fn name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Nngp => "nngp",
        Quantity::Ntk => "ntk",
    }
}

/// Receives tiles of the engine, writes them where they belong.
struct Tiles<F> {
    file: F,
    names: Vec<Quantity>,
}

impl<F> Tiles<F> {
    fn slot(&self, quantity: Quantity) -> Result<usize, String> {
        let slot = self.names.iter().position(|name| *name == quantity);
        slot.ok_or_else(|| format!("no room for the {} kernel", name(quantity)))
    }
}

impl<T: Scalar> Sink<T> for Tiles<TileFile> {
    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<(), String> {
        let slot = self.slot(quantity)?;
        self.file.write(slot, row, column, tile).map_err(|error| error.to_string())
    }
}

/// The part of a store that a call works on.
struct Part {
    store: TileStore,
    shard: Shard,
}

impl<T: Scalar> Sink<T> for Tiles<Part> {
    fn wants(&self, tile: usize) -> bool {
        self.file.shard.holds(tile) && !self.file.store.is_done(tile)
    }

    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<(), String> {
        let slot = self.slot(quantity)?;
        self.file.store.write(slot, row, column, tile).map_err(|error| error.to_string())
    }

    fn finished(&self, tile: usize) -> Result<(), String> {
        self.file.store.finish_tile(tile).map_err(|error| error.to_string())
    }
}
