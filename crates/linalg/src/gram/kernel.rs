//! The micro-kernel and the loops around it, for every vector width.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;

/// What one micro-kernel call computes: the products of `rows` rows of the left
/// side with the `width` rows of one panel of the right side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub rows: usize,
    pub width: usize,
}

/// The shape of a micro-kernel for vectors of type `S`: `R` rows by `V` vectors.
/// `R · V` sums, `V` vectors and a broadcast fill the registers; `R` divides the
/// width of a panel, so that both sides share one packed form.
macro_rules! with_shape {
    ($s:ty, $t:ty, |$r:ident, $v:ident| $body:expr) => {
        if <$t as Lanes>::width::<$s>() >= 8 && <$s>::REGISTER_COUNT >= 32 {
            const $r: usize = 8;
            const $v: usize = 3;
            $body
        } else if <$t as Lanes>::width::<$s>() >= 4 {
            // four rows would need all 16 registers, and a sum then goes through memory
            const $r: usize = 3;
            const $v: usize = 3;
            $body
        } else {
            const $r: usize = 4;
            const $v: usize = 4;
            $body
        }
    };
}

/// The most rows in a panel: three vectors of 16 scalars.
pub(super) const MAX_WIDTH: usize = 48;

/// Asks for the geometry of an instruction set.
pub struct AskGeometry<T>(pub std::marker::PhantomData<T>);

impl<T: Lanes> WithSimd for AskGeometry<T> {
    type Output = Geometry;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Geometry {
        with_shape!(S, T, |R, V| Geometry { rows: R, width: V * T::width::<S>() })
    }
}

/// One chunk of the products of packed rows, added to (or, for the first chunk,
/// written over) a tile.
pub struct Block<'a, 'b, T> {
    /// All panels of the left side for this chunk.
    pub left: &'a [T],
    /// All panels of the right side for this chunk.
    pub right: &'a [T],
    /// The columns of the chunk.
    pub depth: usize,
    /// The first row of the left side.
    pub start: usize,
    /// The rows of the right side.
    pub columns: Range<usize>,
    /// The tile: one slice of `columns.len()` for each row of the left side.
    pub tile: &'a mut [&'b mut [T]],
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
        let size = width * self.depth;
        let end = self.start + self.tile.len();
        let first_panel = self.columns.start / width;
        for group in (self.start / R * R..end).step_by(R) {
            let left = &self.left[group / width * size..][..size];
            let left = &left.as_chunks::<R>().0[group % width / R..];
            let rows = self.start.max(group)..end.min(group + R);
            let part = &mut self.tile[rows.start - self.start..rows.end - self.start];
            for (panel, right) in self.right.chunks_exact(size).enumerate().skip(first_panel) {
                if panel * width >= self.columns.end {
                    break;
                }
                let (right, _) = T::vectors::<S>(right).as_chunks::<V>();
                // The part of the panel that is asked for.
                let columns = self.columns.start.max(panel * width)
                    ..self.columns.end.min((panel + 1) * width);
                let at = columns.start - self.columns.start;
                let sums = micro::<T, S, R, V>(simd, left.iter().step_by(width / R), right);
                match <&mut [&mut [T]; R]>::try_from(&mut *part) {
                    Ok(rows) if columns.len() == width => put(simd, rows, at, sums, self.first),
                    _ => {
                        let skip = (rows.start - group, columns.start - panel * width);
                        let places = at..at + columns.len();
                        put_part::<T, S, R, V>(part, places, sums, skip, self.first);
                    }
                }
            }
        }
    }
}

/// `R × V` vectors of sums over one chunk, each a chain of multiply-adds from 0.
///
/// All loops but the outer one have constant bounds, so that the sums live in
/// registers.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // The index keeps the unrolled loops plain.
fn micro<'a, T: Lanes, S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: impl Iterator<Item = &'a [T; R]>,
    right: &[[T::Vector<S>; V]],
) -> [[T::Vector<S>; V]; R] {
    let mut sums = [[T::splat(simd, T::ZERO); V]; R];
    for (left, right) in left.zip(right) {
        for r in 0..R {
            let x = T::splat(simd, left[r]);
            for v in 0..V {
                sums[r][v] = T::mul_add(simd, x, right[v], sums[r][v]);
            }
        }
    }
    sums
}

/// Writes or adds the sums to whole vectors of all `R` rows.
#[inline(always)]
fn put<T: Lanes, S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: &mut [&mut [T]; R],
    at: usize,
    sums: [[T::Vector<S>; V]; R],
    first: bool,
) {
    for r in 0..R {
        let row = &mut rows[r][at..at + V * T::width::<S>()];
        let out = T::vectors_mut::<S>(row);
        for v in 0..V {
            out[v] = if first { sums[r][v] } else { T::add(simd, out[v], sums[r][v]) };
        }
    }
}

/// Writes or adds the part of the sums that lies inside the tile: all but the
/// first `skip.0` rows and `skip.1` columns, as far as `rows` and `columns` go.
#[inline(always)]
fn put_part<T: Lanes, S: Simd, const R: usize, const V: usize>(
    rows: &mut [&mut [T]],
    columns: Range<usize>,
    sums: [[T::Vector<S>; V]; R],
    skip: (usize, usize),
    first: bool,
) {
    let mut edge = [[T::ZERO; MAX_WIDTH]; R];
    for r in 0..R {
        T::vectors_mut::<S>(&mut edge[r])[..V].copy_from_slice(&sums[r]);
    }
    for (row, edge) in rows.iter_mut().zip(&edge[skip.0..]) {
        for (out, sum) in row[columns.clone()].iter_mut().zip(&edge[skip.1..]) {
            *out = if first { *sum } else { T::plus(*out, *sum) };
        }
    }
}

/// One chunk of the squared norms of the rows of a panel.
pub struct Norms<'a, T> {
    /// The panel.
    pub panel: &'a [T],
    /// The norms, at most as many as the panel has rows.
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
#[allow(clippy::needless_range_loop)] // As in `micro`.
fn norms<T: Lanes, S: Simd, const V: usize>(simd: S, job: Norms<'_, T>) {
    let mut sums = [[T::splat(simd, T::ZERO); V]];
    for x in T::vectors::<S>(job.panel).as_chunks::<V>().0 {
        for v in 0..V {
            sums[0][v] = T::mul_add(simd, x[v], x[v], sums[0][v]);
        }
    }
    let columns = 0..job.out.len();
    put_part::<T, S, 1, V>(&mut [job.out], columns, sums, (0, 0), job.first);
}
