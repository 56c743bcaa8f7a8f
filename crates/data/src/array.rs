//! Arrays whose element type is known only once the file is open.

use crate::Error;
use ndarray::{Array2, ArrayD, ArrayViewD};

/// An array as it came from a file, in C order: `float32` stays `float32`, every other numeric
/// type is widened to `float64`.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Single precision.
    F32(ArrayD<f32>),
    /// Double precision.
    F64(ArrayD<f64>),
}

impl Array {
    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Array::F32(a) => a.shape(),
            Array::F64(a) => a.shape(),
        }
    }

    /// The precision of the elements.
    pub fn float_type(&self) -> FloatType {
        match self {
            Array::F32(_) => FloatType::F32,
            Array::F64(_) => FloatType::F64,
        }
    }

    /// The same values in double precision; no copy if they are.
    pub fn into_f64(self) -> ArrayD<f64> {
        match self {
            Array::F32(a) => a.mapv(f64::from),
            Array::F64(a) => a,
        }
    }

    /// The same values rounded to single precision; no copy if they are.
    pub fn into_f32(self) -> ArrayD<f32> {
        match self {
            Array::F32(a) => a,
            Array::F64(a) => a.mapv(|v| v as f32),
        }
    }

    /// Values in the precision of `T`.
    pub fn into_elements<T: Element>(self) -> ArrayD<T> {
        T::from_array(self)
    }

    /// A matrix `(rows, columns)` in the precision of `T`; `what` names the array in the error.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the array has two dimensions.
    ///
    /// ```
    /// use widelimit_data::Array;
    /// let a = Array::from(ndarray::arr2(&[[1.0, 2.0]]).into_dyn());
    /// assert_eq!(a.into_matrix::<f32>("x")?, ndarray::arr2(&[[1.0f32, 2.0]]));
    /// # Ok::<(), widelimit_data::Error>(())
    /// ```
    pub fn into_matrix<T: Element>(self, what: &str) -> Result<Array2<T>, Error> {
        let shape = self.shape().to_vec();
        self.into_elements::<T>().into_dimensionality().map_err(|_| Error::Shape {
            what: what.to_owned(),
            shape,
            wanted: "two dimensions are expected: rows and features",
        })
    }
}

impl From<ArrayD<f32>> for Array {
    fn from(a: ArrayD<f32>) -> Self {
        Array::F32(a)
    }
}

impl From<ArrayD<f64>> for Array {
    fn from(a: ArrayD<f64>) -> Self {
        Array::F64(a)
    }
}

/// Element types that are written: `float32` and `float64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FloatType {
    /// Single precision, four bytes.
    F32,
    /// Double precision, eight bytes.
    F64,
}

impl FloatType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            FloatType::F32 => 4,
            FloatType::F64 => 8,
        }
    }

    /// NumPy's name: `float32` or `float64`.
    pub fn name(self) -> &'static str {
        match self {
            FloatType::F32 => "float32",
            FloatType::F64 => "float64",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [FloatType::F32, FloatType::F64].into_iter().find(|float| float.name() == name)
    }
}

/// `f32` or `f64`.
pub trait Element:
    Copy + Send + Sync + PartialEq + std::fmt::Debug + sealed::Sealed + 'static
{
    /// The type as a value.
    const FLOAT_TYPE: FloatType;
    /// The values of an array in this precision.
    fn from_array(array: Array) -> ArrayD<Self>;
    /// The value in double precision.
    fn to_f64(self) -> f64;
    /// Appends the little-endian bytes of every value.
    fn append_bytes(values: ArrayViewD<'_, Self>, bytes: &mut Vec<u8>);
}

impl Element for f32 {
    const FLOAT_TYPE: FloatType = FloatType::F32;
    fn from_array(array: Array) -> ArrayD<Self> {
        array.into_f32()
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn append_bytes(values: ArrayViewD<'_, Self>, bytes: &mut Vec<u8>) {
        match values.as_slice() {
            Some(slice) => bytes.extend(slice.iter().flat_map(|v| v.to_le_bytes())),
            None => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        }
    }
}

impl Element for f64 {
    const FLOAT_TYPE: FloatType = FloatType::F64;
    fn from_array(array: Array) -> ArrayD<Self> {
        array.into_f64()
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn append_bytes(values: ArrayViewD<'_, Self>, bytes: &mut Vec<u8>) {
        match values.as_slice() {
            Some(slice) => bytes.extend(slice.iter().flat_map(|v| v.to_le_bytes())),
            None => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
