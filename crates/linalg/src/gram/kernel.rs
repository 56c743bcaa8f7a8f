//! The micro-kernel and the loops around it, for every vector width.

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;

/// Rows of the left operand and columns (rows of the right one) that one
/// micro-kernel call computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub left: usize,
    pub right: usize,
}

/// The shape of a micro-kernel for vectors of type `S`: `R` rows by `V` vectors.
macro_rules! with_shape {
    ($s:ty, $t:ty, |$r:ident, $v:ident| $body:expr) => {
        if <$t as Lanes>::width::<$s>() == 1 {
            const $r: usize = 4;
            const $v: usize = 4;
            $body
        } else if <$s>::REGISTER_COUNT >= 32 {
            const $r: usize = 8;
            const $v: usize = 3;
            $body
        } else {
            const $r: usize = 6;
            const $v: usize = 2;
            $body
        }
    };
}

/// Asks for the geometry of an instruction set.
pub struct AskGeometry<T>(pub std::marker::PhantomData<T>);

impl<T: Lanes> WithSimd for AskGeometry<T> {
    type Output = Geometry;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Geometry {
        with_shape!(S, T, |R, V| Geometry { left: R, right: V * T::width::<S>() })
    }
}

/// One chunk of the product of packed panels, added to (or, for the first
/// chunk, written over) `rows`.
pub struct Block<'a, 'b, T> {
    /// Panels of `geometry.left` rows.
    pub left: &'a [T],
    /// Panels of `geometry.right` rows.
    pub right: &'a [T],
    /// The columns of a panel.
    pub depth: usize,
    /// The rows of the result.
    pub rows: &'a mut [&'b mut [T]],
    /// Whether this is the first chunk.
    pub first: bool,
}

impl<T: Lanes> WithSimd for Block<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_shape!(S, T, |R, V| self.run::<S, R, V>(simd))
    }
}

impl<T: Lanes> Block<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize>(self, simd: S) {
        let width = V * T::width::<S>();
        let columns = self.rows.first().map_or(0, |row| row.len());
        let starts = (0..columns).step_by(width);
        for (column, right) in starts.zip(self.right.chunks_exact(width * self.depth)) {
            let (right, _) = T::vectors::<S>(right).as_chunks::<V>();
            let panels = self.left.chunks_exact(R * self.depth);
            for (rows, left) in self.rows.chunks_mut(R).zip(panels) {
                let sums = micro::<T, S, R, V>(simd, left.as_chunks::<R>().0, right);
                let end = columns.min(column + width);
                if rows.len() == R && end == column + width {
                    for (row, sums) in rows.iter_mut().zip(&sums) {
                        put::<T, S, V>(simd, &mut row[column..end], sums, self.first);
                    }
                } else {
                    for (row, sums) in rows.iter_mut().zip(&sums) {
                        put_part::<T, S, V>(simd, &mut row[column..end], sums, self.first);
                    }
                }
            }
        }
    }
}

/// `R × V` vectors of sums over one chunk, each a chain of multiply-adds from 0.
#[inline(always)]
fn micro<T: Lanes, S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: &[[T; R]],
    right: &[[T::Vector<S>; V]],
) -> [[T::Vector<S>; V]; R] {
    let mut sums = [[T::splat(simd, T::ZERO); V]; R];
    for (left, right) in left.iter().zip(right) {
        for r in 0..R {
            let x = T::splat(simd, left[r]);
            for v in 0..V {
                sums[r][v] = T::mul_add(simd, x, right[v], sums[r][v]);
            }
        }
    }
    sums
}

/// Writes or adds whole vectors.
#[inline(always)]
fn put<T: Lanes, S: Simd, const V: usize>(
    simd: S,
    out: &mut [T],
    sums: &[T::Vector<S>; V],
    first: bool,
) {
    for (out, sum) in T::vectors_mut::<S>(out).iter_mut().zip(sums) {
        *out = if first { *sum } else { T::add(simd, *out, *sum) };
    }
}

/// Writes or adds the part of the vectors that lies inside the result.
#[inline(always)]
fn put_part<T: Lanes, S: Simd, const V: usize>(
    simd: S,
    out: &mut [T],
    sums: &[T::Vector<S>; V],
    first: bool,
) {
    let mut edge = [T::ZERO; 64];
    let len = out.len();
    edge[..len].copy_from_slice(out);
    put::<T, S, V>(simd, &mut edge, sums, first);
    out.copy_from_slice(&edge[..len]);
}

/// One chunk of the squared norms of a packed panel.
pub struct Norms<'a, T> {
    /// One panel of `geometry.right` rows.
    pub panel: &'a [T],
    /// The norms, at most `geometry.right` of them.
    pub out: &'a mut [T],
    /// Whether this is the first chunk.
    pub first: bool,
}

impl<T: Lanes> WithSimd for Norms<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_shape!(S, T, |R, V| {
            let _ = R;
            norms::<T, S, V>(simd, self)
        })
    }
}

#[inline(always)]
fn norms<T: Lanes, S: Simd, const V: usize>(simd: S, job: Norms<'_, T>) {
    let mut sums = [T::splat(simd, T::ZERO); V];
    for x in T::vectors::<S>(job.panel).as_chunks::<V>().0 {
        for v in 0..V {
            sums[v] = T::mul_add(simd, x[v], x[v], sums[v]);
        }
    }
    put_part::<T, S, V>(simd, job.out, &sums, job.first);
}
