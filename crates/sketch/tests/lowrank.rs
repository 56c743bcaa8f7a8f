//! Decompositions of low rank against theorems and dense decompositions.

mod common;

use std::cell::Cell;

use common::*;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use widelimit_linalg::{Par, Svd, svd as dense_svd, symmetric_eigenvalues};
use widelimit_sketch::lowrank::{
    AdaptiveRangeFinder, RangeFinder, column_skeleton, eigh, nystrom, row_skeleton,
    single_pass_eigh, single_pass_svd, svd, svd_from_rows, svd_in_range,
};
use widelimit_sketch::{Error, LinOp, StreamOp, Symmetry, TestMatrix};

const M: usize = 60;
const N: usize = 50;
const K: usize = 10;
const P: usize = 10;
const SEEDS: u64 = 100;

fn par() -> Par {
    Par::single()
}

/// Singular values that fall fast, slowly, at once, and not at all.
fn spectra() -> [(&'static str, Vec<f64>); 4] {
    let spectrum = |value: fn(usize) -> f64| (0..N).map(value).collect();
    [
        ("fast", spectrum(|j| 0.5f64.powi(j as i32))),
        ("slow", spectrum(|j| 1.0 / (j + 1) as f64)),
        ("step", spectrum(|j| if j < K { 10.0 } else { 0.01 })),
        ("flat", spectrum(|_| 1.0)),
    ]
}

fn finder(rank: usize, oversampling: usize, power_iterations: usize) -> RangeFinder {
    RangeFinder { rank, oversampling, power_iterations, test_matrix: TestMatrix::Gaussian }
}

fn rest(a: &Array2<f64>, q: &Array2<f64>) -> Array2<f64> {
    a - &q.dot(&q.t().dot(a))
}

fn product(svd: &Svd<f64>) -> Array2<f64> {
    (&svd.u * &svd.s).dot(&svd.vt)
}

fn assert_orthonormal(q: &Array2<f64>) {
    let error = frobenius(&(q.t().dot(q) - Array2::<f64>::eye(q.ncols())));
    assert!(error < 1e-13 * (q.ncols() as f64 + 10.0), "{error:e} from orthonormal");
}

/// HMT theorems 10.5 and 10.6, for normal test vectors. Nothing as sharp is known of the others, and
/// they do no worse.
#[test]
fn range_finder_keeps_its_bounds() {
    let (k, p) = (K as f64, P as f64);
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 1);
        let squares = tail(&s, K, 2).sqrt();
        let spectral_bound = (1.0 + (k / (p - 1.0)).sqrt()) * s[K]
            + std::f64::consts::E * (k + p).sqrt() / p * squares;
        let frobenius_bound = (1.0 + k / (p - 1.0)).sqrt() * squares;
        for test_matrix in
            [TestMatrix::Gaussian, TestMatrix::Srht, TestMatrix::Sparse { nonzeros: 8 }]
        {
            let finder = RangeFinder { test_matrix, ..finder(K, P, 0) };
            let (mut spectrals, mut frobenii) = (vec![], vec![]);
            let seeds = if test_matrix == TestMatrix::Gaussian { SEEDS } else { 30 };
            for seed in 0..seeds {
                let q = finder.find(&a.view(), stream(seed), &par()).unwrap();
                assert_eq!(q.dim(), (M, K + P));
                assert_orthonormal(&q);
                let rest = rest(&a, &q);
                spectrals.push(spectral(&rest));
                frobenii.push(frobenius(&rest));
            }
            let what = format!("{name}, {test_matrix:?}");
            assert_mean_below(&spectrals, spectral_bound, &what);
            assert_mean_below(&frobenii, frobenius_bound, &what);
        }
    }
}

/// HMT corollary 10.10.
#[test]
fn power_iterations_keep_their_bound() {
    let (k, p) = (K as f64, P as f64);
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 2);
        for q in [1, 2] {
            let power = 2 * q as i32 + 1;
            let inner = (1.0 + (k / (p - 1.0)).sqrt()) * s[K].powi(power)
                + std::f64::consts::E * (k + p).sqrt() / p * tail(&s, K, 2 * power).sqrt();
            let errors = |seed| {
                let q = finder(K, P, q).find(&a.view(), stream(seed), &par()).unwrap();
                spectral(&rest(&a, &q))
            };
            let errors: Vec<f64> = (0..30).map(errors).collect();
            assert_mean_below(&errors, inner.powf(1.0 / f64::from(power)), name);
        }
    }
}

