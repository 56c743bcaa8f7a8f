//! What can go wrong with a file, by the cause a user can act on.

use std::io;
use std::path::PathBuf;

/// Everything that can go wrong while reading or writing.
///
/// `what` names the file, and the array or column inside it where there is one
/// (`data.npz:x`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The path is there, but it is a folder, a pipe or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The text does not name a file and, optionally, an array or column in it.
    #[error("cannot understand `{text}` as a data source: {reason}")]
    Source {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An `.npz` file holds several arrays and none was chosen.
    #[error("{what} holds {} arrays; choose one as `{what}:NAME` ({})", names.len(), list(names))]
    ChooseArray {
        /// The file.
        what: String,
        /// The arrays it holds.
        names: Vec<String>,
    },
    /// The file has no array or column of this name.
    #[error("{what} has no {kind} `{}`{}; it has {}", shown(name), did_you_mean(near), list(names))]
    NotFound {
        /// The file.
        what: String,
        /// `array`, `column` or `tensor`.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// A name in the file that is spelt almost alike.
        near: Option<String>,
        /// The names in the file.
        names: Vec<String>,
    },
    /// The file holds two arrays or columns of one name.
    #[error("{what} holds `{}` twice", shown(name))]
    Duplicate {
        /// The file.
        what: String,
        /// The name.
        name: String,
    },
    /// The content breaks the rules of its format.
    #[error("{what} is not a valid {format} file: {reason}")]
    Malformed {
        /// The file.
        what: String,
        /// The format it should have.
        format: &'static str,
        /// The rule that is broken.
        reason: String,
    },
    /// The file ends before its content does.
    #[error("{what} is cut short: {expected} bytes expected, {got} there")]
    Truncated {
        /// The file.
        what: String,
        /// The bytes its header speaks of.
        expected: u64,
        /// The bytes that are there.
        got: u64,
    },
    /// The file goes on after its content.
    #[error("{what} has {extra} bytes more than its header describes")]
    TrailingBytes {
        /// The file.
        what: String,
        /// The bytes too many.
        extra: u64,
    },
    /// The checksum of a member does not fit its content.
    #[error("{what} is damaged: checksum {expected:08x} expected, {got:08x} computed")]
    Checksum {
        /// The file and array.
        what: String,
        /// The checksum stored in the file.
        expected: u32,
        /// The checksum of the bytes.
        got: u32,
    },
    /// Elements of a kind that has no meaning here.
    #[error("{what} holds elements of type {found}; {wanted} are expected")]
    ElementType {
        /// The file and array.
        what: String,
        /// The type found.
        found: String,
        /// What is accepted.
        wanted: &'static str,
    },
    /// The array does not fit into memory.
    #[error("{what} needs {bytes} bytes of memory, which are not to be had")]
    OutOfMemory {
        /// The file and array.
        what: String,
        /// The bytes asked for.
        bytes: u64,
    },
    /// The disk has no room for the file.
    #[error("{} needs {needed} bytes on disk, of which {free} are free", path.display())]
    NoRoom {
        /// The file or folder.
        path: PathBuf,
        /// Its size.
        needed: u64,
        /// What the file system has left for this user.
        free: u64,
    },
    /// The array has the wrong number of dimensions.
    #[error("{what} has shape {shape:?}; {wanted}")]
    Shape {
        /// The file and array.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What was expected.
        wanted: &'static str,
    },
    /// The array has no rows or no columns.
    #[error("{what} is empty: its shape is {shape:?}")]
    Empty {
        /// The file and array.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Entries of a file written in tiles are missing, or came twice.
    #[error("{what} is not complete: {got} of {expected} entries were written")]
    Incomplete {
        /// The file and array.
        what: String,
        /// The number of its entries.
        expected: u64,
        /// The number of entries written.
        got: u64,
    },
    /// A store was begun by another job.
    #[error("{} was begun with another {field} ({detail}); it can be continued only by the same job", path.display())]
    StoreDiffers {
        /// The folder.
        path: PathBuf,
        /// What differs.
        field: String,
        /// What it is there, and what it was to be.
        detail: String,
    },
    /// Stores that are to be joined are of different jobs.
    #[error(
        "{} was made with another {field} than {} ({detail}); only parts of one job can be joined",
        path.display(),
        first.display()
    )]
    PartDiffers {
        /// The store.
        path: PathBuf,
        /// The first of all that are to be joined.
        first: PathBuf,
        /// What differs.
        field: String,
        /// What it is there, and what it is in the first.
        detail: String,
    },
    /// No store to be joined was named.
    #[error("no store to join: one or more are expected")]
    NoParts,
    /// Tiles of a store are missing or damaged.
    #[error(
        "{} is not complete: {count} of {tiles} tiles are {state}; its job, when continued, computes them",
        path.display()
    )]
    StoreIncomplete {
        /// The folder.
        path: PathBuf,
        /// How many tiles.
        count: usize,
        /// All tiles.
        tiles: usize,
        /// `missing` or `damaged`.
        state: &'static str,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Stopped,
    /// A model file or store of another version.
    #[error("{what} is of version {found}; this program reads version {known}")]
    Version {
        /// The file.
        what: String,
        /// The version it states.
        found: String,
        /// The version that is read.
        known: u32,
    },
    /// A name that the model file uses itself.
    #[error("`{name}` is reserved in {what}")]
    Reserved {
        /// The file.
        what: String,
        /// The name.
        name: &'static str,
    },
    /// A line of a table has more or fewer fields than the first.
    #[error("line {line} of {what} has {got} fields; {expected} are expected")]
    Ragged {
        /// The file.
        what: String,
        /// The line, counted from 1.
        line: u64,
        /// The number of columns.
        expected: usize,
        /// The number of fields in this line.
        got: usize,
    },
    /// A field of a table is empty or says that there is no value.
    #[error("{what} has no value at line {line}, column `{}`", shown(column))]
    Missing {
        /// The file.
        what: String,
        /// The line, counted from 1 (in `.parquet`, the row).
        line: u64,
        /// The column's name, or its index counted from 0.
        column: String,
    },
    /// A field of a table is no finite number.
    #[error(
        "`{}` at line {line}, column `{}` of {what} is not a finite number",
        shown(text),
        shown(column)
    )]
    NotANumber {
        /// The file.
        what: String,
        /// The line, counted from 1.
        line: u64,
        /// The column's name, or its index counted from 0.
        column: String,
        /// The field's text, shortened.
        text: String,
    },
    /// A target that should be a class is a fraction.
    #[error(
        "{what} holds {value} at row {row} (counted from 0); classes are whole numbers, booleans or words"
    )]
    NotALabel {
        /// The file and array.
        what: String,
        /// The row, counted from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A format this program was built without.
    #[error("{what} cannot be read: this program was built without the feature `{feature}`")]
    FeatureOff {
        /// The file.
        what: String,
        /// The Cargo feature that reads it.
        feature: &'static str,
    },
    /// A number that should be an index or a label.
    #[error(
        "{what} holds {value} at place {place} (counted from 0); whole numbers from {low} to {high} are expected"
    )]
    NotWhole {
        /// The file and array.
        what: String,
        /// The place in the array, in C order, from 0.
        place: usize,
        /// The value.
        value: f64,
        /// The smallest that is accepted.
        low: i64,
        /// The largest that is accepted.
        high: i64,
    },
    /// Columns of edges that do not belong to the graphs one after another.
    #[error(
        "{what} must have {} numbers, from 0 up to {edges} and never down, for {graphs} graphs and {edges} edges",
        graphs + 1
    )]
    EdgeOffsetsShape {
        /// The file and array.
        what: String,
        /// Number of graphs.
        graphs: usize,
        /// Number of edges.
        edges: usize,
    },
    /// An edge in the columns of a graph that its source is not in.
    #[error(
        "{what} gives edge {edge} to graph {graph}, but it begins at node {node} of another graph"
    )]
    EdgeOffsets {
        /// The file and array.
        what: String,
        /// The graph, from 0.
        graph: usize,
        /// The column of the edge, from 0.
        edge: usize,
        /// Its source, numbered over all graphs.
        node: usize,
    },
    /// Graphs that break a rule of their own.
    #[error("{place}: {source}")]
    Graph {
        /// The file, and the line or column where there is one.
        place: String,
        /// The rule.
        source: Box<widelimit_graph::Error>,
    },
    /// Not one label or fold for every graph.
    #[error("{what} has {got} {list} for {graphs} graphs")]
    GraphCount {
        /// The files.
        what: String,
        /// `labels` or `folds`.
        list: &'static str,
        /// Number of graphs.
        graphs: usize,
        /// Number of entries.
        got: usize,
    },
    /// A value is NaN or infinite.
    #[error("{what} holds {value} at {} (counted from 0)", named(place))]
    NonFinite {
        /// The file and array.
        what: String,
        /// Indices along the axes, from 0.
        place: Vec<usize>,
        /// The value.
        value: f64,
    },
}

