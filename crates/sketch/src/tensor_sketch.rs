//! Products of CountSketches by Fourier transforms.

use ndarray::ArrayViewMut2;

use crate::error::{Error, at_most, positive};
use crate::fourier::Plans;
use crate::hash::Hash;
use crate::random::Stream;
use crate::rows::by_row;
use crate::sketch::sealed::{Run, RunPair};
use crate::{PairSketch, Rows, Scalar, Sketch};

/// The CountSketch of `x (x) ... (x) x` (`q` times) whose bucket is the sum of `q` independent
/// buckets: the circular convolution of `q` CountSketches of `x`.
///
/// `E<f(x), f(y)> = <x, y>^q`, with a variance of at most `(3^q - 1) / m |x|^(2q) |y|^(2q)`: good for
/// small degrees. A row costs `q` times its stored entries and `q m log m` for the transforms. The bits
/// depend on the instruction set, as the Fourier transforms choose their algorithm by it.
///
/// Pham and Pagh (2013), *Fast and scalable polynomial kernels via explicit feature maps*; variance:
/// Avron, Nguyen and Woodruff (2014), *Subspace embeddings for the polynomial kernel*.
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{Sketch, TensorSketch, random::Stream};
///
/// let sketch = TensorSketch::new(3, 3, 50, Stream::new(0, 0, 0))?;
/// let mut z = Array2::zeros((1, 50));
/// sketch.apply(array![[0.0, 2.0, 0.0]].view(), z.view_mut())?;
/// let norm: f64 = z.iter().map(|v| v * v).sum();
/// assert!((norm - 64.0).abs() < 1e-12);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorSketch {
    hashes: Vec<Hash>,
    dim_out: usize,
    plans: Plans,
}

impl TensorSketch {
    /// A sketch of power `degree` of points with `dim_in` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a number of 0, [`Error::TooLarge`] for `2^31` outputs or more.
    pub fn new(
        dim_in: usize,
        degree: usize,
        dim_out: usize,
        stream: Stream,
    ) -> Result<Self, Error> {
        positive("degree", degree)?;
        let hashes = hashes((0..degree).map(|_| dim_in), dim_out, stream)?;
        Ok(Self { hashes, dim_out, plans: Plans::new(dim_out) })
    }

    /// The power `q`.
    pub fn degree(&self) -> usize {
        self.hashes.len()
    }
}

/// One hash a factor, all into the same number of buckets.
fn hashes(
    dims: impl Iterator<Item = usize>,
    dim_out: usize,
    stream: Stream,
) -> Result<Vec<Hash>, Error> {
    positive("output dimension", dim_out)?;
    let factor = |(k, dim): (usize, usize)| {
        at_most("degree", k, u32::MAX as usize - 1)?;
        Hash::new(positive("input dimension", dim)?, dim_out, stream.child(k as u32))
    };
    dims.enumerate().map(factor).collect()
}

impl Run for TensorSketch {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        let factors = self.hashes.len();
        convolve(factors, &self.plans, out, |i, k, buckets| {
            x.with_row(i, |row| self.hashes[k].add(row, buckets));
        });
    }
}

/// Row by row the convolution of the sketches of the factors; `add(row, factor, buckets)` adds a
/// sketch to buckets of zero.
fn convolve<T: Scalar>(
    factors: usize,
    plans: &Plans,
    out: ArrayViewMut2<'_, T>,
    add: impl Fn(usize, usize, &mut [T]),
) {
    let plan = T::fourier(plans);
    let mut scratch = plan.scratch();
    // transforms there and back multiply by their length
    let scale = T::from_f64((out.ncols() as f64).recip());
    by_row(out, |i, out| {
        plan.convolve(factors, &mut scratch, out, &mut |k, buckets| {
            buckets.fill(T::default());
            add(i, k, buckets);
        });
        out.iter_mut().for_each(|z| *z = *z * scale);
    });
}

impl Sketch for TensorSketch {
    fn dim_in(&self) -> usize {
        self.hashes[0].dim_in()
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}

/// [`TensorSketch`] of two different points: a CountSketch of `x (x) y`.
///
/// `E<f(x, y), f(x', y')> = <x, x'> <y, y'>` with a variance of at most `8 / m` times the four squared
/// norms. A pair costs its stored entries and `m log m`.
///
/// Pham and Pagh (2013), section 3.
///
/// ```
/// use widelimit_sketch::{PairSketch, PairTensorSketch, random::Stream};
/// let sketch = PairTensorSketch::new((100, 7), 64, Stream::new(0, 0, 0))?;
/// assert_eq!((sketch.dims_in(), sketch.dim_out()), ((100, 7), 64));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PairTensorSketch {
    hashes: Vec<Hash>,
    dim_out: usize,
    plans: Plans,
}

impl PairTensorSketch {
    /// A sketch of products of points with `dims_in` coordinates.
    ///
    /// # Errors
    /// [`Error::Zero`] for a dimension of 0, [`Error::TooLarge`] for `2^31` outputs or more.
    pub fn new(dims_in: (usize, usize), dim_out: usize, stream: Stream) -> Result<Self, Error> {
        let hashes = hashes([dims_in.0, dims_in.1].into_iter(), dim_out, stream)?;
        Ok(Self { hashes, dim_out, plans: Plans::new(dim_out) })
    }
}

impl RunPair for PairTensorSketch {
    fn run_pair<T: Scalar>(&self, x: Rows<'_, T>, y: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        convolve(2, &self.plans, out, |i, k, buckets| {
            let hash = &self.hashes[k];
            match k {
                0 => x.with_row(i, |row| hash.add(row, buckets)),
                _ => y.with_row(i, |row| hash.add(row, buckets)),
            }
        });
    }
}

impl PairSketch for PairTensorSketch {
    fn dims_in(&self) -> (usize, usize) {
        (self.hashes[0].dim_in(), self.hashes[1].dim_in())
    }

    fn dim_out(&self) -> usize {
        self.dim_out
    }
}
