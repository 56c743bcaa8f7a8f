//! What is known of every image alone, for a vector of images or for one of them.

use widelimit_dual::{Aligned, Prepared};

use crate::scalar::Scalar;

/// Images, interleaved: for every quantity the numbers of all images, one a lane, stand together.
#[derive(Clone, Debug)]
pub(crate) struct Side<T: Scalar> {
    /// Images.
    pub width: usize,
    /// By position and channel.
    pub pixels: Aligned<T>,
    /// By activation; points are positions.
    pub duals: Vec<Prepared<T>>,
    /// By normalisation and position: `1 / sqrt(v + eps)`.
    pub norms: Vec<Vec<T>>,
    /// By mixing, position and position.
    pub mixings: Vec<Vec<T>>,
}

impl<T: Scalar> Side<T> {
    /// Room for images of which nothing is known.
    pub fn empty(width: usize, [duals, norms, mixings]: [usize; 3]) -> Self {
        Self {
            width,
            pixels: Aligned::zeros(0),
            duals: (0..duals).map(|_| Prepared::empty()).collect(),
            norms: vec![Vec::new(); norms],
            mixings: vec![Vec::new(); mixings],
        }
    }

    /// Becomes one image of several.
    pub fn take_lane(&mut self, all: &Self, lane: usize) {
        let width = all.width;
        let take = |to: &mut Vec<T>, from: &[T]| {
            to.clear();
            to.extend(from[lane..].iter().step_by(width));
        };
        self.pixels.reset(all.pixels.len() / width);
        let pixels = all.pixels[lane..].iter().step_by(width);
        self.pixels.iter_mut().zip(pixels).for_each(|(to, from)| *to = *from);
        for (to, from) in self.duals.iter_mut().zip(&all.duals) {
            to.take_lane(from, lane, width);
        }
        self.norms.iter_mut().zip(&all.norms).for_each(|(to, from)| take(to, from));
        self.mixings.iter_mut().zip(&all.mixings).for_each(|(to, from)| take(to, from));
    }
}
