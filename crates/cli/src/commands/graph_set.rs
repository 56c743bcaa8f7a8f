//! Files of graphs.

use std::path::Path;

use widelimit::Targets;
use widelimit::data::{Format, GraphTables, TuFiles, read_graphs_npz};
use widelimit::graph::Graphs;

use crate::args::{GraphsArgs, SidesArgs};
use crate::failure::Failure;

/// Graphs and, where the files say, what is to be predicted of them.
pub struct GraphSet {
    pub graphs: Graphs,
    pub targets: Option<Targets>,
}

impl GraphSet {
    /// Reads an `.npz` file, a `.csv` table of edges with what is beside it, or a TU folder (or its file `NAME_A.txt`).
    pub fn read(args: &GraphsArgs) -> Result<GraphSet, Failure> {
        Self::open(&args.path, args.directed)
    }

    /// Reads the graphs of the rows and, where they are others, those of the columns.
    pub fn sides(args: &SidesArgs) -> Result<(GraphSet, Option<GraphSet>), Failure> {
        let columns = args.columns.as_deref();
        let columns = columns.map(|path| Self::open(path, args.rows.directed));
        Ok((Self::read(&args.rows)?, columns.transpose()?))
    }

    fn open(path: &Path, directed: bool) -> Result<GraphSet, Failure> {
        let set = match Format::of(path) {
            _ if path.is_dir() => TuFiles::open(path)?.read(directed)?,
            Some(Format::Npz) => read_graphs_npz(path, directed)?,
            Some(Format::Csv) => GraphTables { directed, ..GraphTables::beside(path)? }.read()?,
            _ if path.to_string_lossy().ends_with("_A.txt") => {
                TuFiles::open(path)?.read(directed)?
            }
            _ => {
                let path = path.display();
                return Err(Failure::usage(format!(
                    "{path}: graphs are an .npz file, a .csv file of edges, or a TU folder with its NAME_A.txt"
                )));
            }
        };
        Ok(GraphSet { graphs: set.graphs, targets: set.labels })
    }
}
