//! AVX-512 and AVX2 vectors, on `pulp`'s safe wrappers of the intrinsics.

use std::ops::{Add, Div, Mul, Neg, Sub};

use pulp::x86::{V3, V4};
use pulp::{Simd, cast, f32x8, f32x16, f64x4, f64x8, u32x8, u32x16, u64x4, u64x8};

use super::{Lanes, Real};

macro_rules! vector {
    (
        $name:ident, $simd:ident, $t:ident, $width:expr, $raw:ident, $single:expr, $bits:ident,
        $uint:ident, $mask:ident, $mantissa:expr, $bias:expr,
        add $add:ident, sub $sub:ident, mul $mul:ident, div $div:ident, fma $fma:ident,
        sqrt $sqrt:ident, min $min:ident, max $max:ident, splat $splat:ident,
        usplat $usplat:ident, and $and:ident, or $or:ident, lt $lt:ident, le $le:ident,
        eq $eq:ident, select $select:ident, shl $shl:ident, load $load:ident, store $store:ident
    ) => {
        #[doc = concat!(stringify!($width), " lanes of `", stringify!($t), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            simd: $simd,
            v: $raw,
        }

        vector!(@op $name, $t, Add, add, $add, $splat);
        vector!(@op $name, $t, Sub, sub, $sub, $splat);
        vector!(@op $name, $t, Mul, mul, $mul, $splat);

        impl Div for $name {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self { v: self.simd.$div(self.v, other.v), ..self }
            }
        }

        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                // the compiler knows -0 - x as a negation and folds it into multiply-adds
                Self { v: self.simd.$sub(self.simd.$splat(-0.0), self.v), ..self }
            }
        }

        impl Real for $name {
            type Mask = <$simd as Simd>::$mask;
            const SINGLE: bool = $single;

            #[inline(always)]
            fn lit(self, x: f64) -> Self {
                Self { v: self.simd.$splat(x as $t), ..self }
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Self { v: self.simd.$fma(self.v, b.v, c.v), ..self }
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn difference_of_products(a: Self, b: Self, c: Self, d: Self) -> Self {
                let cd = c * d;
                let error = (-c).mul_add(d, cd);
                a.mul_add(b, -cd) + error
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self { v: self.simd.$sqrt(self.v), ..self }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                let clear = self.simd.$usplat($bits::MAX >> 1);
                let bits: $uint = cast(self.v);
                Self { v: cast(self.simd.$and(bits, clear)), ..self }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self { v: self.simd.$min(self.v, other.v), ..self }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self { v: self.simd.$max(self.v, other.v), ..self }
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                let keep = self.simd.$usplat($bits::MAX >> 1);
                let flag = self.simd.$usplat(!($bits::MAX >> 1));
                let magnitude = self.simd.$and(cast(self.v), keep);
                let sign = self.simd.$and(cast(sign.v), flag);
                Self { v: cast(self.simd.$or(magnitude, sign)), ..self }
            }
            #[inline(always)]
            fn lt(self, other: Self) -> Self::Mask {
                self.simd.$lt(self.v, other.v)
            }
            #[inline(always)]
            fn le(self, other: Self) -> Self::Mask {
                self.simd.$le(self.v, other.v)
            }
            #[inline(always)]
            fn eq(self, other: Self) -> Self::Mask {
                self.simd.$eq(self.v, other.v)
            }
            #[inline(always)]
            fn select(self, mask: Self::Mask, other: Self) -> Self {
                Self { v: cast(self.simd.$select(mask, cast(self.v), cast(other.v))), ..self }
            }
            #[inline(always)]
            fn round(self) -> Self {
                const SHIFT: f64 = (3u64 << ($mantissa - 1)) as f64;
                (self + SHIFT) - SHIFT
            }
            #[inline(always)]
            fn pow2(self) -> Self {
                const SHIFT: f64 = (3u64 << ($mantissa - 1)) as f64 + $bias;
                let bits: $uint = cast((self + SHIFT).v);
                Self { v: cast(self.simd.$shl::<$mantissa>(bits)), ..self }
            }
        }

        impl Lanes<$t> for $simd {
            type Vector = $name;
            const WIDTH: usize = $width;

            #[inline(always)]
            fn splat(self, x: $t) -> $name {
                $name { simd: self, v: self.$splat(x) }
            }
            #[inline(always)]
            fn load(self, slice: &[$t]) -> $name {
                let v = match slice.first_chunk::<$width>() {
                    Some(chunk) => cast(*chunk),
                    None => self.$load(slice),
                };
                $name { simd: self, v }
            }
            #[inline(always)]
            fn store(self, slice: &mut [$t], vector: $name) {
                match slice.first_chunk_mut::<$width>() {
                    Some(chunk) => *chunk = cast(vector.v),
                    None => self.$store(slice, vector.v),
                }
            }
        }
    };
    (@op $name:ident, $t:ident, $Trait:ident, $method:ident, $op:ident, $splat:ident) => {
        impl $Trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self { v: self.simd.$op(self.v, other.v), ..self }
            }
        }

        impl $Trait<f64> for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, literal: f64) -> Self {
                Self { v: self.simd.$op(self.v, self.simd.$splat(literal as $t)), ..self }
            }
        }
    };
}

macro_rules! vector32 {
    ($name:ident, $simd:ident, $width:expr, $raw:ident, $uint:ident, $shl:ident) => {
        vector!(
            $name, $simd, f32, $width, $raw, true, u32, $uint, m32s, 23, 127.0,
            add add_f32s, sub sub_f32s, mul mul_f32s, div div_f32s, fma mul_add_e_f32s,
            sqrt sqrt_f32s, min min_f32s, max max_f32s, splat splat_f32s, usplat splat_u32s,
            and and_u32s, or or_u32s, lt less_than_f32s, le less_than_or_equal_f32s,
            eq equal_f32s, select select_u32s, shl $shl, load partial_load_f32s,
            store partial_store_f32s
        );
    };
}

macro_rules! vector64 {
    ($name:ident, $simd:ident, $width:expr, $raw:ident, $uint:ident, $shl:ident) => {
        vector!(
            $name, $simd, f64, $width, $raw, false, u64, $uint, m64s, 52, 1023.0,
            add add_f64s, sub sub_f64s, mul mul_f64s, div div_f64s, fma mul_add_e_f64s,
            sqrt sqrt_f64s, min min_f64s, max max_f64s, splat splat_f64s, usplat splat_u64s,
            and and_u64s, or or_u64s, lt less_than_f64s, le less_than_or_equal_f64s,
            eq equal_f64s, select select_u64s, shl $shl, load partial_load_f64s,
            store partial_store_f64s
        );
    };
}

vector32!(F32x16, V4, 16, f32x16, u32x16, shl_const_u32x16);
vector32!(F32x8, V3, 8, f32x8, u32x8, shl_const_u32x8);
vector64!(F64x8, V4, 8, f64x8, u64x8, shl_const_u64x8);
vector64!(F64x4, V3, 4, f64x4, u64x4, shl_const_u64x4);
