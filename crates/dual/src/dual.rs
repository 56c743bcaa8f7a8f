//! The public face: one compiled activation.

use std::f64::consts::FRAC_1_SQRT_2;

use widelimit_arch::{Activation, Function, NamedFunction};

use crate::families::{
    Clip, Elu, Erf, ExpNormalized, Exponential, Gabor, Gaussian, Gelu, Monomial, RectifiedMonomial,
    Relu, Series, Sign, Snake, Step, Wave,
};
use crate::field::Field;
use crate::hermite::Hermite;
use crate::lanes::{Element, Isa};
use crate::route::{Affine, Closed, Route, Row};
use crate::{Error, Prepared};

/// Both duals of a pair of Gaussians `(u, v)` of variances `a`, `b` and covariance `c`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// `k = E[s(u) s(v)]`.
    pub k: f64,
    /// `kd = E[s'(u) s'(v)] = dk/dc`.
    pub kd: f64,
}

/// The dual of an activation: how it maps covariances of a layer's inputs to those of its outputs.
///
/// ```
/// use widelimit_arch::Activation;
/// use widelimit_dual::Dual;
///
/// let relu = Dual::new(&Activation::Relu)?;
/// let orthogonal = relu.pair(1.0, 1.0, 0.0);
/// assert!((orthogonal.k - 0.5 / std::f64::consts::PI).abs() < 1e-15);
/// assert!((orthogonal.kd - 0.25).abs() < 1e-15);
/// assert_eq!(relu.diagonal(3.0).k, 1.5);
/// # Ok::<(), widelimit_dual::Error>(())
/// ```
///
/// A row of a kernel matrix, with the widest vectors this machine has:
///
/// ```
/// use widelimit_arch::Activation;
/// use widelimit_dual::{Dual, Isa, Row};
///
/// let gelu = Dual::new(&Activation::Gelu)?;
/// let points = gelu.prepare(&[1.0f32, 0.5, 2.0])?;
/// let mut nngp = [1.0, 0.2, -0.7]; // covariances of point 0 with points 0, 1 and 2
/// let mut ntk = nngp;
/// let (k, t) = (&mut nngp[..], Some(&mut ntk[..]));
/// gelu.apply(Isa::best(), Row { left: &points, i: 0, right: &points, j0: 0, k, t });
/// assert!((f64::from(nngp[1]) - gelu.pair(1.0, 0.5, 0.2).k).abs() < 1e-7);
/// # Ok::<(), widelimit_dual::Error>(())
/// ```
#[derive(Clone)]
pub struct Dual {
    name: &'static str,
    homogeneity: Option<f64>,
    compiled: Compiled,
}

/// One line per route: a variant and its type. `each!` runs an expression on whichever it is.
macro_rules! routes {
    ($($variant:ident($route:ty),)*) => {
        #[derive(Clone)]
        enum Compiled {
            $($variant($route),)*
        }

        macro_rules! each {
            ($compiled:expr, $name:ident => $body:expr) => {
                match $compiled {
                    $(Compiled::$variant($name) => $body,)*
                }
            };
        }
    };
}

routes! {
    Relu(Closed<Relu, 3>),
    Sign(Closed<Sign, 2>),
    Step(Closed<Step, 3>),
    Monomial(Closed<Monomial, 5>),
    RectifiedMonomial(Closed<RectifiedMonomial, 5>),
    Series(Series),
    Erf(Closed<Erf, 3>),
    Gelu(Closed<Gelu, 7>),
    Wave(Closed<Wave, 1>),
    Snake(Closed<Snake, 2>),
    Exponential(Closed<Exponential, 1>),
    ExpNormalized(Closed<ExpNormalized, 3>),
    Gaussian(Closed<Gaussian, 3>),
    Gabor(Closed<Gabor, 3>),
    Hermite(Hermite),
    Elu(Closed<Elu, 6>),
    Clip(Closed<Clip, 13>),
}

