//! Stores of parts of a job, made on machines that share nothing, joined to one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::array::{self, Access, StoreArray};
use super::difference::difference;
use super::folder::{self, DESCRIPTION};
use super::grid::Grid;
use super::record::{self, TileRecord};
use super::{StoreSpec, StoreState};
use crate::tile_file::data_bytes;
use crate::{Error, check_room};

/// The writer under whose name joined tiles are on record.
const WRITER: &str = "merged";

/// One of the stores that are joined.
struct Part {
    path: PathBuf,
    arrays: Vec<StoreArray>,
    record: TileRecord,
}

/// Joins stores of one job, each of which has some of its tiles, to a store at `out`, which must not
/// be there. The parts are left as they are.
///
/// Only tiles that have their checksums are taken; of a tile that several parts have, the first good
/// one. The result is a store like any other: complete, with the bytes it would have if it had been
/// computed at once, or to be continued. It appears when it is whole: a call that was stopped leaves
/// nothing under the name and can be made again.
///
/// `report` is called with the number of tiles done and of all that are on record, and says whether
/// to go on.
///
/// # Errors
/// [`Error::PartDiffers`] for a part with another description, arrays or tiles than the first;
/// [`Error::NoParts`]; [`Error::Stopped`]; [`Error::NoRoom`]; [`Error::Io`], also if there is
/// something at `out`; those of reading a store.
///
/// ```
/// use ndarray::array;
/// use serde_json::json;
/// use widelimit_data::{FloatType, StoreSpec, TileSpec, TileStore, merge_stores};
/// let dir = tempfile::tempdir()?;
/// let array = TileSpec { name: "ntk".into(), shape: vec![1, 2], float_type: FloatType::F64 };
/// let description = json!("two tiles");
/// let spec = StoreSpec { description, arrays: vec![array], tile: 1, symmetric: false };
/// let parts = [dir.path().join("part1.store"), dir.path().join("part2.store")];
/// for (tile, part) in parts.iter().enumerate() {
///     let store = TileStore::open_or_create(part, &spec, "1")?;
///     store.write(0, 0, tile, array![[5.0]].view())?;
///     store.finish_tile(tile)?;
///     store.close(&|| false)?;
/// }
/// let state = merge_stores(&parts, dir.path().join("k.store"), &|_, _| true)?;
/// assert!(state.complete && state.tiles == 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge_stores(
    parts: &[impl AsRef<Path>],
    out: impl AsRef<Path>,
    report: &dyn Fn(usize, usize) -> bool,
) -> Result<StoreState, Error> {
    let out = out.as_ref();
    let there = || Error::io("create", out)(io::ErrorKind::AlreadyExists.into());
    let Some(first) = parts.first() else { return Err(Error::NoParts) };
    let spec = folder::read_spec(first.as_ref())?;
    let grid = spec.grid(&first.as_ref().display().to_string())?;
    let parts = parts.iter().map(|part| open(part.as_ref(), first.as_ref(), &spec, grid));
    let parts = parts.collect::<Result<Vec<_>, Error>>()?;
    if out.symlink_metadata().is_ok() {
        return Err(there());
    }
    check_room(out, spec.arrays.iter().filter_map(data_bytes).sum())?;
    let mut state = None;
    let made = folder::create(out, &spec, |draft| {
        state = Some(fill(draft, &spec, grid, &parts, report)?);
        Ok(())
    })?;
    state.filter(|_| made).ok_or_else(there)
}

/// Opens a part, which must be of the same job as the first.
fn open(path: &Path, first: &Path, wanted: &StoreSpec, grid: Grid) -> Result<Part, Error> {
    let spec = folder::read_spec(path)?;
    if let Some(difference) = difference(&spec, wanted) {
        return Err(Error::PartDiffers {
            path: path.to_owned(),
            first: first.to_owned(),
            field: difference.field,
            detail: difference.detail,
        });
    }
    let arrays = array::open(path, &spec.arrays, Access::Read)?;
    Ok(Part { path: path.to_owned(), arrays, record: TileRecord::read(path, grid.tiles())? })
}

/// Copies good tiles into a store of missing tiles, puts them on disk and then on record.
fn fill(
    draft: &Path,
    spec: &StoreSpec,
    grid: Grid,
    parts: &[Part],
    report: &dyn Fn(usize, usize) -> bool,
) -> Result<StoreState, Error> {
    let arrays = array::open(draft, &spec.arrays, Access::Write)?;
    let mut copied = BTreeMap::new();
    let mut damaged = Vec::new();
    let (mut done, all) = (0, parts.iter().map(|part| part.record.len()).sum());
    for part in parts {
        for tile in part.record.tiles() {
            if !report(done, all) {
                return Err(Error::Stopped);
            }
            done += 1;
            if copied.contains_key(&tile) {
                continue;
            }
            match part.copy(tile, grid, &arrays)? {
                Some(sum) => drop(copied.insert(tile, sum)),
                None => damaged.push(tile),
            }
        }
    }
    arrays.iter().try_for_each(StoreArray::sync)?;
    let lines: String = copied.iter().map(|(tile, sum)| record::line(*tile, *sum)).collect();
    let log = folder::log_name(draft, WRITER);
    File::create(&log)
        .and_then(|mut file| {
            file.write_all(lines.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| File::open(draft.join(DESCRIPTION))?.sync_all())
        .map_err(Error::io("write", &log))?;
    damaged.retain(|tile| !copied.contains_key(tile));
    damaged.sort_unstable();
    damaged.dedup();
    let (tiles, found) = (grid.tiles(), copied.len());
    if found == tiles {
        folder::name_complete(draft, spec)?;
    }
    folder::sync(draft);
    let missing = tiles - found;
    Ok(StoreState { tiles, found, damaged: damaged.len(), missing, complete: missing == 0 })
}

impl Part {
    /// Copies a tile that has its checksum, which is given back; one that has not is left out.
    fn copy(&self, tile: usize, grid: Grid, to: &[StoreArray]) -> Result<Option<u32>, Error> {
        let rectangles: Vec<_> = grid.rectangles(tile).collect();
        let sum = array::checksum(&self.arrays, rectangles.iter().copied())?;
        if !self.record.checksums(tile).any(|claimed| claimed == sum) {
            return Ok(None);
        }
        for (from, to) in self.arrays.iter().zip(to) {
            rectangles.iter().try_for_each(|rectangle| from.copy(*rectangle, to))?;
        }
        // The part may be written to meanwhile; what counts is what arrived.
        let got = array::checksum(to, rectangles.into_iter())?;
        if got != sum {
            let what = format!("tile {tile} of {}", self.path.display());
            return Err(Error::Checksum { what, expected: sum, got });
        }
        Ok(Some(sum))
    }
}
