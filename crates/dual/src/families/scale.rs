//! Variances brought near 1 by exact powers of two, so that their products neither overflow nor
//! vanish.

/// `(v e^2, e)` with `e` a power of two and `v e^2` in [1, 4), for subnormal `v` below.
pub(crate) fn near_one(v: f64) -> (f64, f64) {
    // half the exponent of two; that of subnormal numbers reads -1023
    let exponent = (v.to_bits() >> 52) as i64 - 1023;
    let k = (exponent >> 1).clamp(-511, 511);
    let e = f64::from_bits(((1023 - k) as u64) << 52);
    (v * e * e, e)
}