impl Dual {
    /// Compiles an activation.
    ///
    /// # Errors
    ///
    /// A parameter for which the dual does not exist.
    pub fn new(activation: &Activation) -> Result<Self, Error> {
        use Compiled as C;
        let (name, homogeneity, compiled) = match *activation {
            Activation::Relu => ("relu", Some(1.0), relu(0.0, 1.0)),
            Activation::LeakyRelu { alpha } => ("leaky_relu", Some(1.0), relu(alpha, 1.0)),
            Activation::AbRelu { a, b } => ("abrelu", Some(1.0), relu(a, b)),
            Activation::Abs => ("abs", Some(1.0), relu(-1.0, 1.0)),
            Activation::Sign => ("sign", Some(0.0), C::Sign(Closed(Sign))),
            Activation::Step => ("step", Some(0.0), C::Step(Closed(Step { at_zero: 0.0 }))),
            Activation::RectifiedMonomial { degree: 0 } => {
                ("rectified_monomial", Some(0.0), C::Step(Closed(Step { at_zero: 1.0 })))
            }
            Activation::RectifiedMonomial { degree } => (
                "rectified_monomial",
                Some(f64::from(degree)),
                C::RectifiedMonomial(Closed(RectifiedMonomial::new(degree)?)),
            ),
            Activation::Monomial { degree } => {
                ("monomial", Some(f64::from(degree)), C::Monomial(Closed(Monomial::new(degree)?)))
            }
            Activation::Polynomial { ref coef } => {
                ("polynomial", None, C::Series(Series::polynomial(coef)?))
            }
            Activation::Hermite { degree } => ("hermite", None, C::Series(Series::Hermite(degree))),
            Activation::Erf { a, b, c } => ("erf", None, erf(a, b, c)),
            Activation::SigmoidLike => ("sigmoid_like", None, erf(0.5, 1.0 / SIGMOID_WIDTH, 0.5)),
            Activation::Probit => ("probit", None, erf(0.5, FRAC_1_SQRT_2, 0.5)),
            Activation::Gelu => ("gelu", None, C::Gelu(Closed(Gelu))),
            Activation::Sin { a, b, c } => ("sin", None, C::Wave(Closed(Wave::sin(a, b, c)))),
            Activation::Cos { a, b, c } => ("cos", None, C::Wave(Closed(Wave::cos(a, b, c)))),
            Activation::Rbf { gamma } => {
                ("rbf", None, C::Exponential(Closed(Exponential::rbf(gamma))))
            }
            Activation::Exp { a, b } => {
                ("exp", None, C::Exponential(Closed(Exponential::exp(a, b))))
            }
            Activation::ExpNormalized { gamma, shift, .. } => (
                "exp_normalized",
                Some(1.0),
                C::ExpNormalized(Closed(ExpNormalized { gamma, shift })),
            ),
            Activation::Gaussian { a, b } => {
                ("gaussian", None, C::Gaussian(Closed(Gaussian::new(a, b)?)))
            }
            Activation::Gabor => ("gabor", None, C::Gabor(Closed(Gabor))),
            Activation::Snake { a } => ("snake", None, C::Snake(Closed(Snake::new(a)?))),
            Activation::Elu { alpha } => ("elu", None, C::Elu(Closed(Elu::new(alpha)))),
            Activation::Celu { alpha } => ("celu", None, C::Elu(Closed(Elu::celu(alpha)?))),
            Activation::Selu => ("selu", None, C::Elu(Closed(Elu::selu()))),
            Activation::Relu6 => ("relu6", None, C::Clip(Closed(Clip::relu6()))),
            Activation::HardTanh => ("hard_tanh", None, C::Clip(Closed(Clip::hard_tanh()))),
            Activation::HardSigmoid => {
                ("hard_sigmoid", None, C::Clip(Closed(Clip::hard_sigmoid())))
            }
            Activation::Numerical { ref function, .. } => match Hermite::new(function) {
                Some(route) => (route.name(), None, C::Hermite(route)),
                // the two named functions with a closed form
                None if *function == Function::Named(NamedFunction::Selu) => {
                    ("selu", None, C::Elu(Closed(Elu::selu())))
                }
                None => ("elu", None, C::Elu(Closed(Elu::new(1.0)))),
            },
        };
        Ok(Self { name, homogeneity, compiled })
    }

    /// The activation's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `k` and `kd` of one pair, in `f64`, by the same source as the vectors.
    ///
    /// NaN where the variances are negative, not finite, or too large for this activation
    /// ([`prepare`](Self::prepare) gives the reason). `|c|` above `sqrt(ab)` counts as equality.
    pub fn pair(&self, a: f64, b: f64, c: f64) -> Pair {
        each!(&self.compiled, route => route.pair(a, b, c))
    }

    /// `E[s(u)^2]` and `E[s'(u)^2]` at variance `v`, by the form for equal arguments, which
    /// nothing cancels in.
    pub fn diagonal(&self, v: f64) -> Pair {
        each!(&self.compiled, route => route.diagonal(v))
    }

