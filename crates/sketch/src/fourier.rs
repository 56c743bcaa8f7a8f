//! Circular convolution by real Fourier transforms.

use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, FftNum, RealFftPlanner, RealToComplex};

/// Transforms of one length in both formats.
#[derive(Clone, Debug)]
pub struct Plans {
    pub(crate) single: Fourier<f32>,
    pub(crate) double: Fourier<f64>,
}

impl Plans {
    pub(crate) fn new(length: usize) -> Self {
        Self { single: Fourier::new(length), double: Fourier::new(length) }
    }
}

/// The transforms of real sequences of one length.
#[derive(Clone)]
pub struct Fourier<T> {
    forward: Arc<dyn RealToComplex<T>>,
    inverse: Arc<dyn ComplexToReal<T>>,
}

impl<T> fmt::Debug for Fourier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fourier").finish_non_exhaustive()
    }
}

/// Convolution of sequences of one length.
pub trait Convolve<T> {
    /// Room for [`Self::convolve`].
    fn scratch(&self) -> Scratch<T>;

    /// The circular convolution of `factors` sequences times their length, into `out`. `fill`
    /// overwrites the sequence of a factor.
    fn convolve(
        &self,
        factors: usize,
        scratch: &mut Scratch<T>,
        out: &mut [T],
        fill: &mut dyn FnMut(usize, &mut [T]),
    );
}

impl<T: FftNum> Fourier<T> {
    fn new(length: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        }
    }
}

impl<T: FftNum> Convolve<T> for Fourier<T> {
    fn scratch(&self) -> Scratch<T> {
        let zero = Complex::new(T::zero(), T::zero());
        let work = self.forward.get_scratch_len().max(self.inverse.get_scratch_len());
        Scratch {
            input: self.forward.make_input_vec(),
            spectrum: self.forward.make_output_vec(),
            product: self.forward.make_output_vec(),
            work: vec![zero; work],
        }
    }

    fn convolve(
        &self,
        factors: usize,
        scratch: &mut Scratch<T>,
        out: &mut [T],
        fill: &mut dyn FnMut(usize, &mut [T]),
    ) {
        let Scratch { input, spectrum, product, work } = scratch;
        for factor in 0..factors {
            fill(factor, input);
            let target = if factor == 0 { &mut *product } else { &mut *spectrum };
            let done = self.forward.process_with_scratch(input, target, work);
            debug_assert!(done.is_ok());
            if factor > 0 {
                product.iter_mut().zip(&*spectrum).for_each(|(p, s)| *p = *p * *s);
            }
        }
        // both ends of the spectrum of a real sequence are real; rounding may leave a residue
        let last = product.len() - 1;
        product[0].im = T::zero();
        if out.len().is_multiple_of(2) {
            product[last].im = T::zero();
        }
        let done = self.inverse.process_with_scratch(product, out, work);
        debug_assert!(done.is_ok());
    }
}

/// Room for one convolution.
pub struct Scratch<T> {
    input: Vec<T>,
    spectrum: Vec<Complex<T>>,
    product: Vec<Complex<T>>,
    work: Vec<Complex<T>>,
}

#[cfg(test)]
mod tests {
    use super::{Convolve, Plans};

    #[test]
    fn convolution_equals_its_definition() {
        for m in [1, 2, 7, 12, 16] {
            let a: Vec<f64> = (0..m).map(|i| (i * i % 5) as f64 - 1.5).collect();
            let b: Vec<f64> = (0..m).map(|i| (i * 3 % 7) as f64 - 2.0).collect();
            let plan = Plans::new(m).double;
            let mut out = vec![0.0; m];
            plan.convolve(2, &mut plan.scratch(), &mut out, &mut |factor, sequence| {
                sequence.copy_from_slice(if factor == 0 { &a } else { &b });
            });
            for (k, got) in out.iter().enumerate() {
                let sum: f64 = (0..m).map(|i| a[i] * b[(m + k - i) % m]).sum();
                assert!((got / m as f64 - sum).abs() < 1e-12, "length {m}, entry {k}");
            }
        }
    }
}
