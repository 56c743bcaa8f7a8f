//! Which of several plans has the smallest error, by trying them.
//!
//! The variance of the sampled part is not known in closed form, and orthogonal directions lower it by an
//! amount that depends on the degree. A few hundred features for some rows of the sample tell the plans
//! apart.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, gram};
use widelimit_sketch::random::Stream;

use super::directions::Directions;
use super::norms::Norms;
use super::plan::Share;
use super::profile::Profile;
use super::{Rows, signed_at};
use crate::Error;
use crate::rotation::Rotation;

/// Rows that are looked at.
pub(super) const ROWS: usize = 96;

/// Features of a draw, and draws.
const FEATURES: usize = 256;
const DRAWS: usize = 4;

/// The number of the best plan for the rows of `x`; only the first term is tried.
pub(super) fn best(
    plans: &[Vec<Share>],
    x: ArrayView2<f64>,
    (rotation, deviations): (&Rotation, &[f64]),
    norms: &Norms,
    stream: Stream,
) -> Result<usize, Error> {
    let rows = Rows::new(x, rotation, norms, 0)?;
    let kernel = kernel(x, norms)?;
    let profile = Profile::new(signed_at(norms, 0), norms.basis());
    let mut best = (0, f64::INFINITY);
    for (i, plan) in plans.iter().enumerate() {
        let Some(share) = plan.first() else { continue };
        if share.sampled == 0 {
            return Ok(i);
        }
        let mut exact = Array2::zeros((x.nrows(), share.exact()));
        rows.exact(0, share, exact.view_mut());
        let rest = &kernel - &gram(exact.view(), None, &Par::single());
        let mut error = 0.0;
        for draw in 0..DRAWS {
            let stream = stream.child(draw as u32);
            let directions = Directions::new(rotation, share.axes, deviations, FEATURES, stream);
            let mut z = Array2::zeros((x.nrows(), FEATURES));
            rows.sampled(0, share, (&directions, &profile, norms.basis()), z.view_mut());
            let difference = gram(z.view(), None, &Par::single()) - &rest;
            error += difference.iter().map(|e| e * e).sum::<f64>();
        }
        let error = error / share.sampled as f64;
        if error < best.1 {
            best = (i, error);
        }
    }
    Ok(best.0)
}

/// What the first term stands for.
fn kernel(x: ArrayView2<f64>, norms: &Norms) -> Result<Array2<f64>, Error> {
    let par = Par::single();
    let inner = gram(x, None, &par);
    let length = x.ncols() as f64;
    let mut factors = Vec::with_capacity(x.nrows());
    for &square in inner.diag() {
        let place = norms.place(square / length);
        factors.push(norms.coefficients(place, &norms.around(place)?, norms.degrees()));
    }
    Ok(Array2::from_shape_fn(inner.dim(), |(i, j)| {
        let size = (inner[[i, i]] * inner[[j, j]]).sqrt();
        let cosine = if size > 0.0 { inner[[i, j]] / size } else { 0.0 };
        let terms = factors[i].row(0).into_iter().zip(factors[j].row(0)).rev();
        terms.fold(0.0, |sum, (g, h)| sum * cosine + g * h)
    }))
}
