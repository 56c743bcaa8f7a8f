//! The text format of the graph data sets of TU Dortmund.
//!
//! Format: Morris, Kriege, Bause, Kersting, Mutzel and Neumann 2020, *TUDataset: a collection of benchmark datasets
//! for learning with graphs*, and the `README.txt` of each set.

use super::{GraphSet, graph_error, last_edge};
use crate::error::shown as escaped;
use crate::near::nearest;
use crate::storage::Storage;
use crate::{Error, Targets};
use ndarray::Array2;
use std::path::Path;
use widelimit_graph::{Graphs, Parts};

/// The files of a data set `NAME`, as bytes.
///
/// | file | a line for each | with |
/// |---|---|---|
/// | `NAME_A.txt` | edge | the two nodes, counted from 1 over all graphs; undirected edges in both directions |
/// | `NAME_graph_indicator.txt` | node | its graph, counted from 1 |
/// | `NAME_graph_labels.txt` | graph | its class, a whole number; optional here |
/// | `NAME_node_labels.txt` | node | a whole number, not negative; optional |
/// | `NAME_node_attributes.txt` | node | numbers; optional |
/// | `NAME_edge_labels.txt` | edge | a whole number, not negative; optional |
///
/// Numbers of a line are separated by commas or blanks; blank lines are let be. Nodes of a graph need not
/// follow one another.
///
/// ```
/// use widelimit_data::TuFiles;
/// let files = TuFiles {
///     edges: b"1, 2\n2, 1\n3, 4\n4, 3\n".to_vec(),
///     graph_indicator: b"1\n1\n2\n2\n".to_vec(),
///     graph_labels: Some(b"1\n-1\n".to_vec()),
///     ..TuFiles::new("PAIRS")
/// };
/// let set = files.read(false)?;
/// assert_eq!((set.graphs.len(), set.graphs.nodes()), (2, 4));
/// let files = TuFiles { edges: b"1, 2\n2, x\n".to_vec(), ..files };
/// let message = files.read(false).unwrap_err().to_string();
/// assert!(message.starts_with("PAIRS_A.txt is not a valid TU file: line 2"));
/// # Ok::<(), widelimit_data::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TuFiles {
    /// The name of the set, with which the names of the files begin; a path before it is shown in errors.
    pub name: String,
    /// `NAME_A.txt`.
    pub edges: Vec<u8>,
    /// `NAME_graph_indicator.txt`.
    pub graph_indicator: Vec<u8>,
    /// `NAME_graph_labels.txt`.
    pub graph_labels: Option<Vec<u8>>,
    /// `NAME_node_labels.txt`.
    pub node_labels: Option<Vec<u8>>,
    /// `NAME_node_attributes.txt`.
    pub node_attributes: Option<Vec<u8>>,
    /// `NAME_edge_labels.txt`.
    pub edge_labels: Option<Vec<u8>>,
}

/// The end of the name of the file of edges.
const EDGES: &str = "_A.txt";

