//! One array of an open store: rectangles written, summed up and copied.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use ndarray::ArrayView2;

use super::folder::names;
use super::grid::Rectangle;
use crate::npy::header_bytes;
use crate::storage::{read_exact_at, write_all_at};
use crate::tile_file::{Place, data_bytes};
use crate::{Element, Error, FloatType, TileSpec};

/// Bytes read at a time.
const CHUNK: u64 = 1 << 18;

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// An array under whichever of its names it has.
#[derive(Debug)]
pub(super) struct StoreArray {
    file: File,
    path: PathBuf,
    pub(super) rows: usize,
    pub(super) float_type: FloatType,
    place: Place,
    /// Values of an entry.
    entry: usize,
}

impl StoreArray {
    /// Opens an array of a store; its length must be what the description says.
    pub(super) fn open(folder: &Path, spec: &TileSpec, access: Access) -> Result<Self, Error> {
        let (part, whole) = names(folder, &spec.name);
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::Write);
        let (file, path) = match options.open(&part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (options.open(&whole), whole),
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
        let entry = spec.shape[2..].iter().product();
        Ok(Self { file, path, rows: spec.shape[0], float_type: spec.float_type, place, entry })
    }

    /// Values of a row.
    pub(super) fn columns(&self) -> usize {
        self.place.columns
    }

    /// The part of the array, in entries, that `values` of this size at this place are; `None` if
    /// they are not whole entries.
    pub(super) fn rectangle(
        &self,
        (row, column): (usize, usize),
        (rows, columns): (usize, usize),
    ) -> Option<Rectangle> {
        let whole = |values: usize| {
            values.checked_rem(self.entry).filter(|rest| *rest == 0).map(|_| values / self.entry)
        };
        Some(Rectangle { row, column: whole(column)?, rows, columns: whole(columns)? })
    }

    /// Bytes of a part.
    pub(super) fn bytes(&self, part: Rectangle) -> u64 {
        part.rows as u64 * self.row_bytes(part)
    }

    fn row_bytes(&self, part: Rectangle) -> u64 {
        (part.columns * self.entry * self.float_type.size()) as u64
    }

    /// Writes values and gives the checksum of their bytes.
    pub(super) fn write<T: Element>(
        &self,
        row: usize,
        column: usize,
        values: ArrayView2<'_, T>,
    ) -> Result<u32, Error> {
        let mut sum = Hasher::new();
        self.place
            .write(&self.file, row, column, values, |bytes| sum.update(bytes))
            .map_err(Error::io("write", &self.path))?;
        Ok(sum.finalize())
    }

    /// Adds the bytes of a part to a checksum.
    pub(super) fn sum(&self, part: Rectangle, sum: &mut Hasher) -> Result<(), Error> {
        self.each(part, |_, bytes| {
            sum.update(bytes);
            Ok(())
        })
    }

    /// Copies a part to the same array of another store.
    pub(super) fn copy(&self, part: Rectangle, to: &Self) -> Result<(), Error> {
        self.each(part, |at, bytes| {
            write_all_at(&to.file, bytes, at).map_err(Error::io("write", &to.path))
        })
    }

    /// Puts everything written on disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }

    /// Hands over the bytes of a part in order, with their places, a little at a time.
    fn each(
        &self,
        part: Rectangle,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bytes = self.row_bytes(part);
        let stride = (self.place.columns * self.float_type.size()) as u64;
        let column = (part.column * self.entry * self.float_type.size()) as u64;
        let first = self.place.data + part.row as u64 * stride + column;
        // Rows that lie one after the other in the file are read as one.
        let (runs, length) =
            if bytes == stride { (1, bytes * part.rows as u64) } else { (part.rows as u64, bytes) };
        let mut buffer = vec![0; length.min(CHUNK) as usize];
        for run in 0..runs {
            let (mut at, end) = (first + run * stride, first + run * stride + length);
            while at < end {
                let chunk = &mut buffer[..(end - at).min(CHUNK) as usize];
                read_exact_at(&self.file, chunk, at).map_err(Error::io("read", &self.path))?;
                take(at, chunk)?;
                at += chunk.len() as u64;
            }
        }
        Ok(())
    }
}

/// Opens all arrays of a store.
pub(super) fn open(
    folder: &Path,
    specs: &[TileSpec],
    access: Access,
) -> Result<Vec<StoreArray>, Error> {
    specs.iter().map(|spec| StoreArray::open(folder, spec, access)).collect()
}

/// The checksum of a tile: of the bytes of its rectangles, array after array.
pub(super) fn checksum(
    arrays: &[StoreArray],
    rectangles: impl Iterator<Item = Rectangle> + Clone,
) -> Result<u32, Error> {
    let mut sum = Hasher::new();
    for array in arrays {
        for rectangle in rectangles.clone() {
            array.sum(rectangle, &mut sum)?;
        }
    }
    Ok(sum.finalize())
}
