//! Transposition of 4 × 4 blocks, the step that packing is made of.

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
    use super::*;

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