impl TuFiles {
    /// No files yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Reads the files of the set in a folder, or of the set whose `NAME_A.txt` is given.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Source`] for a folder without such a set, or with several.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = if path.is_dir() { only_set(path)? } else { path.display().to_string() };
        let Some(name) = name.strip_suffix(EDGES) else {
            let reason = format!("a folder, or a file whose name ends in {EDGES}, is expected");
            return Err(Error::Source { text: name, reason });
        };
        let bytes = |part: &str| {
            let path = format!("{name}_{part}.txt");
            let storage = Storage::open(Path::new(&path))?;
            storage.bytes(0, storage.len()).map_err(Error::io("read", path))
        };
        let optional = |part: &str| {
            let there = Path::new(&format!("{name}_{part}.txt")).exists();
            if there { bytes(part).map(Some) } else { Ok(None) }
        };
        Ok(Self {
            edges: bytes("A")?,
            graph_indicator: bytes("graph_indicator")?,
            graph_labels: optional("graph_labels")?,
            node_labels: optional("node_labels")?,
            node_attributes: optional("node_attributes")?,
            edge_labels: optional("edge_labels")?,
            name: name.to_owned(),
        })
    }

    /// The graphs, with their classes as labels.
    ///
    /// # Errors
    /// [`Error::Malformed`] with file and line for what is no number, or a number out of range;
    /// [`Error::Graph`] with the line of an edge that breaks a rule of [`Graphs::new`]; [`Error::GraphCount`].
    pub fn read(&self, directed: bool) -> Result<GraphSet, Error> {
        let indicator = self.table("graph_indicator", &self.graph_indicator);
        let graph_of = indicator.indices(indicator.lines(), usize::MAX)?;
        let (offsets, place) = group(&graph_of, &indicator)?;
        let nodes = graph_of.len();
        let file = self.table("A", &self.edges);
        let (mut sources, mut targets, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for (line, text) in file.lines() {
            let ends = file.numbers::<u64>(line, text)?;
            let &[source, target] = &ends[..] else {
                return Err(file.wrong(line, format!("2 numbers are expected, got {}", ends.len())));
            };
            for (node, list) in [(source, &mut sources), (target, &mut targets)] {
                let inside = usize::try_from(node).ok().filter(|node| (1..=nodes).contains(node));
                let Some(node) = inside else {
                    let reason = format!("node {node} is not one of 1 to {nodes}");
                    return Err(file.wrong(line, reason));
                };
                list.push(place[node - 1]);
            }
            lines.push(line);
        }
        let node_labels = self.labels("node_labels", &self.node_labels, nodes)?;
        let node_labels = node_labels.map(|labels| reorder(labels, &place));
        let edge_labels = self.labels("edge_labels", &self.edge_labels, lines.len())?;
        let parts = Parts {
            node_offsets: &offsets,
            edge_index: [&sources, &targets],
            weights: None,
            edge_labels: edge_labels.as_deref(),
            node_labels: node_labels.as_deref(),
            features: self.attributes(&place)?,
            directed,
        };
        let graphs = Graphs::new(parts).map_err(|error| {
            let at = |edge: usize| format!("{}, line {}", file.what, lines[edge]);
            let ends = |g, u, v| last_edge(&offsets, &sources, &targets, [g, u, v]);
            graph_error(error, &self.name, at, ends)
        })?;
        GraphSet { graphs, labels: self.classes()?, folds: None }.check(&self.name)
    }

    fn table<'a>(&self, part: &str, bytes: &'a [u8]) -> Text<'a> {
        Text { what: format!("{}_{part}.txt", self.name), bytes }
    }

    /// Labels, one a line.
    fn labels(
        &self,
        part: &str,
        bytes: &Option<Vec<u8>>,
        expected: usize,
    ) -> Result<Option<Vec<u32>>, Error> {
        let Some(bytes) = bytes else { return Ok(None) };
        let file = self.table(part, bytes);
        let labels: Result<Vec<u32>, Error> =
            file.lines().map(|(line, text)| file.one(line, text)).collect();
        let labels = labels?;
        file.check_count(labels.len(), expected)?;
        Ok(Some(labels))
    }

    /// Attributes of the nodes, in the order of the graphs.
    fn attributes(&self, place: &[usize]) -> Result<Option<Array2<f64>>, Error> {
        let Some(bytes) = &self.node_attributes else { return Ok(None) };
        let file = self.table("node_attributes", bytes);
        let (mut values, mut rows, mut width) = (Vec::new(), 0, 0);
        for (line, text) in file.lines() {
            let numbers = file.numbers::<f64>(line, text)?;
            if let Some(bad) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(file.wrong(line, format!("{bad} is not a finite number")));
            }
            if rows > 0 && numbers.len() != width {
                let (expected, got) = (width, numbers.len());
                return Err(Error::Ragged { what: file.what, line, expected, got });
            }
            width = numbers.len();
            rows += 1;
            values.extend(numbers);
        }
        file.check_count(rows, place.len())?;
        let mut sorted = vec![0.0; values.len()];
        for (row, &to) in values.chunks(width.max(1)).zip(place) {
            sorted[to * width..(to + 1) * width].copy_from_slice(row);
        }
        let fail = |_| Error::malformed(&file.what, FORMAT, "rows and columns do not fit");
        Array2::from_shape_vec((rows, width), sorted).map(Some).map_err(fail)
    }

    fn classes(&self) -> Result<Option<Targets>, Error> {
        let Some(bytes) = &self.graph_labels else { return Ok(None) };
        let file = self.table("graph_labels", bytes);
        let one = |(line, text)| file.one::<i64>(line, text);
        let classes: Result<Vec<i64>, Error> = file.lines().map(one).collect();
        Ok(Some(Targets::from_integers(classes?)))
    }
}

const FORMAT: &str = "TU";

