//! The calls into faer, generic here and compiled once for each precision by
//! [`crate::scalar`]. Matrices are slices in column-major order.

use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor as llt;
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::householder;
use faer::linalg::matmul::triangular::{self as products, BlockStructure};
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::linalg::svd::{self, ComputeSvdVectors};
use faer::linalg::triangular_solve as triangular;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::traits::RealField;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};

use crate::error::Error;
use crate::qr::Reflect;

/// A workspace, or the error that says how large it would have been.
fn workspace(request: StackReq) -> Result<MemBuffer, Error> {
    let bytes = request.unaligned_bytes_required();
    MemBuffer::try_new(request).map_err(|_| Error::OutOfMemory { bytes })
}

/// The side of the blocks that [`cholesky`] factors apart.
const LEAF: usize = 128;

/// Replaces the lower triangle of `a` (`n × n`) by its Cholesky factor; the row of
/// the pivot that is not positive on failure. The strict upper triangle is left
/// alone.
pub(crate) fn cholesky<T: RealField>(
    a: &mut [T],
    n: usize,
    par: Par,
) -> Result<Result<(), usize>, Error> {
    let side = n.min(LEAF);
    let request = llt::cholesky_in_place_scratch::<T>(side, par, Default::default());
    let mut memory = workspace(request)?;
    let mut leaf = Mat::zeros(side, side);
    let a = MatMut::from_column_major_slice_mut(a, n, n);
    Ok(cholesky_by_halves(a, leaf.as_mut(), &mut memory, par))
}

/// Factors the first half, subtracts what it explains of the second, factors that:
/// long inner sides for the products, whatever `n`.
fn cholesky_by_halves<T: RealField>(
    a: MatMut<'_, T>,
    mut leaf: MatMut<'_, T>,
    memory: &mut MemBuffer,
    par: Par,
) -> Result<(), usize> {
    let n = a.nrows();
    if n <= LEAF {
        // Apart, because the library writes above the diagonal of small blocks.
        let (mut a, mut leaf) = (a, leaf.submatrix_mut(0, 0, n, n));
        leaf.copy_from_triangular_lower(&a);
        let stack = MemStack::new(memory);
        let result = llt::cholesky_in_place(
            leaf.rb_mut(),
            Default::default(),
            par,
            stack,
            Default::default(),
        );
        a.copy_from_triangular_lower(&leaf);
        return match result {
            Ok(_) => Ok(()),
            Err(llt::LltError::NonPositivePivot { index }) => Err(index),
        };
    }
    let half = (n / 2).next_multiple_of(LEAF);
    let (mut first, _, mut below, mut second) = a.split_at_mut(half, half);
    cholesky_by_halves(first.rb_mut(), leaf.rb_mut(), memory, par)?;
    triangular::solve_lower_triangular_in_place(first.rb(), below.rb_mut().transpose_mut(), par);
    products::matmul(
        second.rb_mut(),
        BlockStructure::TriangularLower,
        Accum::Add,
        below.rb(),
        BlockStructure::Rectangular,
        below.rb().transpose(),
        BlockStructure::Rectangular,
        -T::one_impl(),
        par,
    );
    cholesky_by_halves(second, leaf, memory, par).map_err(|pivot| half + pivot)
}

/// Which triangle of a matrix is meant, and whether it is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle<'a, T> {
    /// The matrix, column-major, `side × side`.
    pub matrix: &'a [T],
    pub side: usize,
    /// The solve involves only rows and columns from here on.
    pub start: usize,
    /// The lower triangle, of the matrix as it lies in memory.
    pub lower: bool,
    /// Solve with the transpose of that triangle.
    pub transposed: bool,
}

/// Solves in place with a triangle; `x` holds rows of `columns` entries.
pub(crate) fn solve_triangle<T: RealField>(
    triangle: Triangle<'_, T>,
    x: &mut [T],
    columns: usize,
    par: Par,
) {
    let Triangle { matrix, side, start, lower, transposed } = triangle;
    let matrix = MatRef::from_column_major_slice(matrix, side, side).get(start.., start..);
    let x = MatMut::from_row_major_slice_mut(x, side - start, columns);
    match (lower, transposed) {
        (true, false) => triangular::solve_lower_triangular_in_place(matrix, x, par),
        (true, true) => triangular::solve_upper_triangular_in_place(matrix.transpose(), x, par),
        (false, false) => triangular::solve_upper_triangular_in_place(matrix, x, par),
        (false, true) => triangular::solve_lower_triangular_in_place(matrix.transpose(), x, par),
    }
}

