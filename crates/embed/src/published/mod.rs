//! Parts of published systems: polynomials fitted to kernels, and whole networks as one of them.

mod fit;
mod nnls;
mod whole;

pub(crate) use fit::nonnegative_series;
pub(crate) use whole::Whole;
