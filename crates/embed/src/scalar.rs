//! The two number types features can have.

use std::any::Any;

use ndarray::{Array2, CowArray, Ix2};

/// `f32` or `f64`: the type of the inputs and of the features.
pub trait Scalar:
    widelimit_linalg::Scalar + widelimit_sketch::Scalar + widelimit_dual::Element
{
}

impl Scalar for f32 {}
impl Scalar for f64 {}

/// Rounds to the type of the features.
#[inline(always)]
pub(crate) fn round<T: Scalar>(x: f64) -> T {
    <T as widelimit_linalg::Scalar>::from_f64(x)
}

/// The same number in double precision.
#[inline(always)]
pub(crate) fn widen<T: Scalar>(x: T) -> f64 {
    <T as widelimit_linalg::Scalar>::to_f64(x)
}

/// A matrix in both formats.
#[derive(Debug)]
pub(crate) struct Both {
    double: Array2<f64>,
    single: Array2<f32>,
}

impl Both {
    /// The matrix and its rounded copy.
    pub fn new(double: Array2<f64>) -> Self {
        let single = double.mapv(|x| x as f32);
        Self { double, single }
    }

    /// In double precision.
    pub fn double(&self) -> &Array2<f64> {
        &self.double
    }

    /// In the format of the features.
    pub fn get<T: Scalar>(&self) -> CowArray<'_, T, Ix2> {
        let known: [&dyn Any; 2] = [&self.double, &self.single];
        match known.into_iter().find_map(|matrix| matrix.downcast_ref::<Array2<T>>()) {
            Some(matrix) => matrix.view().into(),
            None => self.double.mapv(round::<T>).into(),
        }
    }
}
