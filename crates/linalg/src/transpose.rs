//! Transposition: whole matrices, and the 4 × 4 blocks that they and packing are made of.

use std::marker::PhantomData;

use ndarray::{ArrayView2, ArrayViewMut2};
use pulp::{Simd, WithSimd};

use crate::gram::Isa;
use crate::scalar::Scalar;

/// Rows that are read at a time: what is written of them fills cache lines.
const BAND: usize = 16;

/// Writes the transpose of `from` (`n × m`): `to[j, i] = from[i, j]`, on the calling thread.
///
/// Contiguous rows on both sides are fast.
///
/// # Panics
///
/// When `to` is not `m × n`.
///
/// ```
/// use ndarray::{Array2, array};
/// let mut out = Array2::zeros((3, 2));
/// widelimit_linalg::transpose(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].view(), out.view_mut());
/// assert_eq!(out, array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
/// ```
pub fn transpose<T: Scalar>(from: ArrayView2<'_, T>, mut to: ArrayViewMut2<'_, T>) {
    assert_eq!(to.dim(), (from.ncols(), from.nrows()), "a transpose has the wrong shape");
    let sources: Vec<&[T]> = from.outer_iter().filter_map(|row| row.to_slice()).collect();
    let mut targets: Vec<&mut [T]> =
        to.outer_iter_mut().filter_map(|row| row.into_slice()).collect();
    if sources.len() == from.nrows() && targets.len() == from.ncols() {
        T::transpose(Isa::best(), Rows { sources: &sources, targets: &mut targets });
    } else {
        to.assign(&from.t());
    }
}

/// A matrix to be transposed, by rows.
pub struct Rows<'a, 'b, T> {
    sources: &'a [&'b [T]],
    targets: &'a mut [&'b mut [T]],
}

/// Work made of transposed blocks.
pub trait BlockJob<T> {
    /// Does it; implementations are `#[inline(always)]`.
    fn run<M: Transpose<T>>(self, blocks: M);
}

/// A job with the transposer of its instruction set.
struct With<J, T, M> {
    job: J,
    blocks: M,
    element: PhantomData<T>,
}

impl<T, J: BlockJob<T>, M: Transpose<T>> WithSimd for With<J, T, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.job.run(self.blocks);
    }
}

/// Runs a job with the instructions of `isa`.
#[cfg(target_arch = "x86_64")]
pub fn dispatch<T: Copy, J: BlockJob<T>>(isa: Isa, job: J)
where
    pulp::x86::V3: Transpose<T>,
{
    match pulp::x86::V3::try_new() {
        Some(simd) if isa != Isa::Portable => {
            Simd::vectorize(simd, With { job, blocks: simd, element: PhantomData })
        }
        _ => job.run(Plain),
    }
}

/// Runs a job with what the target promises.
#[cfg(not(target_arch = "x86_64"))]
pub fn dispatch<T: Copy, J: BlockJob<T>>(_: Isa, job: J) {
    job.run(Plain);
}

impl<T: Copy> BlockJob<T> for Rows<'_, '_, T> {
    #[inline(always)]
    fn run<M: Transpose<T>>(self, blocks: M) {
        for (band, sources) in self.sources.chunks(BAND).enumerate() {
            let (fours, rest) = sources.as_chunks::<4>();
            let last = band * BAND + 4 * fours.len();
            for (j, targets) in (0..).step_by(4).zip(self.targets.chunks_mut(4)) {
                for (i, four) in (band * BAND..).step_by(4).zip(fours) {
                    match targets {
                        [a, b, c, d] => {
                            let block = blocks.block(four.map(|row| first_four(&row[j..])));
                            for (target, column) in [a, b, c, d].into_iter().zip(block) {
                                target[i..i + 4].copy_from_slice(&column);
                            }
                        }
                        _ => copy(four, i, j, targets),
                    }
                }
                copy(rest, last, j, targets);
            }
        }
    }
}

/// The first four elements of a longer slice.
#[inline(always)]
fn first_four<T>(slice: &[T]) -> &[T; 4] {
    match slice.first_chunk() {
        Some(four) => four,
        None => unreachable!("rows reach as far as there are targets"),
    }
}

