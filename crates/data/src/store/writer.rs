//! A store as one of its writers sees it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crc32fast::Hasher;
use ndarray::ArrayView2;

use super::array::{self, Access, StoreArray};
use super::difference::difference;
use super::folder::{self, DESCRIPTION};
use super::grid::Grid;
use super::record::{self, TileRecord};
use super::work::{Open, Work};
use super::{StoreSpec, StoreState};
use crate::tile_file::check_tile;
use crate::{Element, Error};

/// A store, open for one writer.
///
/// A store is a folder:
///
/// | file | content |
/// |---|---|
/// | `store.json` | [`StoreSpec`]: what the arrays are, their shapes, how they are cut into tiles |
/// | `NAME.npy.part` | an array of which tiles are missing; what is not written yet reads as zeros |
/// | `NAME.npy` | the array, complete: an ordinary NumPy file, good for memory mapping |
/// | `done-WRITER.log` | a [`TileRecord`]: finished tiles and their checksums, appended by one writer |
///
/// A tile counts as done only when a whole line says so, the line is written after the tile's entries
/// are on disk, and the entries still have the checksum of the line when the tile is asked for again.
/// A tile that takes a fifth of a second or more goes on record at once; shorter ones do so together,
/// five times a second, or less often (once in two seconds, at least) where the disk takes long.
/// Whatever kills a writer, or the machine, costs the tiles it was working on and the short ones that
/// were waiting, and nothing else.
///
/// ```
/// use ndarray::array;
/// use serde_json::json;
/// use widelimit_data::{FloatType, StoreSpec, TileSpec, TileStore};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("k.store");
/// let array = TileSpec { name: "ntk".into(), shape: vec![1, 2], float_type: FloatType::F64 };
/// let description = json!("two tiles");
/// let spec = StoreSpec { description, arrays: vec![array], tile: 1, symmetric: false };
///
/// let store = TileStore::open_or_create(&path, &spec, "first")?;
/// store.write(0, 0, 1, array![[5.0]].view())?;
/// store.finish_tile(1)?;
/// assert_eq!(store.close(&|| false)?.missing, 1);
///
/// let store = TileStore::open_or_create(&path, &spec, "second")?;
/// assert!(store.needs(0) && !store.needs(1));
/// store.write(0, 0, 0, array![[4.0]].view())?;
/// store.finish_tile(0)?;
/// assert!(store.close(&|| false)?.complete);
/// assert!(path.join("ntk.npy").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileStore {
    folder: PathBuf,
    spec: StoreSpec,
    grid: Grid,
    arrays: Vec<StoreArray>,
    /// What was on record when the store was opened.
    record: TileRecord,
    work: Mutex<Work>,
    log: Mutex<File>,
}

impl TileStore {
    /// What the store in a folder holds.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no store, and those of [`StoreSpec::from_json`].
    pub fn read_spec(folder: impl AsRef<Path>) -> Result<StoreSpec, Error> {
        folder::read_spec(folder.as_ref())
    }

    /// Opens the store in `folder`, or makes it; `writer` names this writer's record and must be fit
    /// for a file name. Several writers may have a store open at the same time.
    ///
    /// # Errors
    /// [`Error::StoreDiffers`] for a store with another description, arrays or tiles; those of
    /// [`Self::read_spec`]; [`Error::Truncated`]; [`Error::Io`].
    pub fn open_or_create(
        folder: impl AsRef<Path>,
        spec: &StoreSpec,
        writer: &str,
    ) -> Result<Self, Error> {
        let folder = folder.as_ref();
        if !folder.join(DESCRIPTION).exists() {
            folder::create(folder, spec, |_| Ok(()))?;
        }
        let found = folder::read_spec(folder)?;
        if let Some(difference) = difference(&found, spec) {
            return Err(Error::StoreDiffers {
                path: folder.to_owned(),
                field: difference.field,
                detail: difference.detail,
            });
        }
        let grid = found.grid(&folder.display().to_string())?;
        let arrays = array::open(folder, &found.arrays, Access::Write)?;
        let record = TileRecord::read(folder, grid.tiles())?;
        let log = record::open(&folder::log_name(folder, writer))?;
        Ok(Self {
            folder: folder.to_owned(),
            spec: found,
            grid,
            arrays,
            record,
            work: Mutex::new(Work::new(Instant::now())),
            log: Mutex::new(log),
        })
    }

