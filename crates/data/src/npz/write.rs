//! Writing zip archives of stored (uncompressed) members, as `np.savez` does.

use crate::array::FloatType;
use crate::error::shown;
use crate::npy::{Sum, header_bytes, write_values};
use crate::{Array, Error, write_atomically};
use std::io::{self, Write};
use std::path::Path;

/// Sizes and offsets from here on need zip64.
const FULL: u64 = u32::MAX as u64;

/// 1 January 1980, midnight: the earliest date a zip archive knows. The same arrays give the same
/// file whenever they are written.
const DATE: u16 = 0x21;

/// A member as the headers describe it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    name: String,
    /// Bytes of the `.npy` file.
    len: u64,
    /// Where its local header starts.
    pub(crate) local: u64,
    /// Known once all bytes are.
    pub(crate) crc: u32,
}

impl Member {
    /// A member of `len` bytes at `local` for the array `name`.
    pub(crate) fn new(name: &str, len: u64, local: u64) -> Self {
        Member { name: format!("{name}.npy"), len, local, crc: 0 }
    }

    /// What both headers have in common, from the version needed to the length of the extra field.
    fn common(&self, extra_len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let size = self.len.min(FULL) as u32;
        let version: u16 = if extra_len > 0 { 45 } else { 20 };
        // UTF-8 names are announced by bit 11.
        let flags: u16 = if self.name.is_ascii() { 0 } else { 1 << 11 };
        for half in [version, flags, 0, 0, DATE] {
            bytes.extend(half.to_le_bytes());
        }
        for word in [self.crc, size, size] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend((extra_len as u16).to_le_bytes());
        bytes
    }

    fn large(&self) -> bool {
        self.len >= FULL
    }

    /// The header before the member's bytes.
    pub(crate) fn local_header(&self) -> Vec<u8> {
        let sizes = [self.len, self.len];
        let extra = extra_field(if self.large() { &sizes } else { &[] });
        [b"PK\x03\x04", &self.common(extra.len())[..], self.name.as_bytes(), &extra].concat()
    }

    /// The entry in the directory.
    fn central_header(&self) -> Vec<u8> {
        let mut sizes = Vec::new();
        if self.large() {
            sizes.extend([self.len, self.len]);
        }
        if self.local >= FULL {
            sizes.push(self.local);
        }
        let extra = extra_field(&sizes);
        let mut bytes = b"PK\x01\x02\x2d\x03".to_vec();
        bytes.extend(self.common(extra.len()));
        // No comment, first disk, no internal attributes; a regular file, readable by all.
        bytes.extend([0; 6]);
        bytes.extend((0o100_644u32 << 16).to_le_bytes());
        bytes.extend((self.local.min(FULL) as u32).to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes.extend(extra);
        bytes
    }
}

/// The zip64 extra field with these sizes; empty without any.
fn extra_field(sizes: &[u64]) -> Vec<u8> {
    if sizes.is_empty() {
        return Vec::new();
    }
    let mut bytes = vec![1, 0];
    bytes.extend((8 * sizes.len() as u16).to_le_bytes());
    bytes.extend(sizes.iter().flat_map(|s| s.to_le_bytes()));
    bytes
}

/// The directory of all members, which starts at `start`, and the records at the end of the file.
pub(crate) fn directory(members: &[Member], start: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(Member::central_header).collect();
    let (size, count) = (bytes.len() as u64, members.len() as u64);
    if size >= FULL || start >= FULL || count >= u64::from(u16::MAX) {
        let record = start + size;
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([count, count, size, start].iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(record.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = count.min(u64::from(u16::MAX)) as u16;
    bytes.extend([count, count].iter().flat_map(|v| v.to_le_bytes()));
    bytes.extend([size, start].iter().flat_map(|v| (*v.min(&FULL) as u32).to_le_bytes()));
    bytes.extend([0, 0]);
    bytes
}

/// Checks the names of the arrays of an archive: short enough, without zeros, each once.
pub(crate) fn check_names<'a>(
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    for (i, name) in names.clone().enumerate() {
        if name.len() + 4 > usize::from(u16::MAX) || name.contains('\0') || name.is_empty() {
            let reason = format!("`{}` cannot be the name of an array", shown(name));
            return Err(Error::malformed(what, "npz", reason));
        }
        if names.clone().take(i).any(|n| n == name) {
            return Err(Error::Duplicate { what: what.to_owned(), name: name.to_owned() });
        }
    }
    Ok(())
}

/// Writes arrays under their names as an `.npz` file, uncompressed, whole or not at all.
///
/// Sizes of 4 GiB and more are written as zip64, which NumPy reads.
///
/// # Errors
/// [`Error::Duplicate`] for two arrays of one name; [`Error::Io`] from the file system.
pub fn write_npz(path: impl AsRef<Path>, arrays: &[(&str, &Array)]) -> Result<(), Error> {
    let path = path.as_ref();
    check_names(&path.display().to_string(), arrays.iter().map(|(name, _)| *name))?;
    write_atomically(path, |file| {
        let mut members = Vec::new();
        let mut at = 0;
        for (name, array) in arrays {
            let header = header_bytes(array.float_type(), array.shape());
            let mut member =
                Member::new(name, npy_len(&header, array.float_type(), array.shape()), at);
            member.crc = checksum(&header, array)?;
            let local = member.local_header();
            file.write_all(&local)?;
            file.write_all(&header)?;
            write_values(array, file)?;
            at += local.len() as u64 + member.len;
            members.push(member);
        }
        file.write_all(&directory(&members, at))
    })
}

/// Bytes of an `.npy` file with this header.
fn npy_len(header: &[u8], float: FloatType, shape: &[usize]) -> u64 {
    header.len() as u64 + shape.iter().product::<usize>() as u64 * float.size() as u64
}

fn checksum(header: &[u8], array: &Array) -> io::Result<u32> {
    let mut sum = Sum::default();
    sum.write_all(header)?;
    write_values(array, &mut sum)?;
    Ok(sum.finish())
}
