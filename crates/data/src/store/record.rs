//! Which tiles are finished, as writers put it on record.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::Error;

/// Finished tiles and the checksums of their bytes, as the records of a store tell.
///
/// A line is `TILE CRC`: the tile's number and the CRC-32 of its bytes in eight hexadecimal digits.
/// Whatever is no such line (cut short, overwritten, of a tile that there is not) says nothing. A
/// record is a claim: the bytes are compared before a tile is counted on.
///
/// ```
/// use widelimit_data::TileRecord;
/// let record = TileRecord::from_bytes(b"2 0badcafe\n\0\0\0\n7 0badcafe\n1 0bad", 4);
/// assert_eq!(record.tiles().collect::<Vec<_>>(), [2]);
/// assert_eq!(record.checksums(2).collect::<Vec<_>>(), [0x0bad_cafe]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileRecord {
    /// Sorted, each once. A tile has several checksums only if a line was damaged.
    lines: Vec<(usize, u32)>,
}

impl TileRecord {
    /// Reads a record of a store of so many tiles. Takes memory in proportion to the text alone.
    pub fn from_bytes(text: &[u8], tiles: usize) -> Self {
        let mut record = Self::default();
        record.extend(text, tiles);
        record.sort();
        record
    }

    /// Reads the records of all writers of the store in `folder`.
    pub(super) fn read(folder: &Path, tiles: usize) -> Result<Self, Error> {
        let mut record = Self::default();
        for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
            let path = entry.map_err(Error::io("read", folder))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if name.is_some_and(|name| name.starts_with("done-") && name.ends_with(".log")) {
                let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
                record.extend(&text, tiles);
            }
        }
        record.sort();
        Ok(record)
    }

    /// How many tiles are on record.
    pub fn len(&self) -> usize {
        self.tiles().count()
    }

    /// Whether no tile is on record.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The tiles on record, in order.
    pub fn tiles(&self) -> impl Iterator<Item = usize> {
        self.lines.chunk_by(|a, b| a.0 == b.0).map(|lines| lines[0].0)
    }

    /// What the checksum of a tile is said to be; nothing if it is not on record.
    pub fn checksums(&self, tile: usize) -> impl Iterator<Item = u32> {
        let first = self.lines.partition_point(|line| line.0 < tile);
        self.lines[first..].iter().take_while(move |line| line.0 == tile).map(|line| line.1)
    }

    /// Whether a tile is on record.
    pub fn has(&self, tile: usize) -> bool {
        self.checksums(tile).next().is_some()
    }

    fn extend(&mut self, text: &[u8], tiles: usize) {
        let whole = &text[..whole(text)];
        let lines = whole.split(|byte| *byte == b'\n').filter_map(parse);
        self.lines.extend(lines.filter(|line| line.0 < tiles));
    }

    fn sort(&mut self) {
        self.lines.sort_unstable();
        self.lines.dedup();
    }
}

/// The line that says that a tile is finished.
pub(super) fn line(tile: usize, checksum: u32) -> String {
    format!("{tile} {checksum:08x}\n")
}

/// Strict: what [`line`] does not write is not read, so that little that is not a line looks like one.
fn parse(text: &[u8]) -> Option<(usize, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (tile, checksum) = text.split_once(' ')?;
    let read = (tile.parse().ok()?, u32::from_str_radix(checksum, 16).ok()?);
    (line(read.0, read.1).strip_suffix('\n') == Some(text)).then_some(read)
}

/// Length of the part of a record that ends with a whole line.
fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// Opens a writer's record for appending, a line that was cut short removed.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let open = || -> io::Result<File> {
        let log = OpenOptions::new().create(true).append(true).open(path)?;
        let text = std::fs::read(path)?;
        let whole = whole(&text);
        if whole < text.len() {
            log.set_len(whole as u64)?;
        }
        Ok(log)
    };
    open().map_err(Error::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Vec<(usize, u32)> {
        TileRecord::from_bytes(text.as_ref(), 12).lines
    }

    #[test]
    fn only_whole_lines_of_tiles_count() {
        assert_eq!(read("2 0000000a\n11 ffffffff\n"), [(2, 10), (11, u32::MAX)]);
        assert_eq!(read("11 ffffffff\n2 0000000a\n2 0000000a\n"), [(2, 10), (11, u32::MAX)]);
        assert_eq!(read("2 0000000a\n2 0000000b\n"), [(2, 10), (2, 11)], "both are claims");
        for nothing in [
            "",
            "\n",
            "\n\n",
            "2",
            "2\n",
            "2 \n",
            " 2 0000000a\n",
            "2 a\n",
            "2 0000000A\n",
            "2 0000000a",
            "2 0000000a \n",
            "2  0000000a\n",
            "+2 0000000a\n",
            "02 0000000a\n",
            "-2 0000000a\n",
            "2 +000000a\n",
            "12 0000000a\n",
            "2 00000000a\n",
            "2 0000000g\n",
            "2 0000000a\r\n",
            "99999999999999999999 0000000a\n",
            "é 0000000a\n",
        ] {
            assert_eq!(read(nothing), [], "{nothing:?}");
        }
        for garbage in [&b"\xff\xfe\n"[..], &[0; 4096], b"\0\0\0\n", b"zzzz\n"] {
            let before = [b"2 0000000a\n", garbage].concat();
            assert_eq!(read(&before), [(2, 10)]);
            let between = [&before[..], b"\n3 0000000b\n"].concat();
            assert_eq!(read(&between), [(2, 10), (3, 11)]);
        }
    }

    #[test]
    fn a_record_cut_at_any_byte_loses_the_cut_line_only() {
        let text: String = (0..12).map(|tile| line(tile, 0x1000_0000 + tile as u32)).collect();
        for end in 0..=text.len() {
            let lines = text[..end].matches('\n').count();
            let expected: Vec<_> = (0..lines).map(|n| (n, 0x1000_0000 + n as u32)).collect();
            assert_eq!(read(&text[..end]), expected);
        }
    }

    #[test]
    fn a_flipped_bit_makes_no_line_that_a_tile_fits() {
        let text: String = (0..12).map(|tile| line(tile, 0x1000_0000 + tile as u32)).collect();
        for position in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[position / 8] ^= 1 << (position % 8);
            // One line may be lost, two if their break is, and one may be wrong.
            let found = read(&bytes);
            let right = |line: &&(usize, u32)| line.1 == 0x1000_0000 + line.0 as u32;
            assert!(found.iter().filter(right).count() >= 10, "bit {position}");
            assert!(found.len() <= 12, "bit {position}");
        }
    }

    #[test]
    fn an_opened_record_ends_with_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("done-1.log");
        for (text, left) in [
            ("2 0000000a\n1 00", "2 0000000a\n"),
            ("2 0000000a\n\0\0\0\0", "2 0000000a\n"),
            ("junk", ""),
            ("", ""),
        ] {
            std::fs::write(&path, text).unwrap();
            drop(open(&path).unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
        }
    }
}
