//! Folders of arrays that grow tile by tile, over several runs and from several processes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{ArrayView, ArrayView2, Axis, RemoveAxis};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::npy::header_bytes;
use crate::npz::check_names;
use crate::storage::write_all_at;
use crate::tile_file::{Place, check_tile, data_bytes};
use crate::{Element, Error, FloatType, TileSpec};

/// Version of the layout.
const VERSION: u32 = 1;

/// The description of a store in its folder.
const DESCRIPTION: &str = "store.json";

/// Longest time for which finished tiles are not on record.
const PERIOD: Duration = Duration::from_secs(2);

/// What a store holds.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSpec {
    /// Says what was computed from what; only a job with an equal description continues the store.
    pub description: Value,
    /// The arrays.
    pub arrays: Vec<TileSpec>,
    /// Edge of a tile.
    pub tile: usize,
    /// Number of tiles; a tile is the same part of all arrays.
    pub tiles: usize,
}

/// [`StoreSpec`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    description: Value,
    arrays: Vec<WrittenArray>,
    tile: usize,
    tiles: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArray {
    name: String,
    shape: Vec<usize>,
    dtype: String,
}

impl StoreSpec {
    /// The content of `store.json`.
    pub fn to_json(&self) -> Value {
        let arrays = self.arrays.iter().map(|array| WrittenArray {
            name: array.name.clone(),
            shape: array.shape.clone(),
            dtype: array.float_type.name().to_owned(),
        });
        serde_json::json!(Written {
            version: VERSION,
            description: self.description.clone(),
            arrays: arrays.collect(),
            tile: self.tile,
            tiles: self.tiles,
        })
    }

    /// Reads what a store's `store.json` says; `what` names it in errors.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Duplicate`], [`Error::Version`].
    pub fn from_json(text: &str, what: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Malformed {
            what: what.to_owned(),
            format: "kernel store",
            reason,
        };
        let written: Written =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if written.version != VERSION {
            return Err(Error::Version {
                what: what.to_owned(),
                found: written.version.to_string(),
                known: VERSION,
            });
        }
        let array = |array: WrittenArray| {
            let float_type = FloatType::from_name(&array.dtype)
                .ok_or_else(|| wrong(format!("unknown dtype `{}`", array.dtype)))?;
            Ok(TileSpec { name: array.name, shape: array.shape, float_type })
        };
        let arrays = written.arrays.into_iter().map(array).collect::<Result<Vec<_>, Error>>()?;
        check_names(what, arrays.iter().map(|array| array.name.as_str()))?;
        Ok(Self {
            description: written.description,
            arrays,
            tile: written.tile,
            tiles: written.tiles,
        })
    }
}

/// One array of an open store.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    rows: usize,
    float_type: FloatType,
    place: Place,
}

/// Tiles that are finished but not on record yet.
#[derive(Debug)]
struct Pending {
    tiles: Vec<usize>,
    since: Instant,
}

/// A store, open for one writer.
///
/// A store is a folder:
///
/// | file | content |
/// |---|---|
/// | `store.json` | [`StoreSpec`]: what the arrays are, their shapes, how they are cut into tiles |
/// | `NAME.npy.part` | an array of which tiles are missing; what is not written yet reads as zeros |
/// | `NAME.npy` | the array, complete: an ordinary NumPy file, good for memory mapping |
/// | `done-WRITER.log` | numbers of the finished tiles, one a line, appended by one writer |
///
/// A tile counts as done only when a whole line says so, and the line is written after the tile's
/// entries are on disk: whatever kills a writer, or the machine, costs the tiles of its last two
/// seconds and nothing else.
///
/// ```
/// use ndarray::array;
/// use serde_json::json;
/// use widelimit_data::{FloatType, StoreSpec, TileSpec, TileStore};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("k.store");
/// let array = TileSpec { name: "ntk".into(), shape: vec![1, 2], float_type: FloatType::F64 };
/// let spec = StoreSpec { description: json!("two tiles"), arrays: vec![array], tile: 1, tiles: 2 };
///
/// let store = TileStore::open_or_create(&path, &spec, "first")?;
/// store.write(0, 0, 1, array![[5.0]].view())?;
/// store.finish_tile(1)?;
/// assert!(!store.close()?); // a tile is missing
///
/// let store = TileStore::open_or_create(&path, &spec, "second")?;
/// assert!(store.is_done(1) && !store.is_done(0));
/// store.write(0, 0, 0, array![[4.0]].view())?;
/// store.finish_tile(0)?;
/// assert!(store.close()?);
/// assert!(path.join("ntk.npy").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileStore {
    folder: PathBuf,
    spec: StoreSpec,
    parts: Vec<Part>,
    /// Which tiles were done when the store was opened.
    done: Vec<bool>,
    pending: Mutex<Pending>,
    log: Mutex<File>,
}

