//! Stores: what they hold, and how they are joined.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use widelimit::data::StoreReader;
use widelimit::exact::Progress;
use widelimit::{Run, merge_stores as merge};

use crate::error::exception;
use crate::running::watched;

/// What a store says of itself: names of its arrays, its network or its kernel between graphs as JSON, and
/// how it stands.
#[pyfunction]
pub fn store_facts(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let store = py.detach(|| StoreReader::open(path)).map_err(exception)?;
    let spec = store.spec();
    let names: Vec<_> = spec.arrays.iter().map(|array| array.name.as_str()).collect();
    let facts = PyDict::new(py);
    facts.set_item("arrays", names)?;
    for (name, of) in [("network", "network"), ("graph_kernel", "kernel")] {
        facts.set_item(name, spec.description.get(of).map(ToString::to_string))?;
    }
    facts.set_item("tiles", spec.tiles())?;
    facts.set_item("missing", store.missing())?;
    facts.set_item("complete", store.is_complete())?;
    Ok(facts)
}

/// Joins stores of parts of one job.
#[pyfunction]
pub fn merge_stores<'py>(
    py: Python<'py>,
    parts: Vec<PathBuf>,
    out: PathBuf,
    progress: &Bound<'py, PyAny>,
) -> PyResult<()> {
    watched(py, progress, move |cancel, tiles| {
        let report = |progress: Progress| tiles.report(progress);
        let run = Run { cancel: Some(cancel), progress: Some(&report), ..Run::default() };
        merge(&parts, &out, &run).map(drop)
    })
}
