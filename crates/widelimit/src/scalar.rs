//! The two number types, as a type and as a value.

use ndarray::ArrayD;
use widelimit_data::Array;

use crate::model::Stored;

/// Single or double precision, decided by the data.
pub use widelimit_data::FloatType as Precision;

/// `f32` or `f64`: what every floor of the workspace can compute with.
pub trait Scalar:
    widelimit_exact::Scalar + widelimit_embed::Scalar + widelimit_data::Element + Stored
{
    /// The type as a value.
    const PRECISION: Precision = <Self as widelimit_data::Element>::FLOAT_TYPE;

    /// An array of this type as one of either type.
    fn wrap(array: ArrayD<Self>) -> Array;

    /// The nearest number of this type.
    fn narrow(value: f64) -> Self {
        <Self as widelimit_linalg::Scalar>::from_f64(value)
    }

    /// The value in double precision.
    fn widen(self) -> f64 {
        <Self as widelimit_linalg::Scalar>::to_f64(self)
    }
}

impl Scalar for f32 {
    fn wrap(array: ArrayD<Self>) -> Array {
        Array::F32(array)
    }
}

impl Scalar for f64 {
    fn wrap(array: ArrayD<Self>) -> Array {
        Array::F64(array)
    }
}
