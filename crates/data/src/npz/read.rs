//! Reading the directory of a zip archive.

use crate::Error;
use crate::error::shown;
use crate::npy::Packing;
use crate::storage::Storage;

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) method: u16,
    /// `None` for methods that are not known.
    pub(super) packing: Option<Packing>,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) len: u64,
    /// Where its local header starts.
    local: u64,
}

const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LEN: usize = 20;
const END64: u32 = 0x0606_4b50;
const END64_LEN: usize = 56;
const CENTRAL: u32 = 0x0201_4b50;
const CENTRAL_LEN: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LEN: u64 = 30;

/// All members, files and folders alike.
pub(super) fn read(storage: &Storage, what: &str) -> Result<Vec<Entry>, Error> {
    let bad = |reason: &str| Error::malformed(what, "npz", reason);
    let io = |e| crate::npy::read_error(e, what);
    let len = storage.len();
    let tail_start = len.saturating_sub((END_LEN + usize::from(u16::MAX)) as u64);
    let tail = storage.bytes(tail_start, len).map_err(io)?;
    let end = find_end(&tail).ok_or_else(|| {
        if tail.starts_with(b"PK\x03\x04") || tail_start > 0 {
            bad("no zip directory at its end; is it cut short?")
        } else {
            bad("no zip archive")
        }
    })?;
    let record = &tail[end..];
    let end_at = tail_start + end as u64;
    let mut size = u64::from(u32_at(record, 12));
    let mut start = u64::from(u32_at(record, 16));
    let mut directory_end = end_at;
    // A zip64 record, if there is one, is announced just before.
    if let Some(at) = end_at.checked_sub(LOCATOR_LEN as u64) {
        let locator = storage.bytes(at, end_at).map_err(io)?;
        if u32_at(&locator, 0) == LOCATOR {
            let at = u64_at(&locator, 8);
            let until = at
                .checked_add(END64_LEN as u64)
                .filter(|until| *until <= end_at)
                .ok_or_else(|| bad("the zip64 record lies outside the file"))?;
            let record = storage.bytes(at, until).map_err(io)?;
            if u32_at(&record, 0) != END64 {
                return Err(bad("the zip64 record is not where it should be"));
            }
            (size, start, directory_end) = (u64_at(&record, 40), u64_at(&record, 48), at);
        }
    }
    let directory_stop = start.checked_add(size).filter(|stop| *stop <= directory_end);
    let Some(stop) = directory_stop else {
        return Err(bad("its zip directory lies outside the file"));
    };
    let directory = storage.bytes(start, stop).map_err(io)?;
    entries(&directory, what)
}

/// Where the end record starts in the last bytes of a file: its comment reaches exactly the end.
fn find_end(tail: &[u8]) -> Option<usize> {
    (0..=tail.len().checked_sub(END_LEN)?).rev().find(|i| {
        u32_at(tail, *i) == END && i + END_LEN + usize::from(u16_at(tail, i + 20)) == tail.len()
    })
}

fn entries(mut directory: &[u8], what: &str) -> Result<Vec<Entry>, Error> {
    let bad = |reason: String| Error::malformed(what, "npz", reason);
    let mut entries = Vec::new();
    while !directory.is_empty() {
        let number = entries.len();
        let cut = || bad(format!("entry {number} of its zip directory is cut short"));
        if directory.len() < CENTRAL_LEN {
            return Err(cut());
        }
        if u32_at(directory, 0) != CENTRAL {
            return Err(bad(format!("entry {number} of its zip directory is damaged")));
        }
        let [name_len, extra_len, comment_len] =
            [28, 30, 32].map(|i| usize::from(u16_at(directory, i)));
        let name_end = CENTRAL_LEN + name_len;
        let next = name_end + extra_len + comment_len;
        let name = directory.get(CENTRAL_LEN..name_end).ok_or_else(cut)?;
        let extra = directory.get(name_end..name_end + extra_len).ok_or_else(cut)?;
        let name = String::from_utf8(name.to_vec())
            .map_err(|_| bad(format!("the name of member {number} is not UTF-8")))?;
        if u16_at(directory, 8) & 1 != 0 {
            return Err(bad(format!("member `{}` is encrypted", shown(&name))));
        }
        let mut sizes = [24, 20, 42].map(|i| u64::from(u32_at(directory, i)));
        zip64(extra, &mut sizes)
            .ok_or_else(|| bad(format!("the zip64 sizes of `{}` are missing", shown(&name))))?;
        let [len, packed, local] = sizes;
        let method = u16_at(directory, 10);
        let packing = match method {
            0 => Some(Packing::Stored),
            8 => Some(Packing::Deflated),
            _ => None,
        };
        if packing == Some(Packing::Stored) && len != packed {
            let name = shown(&name);
            return Err(bad(format!("`{name}` is stored, but its sizes are {packed} and {len}")));
        }
        entries.push(Entry {
            name,
            method,
            packing,
            crc: u32_at(directory, 16),
            packed,
            len,
            local,
        });
        directory = directory.get(next..).ok_or_else(cut)?;
    }
    Ok(entries)
}

/// Replaces sizes that do not fit 32 bits (all ones) by those of the zip64 extra field.
fn zip64(mut extra: &[u8], sizes: &mut [u64; 3]) -> Option<()> {
    const FULL: u64 = u32::MAX as u64;
    if sizes.iter().all(|s| *s != FULL) {
        return Some(());
    }
    while extra.len() >= 4 {
        let (id, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..4 + len)?;
        if id == 1 {
            let mut values = field.chunks_exact(8);
            for size in sizes.iter_mut().filter(|s| **s == FULL) {
                *size = u64_at(values.next()?, 0);
            }
            return Some(());
        }
        extra = &extra[4 + len..];
    }
    None
}

/// Where the bytes of a member start, after its local header.
pub(super) fn data_start(storage: &Storage, entry: &Entry, what: &str) -> Result<u64, Error> {
    let bad = |reason: &str| Error::malformed(what, "npz", reason);
    let header_end = entry.local.checked_add(LOCAL_LEN).filter(|end| *end <= storage.len());
    let Some(header_end) = header_end else {
        return Err(bad("the member lies outside the file"));
    };
    let header =
        storage.bytes(entry.local, header_end).map_err(|e| crate::npy::read_error(e, what))?;
    if u32_at(&header, 0) != LOCAL {
        return Err(bad("the member is not where the zip directory says"));
    }
    let start = header_end + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    match start.checked_add(entry.packed) {
        Some(end) if end <= storage.len() => Ok(start),
        _ => Err(bad("the member lies outside the file")),
    }
}

/// Little-endian numbers; zero beyond the end, so that short input is never an index error.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|b| b.try_into().ok()).unwrap_or([0; N])
}