impl Error {
    /// The same of an array whose first row is the row `first` of what was named.
    pub(crate) fn rows_from(mut self, first: usize) -> Self {
        if let Self::NonFinite { place, .. } = &mut self
            && let Some(row) = place.first_mut()
        {
            *row += first;
        }
        self
    }
}

/// A place in an array: rows and columns have names, other axes have not.
fn named(place: &[usize]) -> String {
    match place {
        [] => "its only place".to_owned(),
        [row] => format!("row {row}"),
        [row, column] => format!("row {row}, column {column}"),
        indices => {
            let indices: Vec<String> = indices.iter().map(ToString::to_string).collect();
            format!("({})", indices.join(", "))
        }
    }
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    pub(crate) fn malformed(what: &str, format: &'static str, reason: impl Into<String>) -> Self {
        Error::Malformed { what: what.to_owned(), format, reason: reason.into() }
    }
}

/// A name or a field from a file as it stands there; only what would leave the line is escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_debug()) } else { out.push(c) }
    }
    out
}

/// At most this many names are listed in a message.
const LISTED: usize = 20;

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(LISTED).map(|n| shown(n)).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map(|n| format!(" (did you mean `{}`?)", shown(n))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_they_are_but_stay_on_their_line() {
        let names = vec!["12\" pipe".to_owned(), "it's".to_owned(), "a\nb".to_owned()];
        let name = "C:\\d".to_owned();
        let error =
            Error::NotFound { what: "t.csv".into(), kind: "column", name, near: None, names };
        assert_eq!(error.to_string(), r#"t.csv has no column `C:\d`; it has 12" pipe, it's, a\nb"#);
    }
}
