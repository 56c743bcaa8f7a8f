//! An array in a file: looked at first, read when wanted, whole or by rows.

use super::decode::{numbers, read_error, values};
use super::{Header, Kind, Values};
use crate::blocks::cut;
use crate::storage::{Storage, Window};
use crate::{Array, Error, Targets};
use flate2::read::DeflateDecoder;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The most a deflated byte can become: 258 bytes from two bits, and a little for the ends.
const MOST_INFLATED: u64 = 1032;

/// Whether the bytes of a member are stored as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Stored,
    Deflated,
}

/// Where the bytes of an array are.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) storage: Arc<Storage>,
    pub(crate) start: u64,
    /// Bytes in the storage.
    pub(crate) packed: u64,
    /// Bytes once unpacked.
    pub(crate) len: u64,
    pub(crate) packing: Packing,
    pub(crate) crc: Option<u32>,
}

/// The unpacked bytes of a deflated body, never more than were announced.
pub(crate) type Deflated<'a> = io::Take<DeflateDecoder<Window<'a>>>;

enum Unpacked<'a> {
    Stored(Window<'a>),
    Deflated(Deflated<'a>),
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Stored(reader) => reader.read(buffer),
            Unpacked::Deflated(reader) => reader.read(buffer),
        }
    }
}

impl Body {
    fn reader(&self) -> Unpacked<'_> {
        let window = self.storage.window(self.start, self.start.saturating_add(self.packed));
        match self.packing {
            Packing::Stored => Unpacked::Stored(window),
            // One byte more than announced, so that too much data is seen as such.
            Packing::Deflated => {
                Unpacked::Deflated(DeflateDecoder::new(window).take(self.len.saturating_add(1)))
            }
        }
    }
}

/// A NumPy array in a file: its header is read and checked, its values are not yet.
///
/// ```
/// use widelimit_data::{write_npy, ArrayFile};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("x.npy");
/// write_npy(&path, ndarray::arr2(&[[1.0f32, 2.0], [3.0, 4.0]]).view())?;
/// let file = ArrayFile::open(&path)?;
/// assert_eq!((file.shape(), file.type_name().as_str()), (&[2, 2][..], "float32"));
/// assert_eq!(file.read_rows(1..2)?.into_f64(), ndarray::arr2(&[[3.0, 4.0]]).into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ArrayFile {
    what: String,
    header: Header,
    body: Body,
}

