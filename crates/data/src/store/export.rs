//! The arrays of a store in one file.

use std::path::Path;

use ndarray::ArrayD;

use super::StoreReader;
use crate::{Array, Element, Error, TileFile, check_room};

/// About as many bytes are read at a time.
const BAND: usize = 1 << 22;

impl StoreReader {
    /// Writes the arrays of a complete store to an `.npz` file, or its only one to an `.npy` file, a few
    /// rows at a time. All tiles are compared with their checksums first.
    ///
    /// `report` is called with the number of tiles compared and of all, and says whether to go on.
    ///
    /// # Errors
    /// [`Error::StoreIncomplete`] if tiles are missing or damaged; [`Error::Stopped`];
    /// [`Error::NoRoom`]; those of [`TileFile::create`] and of reading.
    ///
    /// ```
    /// use serde_json::json;
    /// use widelimit_data::{FloatType, Npz, StoreReader, StoreSpec, TileSpec, TileStore};
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("k.store");
    /// let array = TileSpec { name: "ntk".into(), shape: vec![2, 2], float_type: FloatType::F64 };
    /// let description = json!("a tile");
    /// let spec = StoreSpec { description, arrays: vec![array], tile: 2, symmetric: true };
    /// let store = TileStore::open_or_create(&path, &spec, "1")?;
    /// store.write(0, 0, 0, ndarray::array![[1.0, 2.0], [2.0, 3.0]].view())?;
    /// store.finish_tile(0)?;
    /// store.close(&|| false)?;
    /// StoreReader::open(&path)?.export(dir.path().join("k.npz"), &|_, _| true)?;
    /// assert_eq!(Npz::open(dir.path().join("k.npz"))?.names(), ["ntk"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(
        &self,
        out: impl AsRef<Path>,
        report: &dyn Fn(usize, usize) -> bool,
    ) -> Result<(), Error> {
        let out = out.as_ref();
        let arrays = &self.spec().arrays;
        let files = arrays.iter().map(|array| self.array(&array.name));
        let files = files.collect::<Result<Vec<_>, Error>>()?;
        let damaged = self.damaged(report)?.len();
        if damaged > 0 {
            return Err(self.incomplete(damaged, "damaged"));
        }
        let bytes = arrays.iter().filter_map(crate::tile_file::data_bytes).sum();
        check_room(out, bytes)?;
        let target = TileFile::create(out, arrays)?;
        for (number, file) in files.iter().enumerate() {
            let rows = file.shape()[0];
            let row_bytes = arrays[number].shape[1..].iter().product::<usize>()
                * arrays[number].float_type.size();
            let band = (BAND / row_bytes.max(1)).max(1);
            for row in (0..rows).step_by(band) {
                if !report(self.spec().tiles(), self.spec().tiles()) {
                    return Err(Error::Stopped);
                }
                match file.read_rows(row..rows.min(row + band))? {
                    Array::F32(values) => write(&target, number, row, values)?,
                    Array::F64(values) => write(&target, number, row, values)?,
                }
            }
        }
        target.finish()
    }
}

/// Writes whole rows, the axes of their entries flattened.
fn write<T: Element>(
    target: &TileFile,
    array: usize,
    row: usize,
    values: ArrayD<T>,
) -> Result<(), Error> {
    let shape = values.shape().to_vec();
    let flat = (shape[0], shape[1..].iter().product::<usize>());
    let values = values.into_shape_with_order(flat).map_err(|_| Error::Shape {
        what: format!("rows from {row} of array {array}"),
        shape,
        wanted: "rows in C order are expected",
    })?;
    target.write(array, row, 0, values.view())
}
