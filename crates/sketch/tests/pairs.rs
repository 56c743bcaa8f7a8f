//! Sketches of products of two points.

mod common;

use common::*;
use ndarray::{Array2, ArrayView2, Axis, s};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{
    CountSketch, Error, PairSketch, PairTensorSketch, Scalar, Sketch, TensorSketch, TensorSrht,
};

type Made<S> = Result<S, Error>;

/// Runs a check over every kind, each made from (inputs, outputs, stream).
macro_rules! every {
    ($check:ident) => {
        $check("tensor sketch", PairTensorSketch::new);
        $check("tensor srht", TensorSrht::new);
    };
}

fn apply_pair<T: Scalar>(
    sketch: &impl PairSketch,
    x: ArrayView2<'_, T>,
    y: ArrayView2<'_, T>,
) -> Array2<T> {
    let mut out = Array2::from_elem((x.nrows(), sketch.dim_out()), T::from_f64(77.0));
    sketch.apply_pair(x.into(), y.into(), out.view_mut()).unwrap();
    out
}

/// Unbiased, with a variance of at most `8 / m`: the fourth moment of a sum of signs is at most three
/// times the square of the second, and both factors have one.
#[test]
fn moments() {
    fn check<S: PairSketch>(name: &str, make: fn((usize, usize), usize, Stream) -> Made<S>) {
        // on either side of the lengths of the transforms, 8 and 16
        for m in [4, 7, 16, 40] {
            let (x, y) = (points::<f64>(2, 6, 1.0, 1), points::<f64>(2, 9, 1.0, 2));
            let mut draws = [vec![], vec![]];
            for seed in 0..5000 {
                let z = apply_pair(&make((6, 9), m, stream(seed)).unwrap(), x.view(), y.view());
                draws[0].push(z.row(0).dot(&z.row(0)));
                draws[1].push(z.row(0).dot(&z.row(1)));
            }
            let product = |i: usize| x.row(0).dot(&x.row(i)) * y.row(0).dot(&y.row(i));
            let norm = |i: usize| x.row(i).dot(&x.row(i)) * y.row(i).dot(&y.row(i));
            for (i, draws) in draws.iter().enumerate() {
                let moments = Moments::of(draws);
                moments.assert_mean(product(i), name);
                let bound = 8.0 / m as f64 * norm(0) * norm(i);
                let variance = moments.variance - 4.0 * moments.variance_error;
                assert!(variance <= bound, "{name}, m = {m}: {bound}, got {moments:?}");
            }
        }
    }
    every!(check);
}

#[test]
fn batches_formats_and_sparse_rows() {
    fn check<S: PairSketch>(name: &str, make: fn((usize, usize), usize, Stream) -> Made<S>) {
        for (dims, m) in [((1, 1), 1), ((5, 40), 16), ((40, 5), 70)] {
            let sketch = make(dims, m, stream(3)).unwrap();
            assert_eq!((sketch.dims_in(), sketch.dim_out()), (dims, m));
            let x = points::<f64>(6, dims.0, 0.6, 4);
            let y = points::<f64>(6, dims.1, 0.6, 5);
            let whole = apply_pair(&sketch, x.view(), y.view());
            for i in 0..6 {
                let (x, y) = (x.row(i).insert_axis(Axis(0)), y.row(i).insert_axis(Axis(0)));
                assert_eq!(apply_pair(&sketch, x, y).row(0), whole.row(i), "{name}");
            }
            let (sx, sy) = (Stored::of(x.view()), Stored::of(y.view()));
            let mut sparse = Array2::from_elem((6, m), 77.0);
            let (sx, dy) = (sx.view().into(), y.view().into());
            sketch.apply_pair(sx, dy, sparse.view_mut()).unwrap();
            assert!((&sparse - &whole).iter().all(|v| v.abs() < 1e-12), "{name}");
            sketch.apply_pair(sx, sy.view().into(), sparse.view_mut()).unwrap();
            assert!((&sparse - &whole).iter().all(|v| v.abs() < 1e-12), "{name}");
            let (x, y) = (x.mapv(|v| v as f32), y.mapv(|v| v as f32));
            let single = apply_pair(&sketch, x.view(), y.view()).mapv(f64::from);
            assert!((&single - &whole).iter().all(|v| v.abs() < 1e-4), "{name}");
        }
    }
    every!(check);
}