/// The estimate holds, and the basis is not much longer than it must be.
#[test]
fn adaptive_range_meets_its_tolerance() {
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 3);
        for tolerance in [0.5, 1e-2, 1e-6] {
            for seed in 0..10 {
                let finder = AdaptiveRangeFinder { tolerance, block: 8 };
                let range = finder.find(&a.view(), stream(seed), &par()).unwrap();
                assert_orthonormal(&range.q);
                let error = if range.q.ncols() == 0 { a.clone() } else { rest(&a, &range.q) };
                let error = spectral(&error);
                assert!(range.error <= tolerance, "{name}: {range:?}");
                assert!(
                    error <= range.error.max(1e-14),
                    "{name}: {error:e} beyond {:e}",
                    range.error
                );
                // the estimate is at most some 8 |rest|_F sqrt(2 ln 10): below tolerance / 40 it passes
                let enough =
                    (0..N).find(|&k| tail(&s, k, 2).sqrt() < tolerance / 40.0).unwrap_or(N);
                assert!(range.q.ncols() <= (enough + 20).min(N), "{name}: {}", range.q.ncols());
            }
        }
    }
}

/// Below the rounding of the products a tolerance cannot be met: all columns are made, and orthonormal.
#[test]
fn adaptive_range_ends_where_rounding_begins() {
    let a = with_spectrum(40, 36, &[1.0, 0.5, 0.25], 4);
    let range = AdaptiveRangeFinder { tolerance: 0.0, block: 1 };
    let range = range.find(&a.view(), stream(1), &par()).unwrap();
    assert_eq!(range.q.dim(), (40, 36));
    assert_orthonormal(&range.q);
    assert!(range.error < 1e-13);
    let huge = AdaptiveRangeFinder { tolerance: 1e3, block: 1 };
    assert_eq!(huge.find(&a.view(), stream(1), &par()).unwrap().q.ncols(), 0);
    for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
        let error = AdaptiveRangeFinder { tolerance, block: 1 }.find(&a.view(), stream(1), &par());
        assert!(matches!(error, Err(Error::OutOfRange { .. })));
    }
}

/// Singular values from below, as exact as the range; the product as near as the best.
#[test]
fn svd_is_near_the_dense_one() {
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 5);
        for seed in 0..20 {
            let found = svd(&a.view(), &finder(K, P, 2), stream(seed), &par()).unwrap();
            assert_eq!((found.u.dim(), found.s.len(), found.vt.dim()), ((M, K), K, (K, N)));
            assert_orthonormal(&found.u);
            assert_orthonormal(&found.vt.t().to_owned());
            let pairs = || found.s.iter().zip(&s);
            assert!(pairs().all(|(found, s)| *found <= s * (1.0 + 1e-12)), "{name}");
            // error <= s_{k+1} + |A - QQ^T A|, which itself is near s_{k+1}
            assert!(spectral(&(&a - &product(&found))) <= 2.2 * s[K], "{name}");
            if name == "fast" || name == "step" {
                assert!(
                    pairs().all(|(found, s)| *found >= s * (1.0 - 1e-6)),
                    "{name}: {}",
                    found.s
                );
            }
        }
    }
}

#[test]
fn rows_are_enough_for_an_svd() {
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 6);
        for seed in 0..20 {
            let found = svd_from_rows(&a.view(), &finder(K, P, 1), stream(seed), &par()).unwrap();
            assert_eq!((found.u.dim(), found.s.len(), found.vt.dim()), ((M, K), K, (K, N)));
            assert_orthonormal(&found.u);
            assert_orthonormal(&found.vt.t().to_owned());
            let error = spectral(&(&a - &product(&found)));
            // the theorem allows a factor of 1 + sqrt(1 + 4 * 20 * 40) = 57; the most seen is 5.3
            assert!(error <= 8.0 * s[K], "{name}: {error:e} of {:e}", s[K]);
        }
    }
}