impl TileStore {
    /// What the store in a folder holds.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no store, [`Error::Malformed`] and [`Error::Version`] for one that
    /// cannot be read.
    pub fn read_spec(folder: impl AsRef<Path>) -> Result<StoreSpec, Error> {
        let path = folder.as_ref().join(DESCRIPTION);
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        StoreSpec::from_json(&text, &path.display().to_string())
    }

    /// Opens the store in `folder`, or makes it; `writer` names this writer's record and must be fit
    /// for a file name. Several writers may have a store open at the same time.
    ///
    /// # Errors
    /// [`Error::StoreDiffers`] for a store with another description, arrays or tiles; those of
    /// [`Self::read_spec`]; [`Error::Io`].
    pub fn open_or_create(
        folder: impl AsRef<Path>,
        spec: &StoreSpec,
        writer: &str,
    ) -> Result<Self, Error> {
        let folder = folder.as_ref();
        if !folder.join(DESCRIPTION).exists() {
            create(folder, spec)?;
        }
        let found = Self::read_spec(folder)?;
        if let Some(field) = difference(&found, spec) {
            return Err(Error::StoreDiffers { path: folder.to_owned(), field });
        }
        let parts = spec.arrays.iter().map(|array| Part::open(folder, array));
        let parts = parts.collect::<Result<Vec<_>, Error>>()?;
        let done = finished(folder, spec.tiles)?;
        let log = open_log(&folder.join(format!("done-{writer}.log")))?;
        Ok(Self {
            folder: folder.to_owned(),
            spec: found,
            parts,
            done,
            pending: Mutex::new(Pending { tiles: Vec::new(), since: Instant::now() }),
            log: Mutex::new(log),
        })
    }

    /// Whether a tile was done when the store was opened.
    pub fn is_done(&self, tile: usize) -> bool {
        self.done.get(tile).copied().unwrap_or(false)
    }

    /// How many tiles were done when the store was opened.
    pub fn done(&self) -> usize {
        self.done.iter().filter(|done| **done).count()
    }

    /// Writes entries whose first one belongs at (`row`, `column`) of array number `array`.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit the array; [`Error::Io`].
    pub fn write<T: Element>(
        &self,
        array: usize,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<(), Error> {
        let part = self.parts.get(array);
        let shape = part.map(|part| (part.rows, part.place.columns, part.float_type));
        check_tile(&self.folder.display().to_string(), array, shape, (row, column), tile)?;
        let part = &self.parts[array];
        part.place.write(&part.file, row, column, tile).map_err(Error::io("write", &part.path))
    }

    /// Takes note that all entries of a tile were written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish_tile(&self, tile: usize) -> Result<(), Error> {
        let due = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.tiles.push(tile);
            if pending.since.elapsed() < PERIOD {
                return Ok(());
            }
            pending.since = Instant::now();
            std::mem::take(&mut pending.tiles)
        };
        self.record(&due)
    }

    /// Puts entries on disk, then the numbers of their tiles on record.
    fn record(&self, tiles: &[usize]) -> Result<(), Error> {
        if tiles.is_empty() {
            return Ok(());
        }
        for part in &self.parts {
            part.file.sync_data().map_err(Error::io("write", &part.path))?;
        }
        let lines: String = tiles.iter().map(|tile| format!("{tile}\n")).collect();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(lines.as_bytes())
            .and_then(|()| log.sync_data())
            .map_err(Error::io("write", &self.folder))
    }

    /// Puts everything on record. Returns whether all tiles are done, whoever did them; the arrays then
    /// have their final names.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn close(self) -> Result<bool, Error> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let due = std::mem::take(&mut pending.tiles);
        drop(pending);
        self.record(&due)?;
        let complete = finished(&self.folder, self.spec.tiles)?.iter().all(|done| *done);
        if complete {
            for array in &self.spec.arrays {
                let (part, whole) = names(&self.folder, &array.name);
                match std::fs::rename(&part, &whole) {
                    Ok(()) => {}
                    // Another writer was first.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && whole.exists() => {}
                    Err(error) => return Err(Error::io("rename", &part)(error)),
                }
            }
        }
        Ok(complete)
    }
}

