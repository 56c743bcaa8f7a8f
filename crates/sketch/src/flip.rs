//! Random signs on a row.

use crate::Scalar;
use crate::dispatch::{Loop, widest};

/// Changes the sign of the entries of `x` whose bit is set: bit `i % 32` of word `i / 32`.
///
/// Entries beyond the last word are left as they are.
///
/// ```
/// let mut x = [1.0, 2.0, 3.0];
/// widelimit_sketch::flip_signs(&mut x, &[0b101]);
/// assert_eq!(x, [-1.0, 2.0, -3.0]);
/// ```
pub fn flip_signs<T: Scalar>(x: &mut [T], signs: &[u32]) {
    widest(Flip { x, signs });
}

struct Flip<'a, T> {
    x: &'a mut [T],
    signs: &'a [u32],
}

impl<T: Scalar> Loop for Flip<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (x, word) in self.x.chunks_mut(32).zip(self.signs) {
            for (k, x) in x.iter_mut().enumerate() {
                *x = if word >> k & 1 == 0 { *x } else { -*x };
            }
        }
    }
}
