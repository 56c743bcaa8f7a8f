//! What every sketch must do, run over all of them.

mod common;

use common::*;
use ndarray::{Array2, Axis, s};
use widelimit_sketch::{
    Base, CountSketch, Error, Gaussian, Osnap, PolySketch, Scalar, Sign, Sketch, Srht, TensorSketch,
};

/// Runs a check over every kind of sketch, each made from (inputs, outputs, seed).
macro_rules! every {
    ($check:ident) => {
        $check("gaussian", |n, m, seed| Gaussian::new(n, m, stream(seed)));
        $check("sign", |n, m, seed| Sign::new(n, m, stream(seed)));
        $check("count", |n, m, seed| CountSketch::new(n, m, stream(seed)));
        $check("osnap", |n, m, seed| Osnap::new(n, m, 3.min(m), stream(seed)));
        $check("srht", |n, m, seed| Srht::new(n, m, stream(seed)));
        $check("tensor 1", |n, m, seed| TensorSketch::new(n, 1, m, stream(seed)));
        $check("tensor 3", |n, m, seed| TensorSketch::new(n, 3, m, stream(seed)));
        $check("poly 1", |n, m, seed| PolySketch::new(n, 1, m, Base::Srht, stream(seed)));
        $check("poly 5", |n, m, seed| PolySketch::new(n, 5, m, Base::Srht, stream(seed)));
        $check("poly 4 sparse", |n, m, seed| {
            PolySketch::new(n, 4, m, Base::Osnap { nonzeros: 1 }, stream(seed))
        });
    };
}

type Made<S> = Result<S, Error>;

/// Sizes around the tiles, blocks and powers of two in the code.
const SIZES: [(usize, usize); 6] = [(1, 1), (1, 5), (5, 3), (64, 64), (300, 70), (130, 300)];

#[test]
fn bits_do_not_depend_on_the_batch() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        fn format<T: Scalar>(name: &str, sketch: &impl Sketch) {
            let x = points::<T>(7, sketch.dim_in(), 0.5, 1);
            let whole = apply(sketch, x.view());
            assert_eq!(whole, apply_each(sketch, x.view()), "{name}");
            assert_eq!(whole.slice(s![2..6, ..]), apply(sketch, x.slice(s![2..6, ..])), "{name}");
            let stored = Stored::of(x.view());
            let sparse = apply_csr(sketch, stored.view());
            for i in 0..7 {
                let row = Stored::of(x.slice(s![i..i + 1, ..]));
                let alone = apply_csr(sketch, row.view());
                assert_eq!(alone.row(0), sparse.row(i), "{name}, sparse");
            }
        }
        for (n, m) in SIZES {
            let sketch = make(n, m, 5).unwrap();
            assert_eq!((sketch.dim_in(), sketch.dim_out()), (n, m), "{name}");
            format::<f64>(name, &sketch);
            format::<f32>(name, &sketch);
        }
    }
    every!(check);
}

#[test]
fn strides_change_nothing() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        let sketch = make(40, 24, 2).unwrap();
        let x = points::<f64>(5, 40, 1.0, 3);
        let plain = apply(&sketch, x.view());
        let columns = x.t().as_standard_layout().to_owned();
        assert_eq!(apply(&sketch, columns.t()), plain, "{name}, input by columns");
        let mut wide = Array2::from_elem((5, 48), 7.0);
        sketch.apply(x.view(), wide.slice_mut(s![.., ..;2])).unwrap();
        assert_eq!(wide.slice(s![.., ..;2]), plain, "{name}, output with gaps");
        assert!(wide.slice(s![.., 1..;2]).iter().all(|&v| v == 7.0), "{name}");
        let mut reversed = Array2::zeros((5, 24));
        sketch.apply(x.slice(s![..;-1, ..]), reversed.slice_mut(s![..;-1, ..])).unwrap();
        assert_eq!(reversed, plain, "{name}, rows backwards");
    }
    every!(check);
}

