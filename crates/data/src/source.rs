//! The text by which a user names an array: a file and, where it holds several, one of them.

use crate::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// File formats, told apart by the ending of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One NumPy array: `.npy`.
    Npy,
    /// A zip archive of NumPy arrays: `.npz`.
    Npz,
    /// A table as text: `.csv`, `.tsv`.
    Csv,
    /// A table in columns: `.parquet`.
    Parquet,
}

/// Endings and what they stand for.
const ENDINGS: [(&str, Format); 5] = [
    (".npy", Format::Npy),
    (".npz", Format::Npz),
    (".csv", Format::Csv),
    (".tsv", Format::Csv),
    (".parquet", Format::Parquet),
];

impl Format {
    /// The format a path's ending stands for, whatever its case.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| *format)
    }

    /// What the part after the colon names in this format.
    fn part(self) -> &'static str {
        match self {
            Format::Npy | Format::Npz => "array",
            Format::Csv | Format::Parquet => "column",
        }
    }
}

/// A file and, optionally, the array (`.npz`) or column (`.csv`, `.parquet`) meant in it.
///
/// ```
/// use widelimit_data::{Format, Source};
/// let source = Source::parse(r"C:\data\set.npz:x_train")?;
/// assert_eq!(source.path().to_str(), Some(r"C:\data\set.npz"));
/// assert_eq!((source.format(), source.name()), (Format::Npz, Some("x_train")));
/// assert_eq!(source.to_string(), r"C:\data\set.npz:x_train");
/// # Ok::<(), widelimit_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    path: PathBuf,
    format: Format,
    name: Option<String>,
}

impl Source {
    /// Parses `x.npy`, `x.npz`, `x.npz:array`, `x.csv`, `x.csv:column`, `x.parquet:column`.
    ///
    /// The path ends at the first known ending that is followed by a colon; without one, the whole
    /// text is the path. So drive letters, other colons in the path and colons in a column's name
    /// do no harm. No file is touched.
    ///
    /// # Errors
    /// [`Error::Source`] if there is no known ending, or a name where none can be.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fail = |reason: String| Error::Source { text: text.to_owned(), reason };
        let lower = text.to_ascii_lowercase();
        let split = ENDINGS
            .iter()
            .filter_map(|(ending, _)| {
                lower
                    .match_indices(ending)
                    .map(|(i, _)| i + ending.len())
                    .find(|end| lower.as_bytes().get(*end) == Some(&b':'))
            })
            .min();
        let (path, name) = match split {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        if name == Some("") {
            return Err(fail("nothing follows the colon".to_owned()));
        }
        Self::new(path, name).map_err(|e| match e {
            Error::Source { reason, .. } => fail(reason),
            other => other,
        })
    }

    /// A source from a path and a name, for paths that [`Source::parse`] would split elsewhere.
    ///
    /// # Errors
    /// [`Error::Source`] as in [`Source::parse`].
    pub fn new(path: impl Into<PathBuf>, name: Option<&str>) -> Result<Self, Error> {
        let path = path.into();
        let fail = |reason: &str| Error::Source {
            text: path.display().to_string(),
            reason: reason.to_owned(),
        };
        let format = Format::of(&path).ok_or_else(|| {
            fail("a name ending in .npy, .npz, .csv, .tsv or .parquet is expected")
        })?;
        if format == Format::Npy && name.is_some() {
            return Err(fail("an .npy file holds one array without a name"));
        }
        Ok(Source { path, format, name: name.map(str::to_owned) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The array or column, if one was named.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `array` or `column`: what [`Source::name`] names.
    pub fn part(&self) -> &'static str {
        self.format.part()
    }
}

impl FromStr for Source {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Source::parse(text)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.name.iter().try_for_each(|name| write!(f, ":{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, Format) {
        let s = Source::parse(text).unwrap();
        (s.path.to_str().unwrap().to_owned(), s.name, s.format)
    }

    #[test]
    fn splits_where_the_path_ends() {
        let table = [
            ("x.npy", "x.npy", None, Format::Npy),
            ("x.NPZ", "x.NPZ", None, Format::Npz),
            ("x.npz:a", "x.npz", Some("a"), Format::Npz),
            ("x.npz:dir/a.b", "x.npz", Some("dir/a.b"), Format::Npz),
            ("C:\\d\\x.csv", "C:\\d\\x.csv", None, Format::Csv),
            ("C:/d/x.csv:y", "C:/d/x.csv", Some("y"), Format::Csv),
            ("run:3/x.tsv:y", "run:3/x.tsv", Some("y"), Format::Csv),
            ("x.csv:time:hour", "x.csv", Some("time:hour"), Format::Csv),
            ("x.csv:a.npz:b", "x.csv", Some("a.npz:b"), Format::Csv),
            ("x.csv.parquet:größe", "x.csv.parquet", Some("größe"), Format::Parquet),
            ("x.npy.d/y.npz", "x.npy.d/y.npz", None, Format::Npz),
        ];
        for (text, path, name, format) in table {
            assert_eq!(parts(text), (path.to_owned(), name.map(str::to_owned), format), "{text}");
            assert_eq!(Source::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, reason) in [
            ("", "a name ending in"),
            ("x", "a name ending in"),
            ("x.txt:y", "a name ending in"),
            ("x.npy:a", "one array"),
            ("x.npz:", "nothing follows"),
            (":a", "a name ending in"),
        ] {
            let message = Source::parse(text).unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains(text), "{text}: {message}");
        }
    }
}