/// Positive and negative eigenvalues, the largest in absolute value first.
#[test]
fn eigh_finds_both_ends_of_the_spectrum() {
    let s: Vec<f64> = (0..N).map(|j| (-0.5f64).powi(j as i32)).collect();
    let a = symmetric_with_spectrum(N, &s, 7);
    for seed in 0..20 {
        let found = eigh(&a.view(), &finder(K, P, 1), stream(seed), &par()).unwrap();
        assert_eq!((found.values.len(), found.vectors.dim()), (K, (N, K)));
        assert_orthonormal(&found.vectors);
        let errors = found.values.iter().zip(&s).map(|(v, s)| (v - s).abs());
        assert!(errors.into_iter().all(|error| error < 1e-8), "{}", found.values);
        let error = frobenius(&(&a - &(&found.vectors * &found.values).dot(&found.vectors.t())));
        assert!(error < 1.01 * tail(&s, K, 2).sqrt(), "{error:e}");
        let single = single_pass_eigh(&a.view(), &finder(K, P, 0), stream(seed), &par()).unwrap();
        assert_orthonormal(&single.vectors);
        let error = frobenius(&(&a - &(&single.vectors * &single.values).dot(&single.vectors.t())));
        assert!(error < 10.0 * tail(&s, K, 2).sqrt(), "{error:e}");
    }
}

/// Tropp et al. (2017), theorem 4.3, and 10 times the best where singular values fall fast.
#[test]
fn single_pass_keeps_its_bound() {
    let l = 20;
    let (count, further) = (l as f64, (2 * l + 1) as f64);
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 8);
        let bound = (0..l - 1)
            .map(|r| (1.0 + r as f64 / (count - r as f64 - 1.0)) * tail(&s, r, 2))
            .fold(f64::INFINITY, f64::min)
            * (1.0 + count / (further - count - 1.0));
        let errors = |seed| {
            let svd = single_pass_svd(&a.view(), &finder(l, 0, 0), stream(seed), &par()).unwrap();
            frobenius(&(&a - &product(&svd))).powi(2)
        };
        let errors: Vec<f64> = (0..SEEDS).map(errors).collect();
        assert_mean_below(&errors, bound, name);
        let svd = single_pass_svd(&a.view(), &finder(K, P, 0), stream(1), &par()).unwrap();
        assert_orthonormal(&svd.u);
        if name == "fast" {
            let error = frobenius(&(&a - &product(&svd)));
            assert!(error < 10.0 * tail(&s, K, 2).sqrt(), "{error:e}");
        }
    }
}

/// Theorem 4.1 of Tropp et al., and an approximation from below.
#[test]
fn nystrom_keeps_its_bound() {
    let l = 20;
    for (name, s) in spectra() {
        let a = symmetric_with_spectrum(N, &s, 9);
        let bound = (0..l - 1)
            .map(|k| (1.0 + k as f64 / (l - k - 1) as f64) * tail(&s, k, 1))
            .fold(f64::INFINITY, f64::min);
        let mut errors = vec![];
        for seed in 0..SEEDS {
            let found = nystrom(&a.view(), &finder(l, 0, 0), stream(seed), &par()).unwrap();
            assert_orthonormal(&found.vectors);
            assert!(found.values.iter().all(|&v| v >= 0.0), "{name}");
            let rest = &a - &(&found.vectors * &found.values).dot(&found.vectors.t());
            let below = symmetric_eigenvalues(rest.clone(), &par()).unwrap()[0];
            assert!(below >= -1e-12 * s[0] && found.shift < 1e-13 * s[0], "{name}: {below:e}");
            errors.push(rest.diag().sum());
        }
        assert_mean_below(&errors, bound, name);
    }
}

