//! Any texts as tables of edges, nodes and graphs: an error, or graphs with a label and a fold each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::{CsvOptions, CsvTable, GraphTables};

fuzz_target!(|text: &str| {
    let mut parts = text.split("\n--\n");
    let mut table = || {
        let bytes = parts.next()?.as_bytes().to_vec();
        CsvTable::from_bytes(bytes, "fuzz.csv", CsvOptions::default()).ok()
    };
    let Some(edges) = table() else { return };
    let tables = GraphTables { nodes: table(), graphs: table(), ..GraphTables::new(edges) };
    if let Ok(set) = tables.read() {
        let graphs = set.graphs.len();
        assert!(set.labels.as_ref().is_none_or(|labels| labels.rows() == graphs));
        assert!(set.folds.as_ref().is_none_or(|folds| folds.len() == graphs));
    }
});