    /// How many tiles the store has when it is complete.
    pub fn tiles(&self) -> usize {
        self.grid.tiles()
    }

    /// Whether a tile is to be computed. One that was on record when the store was opened is read and
    /// compared with its checksum first, a few rows at a time; a damaged one is to be computed again.
    pub fn needs(&self, tile: usize) -> bool {
        let claimed = self.record.has(tile);
        let sound = claimed && self.is_sound(&self.record, tile);
        let mut work = self.work();
        if sound {
            work.sound.insert(tile);
        } else {
            if claimed {
                work.damaged.insert(tile);
            }
            work.begin(tile, self.sums(), Instant::now());
        }
        !sound
    }

    /// Writes entries whose first value belongs at (`row`, `column`) of array number `array`: all that
    /// a tile has there, or all of its mirror image. Columns count values, as in a
    /// [`TileFile`](crate::TileFile).
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit the array or are no such part; [`Error::Io`].
    pub fn write<T: Element>(
        &self,
        array: usize,
        row: usize,
        column: usize,
        values: ArrayView2<'_, T>,
    ) -> Result<(), Error> {
        let what = self.folder.display().to_string();
        let shape = self.arrays.get(array).map(|a| (a.rows, a.columns(), a.float_type));
        check_tile(&what, array, shape, (row, column), values)?;
        let place = self.arrays[array]
            .rectangle((row, column), values.dim())
            .and_then(|rectangle| self.grid.locate(rectangle));
        let (tile, side) = place.ok_or_else(|| Error::Shape {
            what: format!("tile at row {row}, column {column} of array {array} of {what}"),
            shape: values.shape().to_vec(),
            wanted: "all that one tile of the store has there is expected",
        })?;
        let sum = self.arrays[array].write(row, column, values)?;
        let mut work = self.work();
        let open = work.begin(tile, self.sums(), Instant::now());
        open.sums[array * self.grid.sides() + side] = Some(sum);
        Ok(())
    }

    /// Takes note that all entries of a tile were written.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if they were not; [`Error::Io`].
    pub fn finish_tile(&self, tile: usize) -> Result<(), Error> {
        let due = {
            let mut work = self.work();
            let open = work.end(tile);
            let sum = self.sum_of_written(tile, open.as_ref())?;
            open.map_or_else(Vec::new, |open| work.finish((tile, sum), &open, Instant::now()))
        };
        self.put_on_record(&due)
    }

    /// Puts everything on record and tells how the store stands, whoever computed its tiles. If none
    /// is missing the arrays get their final names; tiles that this writer has neither computed nor
    /// compared are compared before, unless `stopped` says that there is no time for it.
    ///
    /// # Errors
    /// [`Error::Stopped`] if there was no time; [`Error::Io`].
    pub fn close(self, stopped: &dyn Fn() -> bool) -> Result<StoreState, Error> {
        let due = self.work().take();
        self.put_on_record(&due)?;
        let record = TileRecord::read(&self.folder, self.tiles())?;
        let mut missing = self.tiles() - record.len();
        let mut work = self.work();
        if missing == 0 {
            let others: Vec<_> = record.tiles().filter(|tile| !work.sound.contains(tile)).collect();
            for tile in others {
                if stopped() {
                    return Err(Error::Stopped);
                }
                if !self.is_sound(&record, tile) {
                    work.damaged.insert(tile);
                    missing += 1;
                }
            }
        }
        let complete = missing == 0;
        if complete {
            folder::name_complete(&self.folder, &self.spec)?;
        }
        let damaged = work.damaged.len();
        let claimed = |tile: &&usize| self.record.has(**tile);
        let found = self.record.len() - work.damaged.iter().filter(claimed).count();
        Ok(StoreState { tiles: self.tiles(), found, damaged, missing, complete })
    }

    /// Whether a tile has one of the checksums on record. What cannot be read has not.
    fn is_sound(&self, record: &TileRecord, tile: usize) -> bool {
        let rectangles: Vec<_> = self.grid.rectangles(tile).collect();
        let found = array::checksum(&self.arrays, rectangles.into_iter());
        found.is_ok_and(|found| record.checksums(tile).any(|claimed| claimed == found))
    }

