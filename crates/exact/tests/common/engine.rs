//! Calls of the engine on arrays in double precision.

use ndarray::{Array2, Array3, ArrayD, Axis, Slice, concatenate};
use widelimit_arch::Network;
use widelimit_exact::{Error, Inputs, Kernel, Options, Scalar, Spatial, Want, kernel};
use widelimit_linalg::Par;

/// Inputs in the engine's precision, with graphs if the network needs them.
#[derive(Clone)]
pub struct Set<T> {
    pub x: ArrayD<T>,
    pub graphs: Option<Array3<T>>,
}

impl<T: Scalar> Set<T> {
    pub fn new(x: &ArrayD<f64>, graphs: Option<&Array3<f64>>) -> Self {
        let cast = <T as widelimit_linalg::Scalar>::from_f64;
        Self { x: x.mapv(cast), graphs: graphs.map(|graphs| graphs.mapv(cast)) }
    }

    pub fn inputs(&self) -> Inputs<'_, T> {
        let inputs = Inputs::new(self.x.view());
        match &self.graphs {
            None => inputs,
            Some(graphs) => inputs.with_adjacency(graphs.view()),
        }
    }

    pub fn len(&self) -> usize {
        self.x.shape()[0]
    }

    /// Some of the inputs, one after the other.
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        let range = Slice::from(range);
        Self {
            x: self.x.slice_axis(Axis(0), range).to_owned(),
            graphs: self.graphs.as_ref().map(|g| g.slice_axis(Axis(0), range).to_owned()),
        }
    }

    pub fn join(&self, other: &Self) -> Self {
        let graphs = self.graphs.as_ref().zip(other.graphs.as_ref());
        Self {
            x: concatenate(Axis(0), &[self.x.view(), other.x.view()]).unwrap(),
            graphs: graphs.map(|(a, b)| concatenate(Axis(0), &[a.view(), b.view()]).unwrap()),
        }
    }
}

/// Both kernels on one thread, with all pairs of positions.
pub fn options<'a>() -> Options<'a> {
    Options::new().want(Want::BOTH).spatial(Spatial::Full).par(Par::single())
}

pub fn try_both<T: Scalar>(
    network: &Network,
    x1: &Set<T>,
    x2: Option<&Set<T>>,
    options: &Options,
) -> Result<[Array2<T>; 2], Error> {
    let Kernel { nngp, ntk, .. } = kernel(network, x1.inputs(), x2.map(Set::inputs), options)?;
    Ok([nngp.unwrap(), ntk.unwrap()])
}

/// NNGP and NTK.
pub fn both<T: Scalar>(
    network: &Network,
    x1: &Set<T>,
    x2: Option<&Set<T>>,
    options: &Options,
) -> [Array2<T>; 2] {
    try_both(network, x1, x2, options).unwrap()
}

pub fn doubles<T: Scalar>(matrix: &Array2<T>) -> Array2<f64> {
    matrix.mapv(widelimit_linalg::Scalar::to_f64)
}

/// Bits, so that equality means equality (and -0 differs from 0).
pub fn bits<T: Scalar>(matrix: &Array2<T>) -> Array2<u64> {
    matrix.mapv(|x| widelimit_linalg::Scalar::to_f64(x).to_bits())
}

/// The kernel with the arguments exchanged, from one with `entries` pairs of positions for each
/// pair of inputs.
pub fn swap<A: Clone>(kernel: &Array2<A>, entries: usize) -> Array2<A> {
    let positions = entries.isqrt();
    let (rows, inputs) = (kernel.nrows(), kernel.ncols() / entries);
    Array2::from_shape_fn((inputs, rows * entries), |(j, column)| {
        let (i, p, q) =
            (column / entries, column % entries / positions, column % entries % positions);
        kernel[[i, j * entries + q * positions + p]].clone()
    })
}
