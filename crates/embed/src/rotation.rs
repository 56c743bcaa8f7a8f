//! Principal axes of a sample.
//!
//! What is exact in a feature map is exact along some axes of the inputs; along those that carry most of
//! the sample it is worth most. Inputs that leave the span of the axes keep their rest.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use widelimit_linalg::{GramScratch, Par, gram, gram_tile, matmul, symmetric_eigen};
use widelimit_sketch::random::Stream;

use crate::Error;
use crate::scalar::{Both, Scalar};

/// Share of a sample's energy that an axis must carry.
const LEAST: f64 = 1e-10;

/// Most axes.
pub(crate) const MOST_AXES: usize = 256;

/// Columns up to which all axes are computed; beyond, a subspace iteration finds the leading ones.
const DIRECT: usize = 512;

/// Rounds of the subspace iteration, and the axes that it carries beyond [`MOST_AXES`].
const ROUNDS: usize = 4;
const SPARE: usize = 16;

/// Orthonormal axes, leading ones first, or the coordinate axes.
#[derive(Debug)]
pub(crate) struct Rotation {
    dim: usize,
    /// `r x dim`; `None` for the coordinate axes in their order.
    axes: Option<Both>,
}

impl Rotation {
    /// All coordinate axes.
    pub fn identity(dim: usize) -> Self {
        Self { dim, axes: None }
    }

    /// The leading eigenvectors of `X^T X`: all that carry something, at most [`MOST_AXES`]. `x` is
    /// `(n, dim)`; the coordinate axes if it is empty or 0.
    ///
    /// # Errors
    /// A decomposition that fails.
    pub fn principal(x: ArrayView2<f64>, stream: Stream) -> Result<Self, Error> {
        let dim = x.ncols();
        let (values, vectors) = if dim <= DIRECT { direct(x)? } else { iterated(x, stream)? };
        let total: f64 = x.iter().map(|x| x * x).sum();
        // ascending
        let rank = values.iter().rev().take_while(|&&value| value > LEAST * total).count();
        if rank == 0 {
            return Ok(Self::identity(dim));
        }
        let first = values.len() - rank.min(MOST_AXES);
        let leading = vectors.slice_axis(Axis(1), Slice::new(first as isize, None, -1));
        let mut axes = leading.t().as_standard_layout().into_owned();
        // a decomposition leaves the sign open
        for mut axis in axes.outer_iter_mut() {
            let largest = axis.iter().fold(0.0, |m: f64, &x| if x.abs() > m.abs() { x } else { m });
            if largest < 0.0 {
                axis.mapv_inplace(|x| -x);
            }
        }
        Ok(Self::from_axes(axes))
    }

    /// The rotation with these axes as rows, or all coordinate axes.
    pub fn new(dim: usize, axes: Option<&Array2<f64>>) -> Self {
        axes.map_or_else(|| Self::identity(dim), |axes| Self::from_axes(axes.clone()))
    }

    /// The rotation with these axes as rows.
    pub fn from_axes(axes: Array2<f64>) -> Self {
        Self { dim: axes.ncols(), axes: Some(Both::new(axes)) }
    }

    /// The axes as rows; `None` for the coordinate axes.
    pub fn matrix(&self) -> Option<&Array2<f64>> {
        self.axes.as_ref().map(Both::double)
    }

    /// Number of axes.
    pub fn count(&self) -> usize {
        self.matrix().map_or(self.dim, |axes| axes.nrows())
    }

    /// Whether nothing is left beside the axes.
    pub fn is_complete(&self) -> bool {
        self.count() == self.dim
    }

    /// Overwrites `y`, `(n, count)`, with the coordinates of the rows of `x`, `(n, dim)`. A row's result has
    /// the same bits in any batch.
    pub fn apply<T: Scalar>(&self, x: ArrayView2<T>, mut y: ArrayViewMut2<T>) {
        match &self.axes {
            None => y.assign(&x),
            Some(axes) => gram_tile(x, axes.get::<T>().view(), &mut GramScratch::new(), y),
        }
    }

