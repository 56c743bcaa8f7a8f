//! What a kernel is computed for: vectors, images, graphs with one number of vertices.

use ndarray::{ArrayView2, ArrayView3, ArrayViewD, Axis, Ix2};
use widelimit_arch::Shape;

use crate::error::Error;
use crate::scalar::{Scalar, widen};

/// Inputs of a network: `(n, d)` vectors, or `(n, spatial axes.., channels)` images.
///
/// ```
/// use ndarray::Array4;
/// use widelimit_arch::Shape;
/// use widelimit_exact::Inputs;
///
/// let images = Array4::<f32>::zeros((10, 32, 32, 3));
/// let inputs = Inputs::from(images.view().into_dyn());
/// assert_eq!((inputs.len(), inputs.shape()), (10, Shape::image([32, 32], 3)));
/// ```
#[derive(Clone, Debug)]
pub struct Inputs<'a, T> {
    x: ArrayViewD<'a, T>,
    adjacency: Option<ArrayView3<'a, T>>,
}

impl<'a, T> Inputs<'a, T> {
    /// Inputs along the first axis, channels along the last.
    pub fn new(x: ArrayViewD<'a, T>) -> Self {
        Self { x, adjacency: None }
    }

    /// The same with one adjacency matrix an input, `(n, vertices, vertices)`: vertex `p` receives
    /// `sum_q A[q, p] x_q` where the network aggregates.
    pub fn with_adjacency(self, adjacency: ArrayView3<'a, T>) -> Self {
        Self { adjacency: Some(adjacency), ..self }
    }

    /// Number of inputs.
    pub fn len(&self) -> usize {
        self.x.shape().first().copied().unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one input.
    pub fn shape(&self) -> Shape {
        match self.x.shape() {
            [_, spatial @ .., channels] => Shape::image(spatial, *channels),
            _ => Shape::vector(0),
        }
    }

    /// All values.
    pub fn values(&self) -> ArrayViewD<'a, T> {
        self.x.clone()
    }

    /// The adjacency matrices, if there are some.
    pub fn adjacency(&self) -> Option<ArrayView3<'a, T>> {
        self.adjacency
    }

    /// The vectors, unless these are images.
    pub(crate) fn matrix(&self) -> Option<ArrayView2<'a, T>> {
        self.x.clone().into_dimensionality::<Ix2>().ok()
    }
}

impl<'a, T> From<ArrayViewD<'a, T>> for Inputs<'a, T> {
    fn from(x: ArrayViewD<'a, T>) -> Self {
        Self::new(x)
    }
}

impl<'a, T> From<ArrayView2<'a, T>> for Inputs<'a, T> {
    fn from(x: ArrayView2<'a, T>) -> Self {
        Self::new(x.into_dyn())
    }
}

impl<T: Scalar> Inputs<'_, T> {
    /// At least one axis for inputs and one for channels, and nothing empty.
    pub(crate) fn check(&self, input: &'static str) -> Result<(), Error> {
        let shape = self.x.shape();
        if shape.len() < 2 || shape.contains(&0) {
            return Err(Error::Empty { input, shape: shape.to_vec() });
        }
        if shape.len() > 5 {
            return Err(Error::TooManyAxes { input, shape: shape.to_vec() });
        }
        Ok(())
    }

    /// One matrix an input, of the size of the graph, finite.
    pub(crate) fn checked_adjacency(
        &self,
        input: &'static str,
    ) -> Result<ArrayView3<'_, T>, Error> {
        let vertices = self.shape().spatial.first().copied().unwrap_or(0);
        let expected = (self.len(), vertices, vertices);
        let Some(adjacency) = self.adjacency else {
            return Err(Error::Adjacency { input, expected, got: None });
        };
        if adjacency.dim() != expected {
            return Err(Error::Adjacency { input, expected, got: Some(adjacency.dim()) });
        }
        let bad = adjacency.indexed_iter().find(|(_, value)| !widen(**value).is_finite());
        match bad {
            None => Ok(adjacency),
            Some(((row, p, q), value)) => {
                Err(Error::NonFiniteAdjacency { input, place: (row, p, q), value: widen(*value) })
            }
        }
    }

    /// Every value must be finite.
    pub(crate) fn check_finite(&self, input: &'static str) -> Result<(), Error> {
        for (row, image) in self.x.axis_iter(Axis(0)).enumerate() {
            let bad = image.iter().position(|value| !widen(*value).is_finite());
            if let Some(position) = bad {
                let value = image.iter().nth(position).map_or(0.0, |value| widen(*value));
                let mut place = vec![0; image.ndim()];
                let mut rest = position;
                for (index, size) in place.iter_mut().zip(image.shape()).rev() {
                    *index = rest % size;
                    rest /= size;
                }
                return Err(Error::NonFiniteImage { input, row, place, value });
            }
        }
        Ok(())
    }
}
