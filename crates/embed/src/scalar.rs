//! The two number types features can have.

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
