//! Bytes that can be read at any position by several threads: a file, or memory.

use crate::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A file, or bytes in memory.
#[derive(Debug)]
pub(crate) enum Storage {
    File { file: File, len: u64 },
    Bytes(Vec<u8>),
}

impl Storage {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("open", path))?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        Ok(Storage::File { file, len: metadata.len() })
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Storage::File { len, .. } => *len,
            Storage::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Storage::File { file, .. } => read_file_at(file, buffer, offset),
            Storage::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[start..]).read(buffer)
            }
        }
    }

    /// The bytes of `[start, end)` as a reader; an end beyond the storage reads as its end.
    pub(crate) fn window(&self, start: u64, end: u64) -> Window<'_> {
        Window { storage: self, position: start, end: end.min(self.len()) }
    }

    /// All bytes of `[start, end)`; the range must lie inside the storage.
    pub(crate) fn bytes(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.window(start, end).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A reader over a range of a [`Storage`].
#[derive(Debug)]
pub(crate) struct Window<'a> {
    storage: &'a Storage,
    position: u64,
    end: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.storage.read_at(&mut buffer[..wanted], self.position)?;
        self.position += got as u64;
        Ok(got)
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Fills `buffer` from `offset` on.
pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_file_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`, whatever other threads write elsewhere.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes all of `bytes` at `offset`, whatever other threads write elsewhere.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}
