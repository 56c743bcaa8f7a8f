//! Symmetric matrices in place: mirroring one triangle onto the other.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::par::Par;
use crate::scalar::Scalar;
use crate::transpose::transpose;

/// Blocks of this side are mirrored by one task.
const BLOCK: usize = 256;

/// Copies the strict lower triangle to the strict upper one, transposed.
pub(crate) fn mirror_lower<T: Scalar>(a: ArrayViewMut2<'_, T>, par: &Par) {
    if par.threads() == 1 {
        mirror(a, false);
    } else {
        par.install(|| mirror(a, true));
    }
}

/// Copies below the diagonal to above it, by halves.
fn mirror<T: Scalar>(a: ArrayViewMut2<'_, T>, parallel: bool) {
    let n = a.nrows();
    if n <= BLOCK {
        let mut a = a;
        for i in 0..n {
            for j in 0..i {
                a[[j, i]] = a[[i, j]];
            }
        }
        return;
    }
    let half = n / 2;
    let (top, bottom) = a.split_at(Axis(0), half);
    let (first, right) = top.split_at(Axis(1), half);
    let (left, last) = bottom.split_at(Axis(1), half);
    transpose_halves(left.view(), right, parallel);
    if parallel {
        rayon::join(|| mirror(first, true), || mirror(last, true));
    } else {
        mirror(first, false);
        mirror(last, false);
    }
}

/// Writes the transpose of `from`, in parallel if asked to.
fn transpose_halves<T: Scalar>(from: ArrayView2<'_, T>, to: ArrayViewMut2<'_, T>, parallel: bool) {
    let (rows, columns) = from.dim();
    if rows.max(columns) <= BLOCK {
        transpose(from, to);
        return;
    }
    let axis = if rows >= columns { 0 } else { 1 };
    let half = (rows.max(columns) / 2).next_multiple_of(16);
    let (from, from_rest) = from.split_at(Axis(axis), half);
    let (to, to_rest) = to.split_at(Axis(1 - axis), half);
    if parallel {
        rayon::join(
            || transpose_halves(from, to, true),
            || transpose_halves(from_rest, to_rest, true),
        );
    } else {
        transpose_halves(from, to, false);
        transpose_halves(from_rest, to_rest, false);
    }
}
