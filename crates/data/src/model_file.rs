//! Models on disk: one safetensors file of named arrays, with everything else as text.
//!
//! Format: <https://github.com/huggingface/safetensors>: eight bytes with the length of a JSON
//! header, the header, the arrays. The header's `__metadata__` carries the model's text entries
//! and three of our own: `format`, `version` and `checksum`. The file depends on the model alone:
//! the same model gives the same bytes.

use crate::near::nearest;
use crate::npy::{Header, Kind, Sum, Values, numbers, write_values};
use crate::storage::Storage;
use crate::{Array, Element, Error, check_finite, write_atomically};
use ndarray::{ArrayD, Dimension, IxDyn};
use safetensors::tensor::{Dtype, Metadata};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// The longest header that is read: far beyond any network, far below what could hurt.
const LONGEST_HEADER: u64 = 1 << 24;

/// Text entries that belong to the file and not to the model.
const RESERVED: [&str; 3] = ["format", "version", "checksum"];

/// Arrays that only tell about the fit and may have gaps, where a value could not be computed.
const MAY_HAVE_GAPS: [&str; 2] = ["leave_one_out", "ridge_path"];

/// A model as text entries and arrays.
///
/// ```
/// use widelimit_data::{Array, ModelFile};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("model.safetensors");
/// let mut model = ModelFile::default();
/// model.metadata.insert("task".into(), "regression".into());
/// model.tensors.insert("ridge".into(), Array::from(ndarray::arr1(&[0.1]).into_dyn()));
/// model.save(&path)?;
///
/// let mut loaded = ModelFile::load(&path)?;
/// assert_eq!(loaded.text("task")?, "regression");
/// assert_eq!(loaded.take::<f64, ndarray::Ix1>("ridge")?, ndarray::arr1(&[0.1]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ModelFile {
    /// Text by name: the network as JSON, the task, the names of classes, ...
    pub metadata: BTreeMap<String, String>,
    /// Arrays by name.
    pub tensors: BTreeMap<String, Array>,
    /// The file it came from, for errors.
    what: String,
}

impl ModelFile {
    /// The version of the format that is written and the only one that is read.
    pub const VERSION: u32 = 1;

    /// The value of the `format` entry.
    pub const FORMAT: &'static str = "widelimit-model";

