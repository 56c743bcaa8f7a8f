//! What becomes of sums.

use widelimit_dual::lanes::Real;

use crate::program::{Affine, TMap};

/// An affine map of sums.
#[derive(Clone, Copy)]
pub(super) struct Emit {
    scale: f64,
    shift: f64,
    keep: f64,
    share: f64,
    offset: f64,
}

impl Emit {
    pub(super) fn new(map: Affine) -> Self {
        let (keep, share, offset) = match map.t {
            TMap::Empty => (0.0, 0.0, 0.0),
            TMap::Start { k, shift } => (0.0, k, shift),
            TMap::Continue { t, k, shift } => (t, k, shift),
        };
        Self { scale: map.scale, shift: map.shift, keep, share, offset }
    }

    #[inline(always)]
    pub(super) fn k<R: Real>(self, k: R) -> R {
        k.mul_add(k.lit(self.scale), k.lit(self.shift))
    }

    /// `T'` where there was no `T`.
    #[inline(always)]
    pub(super) fn start<R: Real>(self, k: R) -> R {
        k.mul_add(k.lit(self.share), k.lit(self.offset))
    }

    /// Whether `T'` is `K'` and something of `T`.
    pub(super) fn is_shared(self) -> bool {
        self.share == self.scale && self.offset == self.shift
    }

    /// `T'`, given `K'`, where that is so.
    #[inline(always)]
    pub(super) fn shared<R: Real>(self, value: R, t: R) -> R {
        t.mul_add(t.lit(self.keep), value)
    }

    #[inline(always)]
    pub(super) fn t<R: Real>(self, k: R, t: R) -> R {
        t.mul_add(t.lit(self.keep), self.start(k))
    }
}
