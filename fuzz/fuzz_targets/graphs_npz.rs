//! Any bytes as an archive of graphs: an error, or graphs with a label and a fold each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::{Npz, graphs_from_npz};

fuzz_target!(|bytes: &[u8]| {
    let Ok(npz) = Npz::from_bytes(bytes.to_vec(), "fuzz.npz") else { return };
    for directed in [false, true] {
        let Ok(set) = graphs_from_npz(&npz, "fuzz.npz", directed) else { continue };
        let graphs = set.graphs.len();
        assert!(set.labels.as_ref().is_none_or(|labels| labels.rows() == graphs));
        assert!(set.folds.as_ref().is_none_or(|folds| folds.len() == graphs));
    }
});