/// A kernel rounded to single precision is indefinite by rounding; the shift takes it up.
#[test]
fn nystrom_takes_single_precision() {
    let s: Vec<f64> = (0..N).map(|j| 0.1f64.powi(j as i32)).collect();
    let a = symmetric_with_spectrum(N, &s, 10).mapv(|v| v as f32);
    for (power_iterations, tolerance) in [(0, 1e-4), (1, 1e-4)] {
        let finder = finder(12, 8, power_iterations);
        let found = nystrom(&a.view(), &finder, stream(3), &par()).unwrap();
        let wide = a.mapv(f64::from);
        let rest = &wide - &(&found.vectors * &found.values).dot(&found.vectors.t());
        assert!(frobenius(&rest) < tolerance, "{:e}, shift {:e}", frobenius(&rest), found.shift);
    }
}

#[test]
fn skeletons_span_with_small_coefficients() {
    for (name, s) in spectra() {
        let a = with_spectrum(M, N, &s, 11);
        for seed in 0..20 {
            let rows = row_skeleton(&a.view(), &finder(K, P, 1), stream(seed), &par()).unwrap();
            let columns =
                column_skeleton(&a.view(), &finder(K, P, 1), stream(seed), &par()).unwrap();
            assert_eq!((rows.coefficients.dim(), columns.coefficients.dim()), ((M, K), (K, N)));
            let all = || rows.coefficients.iter().chain(&columns.coefficients);
            assert!(all().all(|v| v.abs() <= 2.0), "{name}");
            let chosen = a.select(Axis(0), &rows.rows);
            let error = spectral(&(&a - &rows.coefficients.dot(&chosen)));
            assert_eq!(rows.coefficients.select(Axis(0), &rows.rows), Array2::<f64>::eye(K));
            let chosen = a.select(Axis(1), &columns.columns);
            let other = spectral(&(&a - &chosen.dot(&columns.coefficients)));
            // the theorem allows 1 + sqrt(1 + 4 * 10 * 50) = 46 times the error of the range
            assert!(error.max(other) <= 10.0 * s[K], "{name}: {error:e}, {other:e}");
        }
    }
}

/// A matrix that counts what is asked of it.
struct Counted<'a> {
    inner: ArrayView2<'a, f64>,
    products: Cell<usize>,
    rows: Cell<usize>,
}

impl<'a> Counted<'a> {
    fn new(inner: ArrayView2<'a, f64>) -> Self {
        Self { inner, products: Cell::new(0), rows: Cell::new(0) }
    }

    fn count(&self) {
        self.products.set(self.products.get() + 1);
    }
}

impl LinOp for Counted<'_> {
    fn rows(&self) -> usize {
        self.inner.nrows()
    }

    fn cols(&self) -> usize {
        self.inner.ncols()
    }

    fn mul(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        self.count();
        self.inner.mul(x, par)
    }

    fn mul_t(&self, x: ArrayView2<'_, f64>, par: &Par) -> Result<Array2<f64>, Error> {
        self.count();
        self.inner.mul_t(x, par)
    }

    fn mul_both(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        par: &Par,
    ) -> Result<(Array2<f64>, Array2<f64>), Error> {
        self.count();
        self.inner.mul_both(x, y, par)
    }

    fn select_rows(&self, indices: &[usize], par: &Par) -> Result<Array2<f64>, Error> {
        self.rows.set(self.rows.get() + indices.len());
        self.inner.select_rows(indices, par)
    }
}

