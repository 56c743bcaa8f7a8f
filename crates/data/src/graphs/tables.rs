//! Graphs in tables: one of edges and, if need be, one of nodes and one of graphs.

use super::{GraphSet, graph_error, last_edge};
use crate::error::shown;
use crate::{CsvOptions, CsvTable, Error, Targets};
use ndarray::Array2;
use std::collections::HashMap;
use std::path::Path;
use widelimit_graph::{Graphs, Parts};

/// Tables of edges, nodes and graphs, with headings.
///
/// | table | columns |
/// |---|---|
/// | edges | `graph`, `source`, `target`; `weight` and `label` if there are any |
/// | nodes (optional) | `graph`, `node`; `label` if there is one; every other column is a numeric feature |
/// | graphs (optional) | `graph`; `label` and `fold` if there are any |
///
/// Graphs and nodes are called by any numbers or words; a node's name counts within its graph. They come in the
/// order of the most special table that names them (graphs, nodes, edges), each where it is named first. A node
/// without edges needs the table of nodes; where there is one, it names all nodes, and a table of graphs names all
/// graphs.
///
/// An undirected edge is given once, or in both directions with the same weight and label. Labels of nodes and
/// edges are whole numbers from 0 to 4294967295, folds whole numbers, negative for a graph in no test part. Labels
/// of graphs are classes or numbers, as in [`read_targets`](crate::read_targets).
///
/// ```
/// use widelimit_data::{CsvOptions, CsvTable, GraphTables};
/// let text = b"graph,source,target\nwater,o,h1\nwater,o,h2\nhydrogen,h1,h2\n".to_vec();
/// let set = GraphTables::new(CsvTable::from_bytes(text, "edges.csv", CsvOptions::default())?);
/// let graphs = set.read()?.graphs;
/// assert_eq!(graphs.node_offsets(), &[0, 3, 5]);
/// assert_eq!(graphs.graph(0).neighbours(0), &[1, 2]);
/// # Ok::<(), widelimit_data::Error>(())
/// ```
#[derive(Debug)]
pub struct GraphTables {
    /// The edges.
    pub edges: CsvTable,
    /// The nodes.
    pub nodes: Option<CsvTable>,
    /// The graphs.
    pub graphs: Option<CsvTable>,
    /// Whether edges lead from `source` to `target` alone.
    pub directed: bool,
}

impl GraphTables {
    /// A table of edges without directions.
    pub fn new(edges: CsvTable) -> Self {
        Self { edges, nodes: None, graphs: None, directed: false }
    }

    /// Opens the tables.
    ///
    /// # Errors
    /// As [`CsvTable::open`].
    pub fn open(
        edges: impl AsRef<Path>,
        nodes: Option<&Path>,
        graphs: Option<&Path>,
    ) -> Result<Self, Error> {
        let open = |path: &Path| CsvTable::open(path, CsvOptions::default());
        Ok(Self {
            nodes: nodes.map(open).transpose()?,
            graphs: graphs.map(open).transpose()?,
            ..Self::new(open(edges.as_ref())?)
        })
    }

