//! Sketches of all powers of a point.

mod common;

use common::*;
use ndarray::{Array2, ArrayView2, Axis, array, s};
use widelimit_sketch::{Base, Error, PolySketch, Scalar, Sketch};

fn degrees<T: Scalar>(sketch: &PolySketch, x: ArrayView2<'_, T>) -> Array2<T> {
    let columns = sketch.degree() * sketch.dim_out();
    let mut out = Array2::from_elem((x.nrows(), columns), T::from_f64(77.0));
    sketch.apply_degrees(x, out.view_mut()).unwrap();
    out
}

/// Inner products of every degree `1..=q` are `<x, y>^i` on average.
fn unbiased(what: &str, q: usize, m: usize, x: &Array2<f64>, base: Base) {
    let mut draws = vec![vec![]; 2 * q];
    for seed in 0..2000 {
        let z = degrees(&PolySketch::new(x.ncols(), q, m, base, stream(seed)).unwrap(), x.view());
        for (i, draws) in draws.chunks_exact_mut(2).enumerate() {
            let block = z.slice(s![.., i * m..(i + 1) * m]);
            draws[0].push(block.row(0).dot(&block.row(0)));
            draws[1].push(block.row(0).dot(&block.row(1)));
        }
    }
    for (i, draws) in draws.chunks_exact(2).enumerate() {
        for (k, draws) in draws.iter().enumerate() {
            let expected = x.row(0).dot(&x.row(k)).powi(i as i32 + 1);
            let what = format!("{what}, degree {} of {q}, m = {m}, against {k}", i + 1);
            Moments::of(draws).assert_mean(expected, &what);
        }
    }
}

/// Degrees that are powers of two and others, outputs that are and others.
#[test]
fn every_degree_is_unbiased() {
    // unit vectors with an inner product of 0.8
    let x = array![[0.6, 0.0, 0.8, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]];
    for q in 1..=9 {
        unbiased("short points", q, if q % 2 == 0 { 16 } else { 12 }, &x, Base::Srht);
    }
}

#[test]
fn leaves_of_long_points_are_sketched_without_bias() {
    let mut x = points::<f64>(2, 40, 0.5, 1);
    let first = x.row(0).to_owned();
    x.row_mut(1).scaled_add(2.0, &first);
    for i in 0..2 {
        let norm = x.row(i).dot(&x.row(i)).sqrt();
        x.row_mut(i).mapv_inplace(|v| v / norm);
    }
    unbiased("srht", 3, 16, &x, Base::Srht);
    unbiased("osnap", 4, 16, &x, Base::Osnap { nonzeros: 2 });
}

/// A node multiplies the second moment by at most `1 + 8/m`, and its children are independent: the
/// relative variance is at most `(1 + 8/m)^(q-1) - 1`, far from the `(3^q - 1) / m` without a tree.
#[test]
fn variance_does_not_explode() {
    let m = 64;
    let x: Vec<f64> = (0..10).map(|i| stream(1).normal(i)).collect();
    let norm = dot(&x, &x).sqrt();
    let x: Vec<f64> = x.iter().map(|v| v / norm).collect();
    for q in [2, 4, 8] {
        let make = |seed| PolySketch::new(10, q, m, Base::Srht, stream(seed)).unwrap();
        let (norms, _) = draws(3000, &x, &x, make);
        let moments = Moments::of(&norms);
        let bound = (1.0 + 8.0 / m as f64).powi(q as i32 - 1) - 1.0;
        let variance = moments.variance - 4.0 * moments.variance_error;
        assert!(variance <= bound, "degree {q}: {bound}, got {moments:?}");
    }
}

/// Where all transforms are complete, the path of degree one is an isometry.
#[test]
fn degree_one_loses_nothing_in_complete_transforms() {
    let x = points::<f64>(1, 5, 1.0, 2);
    let z = degrees(&PolySketch::new(5, 6, 16, Base::Srht, stream(3)).unwrap(), x.view());
    let norm: f64 = z.iter().take(16).map(|v| v * v).sum();
    assert!((norm - x.row(0).dot(&x.row(0))).abs() < 1e-12);
}

#[test]
fn degrees_of_batches_formats_and_sparse_rows() {
    for (n, q, m, base) in [
        (1, 1, 1, Base::Srht),
        (6, 5, 12, Base::Srht),
        (50, 4, 16, Base::Srht),
        (50, 7, 20, Base::Osnap { nonzeros: 3 }),
    ] {
        let sketch = PolySketch::new(n, q, m, base, stream(4)).unwrap();
        let x = points::<f64>(5, n, 0.4, 5) / (n as f64 * 0.4).sqrt();
        let whole = degrees(&sketch, x.view());
        for (i, row) in x.outer_iter().enumerate() {
            assert_eq!(degrees(&sketch, row.insert_axis(Axis(0))).row(0), whole.row(i));
        }
        assert_eq!(whole.slice(s![.., (q - 1) * m..]), apply(&sketch, x.view()));
        let stored = Stored::of(x.view());
        let mut sparse = Array2::zeros((5, q * m));
        sketch.apply_degrees_csr(stored.view(), sparse.view_mut()).unwrap();
        assert!((&sparse - &whole).iter().all(|v| v.abs() < 1e-12));
        let single = degrees(&sketch, x.mapv(|v| v as f32).view()).mapv(f64::from);
        let largest = whole.iter().fold(1.0f64, |a, b| a.max(b.abs()));
        assert!((&single - &whole).iter().all(|v| v.abs() < 1e-5 * largest));
    }
}

#[test]
fn bad_input_is_named() {
    let new = |n, q, m, base| PolySketch::new(n, q, m, base, stream(0)).err();
    assert_eq!(new(3, 0, 4, Base::Srht), Some(Error::Zero { what: "degree" }));
    let degree = Error::TooLarge { what: "degree", got: 1 << 20, limit: 1 << 16 };
    assert_eq!(new(3, 1 << 20, 4, Base::Srht), Some(degree));
    let nonzeros = Base::Osnap { nonzeros: 0 };
    assert!(matches!(new(30, 3, 4, nonzeros), Some(Error::Zero { .. })));
    let nonzeros = Base::Osnap { nonzeros: 5 };
    assert!(matches!(new(30, 3, 4, nonzeros), Some(Error::TooLarge { got: 5, limit: 4, .. })));
    let sketch = PolySketch::new(3, 2, 4, Base::Srht, stream(0)).unwrap();
    let mut out = Array2::from_elem((1, 8), 7.0);
    let wide = sketch.apply_degrees(array![[1.0, 2.0]].view(), out.view_mut());
    assert!(matches!(wide, Err(Error::Shape { expected: 3, got: 2, .. })));
    let nan = sketch.apply_degrees(array![[1.0, 2.0, f64::NAN]].view(), out.view_mut());
    assert!(matches!(nan, Err(Error::NonFinite { row: 0, column: 2, .. })));
    let short = sketch.apply_degrees(array![[1.0, 2.0, 3.0]].view(), out.slice_mut(s![.., ..4]));
    assert!(matches!(short, Err(Error::Shape { expected: 8, got: 4, .. })));
    assert!(out.iter().all(|&v| v == 7.0));
}