    /// Writes the model, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Reserved`] if a text entry is called `format`, `version` or `checksum`, or an
    /// array `__metadata__`; [`Error::Io`] from the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let header = self.header(&path.display().to_string())?;
        write_atomically(path, |file| self.write(&header, file))
    }

    /// The bytes of the file that [`ModelFile::save`] writes.
    ///
    /// # Errors
    /// As [`ModelFile::save`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.write(&self.header("model")?, &mut bytes).map_err(Error::io("write", "model"))?;
        Ok(bytes)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the file is no model or breaks the rules of its format,
    /// [`Error::Version`] if another version wrote it, [`Error::Truncated`],
    /// [`Error::TrailingBytes`], [`Error::Checksum`] if it is damaged, [`Error::ElementType`] for
    /// arrays that are neither `float32` nor `float64`, [`Error::NonFinite`] for arrays of which
    /// predictions could only be wrong, [`Error::Io`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::read(&Storage::open(path)?, path.display().to_string())
    }

    /// The same from bytes in memory; `what` names them in errors.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn from_bytes(bytes: Vec<u8>, what: &str) -> Result<Self, Error> {
        Self::read(&Storage::Bytes(bytes), what.to_owned())
    }

    /// A text entry.
    ///
    /// # Errors
    /// [`Error::NotFound`], which lists the entries.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        let text = self.metadata.get(name);
        text.map(String::as_str).ok_or_else(|| self.not_found("entry", name, self.metadata.keys()))
    }

    /// Takes an array out, in the precision and number of dimensions in which it is used.
    ///
    /// # Errors
    /// [`Error::NotFound`], which lists the arrays; [`Error::ElementType`] or [`Error::Shape`] if
    /// the array has another precision or number of dimensions.
    pub fn take<T: Element, D: Dimension>(
        &mut self,
        name: &str,
    ) -> Result<ndarray::Array<T, D>, Error> {
        let Some(array) = self.tensors.remove(name) else {
            return Err(self.not_found("tensor", name, self.tensors.keys()));
        };
        let what = format!("{}:{name}", self.what);
        let (shape, found) = (array.shape().to_vec(), array.float_type());
        if found != T::FLOAT_TYPE {
            let (found, wanted) = (found.name().to_owned(), T::FLOAT_TYPE.name());
            return Err(Error::ElementType { what, found, wanted });
        }
        let wanted = match D::NDIM {
            Some(0) => "a single number is expected",
            Some(1) => "one dimension is expected",
            Some(2) => "two dimensions are expected",
            _ => "another number of dimensions is expected",
        };
        array.into_elements::<T>().into_dimensionality().map_err(|_| Error::Shape {
            what,
            shape,
            wanted,
        })
    }

    fn not_found<'a>(
        &self,
        kind: &'static str,
        name: &str,
        names: impl Iterator<Item = &'a String>,
    ) -> Error {
        let names: Vec<String> = names.cloned().collect();
        let what = if self.what.is_empty() { "the model" } else { &self.what }.to_owned();
        Error::NotFound { what, kind, name: name.to_owned(), near: nearest(name, &names), names }
    }

    /// Arrays in the order of the file: doubles first, so that every array is aligned.
    fn ordered(&self) -> impl Iterator<Item = (&String, &Array)> {
        let of = |wanted| self.tensors.iter().filter(move |(_, a)| a.float_type() == wanted);
        of(crate::FloatType::F64).chain(of(crate::FloatType::F32))
    }

    /// Length and JSON of the header, padded to a multiple of eight bytes.
    fn header(&self, what: &str) -> Result<Vec<u8>, Error> {
        let reserved = RESERVED.iter().find(|name| self.metadata.contains_key(**name)).copied();
        let taken = self.tensors.contains_key("__metadata__").then_some("__metadata__");
        if let Some(name) = reserved.or(taken) {
            return Err(Error::Reserved { what: what.to_owned(), name });
        }
        let mut text: Map<String, Value> =
            self.metadata.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        text.insert("format".to_owned(), Value::from(Self::FORMAT));
        text.insert("version".to_owned(), Value::from(Self::VERSION.to_string()));
        text.insert("checksum".to_owned(), Value::from(format!("{:08x}", self.checksum())));
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), Value::Object(text));
        let mut at = 0;
        for (name, array) in self.ordered() {
            let size = array.float_type().size();
            let end = at + array.shape().iter().product::<usize>() * size;
            let entry = json!({
                "dtype": format!("F{}", 8 * size),
                "shape": array.shape(),
                "data_offsets": [at, end],
            });
            header.insert(name.clone(), entry);
            at = end;
        }
        let mut json = Value::Object(header).to_string().into_bytes();
        json.resize(json.len().next_multiple_of(8), b' ');
        if json.len() as u64 > LONGEST_HEADER {
            let reason = format!("a header of {} bytes, {LONGEST_HEADER} at most", json.len());
            return Err(Error::malformed(what, "model", reason));
        }
        Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
    }

    fn write(&self, header: &[u8], out: &mut impl Write) -> io::Result<()> {
        out.write_all(header)?;
        self.ordered().try_for_each(|(_, array)| write_values(array, out))
    }

    /// CRC-32 over all text entries and arrays, with their names, shapes and types.
    fn checksum(&self) -> u32 {
        let mut sum = Sum::default();
        let part = |sum: &mut Sum, bytes: &[u8]| {
            sum.add(&(bytes.len() as u64).to_le_bytes());
            sum.add(bytes);
        };
        for (name, text) in &self.metadata {
            part(&mut sum, name.as_bytes());
            part(&mut sum, text.as_bytes());
        }
        for (name, array) in self.ordered() {
            part(&mut sum, name.as_bytes());
            part(&mut sum, format!("{} {:?}", array.float_type().name(), array.shape()).as_bytes());
            // Writing into a sum cannot fail.
            let _ = write_values(array, &mut sum);
        }
        sum.finish()
    }

    fn read(storage: &Storage, what: String) -> Result<Self, Error> {
        let bad = |reason: String| Error::malformed(&what, "model", reason);
        let io = |e| Error::io("read", &what)(e);
        let got = storage.len();
        let cut = |expected: u64| Error::Truncated { what: what.clone(), expected, got };
        let prefix = storage.bytes(0, 8).map_err(io)?;
        let Ok(prefix) = <[u8; 8]>::try_from(prefix) else { return Err(cut(8)) };
        let header_len = u64::from_le_bytes(prefix);
        if header_len > LONGEST_HEADER {
            return Err(bad("it does not start like a safetensors file".to_owned()));
        }
        let start = 8 + header_len;
        if start > got {
            return Err(cut(start));
        }
        let header = storage.bytes(8, start).map_err(io)?;
        if header.first() != Some(&b'{') {
            return Err(bad("it does not start like a safetensors file".to_owned()));
        }
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|e| bad(format!("its header cannot be read ({e})")))?;
        let mut metadata: BTreeMap<String, String> =
            header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        let expected = check_entries(&mut metadata, &what)?;
        let end = start.saturating_add(header.data_len() as u64);
        if end > got {
            return Err(cut(end));
        }
        if end < got {
            return Err(Error::TrailingBytes { what, extra: got - end });
        }
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors() {
            let (from, to) = info.data_offsets;
            let window = storage.window(start + from as u64, start + to as u64);
            let what = format!("{what}:{name}");
            let array = read_tensor(window, info.dtype, &info.shape, &what)?;
            if !MAY_HAVE_GAPS.contains(&name.as_str()) {
                check_finite(&array, &what)?;
            }
            tensors.insert(name, array);
        }
        let model = ModelFile { metadata, tensors, what };
        let got = model.checksum();
        if got != expected {
            return Err(Error::Checksum { what: model.what, expected, got });
        }
        Ok(model)
    }
}

