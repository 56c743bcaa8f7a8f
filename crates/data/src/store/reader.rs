//! A store as its readers see it.

use std::path::{Path, PathBuf};

use super::StoreSpec;
use super::array::{self, Access};
use super::folder::{self, names};
use super::grid::Grid;
use super::record::TileRecord;
use crate::{ArrayFile, Error};

/// A store that is only read.
///
/// Its arrays are read at positions, by rows or blocks ([`ArrayFile::read_rows`],
/// [`ArrayFile::read_block`]), never whole unless that is asked for. They are not mapped into memory,
/// since that cannot be done safely: a file cut short meanwhile would be a signal and not an error.
/// Complete arrays are ordinary NumPy files, which other programs may map.
///
/// ```
/// use ndarray::array;
/// use serde_json::json;
/// use widelimit_data::{FloatType, StoreReader, StoreSpec, TileSpec, TileStore};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("k.store");
/// let array = TileSpec { name: "ntk".into(), shape: vec![2, 3], float_type: FloatType::F64 };
/// let description = json!("a tile");
/// let spec = StoreSpec { description, arrays: vec![array], tile: 3, symmetric: false };
/// let store = TileStore::open_or_create(&path, &spec, "1")?;
/// assert_eq!(StoreReader::open(&path)?.missing(), 1);
/// store.write(0, 0, 0, array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].view())?;
/// store.finish_tile(0)?;
/// store.close(&|| false)?;
///
/// let store = StoreReader::open(&path)?;
/// assert!(store.is_complete() && store.damaged(&|_, _| true)?.is_empty());
/// let block = store.array("ntk")?.read_block(1..2, 1..3)?;
/// assert_eq!(block.into_f64(), array![[5.0, 6.0]].into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoreReader {
    folder: PathBuf,
    spec: StoreSpec,
    grid: Grid,
    record: TileRecord,
    named: bool,
}

impl StoreReader {
    /// Opens the store in a folder; it may be incomplete, and others may be writing to it.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no store, and those of [`StoreSpec::from_json`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let spec = folder::read_spec(folder)?;
        let grid = spec.grid(&folder.display().to_string())?;
        let record = TileRecord::read(folder, grid.tiles())?;
        let named = spec.arrays.iter().all(|array| names(folder, &array.name).1.is_file());
        Ok(Self { folder: folder.to_owned(), spec, grid, record, named })
    }

    /// What the store holds.
    pub fn spec(&self) -> &StoreSpec {
        &self.spec
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// How many tiles are not on record.
    pub fn missing(&self) -> usize {
        self.grid.tiles() - self.record.len()
    }

    /// Whether no tile is missing and the arrays have their final names.
    pub fn is_complete(&self) -> bool {
        self.named && self.missing() == 0
    }

    /// An array of a complete store.
    ///
    /// # Errors
    /// [`Error::StoreIncomplete`]; [`Error::NotFound`] for another name; those of
    /// [`ArrayFile::open`], and [`Error::Malformed`] for an array of another shape or precision than
    /// the store's.
    pub fn array(&self, name: &str) -> Result<ArrayFile, Error> {
        let what = || self.folder.display().to_string();
        let names_of = |spec: &StoreSpec| spec.arrays.iter().map(|a| a.name.clone()).collect();
        let Some(spec) = self.spec.arrays.iter().find(|array| array.name == name) else {
            return Err(Error::NotFound {
                what: what(),
                kind: "array",
                name: name.to_owned(),
                near: None,
                names: names_of(&self.spec),
            });
        };
        if !self.is_complete() {
            return Err(self.incomplete(self.missing(), "missing"));
        }
        let file = ArrayFile::open(names(&self.folder, name).1)?;
        if (file.shape(), file.type_name().as_str()) != (&spec.shape, spec.float_type.name()) {
            let reason = format!(
                "it is {} of shape {:?}, {} of shape {:?} is expected",
                file.type_name(),
                file.shape(),
                spec.float_type.name(),
                spec.shape
            );
            return Err(Error::malformed(file.what(), "kernel store", reason));
        }
        Ok(file)
    }

    /// The tiles on record whose bytes do not have their checksums. Reads them all, a few rows at a
    /// time; `report` is called with the number of tiles done and of all on record, and says whether
    /// to go on.
    ///
    /// # Errors
    /// [`Error::Stopped`]; [`Error::Io`].
    pub fn damaged(&self, report: &dyn Fn(usize, usize) -> bool) -> Result<Vec<usize>, Error> {
        let arrays = array::open(&self.folder, &self.spec.arrays, Access::Read)?;
        let mut damaged = Vec::new();
        for (done, tile) in self.record.tiles().enumerate() {
            if !report(done, self.record.len()) {
                return Err(Error::Stopped);
            }
            let rectangles: Vec<_> = self.grid.rectangles(tile).collect();
            let found = array::checksum(&arrays, rectangles.into_iter())?;
            if !self.record.checksums(tile).any(|claimed| claimed == found) {
                damaged.push(tile);
            }
        }
        Ok(damaged)
    }

    pub(super) fn incomplete(&self, count: usize, state: &'static str) -> Error {
        let (path, tiles) = (self.folder.clone(), self.grid.tiles());
        Error::StoreIncomplete { path, count, tiles, state }
    }
}
