//! The two number types a kernel can have.

use ndarray::{ArrayView1, ArrayView2};
use widelimit_dual::lanes::{Element, Job, Lanes};
use widelimit_dual::{Isa, Prepared};

/// `f32` or `f64`: the type of the inputs and of the result.
pub trait Scalar: widelimit_linalg::Scalar + widelimit_dual::Element {
    /// `|x_i|^2` of every row in f64, to the last bit what [`dot`](Self::dot) gives for a row
    /// with itself.
    #[doc(hidden)]
    fn squares(isa: Isa, x: ArrayView2<Self>) -> Vec<f64> {
        x.rows().into_iter().map(|row| Self::dot(isa, row, row)).collect()
    }

    /// `<x, y>` in f64, symmetric to the last bit.
    #[doc(hidden)]
    fn dot(isa: Isa, x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64;

    /// The argument itself where this type is `f64`.
    #[doc(hidden)]
    fn as_double(prepared: &Prepared<Self>) -> Option<&Prepared<f64>>;
}

impl Scalar for f64 {
    fn squares(_: Isa, x: ArrayView2<Self>) -> Vec<f64> {
        widelimit_linalg::squared_norms(x)
    }

    fn dot(_: Isa, x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }

    fn as_double(prepared: &Prepared<Self>) -> Option<&Prepared<f64>> {
        Some(prepared)
    }
}

impl Scalar for f32 {
    fn dot(isa: Isa, x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64 {
        match (x.as_slice(), y.as_slice()) {
            (Some(x), Some(y)) => dot(isa, x, y),
            _ => dot(isa, &x.to_vec(), &y.to_vec()),
        }
    }

    fn as_double(_: &Prepared<Self>) -> Option<&Prepared<f64>> {
        None
    }
}

/// Sums that run side by side: two of the widest vectors.
const SUMS: usize = 16;

/// Inner product of two rows of f32. Products of two f32 are exact in f64, so only the sums round;
/// their order is fixed, whatever the instruction set.
struct Dot<'a> {
    x: &'a [f32],
    y: &'a [f32],
    sum: &'a mut f64,
}

impl Job<f64> for Dot<'_> {
    /// Plain loops, which the compiler turns into vectors of the instruction set it is in.
    #[inline(always)]
    fn run<L: Lanes<f64>>(self, _: L) {
        let mut sums = [0.0_f64; SUMS];
        let (xs, ys) = (self.x.chunks_exact(SUMS), self.y.chunks_exact(SUMS));
        let mut tail = 0.0;
        for (&x, &y) in xs.remainder().iter().zip(ys.remainder()) {
            tail += f64::from(x) * f64::from(y);
        }
        for (x, y) in xs.zip(ys) {
            for lane in 0..SUMS {
                sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
            }
        }
        let mut sum = tail;
        for lane in sums {
            sum += lane;
        }
        *self.sum = sum;
    }
}

fn dot(isa: Isa, x: &[f32], y: &[f32]) -> f64 {
    let mut sum = 0.0;
    f64::dispatch(isa, Dot { x, y, sum: &mut sum });
    sum
}

/// Rounds to the type of the result.
#[inline(always)]
pub(crate) fn round<T: Scalar>(x: f64) -> T {
    <T as widelimit_linalg::Scalar>::from_f64(x)
}

/// The same number in double precision.
#[inline(always)]
pub(crate) fn widen<T: Scalar>(x: T) -> f64 {
    <T as widelimit_linalg::Scalar>::to_f64(x)
}
