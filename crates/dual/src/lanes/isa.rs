//! Which instructions to use, decided at run time.

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use super::{Lanes, Portable};

/// An instruction set the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// 512-bit vectors (AVX-512 F, BW, CD, DQ and VL).
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// One number at a time, on any machine.
    Portable,
}

impl Isa {
    /// The widest set this machine has.
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|isa| isa.is_available())
            .unwrap_or(Self::Portable)
    }

    /// Every set this machine has, widest first.
    pub fn available() -> Vec<Self> {
        [Self::Avx512, Self::Avx2, Self::Portable]
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// Whether this machine has the set. A job sent to a set that is missing runs on
    /// [`Isa::Portable`].
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Avx512 => V4::try_new().is_some(),
            Self::Avx2 => V3::try_new().is_some(),
            Self::Portable => true,
        }
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Portable;
    }

    /// The name in lower case: `avx512`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// A piece of work over vectors of `T`, generic over the instruction set.
pub trait Job<T> {
    /// Does the work; implementations are `#[inline(always)]`.
    fn run<L: Lanes<T>>(self, lanes: L);
}

mod sealed {
    use super::Isa;
    use crate::{Affine, Dual, Field, Row};

    /// Also where the kernels of both formats are compiled: once, in this crate, and not again in
    /// every crate that calls the generic front.
    pub trait Sealed: Sized {
        fn apply(dual: &Dual, isa: Isa, row: Row<'_, Self>, then: Affine);

        fn apply_field(dual: &Dual, isa: Isa, field: Field<'_, Self>);
    }

    macro_rules! sealed {
        ($t:ty) => {
            impl Sealed for $t {
                #[inline(never)]
                fn apply(dual: &Dual, isa: Isa, row: Row<'_, Self>, then: Affine) {
                    dual.apply_row(isa, row, then);
                }

                #[inline(never)]
                fn apply_field(dual: &Dual, isa: Isa, field: Field<'_, Self>) {
                    dual.field(isa, field);
                }
            }
        };
    }

    sealed!(f32);
    sealed!(f64);
}

/// `f32` or `f64`.
pub trait Element:
    sealed::Sealed + Copy + Default + Send + Sync + std::fmt::Debug + 'static
{
    /// Whether this is `f32`.
    const SINGLE: bool;

    /// Rounds to this format.
    fn from_f64(x: f64) -> Self;

    /// Exact.
    fn to_f64(self) -> f64;

    /// Runs a job with the given instructions enabled.
    fn dispatch<J: Job<Self>>(isa: Isa, job: J);
}

macro_rules! element {
    ($t:ty, $single:expr) => {
        impl Element for $t {
            const SINGLE: bool = $single;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }

            fn dispatch<J: Job<Self>>(isa: Isa, job: J) {
                #[cfg(target_arch = "x86_64")]
                {
                    if isa == Isa::Avx512
                        && let Some(simd) = V4::try_new()
                    {
                        return simd.vectorize(Enabled { simd, job, element: [0.0 as $t; 0] });
                    }
                    if isa == Isa::Avx2
                        && let Some(simd) = V3::try_new()
                    {
                        return simd.vectorize(Enabled { simd, job, element: [0.0 as $t; 0] });
                    }
                }
                let _ = isa;
                job.run(Portable);
            }
        }
    };
}

element!(f32, true);
element!(f64, false);

/// Carries a job into the function that has the instructions enabled (a closure would not be
/// inlined there for certain).
#[cfg(target_arch = "x86_64")]
struct Enabled<L, J, T> {
    simd: L,
    job: J,
    element: [T; 0],
}

#[cfg(target_arch = "x86_64")]
impl<T, L: Lanes<T>, J: Job<T>> pulp::NullaryFnOnce for Enabled<L, J, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let _ = self.element;
        self.job.run(self.simd);
    }
}