    /// Takes from `x` what the coordinates `y` stand for.
    pub fn subtract<T: Scalar>(&self, y: ArrayView2<T>, mut x: ArrayViewMut2<T>) {
        match &self.axes {
            None => x.fill(T::default()),
            Some(axes) => {
                let mut along = Array2::from_elem(x.dim(), T::default());
                let axes = axes.get::<T>();
                gram_tile(y, axes.t(), &mut GramScratch::new(), along.view_mut());
                x.zip_mut_with(&along, |x, &along| *x -= along);
            }
        }
    }
}

/// All eigenvalues of `X^T X`, ascending, and the eigenvectors as columns.
fn direct(x: ArrayView2<f64>) -> Result<(Vec<f64>, Array2<f64>), Error> {
    let par = Par::single();
    let eigen = symmetric_eigen(gram(x.t(), None, &par), &par)?;
    Ok((eigen.values.to_vec(), eigen.vectors))
}

/// The leading eigenvalues of `X^T X`, ascending, by a subspace iteration from a random start (Halko,
/// Martinsson and Tropp 2011, *Finding structure with randomness*, algorithm 4.4).
fn iterated(x: ArrayView2<f64>, stream: Stream) -> Result<(Vec<f64>, Array2<f64>), Error> {
    let par = Par::single();
    let (rows, dim) = x.dim();
    let count = (MOST_AXES + SPARE).min(rows);
    let mut basis =
        Array2::from_shape_fn((dim, count), |(i, j)| stream.normal((i * count + j) as u64));
    for _ in 0..ROUNDS {
        let image = matmul(x, basis.view(), &par);
        let image = widelimit_linalg::Qr::factor(image, &par)?.q(&par)?;
        let image = matmul(x.t(), image.view(), &par);
        basis = widelimit_linalg::Qr::factor(image, &par)?.q(&par)?;
    }
    let image = matmul(x, basis.view(), &par);
    let eigen = symmetric_eigen(gram(image.t(), None, &par), &par)?;
    Ok((eigen.values.to_vec(), matmul(basis.view(), eigen.vectors.view(), &par)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in a subspace: coordinates keep all products and nothing is left.
    fn keeps_products(dim: usize, rank: usize) {
        let stream = Stream::new(1, 0, 0);
        let a = Array2::from_shape_fn((40, rank), |(i, j)| {
            stream.normal((i * rank + j) as u64) / (1.0 + j as f64)
        });
        let b =
            Array2::from_shape_fn((rank, dim), |(i, j)| stream.normal((9999 + i * dim + j) as u64));
        let mut x = a.dot(&b);
        let rotation = Rotation::principal(x.view(), stream).unwrap();
        assert_eq!(rotation.count(), rank);
        let mut y = Array2::zeros((40, rank));
        rotation.apply(x.view(), y.view_mut());
        let (before, after) = (x.dot(&x.t()), y.dot(&y.t()));
        let size = before.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert!((&before - &after).iter().all(|e| e.abs() < 1e-11 * size));
        let energy: Vec<f64> = y.axis_iter(Axis(1)).map(|y| y.dot(&y)).collect();
        assert!(energy.is_sorted_by(|a, b| a >= b), "{energy:?}");
        rotation.subtract(y.view(), x.view_mut());
        assert!(x.iter().all(|x| x.abs() < 1e-6 * size.sqrt()));
    }

    #[test]
    fn a_sample_of_low_rank() {
        keeps_products(30, 7);
        keeps_products(600, 9);
    }

    #[test]
    fn without_a_sample_nothing_turns() {
        let rotation =
            Rotation::principal(Array2::zeros((0, 5)).view(), Stream::new(0, 0, 0)).unwrap();
        assert!(rotation.matrix().is_none() && rotation.is_complete());
        let x = Array2::from_shape_fn((3, 5), |(i, j)| (i + j) as f32);
        let mut y = Array2::zeros((3, 5));
        rotation.apply(x.view(), y.view_mut());
        assert_eq!(x, y);
    }
}
