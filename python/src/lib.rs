//! Python bindings: conversion of arguments, results and errors; nothing is computed here.
#![forbid(unsafe_code)]

mod arrays;
mod calls;
mod error;
mod features;
mod graph_features;
mod graph_kernels;
mod graphs;
mod inputs;
mod kernel;
mod model;
mod network;
mod running;
mod solve;
mod store;
mod streaming;

use pyo3::prelude::*;

/// The compiled half of the package `widelimit`.
#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<network::PyNetwork>()?;
    m.add_class::<model::PyModel>()?;
    m.add_class::<features::PyFeatures>()?;
    m.add_class::<graphs::PyGraphs>()?;
    m.add_class::<graph_features::PyGntkFeatures>()?;
    m.add_class::<solve::PyFlow>()?;
    m.add_class::<streaming::PyGathered>()?;
    m.add_class::<streaming::PyStreamingModel>()?;
    m.add_class::<streaming::PySecondPass>()?;
    m.add_function(wrap_pyfunction!(kernel::kernel, m)?)?;
    m.add_function(wrap_pyfunction!(kernel::kernel_to_store, m)?)?;
    m.add_function(wrap_pyfunction!(kernel::diagonal, m)?)?;
    m.add_function(wrap_pyfunction!(kernel::plan, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::gntk, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::gntk_grid, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::gntk_plan, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::gntk_to_store, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::wl_kernel, m)?)?;
    m.add_function(wrap_pyfunction!(graph_kernels::wl_kernel_grid, m)?)?;
    m.add_function(wrap_pyfunction!(graphs::graphs_from_csv, m)?)?;
    m.add_function(wrap_pyfunction!(graphs::graphs_from_tu, m)?)?;
    m.add_function(wrap_pyfunction!(solve::kernel_ridge, m)?)?;
    m.add_function(wrap_pyfunction!(solve::eigh, m)?)?;
    m.add_function(wrap_pyfunction!(streaming::balanced_class_weights, m)?)?;
    m.add_function(wrap_pyfunction!(store::store_facts, m)?)?;
    m.add_function(wrap_pyfunction!(store::merge_stores, m)?)?;
    Ok(())
}
