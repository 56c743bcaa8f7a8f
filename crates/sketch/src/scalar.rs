//! The two number formats.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::fourier::{Convolve, Plans};

mod sealed {
    /// Keeps [`Scalar`](super::Scalar) to the two formats the crate is compiled for.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Scalar:
    sealed::Sealed
    + Copy
    + Default
    + Send
    + Sync
    + Debug
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + PartialOrd
    + Into<f64>
{
    /// Rounds to this format.
    fn from_f64(x: f64) -> Self;

    /// Whether the number is neither NaN nor infinite.
    fn finite(self) -> bool;

    #[doc(hidden)]
    fn fourier(plans: &Plans) -> &dyn Convolve<Self>;
}

impl Scalar for f32 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }

    fn fourier(plans: &Plans) -> &dyn Convolve<Self> {
        &plans.single
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }

    fn fourier(plans: &Plans) -> &dyn Convolve<Self> {
        &plans.double
    }
}
