//! The SIMD vocabulary every dual is written in.
//!
//! [`Real`] is *one vector of reals*: sixteen `f32` in an AVX-512 register, four `f64` in an AVX2
//! one, or a single number on any machine. A formula written once over `R: Real` therefore serves
//! scalar code, `f64` vectors and `f32` vectors alike. [`Lanes`] makes such vectors from numbers
//! and slices, and [`Element::dispatch`] runs a [`Job`] with the widest instruction set asked for.
//!
//! Every function here and every function built on it must be `#[inline(always)]` and must not
//! pass vectors through closures: code that is not inlined into the function that enables the
//! instruction set falls back to one call per lane, many times slower, silently.

mod arctangent;
mod error_function;
mod exponential;
mod isa;
mod portable;
mod trigonometric;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, Div, Mul, Neg, Sub};

pub use isa::{Element, Isa, Job};
pub use portable::{F32x1, F64x1, Portable};
#[cfg(target_arch = "x86_64")]
pub use x86::{F32x8, F32x16, F64x4, F64x8};

/// One vector of `f32` or `f64`; all operations act lane by lane.
///
/// Arithmetic takes another vector or an `f64` literal (`x * 2.0 + y`). The elementary functions
/// never return NaN for finite arguments inside their stated domain and saturate outside the range
/// of the format. Accuracies are given in units in the last place (ulp) of the format.
///
/// On [`Portable`] a [`mul_add`](Self::mul_add) rounds twice, so results of different instruction
/// sets agree to a few ulp, not bitwise.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
{
    /// Result of a comparison, lane by lane.
    type Mask: Copy;

    /// Whether the lanes are `f32`.
    const SINGLE: bool;

    /// The literal `x` in every lane, rounded to the format.
    fn lit(self, x: f64) -> Self;

    /// `self * b + c`, with one rounding where the hardware has it.
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// `self * b + c` with one rounding everywhere, where an error term is wanted.
    fn fma(self, b: Self, c: Self) -> Self;

    /// `a b - c d` to about one ulp of the result, whatever cancels (Kahan's algorithm).
    ///
    /// Swapping `a` with `b`, or `c` with `d`, leaves every bit as it is.
    fn difference_of_products(a: Self, b: Self, c: Self, d: Self) -> Self;

    /// Square root; the argument must not be negative.
    fn sqrt(self) -> Self;

    /// Absolute value.
    fn abs(self) -> Self;

    /// The smaller of two.
    fn min(self, other: Self) -> Self;

    /// The larger of two.
    fn max(self, other: Self) -> Self;

    /// The magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// `self < other`.
    fn lt(self, other: Self) -> Self::Mask;

    /// `self <= other`.
    fn le(self, other: Self) -> Self::Mask;

    /// `self == other`.
    fn eq(self, other: Self) -> Self::Mask;

    /// `self > other`.
    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        other.lt(self)
    }

    /// `self >= other`.
    #[inline(always)]
    fn ge(self, other: Self) -> Self::Mask {
        other.le(self)
    }

    /// `self` where the mask is set, else `other`.
    fn select(self, mask: Self::Mask, other: Self) -> Self;

    /// Nearest integer, ties to even; for magnitudes below 2^22.
    fn round(self) -> Self;

    /// `2^self` for an integer `self` within the exponent range of normal numbers.
    fn pow2(self) -> Self;

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self {
        self.lit(0.0)
    }

    /// `e^self`, 1 ulp; 0 and the largest finite number beyond the range.
    #[inline(always)]
    fn exp(self) -> Self {
        exponential::exp(self)
    }

    /// `(phi, y - phi x)` with `phi = atan2(y, x)`, for `x, y >= 0` not both zero, 2 ulp.
    ///
    /// The second number, which the piecewise-linear duals are made of, vanishes with the third
    /// power of the angle; it comes from a series there, not from the difference.
    #[inline(always)]
    fn angle(y: Self, x: Self) -> (Self, Self) {
        arctangent::angle(y, x)
    }

    /// The angle of the point (`x`, `self`) in [-pi, pi], 2 ulp; 0 at the origin.
    #[inline(always)]
    fn atan2(self, x: Self) -> Self {
        arctangent::atan2(self, x)
    }

    /// Arc sine of the argument clamped to [-1, 1], 2 ulp.
    #[inline(always)]
    fn asin(self) -> Self {
        arctangent::asin(self)
    }

    /// Arc cosine of the argument clamped to [-1, 1], 2 ulp.
    #[inline(always)]
    fn acos(self) -> Self {
        arctangent::acos(self)
    }

    /// `e^self - 1`, 2 ulp; -1 and the largest finite number far out.
    #[inline(always)]
    fn expm1(self) -> Self {
        exponential::expm1(self)
    }

    /// Sine and cosine for magnitudes up to 1e3, 2 ulp of 1.
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        trigonometric::sin_cos(self)
    }

    /// The error function, 2 ulp.
    #[inline(always)]
    fn erf(self) -> Self {
        error_function::erf(self)
    }

    /// The complement `1 - erf(self)`, 4 ulp, down to the smallest normal number.
    #[inline(always)]
    fn erfc(self) -> Self {
        error_function::erfc(self)
    }

    /// The scaled complement `e^(x^2) erfc(x)`, 3 ulp; saturates for `x` below -26.5 (`f32`: -9).
    #[inline(always)]
    fn erfcx(self) -> Self {
        error_function::erfcx(self)
    }

    /// Standard normal distribution function, 4 ulp, both tails relative.
    #[inline(always)]
    fn norm_cdf(self) -> Self {
        error_function::norm_cdf(self)
    }

    /// Standard normal density, 3 ulp.
    #[inline(always)]
    fn norm_pdf(self) -> Self {
        error_function::norm_pdf(self)
    }
}

