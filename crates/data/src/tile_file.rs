//! Large arrays written tile by tile, in any order, from several threads.

use crate::atomic::Draft;
use crate::npy::header_bytes;
use crate::npz::{Member, check_names, directory};
use crate::storage::write_all_at;
use crate::{Element, Error, FloatType, Format};
use ndarray::{ArrayView2, Axis};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// About as many bytes are converted and written at a time.
const CHUNK: usize = 1 << 18;

/// Bytes read at a time for the checksum.
const SUM_CHUNK: u64 = 1 << 20;

/// Name, shape and precision of an array that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileSpec {
    /// The array's name in an `.npz` file; of no account in an `.npy` file.
    pub name: String,
    /// The lengths of the axes.
    pub shape: Vec<usize>,
    /// The precision of the elements.
    pub float_type: FloatType,
}

/// An `.npy` or `.npz` file of known shapes whose entries arrive as tiles.
///
/// Tiles are written where they belong with positioned writes, from any thread and in any order;
/// memory stays at one buffer of 256 KiB a thread. [`TileFile::finish`] checks that every entry
/// came, sums up the members of an archive and gives the file its name. Dropped before, the
/// temporary file is removed.
///
/// ```
/// use widelimit_data::{ArrayFile, FloatType, TileFile, TileSpec};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("k.npy");
/// let spec = TileSpec { name: "k".into(), shape: vec![2, 3], float_type: FloatType::F64 };
/// let file = TileFile::create(&path, &[spec])?;
/// file.write(0, 0, 1, ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]).view())?;
/// file.write(0, 0, 0, ndarray::arr2(&[[5.0], [6.0]]).view())?;
/// file.finish()?;
/// let whole = ArrayFile::open(&path)?.read()?.into_f64();
/// assert_eq!(whole, ndarray::arr2(&[[5.0, 1.0, 2.0], [6.0, 3.0, 4.0]]).into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileFile {
    draft: Draft,
    what: String,
    slots: Vec<Slot>,
    archive: bool,
    /// Where the directory of an archive goes.
    end: u64,
}

/// Where one array lies.
#[derive(Debug)]
struct Slot {
    name: String,
    rows: usize,
    /// Entries of a row, all further axes flattened.
    columns: usize,
    float_type: FloatType,
    member: Member,
    /// Where the `.npy` header starts, and the elements.
    start: u64,
    data: u64,
    end: u64,
    written: AtomicU64,
}

impl TileFile {
    /// A file for these arrays: one for `.npy`, any number for `.npz`.
    ///
    /// The space is not taken in advance: a full disk shows as an error of
    /// [`TileFile::write`] or [`TileFile::finish`].
    ///
    /// # Errors
    /// [`Error::Source`] for another ending of the name, or several arrays for `.npy`;
    /// [`Error::Shape`] if an array has no axes or exceeds 2⁶³ bytes; [`Error::Duplicate`];
    /// [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, arrays: &[TileSpec]) -> Result<Self, Error> {
        let path = path.as_ref();
        let what = path.display().to_string();
        let fail = |reason: &str| Error::Source { text: what.clone(), reason: reason.to_owned() };
        let archive = match Format::of(path) {
            Some(Format::Npz) => true,
            Some(Format::Npy) if arrays.len() == 1 => false,
            Some(Format::Npy) => return Err(fail("an .npy file holds exactly one array")),
            _ => return Err(fail("a name ending in .npy or .npz is expected")),
        };
        if archive {
            check_names(&what, arrays.iter().map(|a| a.name.as_str()))?;
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(arrays.len());
        let mut headers = Vec::new();
        let mut at = 0;
        for spec in arrays {
            let npy = header_bytes(spec.float_type, &spec.shape);
            let bytes = data_bytes(spec).ok_or_else(|| Error::Shape {
                what: format!("{what}:{}", spec.name),
                shape: spec.shape.clone(),
                wanted: "one axis or more, and less than 2^63 bytes in all, are expected",
            })?;
            let member = Member::new(&spec.name, npy.len() as u64 + bytes, at);
            let local = if archive { member.local_header() } else { Vec::new() };
            let start = at + local.len() as u64;
            let data = start + npy.len() as u64;
            headers.push((at, [local, npy].concat()));
            at =
                data.checked_add(bytes).filter(|end| *end <= i64::MAX as u64).ok_or_else(|| {
                    Error::Shape {
                        what: what.clone(),
                        shape: spec.shape.clone(),
                        wanted: "less than 2^63 bytes in all are expected",
                    }
                })?;
            slots.push(Slot {
                name: spec.name.clone(),
                rows: spec.shape[0],
                columns: spec.shape[1..].iter().product(),
                float_type: spec.float_type,
                member,
                start,
                data,
                end: at,
                written: AtomicU64::new(0),
            });
        }
        let draft = Draft::create(path)?;
        for (at, bytes) in headers {
            write_all_at(draft.file(), &bytes, at).map_err(Error::io("write", draft.path()))?;
        }
        Ok(TileFile { draft, what, slots, archive, end: at })
    }