    /// Opens the edges `NAME.csv` and, where they are there, the nodes `NAME.nodes.csv` and the graphs
    /// `NAME.graphs.csv` beside them.
    ///
    /// # Errors
    /// As [`CsvTable::open`].
    ///
    /// ```
    /// use widelimit_data::GraphTables;
    /// let dir = tempfile::tempdir()?;
    /// std::fs::write(dir.path().join("set.csv"), "graph,source,target\na,0,1\nb,0,1\n")?;
    /// std::fs::write(dir.path().join("set.nodes.csv"), "graph,node\na,0\na,1\na,alone\nb,0\nb,1\n")?;
    /// let graphs = GraphTables::beside(dir.path().join("set.csv"))?.read()?.graphs;
    /// assert_eq!(graphs.node_offsets(), &[0, 3, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn beside(edges: impl AsRef<Path>) -> Result<Self, Error> {
        let edges = edges.as_ref();
        let there = |table: &str| {
            let path = edges.with_extension(format!("{table}.csv"));
            path.is_file().then_some(path)
        };
        Self::open(edges, there("nodes").as_deref(), there("graphs").as_deref())
    }

    /// The graphs.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a missing column; [`Error::Malformed`] with file and line for a node or graph that is
    /// not in its table, or twice in it, and for labels that are no whole numbers; [`Error::Graph`] with file and
    /// line for edges that break a rule of [`Graphs::new`]; and as [`CsvTable::numbers`].
    pub fn read(mut self) -> Result<GraphSet, Error> {
        let tables = [Some(&mut self.edges), self.nodes.as_mut(), self.graphs.as_mut()];
        for table in tables.into_iter().flatten() {
            table.expect_column("graph")?;
        }
        let mut names = Names::default();
        let (labels, folds) = match &self.graphs {
            None => (None, None),
            Some(table) => names.graphs(table)?,
        };
        let (node_labels, features) = match &self.nodes {
            None => (None, None),
            Some(table) => names.nodes(table)?,
        };
        let edges = names.edges(&self.edges)?;
        let (offsets, place) = names.layout();
        let at = |edges: &[usize]| edges.iter().map(|&node| place[node]).collect::<Vec<usize>>();
        let (mut sources, mut targets) = (at(&edges.sources), at(&edges.targets));
        let Edges { mut weights, labels: mut edge_labels, mut lines, .. } = edges;
        if !self.directed {
            let missing = missing_directions(&sources, &targets);
            for &edge in &missing {
                let (source, target) = (sources[edge], targets[edge]);
                sources.push(target);
                targets.push(source);
                lines.push(lines[edge]);
            }
            double(&mut weights, &missing);
            double(&mut edge_labels, &missing);
        }
        let node_labels = node_labels.map(|labels| {
            let mut sorted = vec![0; labels.len()];
            labels.into_iter().zip(&place).for_each(|(label, &to)| sorted[to] = label);
            sorted
        });
        let features = features.map(|rows| {
            let mut sorted = Array2::zeros(rows.raw_dim());
            rows.outer_iter().zip(&place).for_each(|(row, &to)| sorted.row_mut(to).assign(&row));
            sorted
        });
        let parts = Parts {
            node_offsets: &offsets,
            edge_index: [&sources, &targets],
            weights: weights.as_deref(),
            edge_labels: edge_labels.as_deref(),
            node_labels: node_labels.as_deref(),
            features,
            directed: self.directed,
        };
        let what = self.edges.what();
        let graphs = Graphs::new(parts).map_err(|error| {
            let at = |edge: usize| format!("{what}, line {}", lines[edge]);
            let ends = |g, u, v| last_edge(&offsets, &sources, &targets, [g, u, v]);
            graph_error(error, what, at, ends)
        })?;
        GraphSet { graphs, labels, folds }.check(what)
    }
}

/// Edges with the nodes numbered in the order of their names.
#[derive(Default)]
struct Edges {
    sources: Vec<usize>,
    targets: Vec<usize>,
    weights: Option<Vec<f64>>,
    labels: Option<Vec<u32>>,
    lines: Vec<u64>,
}

/// Labels and features of nodes.
type NodeColumns = (Option<Vec<u32>>, Option<Array2<f64>>);

/// Labels and folds of graphs.
type GraphColumns = (Option<Targets>, Option<Vec<Option<usize>>>);

/// Numbers of the names of graphs, and of nodes within their graphs.
#[derive(Default)]
struct Names {
    graphs: HashMap<String, usize>,
    nodes: HashMap<(usize, String), usize>,
    /// The graph of every node.
    graph_of: Vec<usize>,
    /// Whether a table names all graphs, all nodes.
    all_graphs: bool,
    all_nodes: bool,
}

impl Names {
    /// Labels and folds of the graphs.
    fn graphs(&mut self, table: &CsvTable) -> Result<GraphColumns, Error> {
        let lines = table.lines()?;
        for (name, line) in table.texts(table.column("graph")?)?.into_iter().zip(lines) {
            let next = self.graphs.len();
            if self.graphs.insert(name.clone(), next).is_some() {
                return Err(wrong(table, line, format!("graph `{name}` is there twice")));
            }
        }
        self.all_graphs = true;
        let labels = match has(table, "label") {
            Some(column) => Some(Targets::from_texts(table.texts(column)?)),
            None => None,
        };
        let folds = match has(table, "fold") {
            Some(column) => Some(whole::<i64>(table, column)?),
            None => None,
        };
        let part = |fold: i64| usize::try_from(fold).ok();
        Ok((labels, folds.map(|folds| folds.into_iter().map(part).collect())))
    }