impl Part {
    /// Opens an array under whichever of its names it has.
    fn open(folder: &Path, spec: &TileSpec) -> Result<Self, Error> {
        let (part, whole) = names(folder, &spec.name);
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
        let (file, path) = match open(&part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (open(&whole), whole),
            other => (other, part),
        };
        let file = file.map_err(Error::io("open", &path))?;
        let header = header_bytes(spec.float_type, &spec.shape);
        let expected = header.len() as u64 + data_bytes(spec).unwrap_or(u64::MAX);
        let got = file.metadata().map_err(Error::io("open", &path))?.len();
        if got != expected {
            return Err(Error::Truncated { what: path.display().to_string(), expected, got });
        }
        let place = Place { data: header.len() as u64, columns: spec.shape[1..].iter().product() };
        Ok(Self { file, path, rows: spec.shape[0], float_type: spec.float_type, place })
    }
}

/// The names of an array with missing tiles, and without.
fn names(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.npy.part")), folder.join(format!("{name}.npy")))
}

/// Makes a store beside its place and moves it there, so that nobody sees half of one.
fn create(folder: &Path, spec: &StoreSpec) -> Result<(), Error> {
    let what = folder.display().to_string();
    check_names(&what, spec.arrays.iter().map(|array| array.name.as_str()))?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let draft = tempfile::Builder::new()
        .prefix(".widelimit-")
        .suffix(".tmp")
        .tempdir_in(parent)
        .map_err(Error::io("create", folder))?;
    for array in &spec.arrays {
        let (path, _) = names(draft.path(), &array.name);
        let header = header_bytes(array.float_type, &array.shape);
        let bytes = data_bytes(array).ok_or_else(|| Error::Shape {
            what: format!("{what}:{}", array.name),
            shape: array.shape.clone(),
            wanted: "one axis or more, and less than 2^63 bytes in all, are expected",
        })?;
        File::create(&path)
            .and_then(|file| {
                write_all_at(&file, &header, 0)?;
                file.set_len(header.len() as u64 + bytes)
            })
            .map_err(Error::io("create", folder))?;
    }
    let text = format!("{:#}\n", spec.to_json());
    std::fs::write(draft.path().join(DESCRIPTION), text).map_err(Error::io("create", folder))?;
    #[cfg(unix)]
    {
        // A temporary folder is private; a store is as open as the umask lets new folders be.
        use std::os::unix::fs::PermissionsExt;
        let like = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o777))
            .tempdir_in(draft.path())
            .and_then(|probe| probe.path().metadata());
        if let Ok(like) = like {
            std::fs::set_permissions(draft.path(), like.permissions()).ok();
        }
    }
    match std::fs::rename(draft.path(), folder) {
        // The draft has moved: nothing is left to be removed.
        Ok(()) => {
            let _ = draft.keep();
            Ok(())
        }
        // Another writer was first.
        Err(_) if folder.join(DESCRIPTION).exists() => Ok(()),
        Err(error) => Err(Error::io("create", folder)(error)),
    }
}

/// The first part in which two stores differ, in words.
fn difference(found: &StoreSpec, wanted: &StoreSpec) -> Option<String> {
    if found.description != wanted.description {
        let field = match (&found.description, &wanted.description) {
            (Value::Object(found), Value::Object(wanted)) => {
                let differs = |key: &&String| found.get(*key) != wanted.get(*key);
                wanted.keys().chain(found.keys()).find(differs).cloned()
            }
            _ => None,
        };
        return Some(field.unwrap_or_else(|| "description".to_owned()));
    }
    if found.arrays != wanted.arrays {
        return Some("shape or precision of the arrays".to_owned());
    }
    let cut = |spec: &StoreSpec| (spec.tile, spec.tiles);
    (cut(found) != cut(wanted)).then(|| "tile size".to_owned())
}

/// Which tiles the records of all writers name. A last line that was cut short does not count.
fn finished(folder: &Path, tiles: usize) -> Result<Vec<bool>, Error> {
    let mut done = vec![false; tiles];
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if !name.is_some_and(|name| name.starts_with("done-") && name.ends_with(".log")) {
            continue;
        }
        let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for (number, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let tile = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok());
            match tile.filter(|tile: &usize| *tile < tiles) {
                Some(tile) => done[tile] = true,
                None => {
                    return Err(Error::Malformed {
                        what: path.display().to_string(),
                        format: "kernel store",
                        reason: format!("line {} is not the number of a tile", number + 1),
                    });
                }
            }
        }
    }
    Ok(done)
}