impl ArrayFile {
    /// Opens an `.npy` file.
    ///
    /// # Errors
    /// If the file cannot be read, is no valid `.npy` file, or is shorter or longer than its
    /// header says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::plain(Storage::open(path)?, path.display().to_string())
    }

    /// The same from bytes in memory; `what` names them in errors.
    ///
    /// # Errors
    /// As [`ArrayFile::open`].
    pub fn from_bytes(bytes: Vec<u8>, what: &str) -> Result<Self, Error> {
        Self::plain(Storage::Bytes(bytes), what.to_owned())
    }

    fn plain(storage: Storage, what: String) -> Result<Self, Error> {
        let len = storage.len();
        let storage = Arc::new(storage);
        let packing = Packing::Stored;
        Self::new(Body { storage, start: 0, packed: len, len, packing, crc: None }, what)
    }

    /// Reads and checks the header of the array in `body`.
    pub(crate) fn new(body: Body, what: String) -> Result<Self, Error> {
        if body.packing == Packing::Deflated
            && body.len > body.packed.saturating_add(1).saturating_mul(MOST_INFLATED)
        {
            let reason = format!("{} bytes cannot unpack to {}", body.packed, body.len);
            return Err(Error::malformed(&what, "npz", reason));
        }
        let header = Header::read(&mut body.reader(), body.len, &what)?;
        let extra = body.len - header.offset - header.data_bytes();
        if extra > 0 {
            return Err(Error::TrailingBytes { what, extra });
        }
        Ok(ArrayFile { what, header, body })
    }

    /// The name of the file, and of the array in it.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// NumPy's name of the element type as stored, for example `uint8`.
    pub fn type_name(&self) -> String {
        self.header.kind.name()
    }

    /// Bytes of memory that [`ArrayFile::read`] gives back, and at the peak of reading: single
    /// precision is kept, every other number becomes a double, and Fortran order is copied.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let size =
            if self.header.kind == Kind::Float(4) { 4 } else { 8.max(self.header.kind.size()) };
        let bytes = (self.header.count as u64).saturating_mul(size);
        let copied = self.header.fortran_order && self.header.shape.len() > 1;
        (bytes, bytes.saturating_mul(1 + u64::from(copied)))
    }

    /// Reads all values as floating-point numbers, in C order.
    ///
    /// # Errors
    /// [`Error::ElementType`] for text, [`Error::Checksum`] or [`Error::Malformed`] for damaged
    /// data, [`Error::OutOfMemory`].
    pub fn read(&self) -> Result<Array, Error> {
        let found = self.read_checked(numbers)?;
        self.assemble(found, &self.header.shape)
    }

    /// Reads all values as targets: integers, booleans and text, one a row, as labels.
    ///
    /// Numbers are not checked for being finite; [`crate::read_targets`] does that.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are one or two axes, [`Error::Empty`] if one has length 0;
    /// and as [`ArrayFile::read`].
    pub fn targets(&self) -> Result<Targets, Error> {
        Targets::from_values(self.read_values()?, self.shape(), &self.what)
    }

    /// Reads all values in their own type, in C order.
    fn read_values(&self) -> Result<Values, Error> {
        let found = self.read_checked(values)?;
        let shape = &self.header.shape;
        if !self.header.fortran_order || shape.len() < 2 {
            return Ok(found);
        }
        fn c_order<T: Clone>(v: Vec<T>, shape: &[usize], what: &str) -> Result<Vec<T>, Error> {
            Ok(shaped(v, shape, true, what)?.into_iter().collect())
        }
        Ok(match found {
            Values::F32(v) => Values::F32(c_order(v, shape, &self.what)?),
            Values::F64(v) => Values::F64(c_order(v, shape, &self.what)?),
            Values::Bool(v) => Values::Bool(c_order(v, shape, &self.what)?),
            Values::Int(v) => Values::Int(c_order(v, shape, &self.what)?),
            Values::Text(v) => Values::Text(c_order(v, shape, &self.what)?),
        })
    }

    /// Reads some rows (indices of the first axis) as floating-point numbers, in C order.
    ///
    /// Only their bytes are read if the array is stored uncompressed, and then the checksum of an
    /// archive's member is not compared; otherwise the whole array is read.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows are not all there; and as [`ArrayFile::read`].
    pub fn read_rows(&self, rows: Range<usize>) -> Result<Array, Error> {
        self.check_range(&rows, 0, "more rows are expected")?;
        if !self.is_stored() {
            return Ok(slice(self.read()?, 0, rows));
        }
        let (data, size) = (self.body.start + self.header.offset, self.header.kind.size());
        let (all, width) = (self.header.shape[0], self.width());
        // Runs of rows that lie together: one in C order, one a column in Fortran order.
        let (runs, each) = if self.header.fortran_order { (width, 1) } else { (1, width) };
        let windows = (0..runs).map(|run| {
            let at = |row: usize| data + ((run * all + row) * each) as u64 * size;
            self.body.storage.window(at(rows.start), at(rows.end))
        });
        let mut reader = Joined { windows, current: None };
        let found = numbers(&mut reader, &self.header, rows.len() * width, &self.what)?;
        self.assemble(found, &self.shape_of(rows.len()))
    }

    /// Whether rows can be read without what is before them.
    pub(crate) fn is_stored(&self) -> bool {
        self.body.packing == Packing::Stored
    }

    /// Numbers of a row.
    fn width(&self) -> usize {
        self.header.shape[1..].iter().product()
    }

    /// The shape of so many rows.
    fn shape_of(&self, rows: usize) -> Vec<usize> {
        let mut shape = self.header.shape.clone();
        shape[0] = rows;
        shape
    }

    /// Calls `take` with blocks of rows from `first` on; compares the checksum of what is read from its beginning
    /// to its end.
    pub(crate) fn each_block<E: From<Error>>(
        &self,
        rows: usize,
        first: usize,
        mut take: impl FnMut(usize, Array) -> Result<(), E>,
    ) -> Result<(), E> {
        let all = self.header.shape[0];
        if self.header.fortran_order && self.header.shape.len() > 1 {
            if !self.is_stored() {
                return cut(&self.read()?, (rows, first, 0), &mut take);
            }
            for start in (first..all).step_by(rows) {
                take(start, self.read_rows(start..all.min(start + rows))?)?;
            }
            return Ok(());
        }
        let mut reader = self.summed()?;
        let (mut at, step) = (0, rows);
        while at < all {
            // Rows before the first are read, too: a compressed body has no other way.
            let end = all.min(if at < first { first.min(at + step) } else { at + step });
            let count = (end - at) * self.width();
            let found = numbers(&mut reader, &self.header, count, &self.what)?;
            if at >= first {
                take(at, self.assemble(found, &self.shape_of(end - at))?)?;
            }
            at = end;
        }
        Ok(self.check_sum(reader)?)
    }

    /// Reads a block: some rows and some columns (indices of the first two axes), all that an entry has
    /// behind them, in C order.
    ///
    /// Only its bytes are read if the array is stored uncompressed in C order; otherwise the whole
    /// array is read.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows or columns are not all there; and as [`ArrayFile::read`].
    ///
    /// ```
    /// use widelimit_data::{write_npy, ArrayFile};
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("k.npy");
    /// write_npy(&path, ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view())?;
    /// let block = ArrayFile::open(&path)?.read_block(0..2, 1..2)?;
    /// assert_eq!(block.into_f64(), ndarray::arr2(&[[2.0], [5.0]]).into_dyn());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Array, Error> {
        let shape = &self.header.shape;
        self.check_range(&rows, 0, "more rows are expected")?;
        self.check_range(&columns, 1, "more columns are expected")?;
        if self.body.packing != Packing::Stored || self.header.fortran_order {
            let cut = |axis, range: &Range<usize>, array| slice(array, axis, range.clone());
            return Ok(cut(1, &columns, cut(0, &rows, self.read()?)));
        }
        let entry = shape[2..].iter().product::<usize>() as u64 * self.header.kind.size();
        let data = self.body.start + self.header.offset;
        let windows = rows.clone().map(|row| {
            let start = data + row as u64 * shape[1] as u64 * entry;
            let at = |column: usize| start + column as u64 * entry;
            self.body.storage.window(at(columns.start), at(columns.end))
        });
        let mut part = shape.clone();
        part[..2].copy_from_slice(&[rows.len(), columns.len()]);
        let count = part.iter().product();
        let mut reader = Joined { windows, current: None };
        let found = numbers(&mut reader, &self.header, count, &self.what)?;
        self.assemble(found, &part)
    }

    fn check_range(
        &self,
        range: &Range<usize>,
        axis: usize,
        wanted: &'static str,
    ) -> Result<(), Error> {
        let shape = &self.header.shape;
        if range.start > range.end || shape.get(axis).is_none_or(|n| range.end > *n) {
            return Err(Error::Shape { what: self.what.clone(), shape: shape.clone(), wanted });
        }
        Ok(())
    }

    fn assemble(&self, found: Values, shape: &[usize]) -> Result<Array, Error> {
        let fortran = self.header.fortran_order;
        Ok(match found {
            Values::F32(v) => Array::F32(shaped(v, shape, fortran, &self.what)?),
            Values::F64(v) => Array::F64(shaped(v, shape, fortran, &self.what)?),
            Values::Bool(_) | Values::Int(_) | Values::Text(_) => {
                return Err(Error::ElementType {
                    what: self.what.clone(),
                    found: self.header.kind.name(),
                    wanted: "real numbers or booleans",
                });
            }
        })
    }

    /// Reads all values with `decode` and compares length and checksum.
    fn read_checked(
        &self,
        decode: impl Fn(&mut dyn Read, &Header, usize, &str) -> Result<Values, Error>,
    ) -> Result<Values, Error> {
        let mut reader = self.summed()?;
        let found = decode(&mut reader, &self.header, self.header.count, &self.what)?;
        self.check_sum(reader)?;
        Ok(found)
    }

    /// A reader of the values, which sums up the header, too.
    fn summed(&self) -> Result<Summed<Unpacked<'_>>, Error> {
        let mut reader = Summed { reader: self.body.reader(), sum: crc32fast::Hasher::new() };
        let mut skipped = vec![0; self.header.offset as usize];
        reader.read_exact(&mut skipped).map_err(|e| read_error(e, &self.what))?;
        Ok(reader)
    }

    /// Insists that a reader that read all values is at its end, and that their checksum is right.
    fn check_sum(&self, mut reader: Summed<Unpacked<'_>>) -> Result<(), Error> {
        if reader.read(&mut [0]).map_err(|e| read_error(e, &self.what))? != 0 {
            return Err(Error::TrailingBytes { what: self.what.clone(), extra: 1 });
        }
        let got = reader.sum.finalize();
        match self.body.crc {
            Some(expected) if expected != got => {
                Err(Error::Checksum { what: self.what.clone(), expected, got })
            }
            _ => Ok(()),
        }
    }
}

