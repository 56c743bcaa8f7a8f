//! Archives of arrays in NumPy's `.npz` format: a zip file of `.npy` members.
//!
//! Zip format: APPNOTE.TXT 6.3.10, PKWARE (sections 4.3.7, 4.3.12–4.3.16, 4.5.3).

mod read;
mod write;

use crate::near::nearest;
use crate::npy::Body;
use crate::storage::Storage;
use crate::{Array, ArrayFile, Error};
use read::Entry;
use std::path::Path;
use std::sync::Arc;

pub use write::write_npz;
pub(crate) use write::{Member, check_names, directory};

/// An open `.npz` archive. Several threads may read from it at the same time.
///
/// ```
/// use widelimit_data::{write_npz, Array, Npz};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("set.npz");
/// let x = Array::from(ndarray::arr1(&[1.0, 2.0]).into_dyn());
/// write_npz(&path, &[("x", &x)])?;
/// let npz = Npz::open(&path)?;
/// assert_eq!(npz.names(), ["x"]);
/// assert_eq!(npz.read("x")?, x);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Npz {
    what: String,
    storage: Arc<Storage>,
    names: Vec<String>,
    entries: Vec<Entry>,
}

impl Npz {
    /// Opens an archive and reads its directory.
    ///
    /// # Errors
    /// If the file cannot be read, is no zip archive, or holds a name twice.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::new(Storage::open(path)?, path.display().to_string())
    }

    /// The same from bytes in memory; `what` names them in errors.
    ///
    /// # Errors
    /// As [`Npz::open`].
    pub fn from_bytes(bytes: Vec<u8>, what: &str) -> Result<Self, Error> {
        Self::new(Storage::Bytes(bytes), what.to_owned())
    }

    fn new(storage: Storage, what: String) -> Result<Self, Error> {
        // Members that are no arrays are let be, as NumPy does.
        let (names, entries): (Vec<_>, Vec<_>) = read::read(&storage, &what)?
            .into_iter()
            .filter_map(|e| e.name.strip_suffix(".npy").map(str::to_owned).map(|n| (n, e)))
            .unzip();
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Duplicate { what, name: pair[0].clone() });
        }
        Ok(Npz { what, storage: Arc::new(storage), names, entries })
    }

    /// The names of the arrays, in the order of the archive.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// One array, its header read and checked.
    ///
    /// # Errors
    /// [`Error::NotFound`], which lists the names; errors of the array's header.
    pub fn array(&self, name: &str) -> Result<ArrayFile, Error> {
        let Some(i) = self.names.iter().position(|n| n == name) else {
            return Err(Error::NotFound {
                what: self.what.clone(),
                kind: "array",
                name: name.to_owned(),
                near: nearest(name, &self.names),
                names: self.names.clone(),
            });
        };
        let entry = &self.entries[i];
        let what = format!("{}:{name}", self.what);
        let start = read::data_start(&self.storage, entry, &what)?;
        let body = Body {
            storage: self.storage.clone(),
            start,
            packed: entry.packed,
            len: entry.len,
            packing: entry.packing.ok_or_else(|| {
                let reason = format!("packing method {} is not known", entry.method);
                Error::malformed(&what, "npz", reason)
            })?,
            crc: Some(entry.crc),
        };
        ArrayFile::new(body, what)
    }

    /// The array of this name, or the only one there is.
    ///
    /// # Errors
    /// [`Error::ChooseArray`] if no name is given and there is more than one array;
    /// as [`Npz::array`].
    pub fn array_or_only(&self, name: Option<&str>) -> Result<ArrayFile, Error> {
        match (name, self.names.as_slice()) {
            (Some(name), _) => self.array(name),
            (None, [only]) => self.array(only),
            (None, []) => Err(Error::malformed(&self.what, "npz", "it holds no arrays")),
            (None, names) => {
                Err(Error::ChooseArray { what: self.what.clone(), names: names.to_vec() })
            }
        }
    }

    /// Reads one array as floating-point numbers.
    ///
    /// # Errors
    /// As [`Npz::array`] and [`ArrayFile::read`].
    pub fn read(&self, name: &str) -> Result<Array, Error> {
        self.array(name)?.read()
    }
}
