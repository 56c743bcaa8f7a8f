//! NumPy arrays in and out, without copies where the layout allows.

use numpy::{
    PyArray1, PyArray2, PyArrayDescrMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use widelimit::ndarray::{Array1, Array2, ArrayView2, ArrayViewD, Ix2};
use widelimit::{Error, Precision};

/// A borrowed input in either precision.
pub enum Input<'py> {
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

impl<'py> Input<'py> {
    /// Borrows an array of float32 or float64.
    pub fn new(array: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<Self> {
        let py = array.py();
        if array.dtype().is_equiv_to(&dtype::<f32>(py)) {
            Ok(Self::F32(array.extract()?))
        } else if array.dtype().is_equiv_to(&dtype::<f64>(py)) {
            Ok(Self::F64(array.extract()?))
        } else {
            let message = format!("{name}: expected float32 or float64, got {}", array.dtype());
            Err(PyTypeError::new_err(message))
        }
    }

    /// The precision of its elements.
    pub fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::F64(_) => Precision::F64,
        }
    }
}

/// What is expected of the axes of inputs.
pub const AXES: &str = "two to five are expected: (n, features) or (n, spatial axes .., channels)";

/// Inputs: one axis for them, one for channels (or features), up to three of positions between.
pub fn inputs<'a, T: numpy::Element>(
    array: &'a PyReadonlyArrayDyn<'_, T>,
    what: &'static str,
) -> Result<ArrayViewD<'a, T>, Error> {
    let view = array.as_array();
    let got = view.ndim();
    if (2..=5).contains(&got) {
        return Ok(view);
    }
    Err(Error::Dimensions { what, got, expected: AXES })
}

/// Rows and columns of a matrix.
pub fn matrix<'a, T: numpy::Element>(
    array: &'a PyReadonlyArrayDyn<'_, T>,
    what: &'static str,
) -> Result<ArrayView2<'a, T>, Error> {
    let view = array.as_array();
    let got = view.ndim();
    let expected = "two are expected: rows and columns";
    view.into_dimensionality::<Ix2>().map_err(|_| Error::Dimensions { what, got, expected })
}

/// Hands a matrix to NumPy, which owns it from then on.
pub fn give<T: numpy::Element>(py: Python<'_>, array: Array2<T>) -> Bound<'_, PyAny> {
    PyArray2::from_owned_array(py, array).into_any()
}

/// Hands a vector to NumPy.
pub fn give1<T: numpy::Element>(py: Python<'_>, array: Array1<T>) -> Bound<'_, PyAny> {
    PyArray1::from_owned_array(py, array).into_any()
}