    /// The checksum of a tile from those of its parts.
    fn sum_of_written(&self, tile: usize, open: Option<&Open>) -> Result<u32, Error> {
        let (mut sum, mut expected, mut got) = (Hasher::new(), 0, 0);
        for (i, array) in self.arrays.iter().enumerate() {
            for (side, rectangle) in self.grid.rectangles(tile).enumerate() {
                let bytes = array.bytes(rectangle);
                let values = bytes / array.float_type.size() as u64;
                expected += values;
                if let Some(part) = open.and_then(|open| open.sums[i * self.grid.sides() + side]) {
                    got += values;
                    sum.combine(&Hasher::new_with_initial_len(part, bytes));
                }
            }
        }
        if got == expected && tile < self.tiles() {
            return Ok(sum.finalize());
        }
        let what = format!("tile {tile} of {}", self.folder.display());
        Err(Error::Incomplete { what, expected, got })
    }

    /// How many checksums what is written of a tile has.
    fn sums(&self) -> usize {
        self.arrays.len() * self.grid.sides()
    }

    /// Puts entries on disk, then their tiles on record.
    fn put_on_record(&self, tiles: &[(usize, u32)]) -> Result<(), Error> {
        if tiles.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        self.arrays.iter().try_for_each(StoreArray::sync)?;
        let lines: String = tiles.iter().map(|(tile, sum)| record::line(*tile, *sum)).collect();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(lines.as_bytes())
            .and_then(|()| log.sync_data())
            .map_err(Error::io("write", &self.folder))?;
        drop(log);
        self.work().recorded(start.elapsed());
        Ok(())
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, ArrayFile, FloatType, TileSpec};
    use ndarray::array;
    use serde_json::json;

    fn spec() -> StoreSpec {
        let array = TileSpec { name: "ntk".into(), shape: vec![2, 2], float_type: FloatType::F32 };
        let description = json!({"network": "mlp", "x1": 7});
        StoreSpec { description, arrays: vec![array], tile: 1, symmetric: false }
    }

    fn put(store: &TileStore, tile: usize) {
        store.write(0, tile / 2, tile % 2, array![[tile as f32]].view()).unwrap();
        store.finish_tile(tile).unwrap();
    }

