//! The two number formats of the recursion.

/// `f32` or `f64`.
pub(crate) trait Real: widelimit_linalg::Scalar + widelimit_dual::Element {}

impl Real for f32 {}
impl Real for f64 {}

/// Rounds to the format.
#[inline(always)]
pub(crate) fn round<T: Real>(x: f64) -> T {
    <T as widelimit_linalg::Scalar>::from_f64(x)
}

/// The same number in double precision.
#[inline(always)]
pub(crate) fn widen<T: Real>(x: T) -> f64 {
    <T as widelimit_linalg::Scalar>::to_f64(x)
}

/// The format's name.
pub(crate) fn format<T: Real>() -> &'static str {
    if <T as widelimit_dual::Element>::SINGLE { "f32" } else { "f64" }
}
