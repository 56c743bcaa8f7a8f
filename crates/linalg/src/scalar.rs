//! The two precisions.

use std::fmt::{Debug, Display};

use ndarray::{ArrayView2, LinalgScalar, ScalarOperand};

use crate::dense::{self, Triangle};
use crate::error::Error;
use crate::gram::lanes::Lanes;
use crate::gram::{Block, Isa, Norms, Pack};
use crate::product::Operand;
use crate::qr::Reflect;
use crate::transpose::{Rows, dispatch};

/// A floating-point type that this crate computes in: `f32` or `f64`.
///
/// Sealed. The hidden functions are the compiled entry points, so that nothing
/// of the linear-algebra library is compiled again in the crates above.
pub trait Scalar:
    sealed::Kernels
    + LinalgScalar
    + ScalarOperand
    + PartialOrd
    + Display
    + Debug
    + Default
    + Send
    + Sync
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::ops::DivAssign
    + std::ops::Neg<Output = Self>
    + std::iter::Sum
{
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// The distance from 1 to the next larger number.
    const EPSILON: f64;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

mod sealed {
    use super::*;

    /// The compiled entry points of one precision.
    pub trait Kernels: Lanes {
        fn pack(isa: Isa, job: Pack<'_, Self>);
        fn gram_block(isa: Isa, job: Block<'_, '_, Self>);
        fn norms_block(isa: Isa, job: Norms<'_, Self>);
        fn transpose(isa: Isa, job: Rows<'_, '_, Self>);
        fn matmul(
            a: ArrayView2<'_, Self>,
            b: ArrayView2<'_, Self>,
            out: &mut [Self],
            par: faer::Par,
        );
        fn cholesky(a: &mut [Self], n: usize, par: faer::Par) -> Result<Result<(), usize>, Error>;
        fn solve_triangle(
            triangle: Triangle<'_, Self>,
            x: &mut [Self],
            columns: usize,
            par: faer::Par,
        );
        fn symmetric_eigen(
            a: &[Self],
            n: usize,
            values: &mut [Self],
            vectors: Option<&mut [Self]>,
            par: faer::Par,
        ) -> Result<(), Error>;
        fn svd(
            a: ArrayView2<'_, Self>,
            u: &mut [Self],
            s: &mut [Self],
            v: &mut [Self],
            par: faer::Par,
        ) -> Result<(), Error>;
        fn qr_block(m: usize, n: usize) -> usize;
        fn qr_factor(
            a: &mut [Self],
            shape: (usize, usize),
            coefficients: &mut [Self],
            block: usize,
            par: faer::Par,
        ) -> Result<(), Error>;
        fn qr_apply(
            job: Reflect<'_, Self>,
            x: &mut [Self],
            columns: usize,
            par: faer::Par,
        ) -> Result<(), Error>;
    }
}

macro_rules! scalar {
    ($t:ident) => {
        impl Scalar for $t {
            const NAME: &'static str = stringify!($t);
            const EPSILON: f64 = $t::EPSILON as f64;

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
        }

        impl sealed::Kernels for $t {
            fn pack(isa: Isa, job: Pack<'_, Self>) {
                dispatch(isa, job)
            }

            fn gram_block(isa: Isa, job: Block<'_, '_, Self>) {
                isa.dispatch(job)
            }

            fn norms_block(isa: Isa, job: Norms<'_, Self>) {
                isa.dispatch(job)
            }

            fn transpose(isa: Isa, job: Rows<'_, '_, Self>) {
                dispatch(isa, job)
            }

            fn matmul(
                a: ArrayView2<'_, Self>,
                b: ArrayView2<'_, Self>,
                out: &mut [Self],
                par: faer::Par,
            ) {
                crate::product::matmul_into(a, b, out, par)
            }

            fn cholesky(
                a: &mut [Self],
                n: usize,
                par: faer::Par,
            ) -> Result<Result<(), usize>, Error> {
                dense::cholesky(a, n, par)
            }

            fn solve_triangle(
                triangle: Triangle<'_, Self>,
                x: &mut [Self],
                columns: usize,
                par: faer::Par,
            ) {
                dense::solve_triangle(triangle, x, columns, par)
            }

            fn symmetric_eigen(
                a: &[Self],
                n: usize,
                values: &mut [Self],
                vectors: Option<&mut [Self]>,
                par: faer::Par,
            ) -> Result<(), Error> {
                dense::symmetric_eigen(a, n, values, vectors, par)
            }

            fn svd(
                a: ArrayView2<'_, Self>,
                u: &mut [Self],
                s: &mut [Self],
                v: &mut [Self],
                par: faer::Par,
            ) -> Result<(), Error> {
                dense::svd(Operand::new(a).view(), u, s, v, par)
            }

            fn qr_block(m: usize, n: usize) -> usize {
                dense::qr_block::<$t>(m, n)
            }

            fn qr_factor(
                a: &mut [Self],
                shape: (usize, usize),
                coefficients: &mut [Self],
                block: usize,
                par: faer::Par,
            ) -> Result<(), Error> {
                dense::qr_factor(a, shape, coefficients, block, par)
            }

            fn qr_apply(
                job: Reflect<'_, Self>,
                x: &mut [Self],
                columns: usize,
                par: faer::Par,
            ) -> Result<(), Error> {
                dense::qr_apply(job, x, columns, par)
            }
        }
    };
}

scalar!(f32);
scalar!(f64);
