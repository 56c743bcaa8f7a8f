//! Closed forms, one family of activations to a file.

mod angular;
mod clip;
mod elu;
mod erf;
mod exponential;
mod gabor;
mod gaussian;
mod gelu;
mod plus_one;
mod polar;
mod power;
mod relu;
mod scale;
mod series;
mod wave;

pub(crate) use angular::{Sign, Step};
pub(crate) use clip::Clip;
pub(crate) use elu::Elu;
pub(crate) use erf::Erf;
pub(crate) use exponential::{ExpNormalized, Exponential};
pub(crate) use gabor::Gabor;
pub(crate) use gaussian::Gaussian;
pub(crate) use gelu::Gelu;
pub(crate) use power::{Monomial, RectifiedMonomial};
pub(crate) use relu::Relu;
pub(crate) use scale::near_one;
pub(crate) use series::Series;
pub(crate) use wave::{Snake, Wave};
