//! Writing `.npy` arrays: version 1, little-endian, C order.

use crate::{Array, Classes, Draft, Element, Error, FloatType};
use ndarray::{ArrayView, ArrayViewD, Axis, Dimension};
use std::io::{self, Write};
use std::path::Path;

/// About as many bytes are converted at a time.
const MAX_CHUNK: usize = 1 << 18;

/// The header of an array of floating-point numbers.
pub(crate) fn header_bytes(float: FloatType, shape: &[usize]) -> Vec<u8> {
    typed_header(&format!("<f{}", float.size()), shape)
}

/// Magic, version and dictionary, padded so that the elements start at a multiple of 64.
fn typed_header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let axes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // A tuple of one ends in a comma, a longer one does not.
    let axes = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let total = (10 + dictionary.len() + 1).next_multiple_of(64);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    // At most 64 axes of 20 digits: far below the 64 KiB of a version 1 header.
    bytes.extend(((total - 10) as u16).to_le_bytes());
    bytes.extend(dictionary.bytes());
    bytes.resize(total - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// Writes the elements in C order.
fn write_array<T: Element>(array: ArrayViewD<'_, T>, out: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    let all = array.len() * T::FLOAT_TYPE.size();
    if array.ndim() == 0 || all <= MAX_CHUNK {
        T::append_bytes(array, &mut bytes);
        return out.write_all(&bytes);
    }
    let row = all / array.shape()[0];
    for rows in array.axis_chunks_iter(Axis(0), (MAX_CHUNK / row.max(1)).max(1)) {
        bytes.clear();
        T::append_bytes(rows, &mut bytes);
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes the elements of an array of either precision in C order.
pub(crate) fn write_values(array: &Array, out: &mut impl Write) -> io::Result<()> {
    match array {
        Array::F32(a) => write_array(a.view(), out),
        Array::F64(a) => write_array(a.view(), out),
    }
}

/// A writer that keeps only the checksum (CRC-32) of what passes.
#[derive(Default)]
pub(crate) struct Sum(crc32fast::Hasher);

impl Sum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an array as an `.npy` file, whole or not at all.
///
/// # Errors
/// [`Error::Io`] from the file system; [`Error::NotAFile`] if `path` is a folder or a device.
pub fn write_npy<T: Element, D: Dimension>(
    path: impl AsRef<Path>,
    array: ArrayView<'_, T, D>,
) -> Result<(), Error> {
    draft_npy(path, array)?.publish()
}

/// What [`write_npy`] writes, not published yet.
///
/// # Errors
/// As [`write_npy`].
pub fn draft_npy<T: Element, D: Dimension>(
    path: impl AsRef<Path>,
    array: ArrayView<'_, T, D>,
) -> Result<Draft, Error> {
    Draft::filled(path, |file| {
        file.write_all(&header_bytes(T::FLOAT_TYPE, array.shape()))?;
        write_array(array.into_dyn(), file)
    })
}

/// Writes a class a row as an `.npy` file, whole or not at all: booleans as `bool`, whole numbers
/// as `int64`, words as text of fixed length.
///
/// # Errors
/// [`Error::NotFound`] if a code is not the index of a class; and as [`write_npy`].
///
/// ```
/// use widelimit_data::{read_targets, write_labels, Classes, Source, Targets};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("p.npy");
/// let classes = Classes::Texts(vec!["cat".into(), "dog".into()]);
/// write_labels(&path, &[1, 0, 1], &classes)?;
/// let read = read_targets(&Source::new(&path, None)?)?;
/// assert_eq!(read, Targets::Labels { codes: vec![1, 0, 1], classes });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_labels(
    path: impl AsRef<Path>,
    codes: &[usize],
    classes: &Classes,
) -> Result<(), Error> {
    draft_labels(path, codes, classes)?.publish()
}

/// What [`write_labels`] writes, not published yet.
///
/// # Errors
/// As [`write_labels`].
pub fn draft_labels(
    path: impl AsRef<Path>,
    codes: &[usize],
    classes: &Classes,
) -> Result<Draft, Error> {
    let path = path.as_ref();
    if let Some(code) = codes.iter().find(|code| **code >= classes.len()) {
        return Err(Error::NotFound {
            what: path.display().to_string(),
            kind: "class",
            name: code.to_string(),
            near: None,
            names: classes.names(),
        });
    }
    // Every class as the bytes of one element.
    let (descr, elements): (String, Vec<Vec<u8>>) = match classes {
        Classes::Booleans(c) => ("|b1".to_owned(), c.iter().map(|v| vec![u8::from(*v)]).collect()),
        Classes::Integers(c) => {
            ("<i8".to_owned(), c.iter().map(|v| v.to_le_bytes().to_vec()).collect())
        }
        Classes::Texts(c) => {
            let length = c.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
            let utf32 = |text: &String| {
                let mut bytes: Vec<u8> =
                    text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                bytes.resize(4 * length, 0);
                bytes
            };
            (format!("<U{length}"), c.iter().map(utf32).collect())
        }
    };
    Draft::filled(path, |file| {
        file.write_all(&typed_header(&descr, &[codes.len()]))?;
        codes.iter().try_for_each(|code| file.write_all(&elements[*code]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_numpy() {
        let text = |shape: &[usize]| {
            let bytes = header_bytes(FloatType::F64, shape);
            assert_eq!(bytes.len() % 64, 0);
            assert_eq!(bytes.len(), 10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize);
            String::from_utf8(bytes[10..].to_vec()).unwrap().trim_end().to_owned()
        };
        assert_eq!(text(&[]), "{'descr': '<f8', 'fortran_order': False, 'shape': (), }");
        assert_eq!(text(&[3]), "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }");
        assert_eq!(text(&[3, 4]), "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }");
    }
}