/// Takes our own entries out and checks them; returns the checksum.
fn check_entries(metadata: &mut BTreeMap<String, String>, what: &str) -> Result<u32, Error> {
    let bad = |reason: &str| Error::malformed(what, "model", reason);
    if metadata.remove("format").as_deref() != Some(ModelFile::FORMAT) {
        return Err(bad("a safetensors file, but not a model of widelimit"));
    }
    let version = metadata.remove("version").ok_or_else(|| bad("its version is missing"))?;
    if version != ModelFile::VERSION.to_string() {
        let what = what.to_owned();
        return Err(Error::Version { what, found: version, known: ModelFile::VERSION });
    }
    metadata
        .remove("checksum")
        .filter(|text| text.len() == 8)
        .and_then(|text| u32::from_str_radix(&text, 16).ok())
        .ok_or_else(|| bad("its checksum is missing"))
}

fn read_tensor(
    mut bytes: impl io::Read,
    dtype: Dtype,
    shape: &[usize],
    what: &str,
) -> Result<Array, Error> {
    let kind = match dtype {
        Dtype::F32 => Kind::Float(4),
        Dtype::F64 => Kind::Float(8),
        other => {
            return Err(Error::ElementType {
                what: what.to_owned(),
                found: format!("{other:?}"),
                wanted: "float32 or float64",
            });
        }
    };
    // The header was checked: offsets, shapes and the length of the file agree.
    let count = shape.iter().product();
    let header = Header {
        kind,
        big_endian: false,
        fortran_order: false,
        shape: shape.to_vec(),
        count,
        offset: 0,
    };
    fn shaped<T>(values: Vec<T>, shape: &[usize], what: &str) -> Result<ArrayD<T>, Error> {
        ArrayD::from_shape_vec(IxDyn(shape), values)
            .map_err(|_| Error::malformed(what, "model", "the shape does not fit the data"))
    }
    match numbers(&mut bytes, &header, count, what)? {
        Values::F32(values) => Ok(Array::F32(shaped(values, shape, what)?)),
        Values::F64(values) => Ok(Array::F64(shaped(values, shape, what)?)),
        Values::Bool(_) | Values::Int(_) | Values::Text(_) => {
            Err(Error::malformed(what, "model", "it holds no numbers"))
        }
    }
}