    /// Whether nothing is approximated.
    pub fn is_closed_form(&self) -> bool {
        each!(&self.compiled, route => route.is_closed_form())
    }

    /// Whether [`Field::near`] counts entries whose derivative `f32` does not resolve.
    pub fn counts_near(&self) -> bool {
        matches!(self.compiled, Compiled::Relu(_) | Compiled::Clip(_) | Compiled::Elu(_))
    }

    /// The `h` with `k(ta, tb, tc) = t^h k(a, b, c)` for every `t > 0`, if there is one: for an
    /// activation, the `h` with `s(t x) = t^h s(x)`.
    pub fn homogeneity(&self) -> Option<f64> {
        self.homogeneity
    }

    /// What [`apply`](Self::apply) needs to know of points with these variances.
    ///
    /// # Errors
    ///
    /// A variance that is negative or not finite, or for which the kernel overflows `T`.
    pub fn prepare<T: Element>(&self, variances: &[T]) -> Result<Prepared<T>, Error> {
        for (index, v) in variances.iter().enumerate() {
            let value = v.to_f64();
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Variance { index, value });
            }
        }
        each!(&self.compiled, route => route.prepare(self.name, variances))
    }

    /// Maps one row of covariances in place.
    ///
    /// For `m` in `0..k.len()`, `k[m]` is the covariance of left point `i` with right point
    /// `j0 + m`; it becomes `E[s(u) s(v)]`, and `t[m]` is multiplied by `E[s'(u) s'(v)]`.
    ///
    /// An entry's result depends on its own numbers only, not on its place in the row or the
    /// row's length, and is bitwise the same with left and right exchanged.
    ///
    /// # Panics
    ///
    /// When a point does not exist, `k` and `t` differ in length, or a `Prepared` comes from
    /// another activation.
    pub fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>) {
        T::apply(self, isa, row, Affine::IDENTITY);
    }

    /// [`apply`](Self::apply) and the affine map of the layer that follows, in one pass.
    ///
    /// # Panics
    ///
    /// As [`apply`](Self::apply).
    pub fn apply_then<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        T::apply(self, isa, row, then);
    }

    /// Maps rows of entries of images in place: `k` becomes `E[s(u) s(v)]`, and `t` is multiplied by
    /// `E[s'(u) s'(v)]`.
    ///
    /// An entry's result is that of [`apply`](Self::apply) for its two points, but for rounding in `f32`:
    /// covariances of images are sums, whose last digits are not known.
    ///
    /// # Panics
    ///
    /// When a pixel does not exist, `k` is not made of whole rows, `t` differs from it in length, or a
    /// `Prepared` comes from another activation.
    pub fn apply_field<T: Element>(&self, isa: Isa, field: Field<'_, T>) {
        field.check(isa.width::<T>());
        T::apply_field(self, isa, field);
    }

    /// What [`apply_field`](Self::apply_field) does, compiled for one format.
    pub(crate) fn field<T: Element>(&self, isa: Isa, field: Field<'_, T>) {
        each!(&self.compiled, route => route.field(isa, field));
    }

    /// What [`apply_then`](Self::apply_then) does, compiled for one format.
    pub(crate) fn apply_row<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        each!(&self.compiled, route => route.apply(isa, row, then));
    }

    /// [`diagonal`](Self::diagonal) of many variances.
    ///
    /// # Panics
    ///
    /// When the slices differ in length.
    pub fn diagonals<T: Element>(&self, variances: &[T], k_out: &mut [T], kd_out: &mut [T]) {
        assert!(
            variances.len() == k_out.len() && variances.len() == kd_out.len(),
            "lengths differ"
        );
        for (v, (k_out, kd_out)) in variances.iter().zip(k_out.iter_mut().zip(kd_out)) {
            let Pair { k, kd } = self.diagonal(v.to_f64());
            *k_out = T::from_f64(k);
            *kd_out = T::from_f64(kd);
        }
    }
}

/// The scale that makes `erf(x / scale) / 2 + 1/2` closest to the logistic sigmoid.
const SIGMOID_WIDTH: f64 = 2.402_056_353_171_979_6;

fn erf(a: f64, b: f64, c: f64) -> Compiled {
    Compiled::Erf(Closed(Erf::new(a, b, c)))
}

fn relu(a: f64, b: f64) -> Compiled {
    Compiled::Relu(Closed(Relu::new(a, b)))
}
