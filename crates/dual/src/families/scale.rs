//! Variances brought near 1 by exact powers of two, so that their products neither overflow nor
//! vanish.

/// `(v e^2, e)` with `e` a power of two and `v e^2` in [1, 4), for subnormal `v` below.
pub(crate) fn near_one(v: f64) -> (f64, f64) {
    let k = (v.log2() / 2.0).floor().clamp(-511.0, 511.0) as i32;
    let e = 2f64.powi(-k);
    (v * e * e, e)
}