#[test]
fn bits_do_not_depend_on_the_thread() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        let sketch = make(50, 32, 4).unwrap();
        let x = points::<f32>(8, 50, 1.0, 5);
        let whole = apply(&sketch, x.view());
        let mut parts = Array2::zeros((8, 32));
        std::thread::scope(|scope| {
            let chunks = x.axis_chunks_iter(Axis(0), 3).zip(parts.axis_chunks_iter_mut(Axis(0), 3));
            for (x, out) in chunks {
                scope.spawn(move || make(50, 32, 4).unwrap().apply(x, out).unwrap());
            }
        });
        assert_eq!(parts, whole, "{name}");
    }
    every!(check);
}

#[test]
fn seeds_matter() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        let x = points::<f64>(1, 20, 1.0, 6);
        let [a, b, c] = [1, 1, 2].map(|seed| apply(&make(20, 16, seed).unwrap(), x.view()));
        assert_eq!(a, b, "{name}");
        assert_ne!(a, c, "{name}");
    }
    every!(check);
}

/// Sums of the same terms in another order: a unit in the last place of the largest result a term.
#[test]
fn sparse_equals_dense() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        for (n, m) in SIZES {
            let sketch = make(n, m, 7).unwrap();
            let mut x = points::<f64>(6, n, 0.1, 8);
            x.row_mut(2).fill(0.0);
            let dense = apply(&sketch, x.view());
            let stored = Stored::of(x.view());
            let sparse = apply_csr(&sketch, stored.view());
            let largest = dense.iter().fold(1.0f64, |a, b| a.max(b.abs()));
            let error = (&dense - &sparse).iter().fold(0.0f64, |a, b| a.max(b.abs()));
            assert!(error <= 1e-14 * largest * n as f64, "{name}: {error:e}");
            assert!(sparse.row(2).iter().all(|&v| v == 0.0), "{name}, row of zeros");
        }
    }
    every!(check);
}

#[test]
fn single_precision_follows_double() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        let sketch = make(300, 70, 9).unwrap();
        let x = points::<f64>(4, 300, 1.0, 10);
        let double = apply(&sketch, x.view());
        let single = apply(&sketch, x.mapv(|v| v as f32).view()).mapv(f64::from);
        let scale = double.iter().map(|v| v * v).sum::<f64>().sqrt();
        let error = (&double - &single).iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!(error < 2e-6 * scale, "{name}: {error:e} of {scale:e}");
    }
    every!(check);
}

#[test]
fn bad_input_is_named_and_leaves_the_output_alone() {
    fn check<S: Sketch>(name: &str, make: fn(usize, usize, u64) -> Made<S>) {
        for (n, m) in [(0, 4), (4, 0)] {
            assert!(matches!(make(n, m, 0), Err(Error::Zero { .. })), "{name}: {n} to {m}");
        }
        let sketch = make(4, 3, 0).unwrap();
        let mut out = Array2::from_elem((2, 3), 7.0);
        let shape = |result, expected, got| match result {
            Err(Error::Shape { expected: e, got: g, .. }) => assert_eq!((e, g), (expected, got)),
            other => panic!("{name}: {other:?}"),
        };
        shape(sketch.apply(Array2::zeros((2, 5)).view(), out.view_mut()), 4, 5);
        shape(sketch.apply(Array2::zeros((1, 4)).view(), out.view_mut()), 1, 2);
        shape(sketch.apply(Array2::zeros((2, 4)).view(), out.slice_mut(s![.., ..2])), 3, 2);
        let stored = Stored::of(Array2::<f64>::zeros((2, 5)).view());
        shape(sketch.apply_csr(stored.view(), out.view_mut()), 4, 5);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = Array2::zeros((2, 4));
            x[[1, 2]] = bad;
            let result = sketch.apply(x.view(), out.view_mut());
            let named = matches!(result, Err(Error::NonFinite { row: 1, column: 2, .. }));
            assert!(named, "{name}: {result:?}");
        }
        assert!(out.iter().all(|&v| v == 7.0), "{name}");
        let none = apply(&sketch, Array2::<f64>::zeros((0, 4)).view());
        assert_eq!(none.dim(), (0, 3), "{name}, no rows");
    }
    every!(check);
}