    #[test]
    fn writers_share_a_store_and_the_last_one_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let one = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        let two = TileStore::open_or_create(&path, &spec(), "2").unwrap();
        put(&one, 0);
        put(&two, 3);
        put(&one, 2);
        let state = one.close(&|| false).unwrap();
        assert!(!state.complete && state.missing > 0, "{state:?}");
        assert!(path.join("ntk.npy.part").exists() && !path.join("ntk.npy").exists());
        put(&two, 1);
        let state = two.close(&|| false).unwrap();
        let expected = StoreState { tiles: 4, found: 0, damaged: 0, missing: 0, complete: true };
        assert_eq!(state, expected);
        let whole = ArrayFile::open(path.join("ntk.npy")).unwrap().read().unwrap();
        assert_eq!(whole, Array::F32(array![[0.0f32, 1.0], [2.0, 3.0]].into_dyn()));
        let again = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        assert!((0..4).all(|tile| !again.needs(tile)));
        assert_eq!(again.close(&|| false).unwrap(), StoreState { found: 4, ..expected });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no drafts");
    }

    #[test]
    fn a_tile_that_was_not_written_whole_is_not_finished() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let array = TileSpec { name: "a".into(), shape: vec![2, 2], float_type: FloatType::F64 };
        let other = TileSpec { name: "b".into(), ..array.clone() };
        let spec = StoreSpec { arrays: vec![array, other], symmetric: true, ..spec() };
        let store = TileStore::open_or_create(&path, &spec, "1").unwrap();
        let one = array![[1.0]];
        assert!(store.needs(1));
        for (array, row, column) in [(0, 0, 1), (0, 1, 0), (1, 0, 1)] {
            let error = store.finish_tile(1).unwrap_err();
            assert!(matches!(error, Error::Incomplete { expected: 4, .. }), "{error}");
            store.write(array, row, column, one.view()).unwrap();
        }
        // A failure forgets what was written before: the tile is written anew.
        for (array, row, column) in [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)] {
            store.write(array, row, column, one.view()).unwrap();
        }
        store.finish_tile(1).unwrap();
        assert!(store.finish_tile(9).is_err());
        let wide = array![[1.0, 2.0]];
        let error = store.write(0, 0, 0, wide.view()).unwrap_err();
        assert!(error.to_string().contains("one tile"), "{error}");
        assert_eq!(store.close(&|| false).unwrap().missing, 2);
    }

    #[test]
    fn entries_may_be_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let shape = vec![3, 3, 2, 2];
        let array = TileSpec { name: "ntk".into(), shape, float_type: FloatType::F64 };
        let spec = StoreSpec { arrays: vec![array], tile: 2, symmetric: true, ..spec() };
        let store = TileStore::open_or_create(&path, &spec, "1").unwrap();
        let block = |rows: usize, columns: usize| ndarray::Array2::<f64>::ones((rows, 4 * columns));
        store.write(0, 0, 0, block(2, 2).view()).unwrap();
        store.finish_tile(0).unwrap();
        store.write(0, 0, 8, block(2, 1).view()).unwrap();
        store.write(0, 2, 0, block(1, 2).view()).unwrap();
        store.finish_tile(1).unwrap();
        assert!(store.write(0, 0, 2, block(2, 1).view()).is_err(), "no whole entries");
        store.close(&|| false).unwrap();
        let store = TileStore::open_or_create(&path, &spec, "1").unwrap();
        assert!(!store.needs(0) && !store.needs(1) && store.needs(2));
    }

    #[test]
    fn a_damaged_tile_is_computed_again_and_a_store_with_one_is_not_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let store = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        (0..3).for_each(|tile| put(&store, tile));
        store.close(&|| false).unwrap();
        let part = path.join("ntk.npy.part");
        let mut bytes = std::fs::read(&part).unwrap();
        let end = bytes.len();
        bytes[end - 10] ^= 1; // in entry 1
        std::fs::write(&part, bytes).unwrap();

        // A writer of the other tile alone must not call the store complete.
        let store = TileStore::open_or_create(&path, &spec(), "2").unwrap();
        assert!(store.needs(3));
        put(&store, 3);
        let state = store.close(&|| false).unwrap();
        assert_eq!(
            state,
            StoreState { tiles: 4, found: 2, damaged: 1, missing: 1, complete: false }
        );
        assert!(part.exists());

        let store = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        let needed: Vec<_> = (0..4).filter(|tile| store.needs(*tile)).collect();
        assert_eq!(needed, [1]);
        put(&store, 1);
        let state = store.close(&|| false).unwrap();
        assert_eq!(
            state,
            StoreState { tiles: 4, found: 3, damaged: 1, missing: 0, complete: true }
        );
    }

    #[test]
    fn comparing_the_tiles_of_others_can_be_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let store = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        (0..4).for_each(|tile| put(&store, tile));
        store.close(&|| false).unwrap();
        let store = TileStore::open_or_create(&path, &spec(), "2").unwrap();
        assert!(matches!(store.close(&|| true), Err(Error::Stopped)));
    }

    #[test]
    fn other_jobs_and_damaged_stores_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        let open = |spec: &StoreSpec| TileStore::open_or_create(&path, spec, "1");
        drop(open(&spec()).unwrap());
        let other = StoreSpec { description: json!({"network": "mlp", "x1": 8}), ..spec() };
        let error = open(&other).unwrap_err().to_string();
        assert!(error.contains("begun with another x1 (7, not 8)"), "{error}");
        let error = open(&StoreSpec { tile: 2, ..spec() }).unwrap_err().to_string();
        assert!(error.contains("another tile size (1, not 2)"), "{error}");

        let part = File::options().write(true).open(path.join("ntk.npy.part")).unwrap();
        part.set_len(100).unwrap();
        let error = open(&spec()).unwrap_err();
        assert!(matches!(error, Error::Truncated { got: 100, .. }), "{error}");
        std::fs::write(path.join(DESCRIPTION), "{").unwrap();
        assert!(matches!(open(&spec()), Err(Error::Malformed { .. })));
        std::fs::write(path.join(DESCRIPTION), "{\"version\":1}").unwrap();
        assert!(matches!(open(&spec()), Err(Error::Version { .. })));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(TileStore::open_or_create(dir.path().join("file"), &spec(), "1").is_err());
        assert!(TileStore::open_or_create(dir.path().join("no/k"), &spec(), "1").is_err());
    }
}