/// Opens a record for appending, a line that was cut short removed.
fn open_log(path: &Path) -> Result<File, Error> {
    let open = || -> io::Result<File> {
        let log = OpenOptions::new().create(true).append(true).open(path)?;
        let text = std::fs::read(path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            log.set_len(whole as u64)?;
        }
        Ok(log)
    };
    open().map_err(Error::io("open", path))
}

/// Checksum (CRC-32) of the elements of an array in C order, whatever its layout in memory.
pub fn checksum<T: Element, D: RemoveAxis>(x: ArrayView<'_, T, D>) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    let mut bytes = Vec::new();
    for row in x.axis_iter(Axis(0)) {
        bytes.clear();
        T::append_bytes(row.into_dyn(), &mut bytes);
        sum.update(&bytes);
    }
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use serde_json::json;

    fn spec() -> StoreSpec {
        let array = TileSpec { name: "ntk".into(), shape: vec![2, 2], float_type: FloatType::F32 };
        let description = json!({"network": "mlp", "x1": 7});
        StoreSpec { description, arrays: vec![array], tile: 1, tiles: 4 }
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
        assert!(!one.close().unwrap());
        assert!(path.join("ntk.npy.part").exists() && !path.join("ntk.npy").exists());
        put(&two, 1);
        assert!(two.close().unwrap());
        let whole = crate::ArrayFile::open(path.join("ntk.npy")).unwrap().read().unwrap();
        assert_eq!(whole, crate::Array::F32(array![[0.0f32, 1.0], [2.0, 3.0]].into_dyn()));
        let again = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        assert_eq!(again.done(), 4);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no drafts");
    }

    #[test]
    fn records_cut_short_are_mended_and_wrong_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        drop(TileStore::open_or_create(&path, &spec(), "1").unwrap());
        let log = path.join("done-1.log");
        std::fs::write(&log, "2\n1").unwrap();
        let store = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        assert!(store.is_done(2) && !store.is_done(1));
        put(&store, 3);
        store.close().unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "2\n3\n");
        for wrong in ["4\n", "-1\n", "x\n", "\u{e9}\n"] {
            std::fs::write(&log, wrong).unwrap();
            let found = TileStore::open_or_create(&path, &spec(), "1");
            assert!(matches!(found, Err(Error::Malformed { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn other_jobs_and_damaged_stores_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.store");
        drop(TileStore::open_or_create(&path, &spec(), "1").unwrap());
        let other = StoreSpec { description: json!({"network": "mlp", "x1": 8}), ..spec() };
        let error = TileStore::open_or_create(&path, &other, "1").unwrap_err();
        assert!(matches!(&error, Error::StoreDiffers { field, .. } if field == "x1"), "{error}");
        let other = StoreSpec { tile: 2, tiles: 1, ..spec() };
        let error = TileStore::open_or_create(&path, &other, "1").unwrap_err();
        assert!(error.to_string().contains("tile size"), "{error}");

        let part = OpenOptions::new().write(true).open(path.join("ntk.npy.part")).unwrap();
        part.set_len(100).unwrap();
        let error = TileStore::open_or_create(&path, &spec(), "1").unwrap_err();
        assert!(matches!(error, Error::Truncated { got: 100, .. }), "{error}");
        for text in ["", "{", "[]", "{\"version\": 1}"] {
            std::fs::write(path.join(DESCRIPTION), text).unwrap();
            let error = TileStore::open_or_create(&path, &spec(), "1").unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
        }
        let newer = spec().to_json().to_string().replace("\"version\":1", "\"version\":9");
        std::fs::write(path.join(DESCRIPTION), newer).unwrap();
        let error = TileStore::open_or_create(&path, &spec(), "1").unwrap_err();
        assert!(matches!(error, Error::Version { .. }), "{error}");
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(TileStore::open_or_create(dir.path().join("file"), &spec(), "1").is_err());
        assert!(TileStore::open_or_create(dir.path().join("no/k"), &spec(), "1").is_err());
    }

    #[test]
    fn checksums_see_values_and_not_layout() {
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        let transposed = x.t().as_standard_layout().into_owned();
        assert_eq!(checksum(x.view()), checksum(transposed.t()));
        assert_ne!(checksum(x.view()), checksum(x.t()));
    }
}