/// The table of the module.
#[test]
fn products_are_as_many_as_stated() {
    let s: Vec<f64> = (0..N).map(|j| 0.7f64.powi(j as i32)).collect();
    let a = symmetric_with_spectrum(N, &s, 12);
    let count = |work: &dyn Fn(&Counted<'_>)| {
        let counted = Counted::new(a.view());
        work(&counted);
        (counted.products.get(), counted.rows.get())
    };
    let s = || stream(1);
    for q in 0..3 {
        let f = finder(5, 4, q);
        assert_eq!(count(&|a| drop(f.find(a, s(), &par()).unwrap())), (1 + 2 * q, 0));
        assert_eq!(count(&|a| drop(svd(a, &f, s(), &par()).unwrap())), (2 + 2 * q, 0));
        assert_eq!(count(&|a| drop(eigh(a, &f, s(), &par()).unwrap())), (2 + 2 * q, 0));
        assert_eq!(count(&|a| drop(svd_from_rows(a, &f, s(), &par()).unwrap())), (1 + 2 * q, 9));
        assert_eq!(count(&|a| drop(row_skeleton(a, &f, s(), &par()).unwrap())), (1 + 2 * q, 0));
        let nystrom = count(&|a| drop(nystrom(a, &f, s(), &par()).unwrap()));
        assert_eq!(nystrom, ((2 * q).max(1), 0));
        assert_eq!(count(&|a| drop(single_pass_svd(a, &f, s(), &par()).unwrap())), (1, 0));
        assert_eq!(count(&|a| drop(single_pass_eigh(a, &f, s(), &par()).unwrap())), (1, 0));
    }
    let q = finder(5, 4, 0).find(&a.view(), s(), &par()).unwrap();
    assert_eq!(count(&|a| drop(svd_in_range(a, q.view(), 5, &par()).unwrap())), (1, 0));
}

/// More asked for than there is: everything is found.
#[test]
fn ranks_beyond_the_sides_are_cut() {
    let a = with_spectrum(9, 6, &[3.0, 2.0, 1.5, 1.0, 0.5, 0.1], 13);
    let f = finder(1000, usize::MAX, 1);
    for found in [
        svd(&a.view(), &f, stream(1), &par()).unwrap(),
        svd(&a.t(), &f, stream(1), &par()).unwrap(),
        svd_from_rows(&a.view(), &f, stream(1), &par()).unwrap(),
        single_pass_svd(&a.view(), &f, stream(1), &par()).unwrap(),
    ] {
        assert_eq!(found.s.len(), 6);
        let exact = dense_svd(a.view(), &par()).unwrap().s;
        assert!(found.s.iter().zip(&exact).all(|(x, y)| (x - y).abs() < 1e-13), "{}", found.s);
    }
    assert_eq!(row_skeleton(&a.view(), &f, stream(1), &par()).unwrap().rows.len(), 6);
    let square = a.t().dot(&a);
    assert_eq!(eigh(&square.view(), &f, stream(1), &par()).unwrap().values.len(), 6);
    assert_eq!(nystrom(&square.view(), &f, stream(1), &par()).unwrap().values.len(), 6);
    assert_eq!(single_pass_eigh(&square.view(), &f, stream(1), &par()).unwrap().values.len(), 6);
}

#[test]
fn nothing_comes_of_a_zero_matrix() {
    let a = Array2::<f64>::zeros((20, 20));
    for q in [0, 1] {
        let f = finder(3, 4, q);
        for found in [
            svd(&a.view(), &f, stream(1), &par()).unwrap(),
            svd_from_rows(&a.view(), &f, stream(1), &par()).unwrap(),
            single_pass_svd(&a.view(), &f, stream(1), &par()).unwrap(),
        ] {
            assert_eq!(found.s.to_vec(), [0.0; 3]);
            assert!(found.u.iter().chain(&found.vt).all(|v| v.is_finite()));
        }
        for values in [
            eigh(&a.view(), &f, stream(1), &par()).unwrap().values,
            nystrom(&a.view(), &f, stream(1), &par()).unwrap().values,
            single_pass_eigh(&a.view(), &f, stream(1), &par()).unwrap().values,
        ] {
            assert_eq!(values.to_vec(), [0.0; 3]);
        }
        let skeleton = row_skeleton(&a.view(), &f, stream(1), &par()).unwrap();
        assert!(skeleton.coefficients.iter().all(|v| v.abs() <= 2.0));
    }
    let range = AdaptiveRangeFinder { tolerance: 0.0, block: 5 };
    assert_eq!(range.find(&a.view(), stream(1), &par()).unwrap().q.ncols(), 0);
}