/// Element by element, at the edges: columns `j..` of the rows `i..`.
#[inline(always)]
fn copy<T: Copy>(sources: &[&[T]], i: usize, j: usize, targets: &mut [&mut [T]]) {
    for (j, target) in (j..).zip(targets) {
        for (source, out) in sources.iter().zip(&mut target[i..]) {
            *out = source[j];
        }
    }
}

/// Transposes blocks of 4 × 4 scalars.
pub trait Transpose<T>: Copy {
    /// The columns of the block whose rows are given.
    fn block(self, rows: [&[T; 4]; 4]) -> [[T; 4]; 4];
}

/// Element by element, for every machine.
#[derive(Clone, Copy)]
pub struct Plain;

impl<T: Copy> Transpose<T> for Plain {
    #[inline(always)]
    fn block(self, rows: [&[T; 4]; 4]) -> [[T; 4]; 4] {
        let [a, b, c, d] = rows;
        std::array::from_fn(|k| [a[k], b[k], c[k], d[k]])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use pulp::cast;
    use pulp::x86::V3;
    use std::arch::x86_64::{__m128, __m256d};

    use super::Transpose;

    impl Transpose<f32> for V3 {
        #[inline(always)]
        fn block(self, rows: [&[f32; 4]; 4]) -> [[f32; 4]; 4] {
            let sse = self.sse;
            let [a, b, c, d] = rows.map(|row| cast::<[f32; 4], __m128>(*row));
            let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
            [
                cast(sse._mm_movelh_ps(ab, cd)),
                cast(sse._mm_movehl_ps(cd, ab)),
                cast(sse._mm_movelh_ps(ab_high, cd_high)),
                cast(sse._mm_movehl_ps(cd_high, ab_high)),
            ]
        }
    }

    impl Transpose<f64> for V3 {
        #[inline(always)]
        fn block(self, rows: [&[f64; 4]; 4]) -> [[f64; 4]; 4] {
            let avx = self.avx;
            let [a, b, c, d] = rows.map(|row| cast::<[f64; 4], __m256d>(*row));
            let (even_ab, odd_ab) = (avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
            let (even_cd, odd_cd) = (avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
            [
                cast(avx._mm256_permute2f128_pd::<0x20>(even_ab, even_cd)),
                cast(avx._mm256_permute2f128_pd::<0x20>(odd_ab, odd_cd)),
                cast(avx._mm256_permute2f128_pd::<0x31>(even_ab, even_cd)),
                cast(avx._mm256_permute2f128_pd::<0x31>(odd_ab, odd_cd)),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;

    #[test]
    fn every_element_arrives_whatever_the_shape_and_layout() {
        for (n, m) in [(0, 3), (1, 1), (3, 5), (4, 4), (7, 21), (37, 18), (64, 33)] {
            let wide = Array2::from_shape_fn((n, m + 3), |(i, j)| (1000 * i + j) as f32);
            let (_, from) = wide.view().split_at(Axis(1), 3);
            let mut wide_out = Array2::zeros((m, n + 2));
            let columns = from.t().as_standard_layout().into_owned();
            for from in [from, columns.t()] {
                let (mut out, _) = wide_out.view_mut().split_at(Axis(1), n);
                out.fill(-1.0);
                transpose(from, out.view_mut());
                assert_eq!(out, from.t());
            }
        }
    }

    #[test]
    fn portable_code_agrees() {
        let from = Array2::from_shape_fn((21, 10), |(i, j)| (100 * i + j) as f64);
        let mut out = Array2::zeros((10, 21));
        let sources: Vec<&[f64]> = from.outer_iter().filter_map(|row| row.to_slice()).collect();
        let mut targets: Vec<&mut [f64]> =
            out.outer_iter_mut().filter_map(|row| row.into_slice()).collect();
        dispatch(Isa::Portable, Rows { sources: &sources, targets: &mut targets });
        assert_eq!(out, from.t());
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn shuffles_agree_with_the_definition() {
        let Some(simd) = pulp::x86::V3::try_new() else {
            println!("skipped: this machine has no AVX2");
            return;
        };
        let rows = [[0., 1., 2., 3.], [4., 5., 6., 7.], [8., 9., 10., 11.], [12., 13., 14., 15.]];
        let single = rows.map(|row| row.map(|x: f64| x as f32));
        assert_eq!(simd.block(rows.each_ref()), Plain.block(rows.each_ref()));
        assert_eq!(simd.block(single.each_ref()), Plain.block(single.each_ref()));
    }
}