/// Eigenvalues, ascending, and, where `vectors` is given, eigenvectors (columns) of
/// the symmetric matrix whose lower triangle is in `a`.
pub(crate) fn symmetric_eigen<T: RealField>(
    a: &[T],
    n: usize,
    values: &mut [T],
    vectors: Option<&mut [T]>,
    par: Par,
) -> Result<(), Error> {
    let params = Default::default();
    let compute = match vectors {
        Some(_) => ComputeEigenvectors::Yes,
        None => ComputeEigenvectors::No,
    };
    let mut memory = workspace(evd::self_adjoint_evd_scratch::<T>(n, compute, par, params))?;
    let a = MatRef::from_column_major_slice(a, n, n);
    let vectors = vectors.map(|u| MatMut::from_column_major_slice_mut(u, n, n));
    let values = DiagMut::from_slice_mut(values);
    let stack = MemStack::new(&mut memory);
    evd::self_adjoint_evd(a, values, vectors, par, stack, params)
        .map_err(|_| Error::NoConvergence { what: "eigenvalues" })
}

/// Thin singular value decomposition of `a` (`m × n`): `u` is `m × k`, `v` is `n × k`.
pub(crate) fn svd<T: RealField>(
    a: MatRef<'_, T>,
    u: &mut [T],
    s: &mut [T],
    v: &mut [T],
    par: Par,
) -> Result<(), Error> {
    let (m, n) = a.shape();
    let (k, params, thin) = (m.min(n), Default::default(), ComputeSvdVectors::Thin);
    let mut memory = workspace(svd::svd_scratch::<T>(m, n, thin, thin, par, params))?;
    let u = MatMut::from_column_major_slice_mut(u, m, k);
    let v = MatMut::from_column_major_slice_mut(v, n, k);
    let stack = MemStack::new(&mut memory);
    svd::svd(a, DiagMut::from_slice_mut(s), Some(u), Some(v), par, stack, params)
        .map_err(|_| Error::NoConvergence { what: "singular values" })
}

/// The rows of the block-reflector factors of an `m × n` QR factorisation.
pub(crate) fn qr_block<T: RealField>(m: usize, n: usize) -> usize {
    qr::recommended_block_size::<T>(m, n).max(1)
}

/// Replaces `a` (`m × n`) by its reflectors and `R`; `coefficients` has `block` rows
/// and `min(m, n)` columns.
pub(crate) fn qr_factor<T: RealField>(
    a: &mut [T],
    (m, n): (usize, usize),
    coefficients: &mut [T],
    block: usize,
    par: Par,
) -> Result<(), Error> {
    let params = Default::default();
    let mut memory = workspace(qr::qr_in_place_scratch::<T>(m, n, block, par, params))?;
    let a = MatMut::from_column_major_slice_mut(a, m, n);
    let coefficients = MatMut::from_column_major_slice_mut(coefficients, block, m.min(n));
    qr::qr_in_place(a, coefficients, par, MemStack::new(&mut memory), params);
    Ok(())
}

/// Replaces `x` (rows of `columns` entries) by `Q x`, or by `Qᵀ x`.
pub(crate) fn qr_apply<T: RealField>(
    job: Reflect<'_, T>,
    x: &mut [T],
    columns: usize,
    par: Par,
) -> Result<(), Error> {
    let Reflect { factors: reflectors, shape: (m, n), coefficients, block, transposed } = job;
    let k = m.min(n);
    let basis = MatRef::from_column_major_slice(reflectors, m, n).subcols(0, k);
    let factors = MatRef::from_column_major_slice(coefficients, block, k);
    let x = MatMut::from_row_major_slice_mut(x, m, columns);
    let request = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<T>(
        m, block, columns,
    );
    let mut memory = workspace(request)?;
    let stack = MemStack::new(&mut memory);
    let apply = if transposed {
        householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj
    } else {
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj
    };
    apply(basis, factors, Conj::No, x, par, stack);
    Ok(())
}