/// A part of an axis, in C order.
fn slice(array: Array, axis: usize, range: Range<usize>) -> Array {
    let (axis, range) = (ndarray::Axis(axis), ndarray::Slice::from(range));
    match array {
        Array::F32(a) => Array::F32(a.slice_axis(axis, range).as_standard_layout().into_owned()),
        Array::F64(a) => Array::F64(a.slice_axis(axis, range).as_standard_layout().into_owned()),
    }
}

/// Windows one after the other as one reader.
struct Joined<'a, I> {
    windows: I,
    current: Option<Window<'a>>,
}

impl<'a, I: Iterator<Item = Window<'a>>> Read for Joined<'a, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(window) = &mut self.current {
                let n = window.read(buffer)?;
                if n > 0 || buffer.is_empty() {
                    return Ok(n);
                }
            }
            self.current = self.windows.next();
            if self.current.is_none() {
                return Ok(0);
            }
        }
    }
}

/// A reader that sums up what passes.
struct Summed<R> {
    reader: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.sum.update(&buffer[..n]);
        Ok(n)
    }
}

/// Values in the order of the file as an array in C order.
fn shaped<T: Clone>(
    values: Vec<T>,
    shape: &[usize],
    fortran: bool,
    what: &str,
) -> Result<ArrayD<T>, Error> {
    let wrong = |_| Error::malformed(what, "npy", "the shape does not fit the data");
    if !fortran {
        return ArrayD::from_shape_vec(IxDyn(shape), values).map_err(wrong);
    }
    let array = ArrayD::from_shape_vec(IxDyn(shape).f(), values).map_err(wrong)?;
    Ok(array.as_standard_layout().into_owned())
}
