//! One number at a time, on any machine.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Lanes, Real};

/// Makes vectors of one lane.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

macro_rules! portable {
    ($name:ident, $t:ty, $single:expr, $bits:ty, $mantissa:expr, $bias:expr) => {
        #[doc = concat!("One `", stringify!($t), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub $t);

        portable!(@op $name, $t, Add, add);
        portable!(@op $name, $t, Sub, sub);
        portable!(@op $name, $t, Mul, mul);

        impl Div for $name {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(self.0 / other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Real for $name {
            type Mask = bool;
            const SINGLE: bool = $single;

            #[inline(always)]
            fn lit(self, x: f64) -> Self {
                Self(x as $t)
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Self(self.0 * b.0 + c.0)
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                Self(self.0.mul_add(b.0, c.0))
            }
            #[inline(always)]
            fn difference_of_products(a: Self, b: Self, c: Self, d: Self) -> Self {
                let cd = c.0 * d.0;
                let error = (-c.0).mul_add(d.0, cd);
                Self(a.0.mul_add(b.0, -cd) + error)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(self.0.sqrt())
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Self(self.0.abs())
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self(if self.0 < other.0 { self.0 } else { other.0 })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self(if self.0 > other.0 { self.0 } else { other.0 })
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                Self(self.0.copysign(sign.0))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                self.0 < other.0
            }
            #[inline(always)]
            fn le(self, other: Self) -> bool {
                self.0 <= other.0
            }
            #[inline(always)]
            fn eq(self, other: Self) -> bool {
                self.0 == other.0
            }
            #[inline(always)]
            fn select(self, mask: bool, other: Self) -> Self {
                if mask { self } else { other }
            }
            #[inline(always)]
            fn round(self) -> Self {
                const SHIFT: $t = (3 as $bits << ($mantissa - 1)) as $t;
                Self((self.0 + SHIFT) - SHIFT)
            }
            #[inline(always)]
            fn pow2(self) -> Self {
                const SHIFT: $t = (3 as $bits << ($mantissa - 1)) as $t + $bias;
                Self(<$t>::from_bits((self.0 + SHIFT).to_bits() << $mantissa))
            }
        }

        impl Lanes<$t> for Portable {
            type Vector = $name;
            const WIDTH: usize = 1;

            #[inline(always)]
            fn splat(self, x: $t) -> $name {
                $name(x)
            }
            #[inline(always)]
            fn load(self, slice: &[$t]) -> $name {
                $name(slice.first().copied().unwrap_or(0.0))
            }
            #[inline(always)]
            fn store(self, slice: &mut [$t], vector: $name) {
                if let Some(first) = slice.first_mut() {
                    *first = vector.0;
                }
            }
        }
    };
    (@op $name:ident, $t:ty, $Trait:ident, $method:ident) => {
        impl $Trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0))
            }
        }

        impl $Trait<f64> for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, literal: f64) -> Self {
                Self(self.0.$method(literal as $t))
            }
        }
    };
}

portable!(F32x1, f32, true, u32, 23, 127.0);
portable!(F64x1, f64, false, u64, 52, 1023.0);
