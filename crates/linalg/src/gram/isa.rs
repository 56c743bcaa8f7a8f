//! The instruction set a Gram product runs on, chosen at run time.

use pulp::WithSimd;

/// An instruction set.
///
/// [`Isa::Avx512`] and [`Isa::Avx2`] give the same bits: both fuse the multiply
/// and the add of every step. [`Isa::Portable`] does so only where the target
/// has such an instruction at compile time; elsewhere it rounds twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// No instruction beyond the ones the target promises.
    Portable,
}

impl Isa {
    /// The widest set that this machine runs.
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|isa| isa.is_available())
            .unwrap_or(Self::Portable)
    }

    /// All sets that this machine runs, the widest first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Avx512, Self::Avx2, Self::Portable];
        all.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Whether this machine runs it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            Self::Portable => true,
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Runs `op` compiled for this set, or for the best there is where this
    /// machine lacks it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        use pulp::Simd;
        if self == Self::Avx512
            && let Some(simd) = pulp::x86::V4::try_new()
        {
            return Simd::vectorize(simd, op);
        }
        if self != Self::Portable
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return Simd::vectorize(simd, op);
        }
        Simd::vectorize(pulp::Scalar, op)
    }

    /// Runs `op` compiled for the vectors that the target promises.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        pulp::Arch::new().dispatch(op)
    }
}

impl Default for Isa {
    fn default() -> Self {
        Self::best()
    }
}
