//! Kernels that go to a file as they are computed.

use std::path::Path;

use ndarray::ArrayView2;
use serde_json::{Value, json};
use widelimit_data::{StoreSpec, StoreState, TileFile, TileSpec, TileStore, check_room, checksum};
use widelimit_exact::{
    self as exact, Cancel, Inputs, Options, Plan, Quantity, Sink, Spatial, Summary, Want,
};

use crate::stores::plan_new;
use crate::{Error, Network, Run, Scalar};

/// What a file is to hold: which kernels, and of networks that end on positions which pairs of them.
///
/// ```
/// use widelimit::Wanted;
/// use widelimit::exact::{Spatial, Want};
/// assert_eq!(Wanted::from(Want::NTK).spatial, Spatial::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The kernels.
    pub kernels: Want,
    /// The pairs of positions.
    pub spatial: Spatial,
}

impl From<Want> for Wanted {
    fn from(kernels: Want) -> Self {
        Self { kernels, spatial: Spatial::Full }
    }
}

impl Wanted {
    fn options<'a>(self, run: &Run<'a>) -> Options<'a> {
        run.options(self.kernels).spatial(self.spatial)
    }
}

/// Computes a kernel and writes it to `path` (`.npz` with arrays `nngp` and `ntk` as wanted, or `.npy`
/// for a single one), tile by tile: memory stays at scratch size whatever the size of the result. The file
/// appears under its name when it is complete. An array has the shape `(n1, n2)`; of a network that ends
/// on positions `(n1, n2, h, w, h', w')`, or `(n1, n2, h, w)` with [`Spatial::Diagonal`].
///
/// # Errors
/// Those of [`exact::kernel_into`] and of writing.
///
/// ```
/// use ndarray::Array4;
/// use widelimit::exact::{Inputs, Want};
/// use widelimit::{Network, Run, data::Npz, kernel_to_file};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("k.npz");
/// let x = Array4::from_shape_fn((5, 4, 4, 3), |(n, i, j, c)| ((n + i * j + c) as f32).sin());
/// let x = Inputs::from(x.view().into_dyn());
/// kernel_to_file(&Network::preset("cntk-gap:1")?, x, None, Want::NTK, &path, &Run::default())?;
/// assert_eq!(Npz::open(&path)?.read("ntk")?.shape(), [5, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn kernel_to_file<'a, T: Scalar>(
    network: &Network,
    x1: impl Into<Inputs<'a, T>>,
    x2: Option<Inputs<'a, T>>,
    wanted: impl Into<Wanted>,
    path: &Path,
    run: &Run<'_>,
) -> Result<exact::Summary, Error> {
    let (x1, wanted) = (x1.into(), wanted.into());
    let options = wanted.options(run);
    let n2 = x2.as_ref().map(Inputs::len);
    let plan = exact::plan::<T>(network, x1.len(), n2, &x1.shape(), &options)?;
    check_room(path, plan.result_bytes)?;
    let file = TileFile::create(path, &arrays::<T>(wanted, &plan))?;
    let file = Tiles { file, names: wanted.kernels.quantities().collect() };
    let summary = exact::kernel_into(network, x1, x2, &options, &file)?;
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

    pub(crate) fn holds(self, tile: usize) -> bool {
        tile % self.count == self.index
    }

    /// How many parts there are.
    pub(crate) fn parts(self) -> usize {
        self.count
    }

    /// The name of the record of this shard's tiles.
    pub(crate) fn writer(self) -> String {
        format!("{}-of-{}", self.index + 1, self.count)
    }
}

/// What a call did for a store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSummary {
    /// What was planned and computed.
    pub summary: Summary,
    /// How the store stands now.
    pub store: StoreState,
}

/// Computes a kernel into the store (a folder, see [`TileStore`]) at `path`, which is made or continued:
/// tiles that it has are compared with their checksums and not computed again, and those of other
/// shards are left to other calls, at the same time or later, on any machine that sees the folder; or
/// every shard goes into a store of its own, and [`merge_stores`](crate::merge_stores) joins them. A
/// call that is stopped, by whatever means, loses the tiles it was working on and, of short ones, those
/// that were not on record yet (two seconds of work at most). The arrays have the same bits however often and by whomever they were
/// continued.
///
/// # Errors
/// As [`kernel_to_file`]; [`widelimit_data::Error::StoreDiffers`] for a store of another network, of
/// other inputs, another precision or other wishes.
pub fn kernel_to_store<'a, T: Scalar>(
    network: &Network,
    x1: impl Into<Inputs<'a, T>>,
    x2: Option<Inputs<'a, T>>,
    wanted: impl Into<Wanted>,
    (path, shard): (&Path, Shard),
    run: &Run<'_>,
) -> Result<StoreSummary, Error> {
    let (x1, wanted) = (x1.into(), wanted.into());
    let options = wanted.options(run);
    let (n1, n2, shape) = (x1.len(), x2.as_ref().map(Inputs::len), x1.shape());
    // Tiles keep the size that the store was begun with.
    let plan = match TileStore::read_spec(path) {
        Ok(spec) => exact::plan::<T>(network, n1, n2, &shape, &options.clone().tile(spec.tile))?,
        Err(_) => plan_new::<T>(network, (n1, n2), &shape, &options)?,
    };
    let mut description = description(network, &x1, x2.as_ref(), wanted.kernels)?;
    if !plan.entry.is_empty() {
        description["spatial"] = json!(name_of_pairs(wanted.spatial));
    }
    if !path.exists() {
        // Parts that nobody writes take no room.
        check_room(path, plan.result_bytes / shard.count as u64)?;
    }
    let arrays = arrays::<T>(wanted, &plan);
    let spec = StoreSpec { description, arrays, tile: plan.tile, symmetric: x2.is_none() };
    let store = TileStore::open_or_create(path, &spec, &shard.writer())?;
    let names: Vec<Quantity> = wanted.kernels.quantities().collect();
    let sink = Tiles { file: Part { store, shard }, names };
    let outcome = exact::kernel_into(network, x1, x2, &options.tile(plan.tile), &sink);
    // Whatever came of it: what was computed is kept.
    let stopped = || outcome.is_err() || run.cancel.is_some_and(Cancel::is_cancelled);
    let store = sink.file.store.close(&stopped);
    Ok(StoreSummary { summary: outcome?, store: store? })
}

/// The arrays of a kernel's file: axes of an entry behind those of the kernel.
fn arrays<T: Scalar>(wanted: Wanted, plan: &Plan) -> Vec<TileSpec> {
    let shape = [&[plan.rows, plan.columns], plan.entry.as_slice()].concat();
    wanted
        .kernels
        .quantities()
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
    x1: &Inputs<'_, T>,
    x2: Option<&Inputs<'_, T>>,
    want: Want,
) -> Result<Value, Error> {
    let inputs = |inputs: &Inputs<'_, T>| {
        let x = inputs.values();
        let mut described = json!({"shape": x.shape(), "crc32": checksum(x)});
        if let Some(adjacency) = inputs.adjacency() {
            described["adjacency_crc32"] = json!(checksum(adjacency.into_dyn()));
        }
        described
    };
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

/// The name of a choice of pairs of positions in files.
fn name_of_pairs(spatial: Spatial) -> &'static str {
    match spatial {
        Spatial::Full => "full",
        Spatial::Diagonal => "diagonal",
    }
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
        self.file.shard.holds(tile) && self.file.store.needs(tile)
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
