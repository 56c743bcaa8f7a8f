//! Matrices known by their products, against dense arithmetic.

mod common;

use std::cell::RefCell;

use common::*;
use ndarray::{Array2, ArrayView2, Axis};
use widelimit_linalg::Par;
use widelimit_sketch::{Error, LinOp, StreamOp, Symmetry, TestMatrix, TestVectors, Transpose};

const KINDS: [TestMatrix; 3] =
    [TestMatrix::Gaussian, TestMatrix::Srht, TestMatrix::Sparse { nonzeros: 3 }];

fn close(got: &Array2<f64>, expected: &Array2<f64>, tolerance: f64, what: &str) {
    assert_eq!(got.dim(), expected.dim(), "{what}");
    let error = frobenius(&(got - expected));
    assert!(error <= tolerance * frobenius(expected), "{what}: {error:e}");
}

/// All that a matrix can do, against the same on its dense copy.
fn check(op: &impl LinOp, dense: ArrayView2<'_, f64>, what: &str) {
    let (m, n) = dense.dim();
    assert_eq!((op.rows(), op.cols()), (m, n), "{what}");
    let x = points::<f64>(n, 11, 1.0, 5);
    let y = points::<f64>(m, 7, 1.0, 6);
    let par = Par::new(2);
    close(&op.mul(x.view(), &par).unwrap(), &dense.dot(&x), 1e-13, what);
    close(&op.mul_t(y.view(), &par).unwrap(), &dense.t().dot(&y), 1e-13, what);
    let (left, right) = op.mul_both(x.view(), y.view(), &par).unwrap();
    close(&left, &dense.dot(&x), 1e-13, what);
    close(&right, &dense.t().dot(&y), 1e-13, what);
    for kind in KINDS {
        let test = TestVectors::draw(kind, n, 9, stream(7)).unwrap();
        let product = op.mul_test(&test, &par).unwrap();
        close(&product, &dense.dot(&test.matrix()), 1e-13, what);
        let test = TestVectors::draw(kind, m, 9, stream(8)).unwrap();
        let product = op.mul_t_test(&test, &par).unwrap();
        close(&product, &dense.t().dot(&test.matrix()), 1e-13, what);
        assert!(matches!(
            op.mul_t_test(&TestVectors::draw(kind, m + 1, 2, stream(8)).unwrap(), &par),
            Err(Error::Shape { .. })
        ));
    }
    let (rows, columns) = ([m - 1, 0, 2], [n - 2, 1]);
    close(&op.select_rows(&rows, &par).unwrap(), &dense.select(Axis(0), &rows), 0.0, what);
    close(&op.select_cols(&columns, &par).unwrap(), &dense.select(Axis(1), &columns), 0.0, what);
    let beyond = op.select_rows(&[m], &par);
    assert!(matches!(beyond, Err(Error::TooLarge { .. })), "{what}: {beyond:?}");
    assert!(matches!(op.select_cols(&[n], &par), Err(Error::TooLarge { .. })), "{what}");
    for rows in [0, n - 1, n + 1] {
        let error = op.mul(Array2::zeros((rows, 2)).view(), &par).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{what}: {error}");
    }
    for rows in [0, m - 1, m + 1] {
        let error = op.mul_t(Array2::zeros((rows, 2)).view(), &par).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{what}: {error}");
    }
    let one =
        (op.mul(x.view(), &Par::single()).unwrap(), op.mul_t(y.view(), &Par::single()).unwrap());
    let many = (op.mul(x.view(), &Par::new(5)).unwrap(), op.mul_t(y.view(), &Par::new(5)).unwrap());
    assert_eq!(one, many, "{what}: bits depend on threads");
}

#[test]
fn every_kind_multiplies_as_the_dense_matrix() {
    let dense = points::<f64>(700, 40, 0.2, 1);
    check(&dense.view(), dense.view(), "f64");
    check(&dense.t(), dense.t(), "strided");
    check(&Transpose(&dense.view()), dense.t(), "transpose");
    let single = dense.mapv(|v| v as f32);
    let widened = single.mapv(f64::from);
    check(&single.view(), widened.view(), "f32");
    check(&Stored::of(dense.view()).view(), dense.view(), "sparse");
    check(&Stored::of(single.view()).view(), widened.view(), "sparse f32");
    for block in [1, 64, 1000] {
        let stream = StreamOp::new(700, 40, block, Symmetry::General, |rows, mut out| {
            out.assign(&dense.slice_axis(Axis(0), rows.into()));
            Ok(())
        });
        check(&stream.unwrap(), dense.view(), "stream");
    }
    let symmetric = symmetric_with_spectrum(50, &[3.0, 2.0, -1.0], 1);
    let stream = StreamOp::new(50, 50, 16, Symmetry::Symmetric, |rows, mut out| {
        out.assign(&symmetric.slice_axis(Axis(0), rows.into()));
        Ok(())
    });
    check(&stream.unwrap(), symmetric.view(), "symmetric stream");
}

/// Both products together ask for every row once.
#[test]
fn a_stream_reads_its_rows_once() {
    let reads = RefCell::new(vec![0; 100]);
    for symmetry in [Symmetry::General, Symmetry::Symmetric] {
        let stream = StreamOp::new(100, 100, 30, symmetry, |rows, _| {
            rows.for_each(|row| reads.borrow_mut()[row] += 1);
            Ok(())
        })
        .unwrap();
        reads.borrow_mut().fill(0);
        let x = Array2::zeros((100, 3));
        stream.mul_both(x.view(), x.view(), &Par::single()).unwrap();
        assert!(reads.borrow().iter().all(|&count| count == 1), "{symmetry:?}");
        reads.borrow_mut().fill(0);
        stream.select_rows(&[4, 50], &Par::single()).unwrap();
        assert_eq!(reads.borrow().iter().sum::<i32>(), 2);
    }
}

#[test]
fn a_failed_read_is_told() {
    let broken = StreamOp::new(10, 4, 3, Symmetry::General, |rows, _| {
        if rows.contains(&7) { Err("disk on fire".into()) } else { Ok(()) }
    })
    .unwrap();
    let error = broken.mul(Array2::zeros((4, 1)).view(), &Par::single()).unwrap_err();
    let message = "the entries of the rows from 6 to 9 could not be read: disk on fire";
    assert_eq!(error.to_string(), message);
    let new = |rows, block, symmetry| StreamOp::new(rows, 4, block, symmetry, |_, _| Ok(())).err();
    assert!(matches!(new(4, 0, Symmetry::General), Some(Error::Zero { .. })));
    assert!(matches!(new(5, 1, Symmetry::Symmetric), Some(Error::Shape { .. })));
}