#[test]
fn bad_matrices_are_refused() {
    let f = finder(3, 4, 1);
    let mut a = symmetric_with_spectrum(20, &[1.0; 20], 14);
    let run = |a: &Array2<f64>| {
        let (a, s, p) = (a.view(), stream(1), par());
        [
            f.find(&a, s, &p).err(),
            svd_from_rows(&a, &f, s, &p).err(),
            single_pass_svd(&a, &f, s, &p).err(),
            row_skeleton(&a, &f, s, &p).err(),
            AdaptiveRangeFinder { tolerance: 0.1, block: 5 }.find(&a, s, &p).err(),
            eigh(&a, &f, s, &p).err(),
            nystrom(&a, &finder(3, 4, 0), s, &p).err(),
            single_pass_eigh(&a, &f, s, &p).err(),
        ]
    };
    assert!(run(&a).iter().all(Option::is_none));
    for bad in [f64::NAN, f64::INFINITY] {
        a[[3, 5]] = bad;
        let named = |error: &Option<Error>| matches!(error, Some(Error::Product { row: 3, .. }));
        assert!(run(&a)[..5].iter().all(named), "{:?}", run(&a));
        assert!(run(&a).iter().all(|e| matches!(e, Some(Error::Product { .. }))), "{:?}", run(&a));
    }
    a[[3, 5]] = 1.0;
    for error in [
        eigh(&a.view(), &f, stream(1), &par()).err(),
        nystrom(&a.view(), &f, stream(1), &par()).err(),
    ] {
        assert!(matches!(error, Some(Error::NotSymmetric { .. })), "{error:?}");
    }
    let negative = symmetric_with_spectrum(20, &[1.0, -0.5], 15);
    let error = nystrom(&negative.view(), &f, stream(1), &par()).unwrap_err();
    assert!(matches!(error, Error::Indefinite { .. }), "{error}");
    let oblong = Array2::<f64>::zeros((4, 3));
    for error in [
        eigh(&oblong.view(), &f, stream(1), &par()).err(),
        nystrom(&oblong.view(), &f, stream(1), &par()).err(),
        single_pass_eigh(&oblong.view(), &f, stream(1), &par()).err(),
    ] {
        assert!(matches!(error, Some(Error::Shape { .. })), "{error:?}");
    }
    for empty in [Array2::<f64>::zeros((0, 3)), Array2::zeros((3, 0))] {
        let error = f.find(&empty.view(), stream(1), &par()).unwrap_err();
        assert!(matches!(error, Error::Zero { .. }), "{error}");
    }
    let none = finder(0, 5, 0).find(&oblong.view(), stream(1), &par());
    assert!(matches!(none, Err(Error::Zero { what: "rank" })));
}

/// Dense, sparse and read matrices give the same, on any number of threads.
#[test]
fn threads_change_no_bit() {
    let s: Vec<f64> = (0..40).map(|j| 0.8f64.powi(j)).collect();
    let a = symmetric_with_spectrum(300, &s, 16);
    let f = finder(8, 8, 1);
    let all = |par: &Par| {
        let read = StreamOp::new(300, 300, 100, Symmetry::Symmetric, |rows, mut out| {
            out.assign(&a.slice_axis(Axis(0), rows.into()));
            Ok(())
        })
        .unwrap();
        let stored = Stored::of(a.view());
        let kinds = [TestMatrix::Gaussian, TestMatrix::Srht, TestMatrix::Sparse { nonzeros: 4 }];
        let parts: Vec<Array2<f64>> = kinds
            .into_iter()
            .flat_map(|test_matrix| {
                let f = RangeFinder { test_matrix, ..f.clone() };
                [
                    svd(&a.view(), &f, stream(1), par).unwrap().u,
                    svd(&stored.view(), &f, stream(1), par).unwrap().u,
                    svd_from_rows(&a.view(), &f, stream(1), par).unwrap().u,
                    nystrom(&read, &f, stream(1), par).unwrap().vectors,
                    single_pass_svd(&read, &f, stream(1), par).unwrap().u,
                ]
            })
            .collect();
        parts
    };
    let one = all(&Par::single());
    assert_eq!(one, all(&Par::new(2)));
    assert_eq!(one, all(&Par::new(5)));
    let joined = concatenate![Axis(1), one[0], one[1]];
    assert!(joined.iter().all(|v| v.is_finite()));
}