/// The set in a folder.
fn only_set(folder: &Path) -> Result<String, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("open", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path().display().to_string();
        if path.ends_with(EDGES) {
            found.push(path);
        }
    }
    found.sort_unstable();
    let text = folder.display().to_string();
    match &mut found[..] {
        [only] => Ok(std::mem::take(only)),
        [] => Err(Error::Source { text, reason: format!("it has no file NAME{EDGES}") }),
        several => {
            let wanted = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let near = nearest(&format!("{text}/{wanted}{EDGES}"), several).unwrap_or_default();
            let first = if near.is_empty() { &several[0] } else { &near };
            let reason =
                format!("it has {} files NAME{EDGES}; name one, as {first}", several.len());
            Err(Error::Source { text, reason })
        }
    }
}

/// Offsets of the graphs, and where each node comes when graphs follow one another.
fn group(graph_of: &[usize], indicator: &Text<'_>) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let graphs = graph_of.iter().max().map_or(0, |last| last + 1);
    if graphs > graph_of.len() {
        let (line, _) = indicator
            .lines()
            .zip(graph_of)
            .find(|(_, graph)| **graph + 1 == graphs)
            .map_or((0, 0), |((line, _), graph)| (line, *graph));
        let reason = format!("there are {} nodes, too few for a graph {graphs}", graph_of.len());
        return Err(indicator.wrong(line, reason));
    }
    let mut offsets = vec![0; graphs + 1];
    graph_of.iter().for_each(|graph| offsets[graph + 1] += 1);
    (0..graphs).for_each(|graph| offsets[graph + 1] += offsets[graph]);
    let mut next = offsets.clone();
    let mut place = Vec::with_capacity(graph_of.len());
    for &graph in graph_of {
        place.push(next[graph]);
        next[graph] += 1;
    }
    Ok((offsets, place))
}

/// Entry `i` goes to `place[i]`; there are as many of both.
fn reorder(values: Vec<u32>, place: &[usize]) -> Vec<u32> {
    let mut sorted = vec![0; values.len()];
    values.into_iter().zip(place).for_each(|(value, &to)| sorted[to] = value);
    sorted
}

/// A file of lines of numbers.
struct Text<'a> {
    what: String,
    bytes: &'a [u8],
}

impl<'a> Text<'a> {
    /// The lines that are not blank, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let lines = self.bytes.split(|&byte| byte == b'\n').zip(1..);
        lines.map(|(text, line)| (line, text.trim_ascii())).filter(|(_, text)| !text.is_empty())
    }

    fn wrong(&self, line: u64, reason: impl std::fmt::Display) -> Error {
        Error::malformed(&self.what, FORMAT, format!("line {line}: {reason}"))
    }

    /// The numbers of a line.
    fn numbers<T: std::str::FromStr>(&self, line: u64, text: &[u8]) -> Result<Vec<T>, Error> {
        let shown = || String::from_utf8_lossy(text).chars().take(40).collect::<String>();
        let not_numbers = || {
            let kind =
                if std::any::type_name::<T>() == "f64" { "numbers" } else { "whole numbers" };
            self.wrong(line, format!("`{}` is not a list of {kind} in range", escaped(&shown())))
        };
        let text = std::str::from_utf8(text).map_err(|_| not_numbers())?;
        let fields = text.split(',').flat_map(|part| {
            // between two commas there must be something
            let mut words = part.split_ascii_whitespace().peekable();
            let empty = words.peek().is_none();
            words.map(Some).chain(empty.then_some(None))
        });
        let number = |field: Option<&str>| field.and_then(|field| field.parse().ok());
        fields.map(|field| number(field).ok_or_else(not_numbers)).collect()
    }

    /// The only number of a line.
    fn one<T: std::str::FromStr + Copy>(&self, line: u64, text: &[u8]) -> Result<T, Error> {
        match self.numbers(line, text)?[..] {
            [only] => Ok(only),
            ref several => {
                Err(self.wrong(line, format!("1 number is expected, got {}", several.len())))
            }
        }
    }

    /// Numbers that count from 1, one a line, less 1.
    fn indices(
        &self,
        lines: impl Iterator<Item = (u64, &'a [u8])>,
        most: usize,
    ) -> Result<Vec<usize>, Error> {
        let index = |(line, text)| {
            let number: u64 = self.one(line, text)?;
            let inside = usize::try_from(number).ok().filter(|n| (1..=most).contains(n));
            let number = inside
                .ok_or_else(|| self.wrong(line, format!("{number} is not counted from 1")))?;
            Ok(number - 1)
        };
        lines.map(index).collect()
    }

    fn check_count(&self, got: usize, expected: usize) -> Result<(), Error> {
        if got == expected {
            return Ok(());
        }
        let reason = format!("it has {got} lines of numbers; {expected} are expected");
        Err(Error::malformed(&self.what, FORMAT, reason))
    }
}