#[test]
fn bad_input_is_named() {
    fn check<S: PairSketch>(name: &str, make: fn((usize, usize), usize, Stream) -> Made<S>) {
        for (dims, m) in [((0, 1), 1), ((1, 0), 1), ((1, 1), 0)] {
            assert!(matches!(make(dims, m, stream(0)), Err(Error::Zero { .. })), "{name}");
        }
        let sketch = make((3, 4), 5, stream(0)).unwrap();
        let zeros = |rows, columns| Array2::<f64>::zeros((rows, columns));
        let run = |x: Array2<f64>, y: Array2<f64>, columns| {
            let mut out = Array2::from_elem((2, columns), 7.0);
            let result = sketch.apply_pair(x.view().into(), y.view().into(), out.view_mut());
            assert!(result.is_ok() || out.iter().all(|&v| v == 7.0), "{name}");
            result.err()
        };
        for (x, y, columns, sizes) in [
            (zeros(2, 4), zeros(2, 4), 5, (3, 4)),
            (zeros(2, 3), zeros(2, 3), 5, (4, 3)),
            (zeros(2, 3), zeros(1, 4), 5, (2, 1)),
            (zeros(1, 3), zeros(1, 4), 5, (1, 2)),
            (zeros(2, 3), zeros(2, 4), 6, (5, 6)),
        ] {
            match run(x, y, columns) {
                Some(Error::Shape { expected, got, .. }) => assert_eq!((expected, got), sizes),
                other => panic!("{name}: {other:?}"),
            }
        }
        let mut bad = zeros(2, 4);
        bad[[1, 3]] = f64::NAN;
        let error = run(zeros(2, 3), bad, 5);
        assert!(matches!(error, Some(Error::NonFinite { row: 1, column: 3, .. })), "{name}");
        assert_eq!(run(zeros(2, 3), zeros(2, 4), 5), None);
    }
    every!(check);
}

/// Every bucket of `e_i (x) e_j` is the sum of the buckets of its factors, with the product of signs.
#[test]
fn tensor_sketch_is_a_count_sketch_of_the_product() {
    let (n, m) = (5, 12);
    let basis = Array2::<f64>::eye(n);
    let z = apply(&TensorSketch::new(n, 2, m, stream(1)).unwrap(), basis.view());
    for row in z.outer_iter() {
        let large: Vec<f64> = row.iter().copied().filter(|v| v.abs() > 1e-12).collect();
        assert!(large.len() == 1 && (large[0].abs() - 1.0).abs() < 1e-12, "{row}");
    }
    let one = TensorSketch::new(n, 1, m, stream(1)).unwrap();
    let count = CountSketch::new(n, m, stream(1).child(0)).unwrap();
    let difference = apply(&one, basis.view()) - apply(&count, basis.view());
    assert!(difference.iter().all(|v| v.abs() < 1e-14));
}

/// Avron, Nguyen and Woodruff (2014): at most `(3^q - 1) / m` times the norms.
#[test]
fn tensor_sketch_moments() {
    let m = 16;
    let both = points::<f64>(2, 6, 1.0, 3);
    let (x, y) = (both.row(0).to_vec(), both.slice(s![1, ..]).to_vec());
    for q in 1..=4 {
        let power = |v: f64| v.powi(q as i32);
        let make = |seed| TensorSketch::new(6, q, m, stream(seed)).unwrap();
        assert_eq!((make(0).degree(), make(0).dim_out()), (q, m));
        let (norms, products) = draws(5000, &x, &y, make);
        for (draws, other) in [(norms, &x), (products, &y)] {
            let moments = Moments::of(&draws);
            moments.assert_mean(power(dot(&x, other)), "tensor sketch");
            let bound = (power(3.0) - 1.0) / m as f64 * power(dot(&x, &x) * dot(other, other));
            let variance = moments.variance - 4.0 * moments.variance_error;
            assert!(variance <= bound, "degree {q}: {bound}, got {moments:?}");
        }
    }
    assert!(matches!(TensorSketch::new(6, 0, m, stream(0)), Err(Error::Zero { what: "degree" })));
}
