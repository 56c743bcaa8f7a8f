//! Features of graphs.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use widelimit::embed::{Settings, Strategy};
use widelimit::graphs::GntkFeatures;

use crate::arrays::give;
use crate::error::exception;
use crate::features::stated;
use crate::graph_kernels::{Recipe, run};
use crate::graphs::PyGraphs;

/// Fitted features of graphs.
#[pyclass(name = "GntkFeatures", module = "widelimit._core", frozen)]
pub struct PyGntkFeatures {
    features: Arc<GntkFeatures>,
}

#[pymethods]
impl PyGntkFeatures {
    /// Features for graphs like these.
    #[staticmethod]
    #[pyo3(signature = (graphs, recipe, dim, method, seed))]
    fn fit(
        py: Python<'_>,
        graphs: &PyGraphs,
        recipe: &Bound<'_, PyDict>,
        dim: usize,
        method: &str,
        seed: u64,
    ) -> PyResult<Self> {
        let gntk = recipe.extract::<Recipe>()?.gntk()?;
        let strategy = Strategy::from_name(method).ok_or_else(|| {
            let names = Strategy::ALL.map(|strategy| format!("{:?}", strategy.name())).join(", ");
            PyValueError::new_err(format!("method: expected one of {names}, got {method:?}"))
        })?;
        let settings = Settings { strategy, seed, ..Settings::new(dim) };
        let graphs = Arc::clone(&graphs.graphs);
        let features = py.detach(|| GntkFeatures::fit(&gntk, &graphs, &settings));
        Ok(Self { features: Arc::new(features.map_err(exception)?) })
    }

    /// What `to_json` described.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let features = py.detach(|| GntkFeatures::from_json(text)).map_err(exception)?;
        Ok(Self { features: Arc::new(features) })
    }

    /// All that the features follow from.
    fn to_json(&self) -> PyResult<String> {
        Ok(self.features.to_json().map_err(exception)?.to_string())
    }

    /// How far the kernel of the features is from the exact one, on a sample of at most so many graphs.
    #[pyo3(signature = (graphs, wanted, threads, memory))]
    fn certify<'py>(
        &self,
        py: Python<'py>,
        graphs: &PyGraphs,
        wanted: usize,
        threads: Option<&Bound<'py, PyAny>>,
        memory: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (features, graphs) = (&self.features, Arc::clone(&graphs.graphs));
        let silent = PyBool::new(py, false).to_owned().into_any();
        let found =
            run(py, (threads, memory), &silent, move |run| features.certify(&graphs, wanted, run))?;
        found.map(|certificate| stated(py, &certificate)).transpose()
    }

    /// Features of graphs, one a row.
    #[pyo3(signature = (graphs, single, threads, memory, progress))]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        graphs: &PyGraphs,
        single: bool,
        threads: Option<&Bound<'py, PyAny>>,
        memory: Option<&Bound<'py, PyAny>>,
        progress: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (features, graphs) = (&self.features, Arc::clone(&graphs.graphs));
        let means = (threads, memory);
        if single {
            let z = run(py, means, progress, move |run| features.transform::<f32>(&graphs, run))?;
            return Ok(give(py, z));
        }
        let z = run(py, means, progress, move |run| features.transform::<f64>(&graphs, run))?;
        Ok(give(py, z))
    }
}
