//! Any texts as the files of a set of graphs: an error, or graphs with a label each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::TuFiles;

/// Between the files.
const BREAK: &[u8] = b"\n--\n";

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut next = || {
        let end = rest.windows(BREAK.len()).position(|part| part == BREAK);
        let (part, behind) = match end {
            Some(end) => (&rest[..end], &rest[end + BREAK.len()..]),
            None => (rest, &[][..]),
        };
        rest = behind;
        part.to_vec()
    };
    let (edges, graph_indicator) = (next(), next());
    let mut optional = || Some(next()).filter(|part| !part.is_empty());
    let files = TuFiles {
        edges,
        graph_indicator,
        graph_labels: optional(),
        node_labels: optional(),
        node_attributes: optional(),
        edge_labels: optional(),
        ..TuFiles::new("FUZZ")
    };
    for directed in [false, true] {
        let Ok(set) = files.read(directed) else { continue };
        assert!(set.labels.as_ref().is_none_or(|labels| labels.rows() == set.graphs.len()));
        assert_eq!(set, files.read(directed).expect("what was read is read again"));
    }
});
