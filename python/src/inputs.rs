//! Inputs of kernels: arrays and, for graphs, adjacency matrices.

use numpy::{PyReadonlyArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use widelimit::arch::{Layer, Network};
use widelimit::exact::{Inputs, Spatial};
use widelimit::ndarray::{ArrayView3, Ix3};

use crate::arrays::inputs;
use crate::error::exception;

/// The pairs of positions that a name stands for.
pub fn spatial(name: &str) -> PyResult<Spatial> {
    match name {
        "full" => Ok(Spatial::Full),
        "pixel_diagonal" => Ok(Spatial::Diagonal),
        other => {
            let message =
                format!("spatial: expected \"full\" or \"pixel_diagonal\", got {other:?}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// An array that may be there, and its name in messages.
type Named<'b, 'py> = (Option<&'b Bound<'py, PyUntypedArray>>, &'static str);

/// Borrowed inputs with the adjacency matrices that belong to them.
pub struct Set<'py, T: numpy::Element> {
    x: PyReadonlyArrayDyn<'py, T>,
    adjacency: Option<PyReadonlyArrayDyn<'py, T>>,
    names: [&'static str; 2],
}

impl<'py, T: numpy::Element> Set<'py, T> {
    /// Borrows inputs, if they are there; matrices without inputs are refused, and those that the network
    /// has no use for.
    pub fn borrow(
        network: &Network,
        (x, name): Named<'_, 'py>,
        (adjacency, adjacency_name): Named<'_, 'py>,
    ) -> PyResult<Option<Self>> {
        let aggregates = network.walk().any(|(_, layer)| matches!(layer, Layer::Aggregate));
        if adjacency.is_some() && !aggregates {
            return Err(PyValueError::new_err(format!(
                "{adjacency_name}: no layer of the network aggregates over graphs"
            )));
        }
        let Some(x) = x else {
            if adjacency.is_some() {
                let message = format!("{adjacency_name}: there is no {name} that it belongs to");
                return Err(PyValueError::new_err(message));
            }
            return Ok(None);
        };
        let one_type = || PyTypeError::new_err("x1, x2 and adjacency must have one dtype");
        let borrow = |array: &Bound<'py, PyUntypedArray>| array.extract().map_err(|_| one_type());
        let adjacency = adjacency.map(borrow).transpose()?;
        Ok(Some(Self { x: borrow(x)?, adjacency, names: [name, adjacency_name] }))
    }

    /// The inputs.
    pub fn view(&self) -> PyResult<Inputs<'_, T>> {
        let x = Inputs::new(inputs(&self.x, self.names[0]).map_err(exception)?);
        let Some(adjacency) = &self.adjacency else { return Ok(x) };
        let matrices = adjacency.as_array();
        let axes = matrices.ndim();
        let matrices: ArrayView3<'_, T> = matrices.into_dimensionality::<Ix3>().map_err(|_| {
            let name = self.names[1];
            PyValueError::new_err(format!(
                "{name} has {axes} dimensions, three are expected: (n, vertices, vertices)"
            ))
        })?;
        Ok(x.with_adjacency(matrices))
    }
}
