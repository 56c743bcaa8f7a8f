//! The two number types a kernel can have.

use ndarray::{ArrayView1, ArrayView2};
use widelimit_dual::Prepared;

/// `f32` or `f64`: the type of the inputs and of the result.
pub trait Scalar: widelimit_linalg::Scalar + widelimit_dual::Element {
    /// `|x_i|^2` of every row in f64, to the last bit what [`dot`](Self::dot) gives for a row
    /// with itself.
    #[doc(hidden)]
    fn squares(x: ArrayView2<Self>) -> Vec<f64> {
        x.rows().into_iter().map(|row| Self::dot(row, row)).collect()
    }

    /// `<x, y>` in f64, symmetric to the last bit.
    #[doc(hidden)]
    fn dot(x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64;

    /// The argument itself where this type is `f64`.
    #[doc(hidden)]
    fn as_double(prepared: &Prepared<Self>) -> Option<&Prepared<f64>>;
}

impl Scalar for f64 {
    fn squares(x: ArrayView2<Self>) -> Vec<f64> {
        widelimit_linalg::squared_norms(x)
    }

    fn dot(x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }

    fn as_double(prepared: &Prepared<Self>) -> Option<&Prepared<f64>> {
        Some(prepared)
    }
}

impl Scalar for f32 {
    fn dot(x: ArrayView1<Self>, y: ArrayView1<Self>) -> f64 {
        match (x.as_slice(), y.as_slice()) {
            (Some(x), Some(y)) => dot(x, y),
            _ => dot(&x.to_vec(), &y.to_vec()),
        }
    }

    fn as_double(_: &Prepared<Self>) -> Option<&Prepared<f64>> {
        None
    }
}

/// Products of two f32 are exact in f64, so only the sums round; eight of them run side by side.
fn dot(x: &[f32], y: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (xs, ys) = (x.chunks_exact(8), y.chunks_exact(8));
    let tail: f64 =
        xs.remainder().iter().zip(ys.remainder()).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    for (x, y) in xs.zip(ys) {
        for lane in 0..8 {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    sums.iter().sum::<f64>() + tail
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