/// Makes vectors of `T`: one implementation for each instruction set and format.
pub trait Lanes<T>: Copy {
    /// The vector.
    type Vector: Real;

    /// Number of lanes.
    const WIDTH: usize;

    /// `x` in every lane.
    fn splat(self, x: T) -> Self::Vector;

    /// The first [`WIDTH`](Self::WIDTH) numbers of the slice; missing ones are 0.
    fn load(self, slice: &[T]) -> Self::Vector;

    /// Writes as many lanes as the slice holds, at most [`WIDTH`](Self::WIDTH).
    fn store(self, slice: &mut [T], vector: Self::Vector);
}

/// `c[0] + c[1] x + ... + c[5] x^5`, as [`sextic`].
#[inline(always)]
pub(crate) fn quintic<R: Real>(x: R, square: R, c: &[f64; 6]) -> R {
    let pair = |low: f64, high: f64| x.lit(high).mul_add(x, x.lit(low));
    let high = pair(c[4], c[5]).mul_add(square, pair(c[2], c[3]));
    high.mul_add(square, pair(c[0], c[1]))
}

/// `c[0] + c[1] x + ... + c[6] x^6`, `square` being `x^2`: fewer steps one behind the other than by
/// Horner's rule, for loops that wait for results rather than for units.
#[inline(always)]
pub(crate) fn sextic<R: Real>(x: R, square: R, c: &[f64; 7]) -> R {
    let pair = |low: f64, high: f64| x.lit(high).mul_add(x, x.lit(low));
    let high = square.mul_add(x.lit(c[6]), pair(c[4], c[5]));
    let middle = high.mul_add(square, pair(c[2], c[3]));
    middle.mul_add(square, pair(c[0], c[1]))
}

/// `c[0] + x (c[1] + x (c[2] + ...))` by Horner's rule.
#[inline(always)]
pub fn polynomial<R: Real, const N: usize>(x: R, c: &[f64; N]) -> R {
    let mut sum = x.lit(c[N - 1]);
    for k in (0..N - 1).rev() {
        sum = sum.mul_add(x, x.lit(c[k]));
    }
    sum
}