    /// Labels and features of the nodes.
    fn nodes(&mut self, table: &CsvTable) -> Result<NodeColumns, Error> {
        let (graph, node) = (table.column("graph")?, table.column("node")?);
        let names = table.texts(graph)?.into_iter().zip(table.texts(node)?).zip(table.lines()?);
        for ((graph, node), line) in names {
            let known = self.graph_of.len();
            if self.node(table, line, &graph, node.clone())? < known {
                let reason = format!("node `{node}` of graph `{graph}` is there twice");
                return Err(wrong(table, line, reason));
            }
        }
        self.all_nodes = true;
        let label = has(table, "label");
        let others = 0..table.columns().len();
        let others: Vec<usize> =
            others.filter(|&c| c != graph && c != node && Some(c) != label).collect();
        let labels = label.map(|column| whole(table, column)).transpose()?;
        let features = if others.is_empty() { None } else { Some(table.numbers(&others)?) };
        Ok((labels, features))
    }

    fn edges(&mut self, table: &CsvTable) -> Result<Edges, Error> {
        let columns = ["graph", "source", "target"].map(|name| table.column(name));
        let [graph, source, target] = columns;
        let graphs = table.texts(graph?)?;
        let ends = table.texts(source?)?.into_iter().zip(table.texts(target?)?);
        let mut edges = Edges { lines: table.lines()?, ..Edges::default() };
        for ((graph, (source, target)), &line) in graphs.into_iter().zip(ends).zip(&edges.lines) {
            edges.sources.push(self.node(table, line, &graph, source)?);
            edges.targets.push(self.node(table, line, &graph, target)?);
        }
        if let Some(column) = has(table, "weight") {
            edges.weights = Some(table.numbers(&[column])?.into_iter().collect());
        }
        edges.labels = has(table, "label").map(|column| whole(table, column)).transpose()?;
        Ok(edges)
    }

    /// The number of a node; a new one where no table before named all.
    fn node(
        &mut self,
        table: &CsvTable,
        line: u64,
        graph: &str,
        node: String,
    ) -> Result<usize, Error> {
        let of = match self.graphs.get(graph) {
            Some(&of) => of,
            None if self.all_graphs => {
                let reason = format!("graph `{graph}` is not in the table of graphs");
                return Err(wrong(table, line, reason));
            }
            None => {
                let of = self.graphs.len();
                self.graphs.insert(graph.to_owned(), of);
                of
            }
        };
        let next = self.graph_of.len();
        let key = (of, node);
        if let Some(&number) = self.nodes.get(&key) {
            return Ok(number);
        }
        if self.all_nodes {
            let reason =
                format!("node `{}` of graph `{graph}` is not in the table of nodes", key.1);
            return Err(wrong(table, line, reason));
        }
        self.nodes.insert(key, next);
        self.graph_of.push(of);
        Ok(next)
    }

    /// Where the nodes of each graph begin, and where each node comes when graphs follow one another.
    fn layout(&self) -> (Vec<usize>, Vec<usize>) {
        let mut offsets = vec![0; self.graphs.len() + 1];
        self.graph_of.iter().for_each(|graph| offsets[graph + 1] += 1);
        (0..self.graphs.len()).for_each(|graph| offsets[graph + 1] += offsets[graph]);
        let mut next = offsets.clone();
        let mut one = |&graph: &usize| {
            next[graph] += 1;
            next[graph] - 1
        };
        (offsets, self.graph_of.iter().map(&mut one).collect())
    }
}

/// Edges whose other direction is not there.
fn missing_directions(sources: &[usize], targets: &[usize]) -> Vec<usize> {
    let mut there: Vec<(usize, usize)> =
        sources.iter().copied().zip(targets.iter().copied()).collect();
    there.sort_unstable();
    let alone = |edge: &usize| there.binary_search(&(targets[*edge], sources[*edge])).is_err();
    (0..sources.len()).filter(alone).collect()
}

/// Repeats entries at the end.
fn double<T: Copy>(values: &mut Option<Vec<T>>, again: &[usize]) {
    if let Some(values) = values {
        values.extend(again.iter().map(|&edge| values[edge]).collect::<Vec<T>>());
    }
}

fn has(table: &CsvTable, name: &str) -> Option<usize> {
    table.columns().iter().position(|column| column == name)
}

/// Whole numbers of a column.
fn whole<T: std::str::FromStr>(table: &CsvTable, column: usize) -> Result<Vec<T>, Error> {
    let number = |(text, line): (String, u64)| {
        text.parse().map_err(|_| {
            let name = shown(&table.columns()[column]);
            let text: String = text.chars().take(40).collect();
            let reason =
                format!("`{}` in column `{name}` is not a whole number in range", shown(&text));
            wrong(table, line, reason)
        })
    };
    table.texts(column)?.into_iter().zip(table.lines()?).map(number).collect()
}

fn wrong(table: &CsvTable, line: u64, reason: String) -> Error {
    Error::malformed(table.what(), "graph", format!("line {line}: {}", shown(&reason)))
}