    /// Writes a tile whose first entry belongs at (`row`, `column`) of array number `array`.
    ///
    /// Rows count along the first axis, columns through all further axes flattened.
    ///
    /// # Errors
    /// [`Error::Shape`] if the tile does not fit into the array or has another precision;
    /// [`Error::Io`] from the file system.
    pub fn write<T: Element>(
        &self,
        array: usize,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<(), Error> {
        let slot = self.slot::<T>(array, row, column, tile)?;
        let place = Place { data: slot.data, columns: slot.columns };
        place
            .write(self.draft.file(), row, column, tile, |_| ())
            .map_err(Error::io("write", self.draft.path()))?;
        slot.written.fetch_add(tile.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The slot of a tile, checked.
    fn slot<T: Element>(
        &self,
        array: usize,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
    ) -> Result<&Slot, Error> {
        let spec = self.slots.get(array).map(|slot| (slot.rows, slot.columns, slot.float_type));
        check_tile(&self.what, array, spec, (row, column), tile)?;
        Ok(&self.slots[array])
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if entries were not written, or some twice; [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        for slot in &mut self.slots {
            let expected = slot.rows as u64 * slot.columns as u64;
            let got = *slot.written.get_mut();
            if got != expected {
                let what = format!("{}:{}", self.what, slot.name);
                return Err(Error::Incomplete { what, expected, got });
            }
        }
        if self.archive {
            self.write_directory().map_err(Error::io("write", self.draft.path()))?;
        }
        self.draft.publish()
    }

    /// Sums up every member from the file, completes its header and adds the directory.
    fn write_directory(&mut self) -> std::io::Result<()> {
        let file = self.draft.file();
        let mut buffer = Vec::new();
        for slot in &mut self.slots {
            let mut sum = crc32fast::Hasher::new();
            let mut at = slot.start;
            while at < slot.end {
                buffer.resize((slot.end - at).min(SUM_CHUNK) as usize, 0);
                crate::storage::read_exact_at(file, &mut buffer, at)?;
                sum.update(&buffer);
                at += buffer.len() as u64;
            }
            slot.member.crc = sum.finalize();
            write_all_at(file, &slot.member.local_header(), slot.member.local)?;
        }
        let members: Vec<Member> = self.slots.iter().map(|slot| slot.member.clone()).collect();
        write_all_at(file, &directory(&members, self.end), self.end)
    }
}

/// Where the elements of an array lie in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The first one.
    pub data: u64,
    /// Entries of a row.
    pub columns: usize,
}

impl Place {
    /// Writes a tile whose first entry belongs at (`row`, `column`), and shows its bytes in C order.
    pub(crate) fn write<T: Element>(
        self,
        file: &File,
        row: usize,
        column: usize,
        tile: ArrayView2<'_, T>,
        mut show: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        if tile.is_empty() {
            return Ok(());
        }
        let size = T::FLOAT_TYPE.size() as u64;
        let width = tile.ncols();
        // A transposed tile is brought in order at once, not element by element on the way out.
        let tile = tile.as_standard_layout();
        // Rows that lie one after the other in the file go out in one write.
        let group =
            if width == self.columns { (CHUNK / (width * size as usize)).max(1) } else { 1 };
        let mut bytes = Vec::new();
        for (i, rows) in tile.axis_chunks_iter(Axis(0), group).enumerate() {
            bytes.clear();
            T::append_bytes(rows.into_dyn(), &mut bytes);
            show(&bytes);
            let first = (row + i * group) as u64 * self.columns as u64 + column as u64;
            write_all_at(file, &bytes, self.data + first * size)?;
        }
        Ok(())
    }
}

/// Refuses a tile that does not fit the array (rows, columns, precision) it is meant for.
pub(crate) fn check_tile<T: Element>(
    what: &str,
    array: usize,
    spec: Option<(usize, usize, FloatType)>,
    (row, column): (usize, usize),
    tile: ArrayView2<'_, T>,
) -> Result<(), Error> {
    let fail = |wanted: &'static str| Error::Shape {
        what: format!("tile at row {row}, column {column} of array {array} of {what}"),
        shape: tile.shape().to_vec(),
        wanted,
    };
    let (rows, columns, float_type) = spec.ok_or_else(|| fail("there is no such array"))?;
    if float_type != T::FLOAT_TYPE {
        return Err(fail("the precision of the array is expected"));
    }
    let inside = |first: usize, n: usize, all| first.checked_add(n).is_some_and(|e| e <= all);
    if !inside(row, tile.nrows(), rows) || !inside(column, tile.ncols(), columns) {
        return Err(fail("it reaches beyond the array"));
    }
    Ok(())
}

/// Bytes of the elements; `None` without axes or when nothing could hold them.
pub(crate) fn data_bytes(spec: &TileSpec) -> Option<u64> {
    spec.shape.first()?;
    // Lengths behind a zero count, too, so that products of some of them cannot overflow.
    let span =
        spec.shape.iter().try_fold(spec.float_type.size(), |n, d| n.checked_mul((*d).max(1)));
    span.filter(|n| *n <= isize::MAX as usize)?;
    Some(spec.shape.iter().product::<usize>() as u64 * spec.float_type.size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, Npz};
    use ndarray::Array2;

    fn spec(name: &str, shape: &[usize], float_type: FloatType) -> TileSpec {
        TileSpec { name: name.to_owned(), shape: shape.to_vec(), float_type }
    }

    fn numbers(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (i * 1000 + j) as f64 + 0.5)
    }

    #[test]
    fn missing_and_misplaced_tiles_are_errors_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.npy");
        let file = TileFile::create(&path, &[spec("", &[4, 6], FloatType::F64)]).unwrap();
        let tile = numbers(2, 6);
        file.write(0, 0, 0, tile.view()).unwrap();
        for (array, row, column) in [(1, 0, 0), (0, 3, 0), (0, 2, 1), (0, usize::MAX, 0)] {
            let found = file.write(array, row, column, tile.view());
            assert!(matches!(found, Err(Error::Shape { .. })), "{array} {row} {column}");
        }
        assert!(file.write(0, 2, 0, tile.mapv(|v| v as f32).view()).is_err());
        assert!(matches!(file.finish(), Err(Error::Incomplete { expected: 24, got: 12, .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn refuses_names_and_shapes_that_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let a = spec("a", &[1, 1], FloatType::F32);
        let create =
            |name: &str, specs: &[TileSpec]| TileFile::create(dir.path().join(name), specs);
        assert!(matches!(create("k.csv", std::slice::from_ref(&a)), Err(Error::Source { .. })));
        assert!(matches!(create("k.npy", &[a.clone(), a.clone()]), Err(Error::Source { .. })));
        assert!(matches!(create("k.npz", &[a.clone(), a.clone()]), Err(Error::Duplicate { .. })));
        let huge = spec("b", &[usize::MAX, 2], FloatType::F32);
        assert!(matches!(create("k.npz", &[huge]), Err(Error::Shape { .. })));
        let none = spec("b", &[], FloatType::F32);
        assert!(matches!(create("k.npz", &[none]), Err(Error::Shape { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// Sparse, so that five gigabytes of zeros take no room on most file systems; only the
    /// headers are looked at, not the sum.
    #[test]
    fn members_beyond_4_gib_use_zip64() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.npz");
        let rows = (1 << 29) + 10;
        let specs =
            [spec("large", &[rows, 2], FloatType::F32), spec("after", &[3, 1], FloatType::F64)];
        let mut file = TileFile::create(&path, &specs).unwrap();
        file.write(0, rows - 2, 0, ndarray::arr2(&[[1f32, 2.0], [3.0, 4.0]]).view()).unwrap();
        file.write(1, 0, 0, numbers(3, 1).view()).unwrap();
        // The directory of `finish`, without reading five gigabytes.
        let (large, after) = file.slots.split_at_mut(1);
        let sum = |slot: &mut Slot| {
            let mut bytes = vec![0; (slot.end - slot.start) as usize];
            crate::storage::read_exact_at(file.draft.file(), &mut bytes, slot.start).unwrap();
            slot.member.crc = crc32fast::hash(&bytes);
        };
        sum(&mut after[0]);
        let members = [large[0].member.clone(), after[0].member.clone()];
        write_all_at(file.draft.file(), &directory(&members, file.end), file.end).unwrap();
        file.draft.publish().unwrap();

        let npz = Npz::open(&path).unwrap();
        let large = npz.array("large").unwrap();
        assert_eq!(large.shape(), [rows, 2]);
        let end = large.read_rows(rows - 2..rows).unwrap().into_f64();
        assert_eq!(end.into_raw_vec_and_offset().0, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(npz.read("after").unwrap(), Array::F64(numbers(3, 1).into_dyn()));
    }
}
