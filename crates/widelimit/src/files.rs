//! Kernels that go to a file as they are computed.

use std::path::Path;

use ndarray::ArrayView2;
use widelimit_data::{TileFile, TileSpec};
use widelimit_exact::{self as exact, Quantity, Sink, Want};

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
    let shape = vec![x1.nrows(), x2.map_or(x1.nrows(), |x2| x2.nrows())];
    let names: Vec<Quantity> = want.quantities().collect();
    let specs: Vec<TileSpec> = names
        .iter()
        .map(|quantity| TileSpec {
            name: name(*quantity).into(),
            shape: shape.clone(),
            float_type: T::PRECISION,
        })
        .collect();
    let file = Tiles { file: TileFile::create(path, &specs)?, names };
    let summary = exact::kernel_into(network, x1, x2, &run.options(want), &file)?;
    file.file.finish()?;
    Ok(summary)
}

/// The name of a kernel in files and messages.
pub(crate) fn name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Nngp => "nngp",
        Quantity::Ntk => "ntk",
    }
}

/// Receives tiles of the engine, writes them where they belong.
struct Tiles {
    file: TileFile,
    names: Vec<Quantity>,
}

impl<T: Scalar> Sink<T> for Tiles {
    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<(), String> {
        let slot = self.names.iter().position(|name| *name == quantity);
        let slot = slot.ok_or_else(|| format!("no room for the {} kernel", name(quantity)))?;
        self.file.write(slot, row, column, tile).map_err(|error| error.to_string())
    }
}
