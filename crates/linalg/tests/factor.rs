//! Factorisations: residuals against first principles, failures, layouts.

use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder, s};
use proptest::prelude::*;
use widelimit_linalg::{
    Cholesky, Error, Par, Qr, Scalar, Uplo, factor_with_jitter, factor_with_ladder, gram,
    jitter_ladder, solve_triangular, svd, symmetric_eigen, symmetric_eigenvalues,
};

/// Numbers in (-1, 1) from a seed, by a linear congruence.
fn random<T: Scalar>(rows: usize, columns: usize, seed: u64) -> Array2<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    Array2::from_shape_simple_fn((rows, columns), || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    })
}

/// `X Xᵀ + I`: its eigenvalues lie between 1 and 1 + ‖X‖².
fn positive<T: Scalar>(n: usize, seed: u64) -> Array2<T> {
    let x = random::<T>(n, n, seed);
    gram(x.view(), None, &Par::single()) + Array2::<T>::eye(n)
}

fn wide<T: Scalar>(a: ArrayView2<'_, T>) -> Array2<f64> {
    a.mapv(|x| x.to_f64())
}

fn norm(a: &Array2<f64>) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖a − b‖ / ‖a‖ in units of `n ε`: a backward stable algorithm stays near 1.
fn error<T: Scalar>(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    norm(&(a - b)) / (norm(a).max(f64::MIN_POSITIVE) * T::EPSILON * a.len().max(1) as f64)
}

fn orthonormal<T: Scalar>(q: &Array2<f64>) -> f64 {
    error::<T>(&Array2::eye(q.ncols()), &q.t().dot(q))
}

fn cholesky_holds<T: Scalar>(n: usize, seed: u64) {
    let a = positive::<T>(n, seed);
    let b = random::<T>(n, 3, seed ^ 1);
    for par in [Par::single(), Par::new(2)] {
        let factor = Cholesky::factor(a.clone(), &par).expect("a positive definite matrix");
        let l = wide(factor.lower().view());
        assert!(error::<T>(&wide(a.view()), &l.dot(&l.t())) < 4.0);
        let x = wide(factor.solve(b.view(), &par).view());
        let residual = norm(&(wide(a.view()).dot(&x) - wide(b.view())));
        let scale = norm(&wide(a.view())) * norm(&x) * T::EPSILON * n.max(1) as f64;
        assert!(residual <= 4.0 * scale.max(f64::MIN_POSITIVE), "{residual:e} {scale:e}");
        let y = wide(factor.solve_lower(b.view(), &par).view());
        assert!(error::<T>(&wide(b.view()), &l.dot(&y)) < 10.0 * (1.0 + n as f64));
        let expected: f64 = l.diag().iter().map(|x| 2.0 * x.ln()).sum();
        assert!((factor.log_det() - expected).abs() <= 1e-12 * expected.abs());
        let inverse = wide(factor.solve(Array2::<T>::eye(n).view(), &par).view());
        let diagonal = factor.inverse_diagonal(&par).mapv(|x| x.to_f64());
        let gap = (&diagonal - &inverse.diag()).iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        assert!(gap <= 50.0 * (n as f64 + 1.0) * T::EPSILON, "{gap:e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cholesky(n in 0usize..150, seed: u64) {
        cholesky_holds::<f64>(n, seed);
        cholesky_holds::<f32>(n, seed);
    }

    #[test]
    fn eigenvalues(n in 0usize..90, seed: u64) {
        let x = random::<f64>(n, n, seed);
        let a = &x + &x.t();
        let eigen = symmetric_eigen(a.clone(), &Par::new(2)).expect("finite");
        let v = &eigen.vectors;
        prop_assert!(orthonormal::<f64>(v) < 10.0);
        prop_assert!(error::<f64>(&a, &(v * &eigen.values).dot(&v.t())) < 10.0);
        prop_assert!(eigen.values.iter().zip(eigen.values.iter().skip(1)).all(|(a, b)| a <= b));
        let values = symmetric_eigenvalues(a.clone(), &Par::single()).expect("finite");
        let scale = norm(&a) * f64::EPSILON * n as f64;
        prop_assert!(values.iter().zip(&eigen.values).all(|(a, b)| (a - b).abs() <= 10.0 * scale));
        let single = a.mapv(|x| x as f32);
        let single = symmetric_eigen(single, &Par::single()).expect("finite");
        let scale = norm(&a) * f64::from(f32::EPSILON) * n as f64;
        let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() <= 10.0 * scale;
        prop_assert!(single.values.iter().zip(&eigen.values).all(close));
    }

    #[test]
    fn singular_values(m in 0usize..60, n in 0usize..60, seed: u64) {
        let a = random::<f64>(m, n, seed);
        let d = svd(a.view(), &Par::single()).expect("finite");
        let k = m.min(n);
        prop_assert_eq!((d.u.dim(), d.s.len(), d.vt.dim()), ((m, k), k, (k, n)));
        prop_assert!(orthonormal::<f64>(&d.u) < 20.0 && orthonormal::<f64>(&d.vt.t().to_owned()) < 20.0);
        prop_assert!(error::<f64>(&a, &(&d.u * &d.s).dot(&d.vt)) < 20.0);
        prop_assert!(d.s.iter().zip(d.s.iter().skip(1)).all(|(a, b)| a >= b && *b >= 0.0));
    }

    #[test]
    fn orthogonal_triangular(m in 0usize..60, n in 0usize..60, seed: u64) {
        let a = random::<f64>(m, n, seed);
        let par = Par::single();
        let qr = Qr::factor(a.clone(), &par).expect("finite");
        let (q, r) = (qr.q(&par).expect("memory"), qr.r());
        prop_assert_eq!((q.dim(), r.dim()), ((m, m.min(n)), (m.min(n), n)));
        prop_assert!(orthonormal::<f64>(&q) < 20.0);
        prop_assert!(error::<f64>(&a, &q.dot(&r)) < 20.0);
    }

    #[test]
    fn least_squares_leave_orthogonal_residuals(n in 1usize..30, extra in 5usize..40, seed: u64) {
        let m = n + extra;
        let (a, b) = (random::<f64>(m, n, seed), random::<f64>(m, 2, !seed));
        let par = Par::single();
        let mut fortran = Array2::zeros((m, n).f());
        fortran.assign(&a);
        let x = Qr::factor(fortran, &par).and_then(|qr| qr.solve_least_squares(b.view(), &par));
        let x = x.expect("full rank");
        let residual = &b - &a.dot(&x);
        prop_assert!(norm(&a.t().dot(&residual)) < 1e-12 * norm(&a) * norm(&b) * (1.0 + norm(&x)));
    }

    #[test]
    fn triangles(n in 0usize..70, m in 0usize..5, seed: u64) {
        let a = random::<f64>(n, n, seed) + Array2::<f64>::eye(n) * 4.0 * (n as f64).sqrt();
        let b = random::<f64>(n, m, !seed);
        let mut gapped = Array2::zeros((2 * n, 3 * n));
        gapped.slice_mut(s![..;2, ..;3]).assign(&a);
        let mut fortran = Array2::zeros((n, n).f());
        fortran.assign(&a);
        for uplo in [Uplo::Lower, Uplo::Upper] {
            let keep = |i: usize, j: usize| if uplo == Uplo::Lower { j <= i } else { i <= j };
            let triangle = Array2::from_shape_fn((n, n), |(i, j)| if keep(i, j) { a[[i, j]] } else { 0.0 });
            for transposed in [false, true] {
                let t = if transposed { triangle.t() } else { triangle.view() };
                for layout in [a.view(), fortran.view(), gapped.slice(s![..;2, ..;3])] {
                    let x = solve_triangular(layout, b.view(), uplo, transposed, &Par::new(2));
                    prop_assert!(norm(&(t.dot(&x.expect("not singular")) - &b)) <= 1e-12 * (n as f64 + 1.0));
                }
            }
        }
    }
}

#[test]
fn large_enough_to_run_blocked() {
    cholesky_holds::<f64>(700, 11);
    cholesky_holds::<f32>(700, 12);
}

#[test]
fn the_factored_matrix_comes_back_bitwise() {
    for n in [1, 7, 300] {
        let a = positive::<f64>(n, 5);
        let factor = Cholesky::factor(a.clone(), &Par::single()).expect("positive definite");
        for rows in [0..n, n / 3..n / 2 + 1, n - 1..n, 0..0] {
            assert_eq!(factor.matrix_rows(rows.clone()), a.slice(s![rows, ..]));
        }
        assert_eq!(factor.into_matrix(&Par::new(2)), a);
    }
}

#[test]
fn the_failing_pivot_and_its_value() {
    // Positive definite up to row 170, where the diagonal is 0.25 too small.
    let n = 300;
    for short in [0, 3, 170, 299] {
        let mut a = positive::<f64>(n, 5);
        let factor = Cholesky::factor(a.clone(), &Par::single()).expect("positive definite");
        let pivot = factor.lower()[[short, short]].powi(2);
        a[[short, short]] -= pivot + 0.25;
        for par in [Par::single(), Par::new(2)] {
            match Cholesky::factor(a.clone(), &par) {
                Err(Error::NotPositiveDefinite { pivot, value }) => {
                    assert_eq!(pivot, short);
                    assert!((value + 0.25).abs() < 1e-10, "{value}");
                }
                other => panic!("row {short}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_ladder_climbs_on_equal_rows() {
    // 200 points in 20 dimensions, each one twice: rank 20 of 200.
    let mut x = random::<f32>(200, 20, 6);
    let half = x.slice(s![..100, ..]).to_owned();
    x.slice_mut(s![100.., ..]).assign(&half);
    let a = gram(x.view(), None, &Par::single());
    let mean = wide(a.view()).diag().sum() / 200.0;
    assert!(matches!(
        Cholesky::factor(a.clone(), &Par::single()),
        Err(Error::NotPositiveDefinite { .. })
    ));
    let (factor, jitter) = factor_with_jitter(a.clone(), &Par::new(2)).expect("a rung that holds");
    assert!(jitter.attempts > 1 && jitter.relative > 0.0);
    assert_eq!(jitter.relative, jitter_ladder::<f32>()[jitter.attempts - 1]);
    assert!((jitter.absolute / (jitter.relative * mean) - 1.0).abs() < 1e-12);
    // After several attempts in one memory, still the factor of the matrix and its shift.
    let shifted = wide(a.view()) + Array2::<f64>::eye(200) * jitter.absolute;
    let l = wide(factor.lower().view());
    assert!(error::<f32>(&shifted, &l.dot(&l.t())) < 4.0);
    // Bitwise the factor of the shifted matrix, as if it had been tried at once.
    let mut direct = a.clone();
    direct.diag_mut().mapv_inplace(|x| (f64::from(x) + jitter.absolute) as f32);
    let direct = Cholesky::factor(direct, &Par::new(2)).expect("the same matrix");
    assert_eq!(direct.lower(), factor.lower());
    assert_eq!(direct.condition_estimate(), factor.condition_estimate());
}

#[test]
fn the_ladder_does_nothing_where_nothing_is_needed() {
    let (_, jitter) = factor_with_jitter(positive::<f64>(30, 7), &Par::single()).expect("positive");
    assert_eq!((jitter.absolute, jitter.relative, jitter.attempts), (0.0, 0.0, 1));
    let indefinite = Array2::from_diag(&Array1::from(vec![1.0, -1.0]));
    let failed = factor_with_jitter(indefinite.clone(), &Par::single());
    assert!(matches!(failed, Err(Error::NotPositiveDefinite { pivot: 1, .. })));
    let failed = factor_with_ladder(indefinite, &[], &Par::single());
    assert!(matches!(failed, Err(Error::NotPositiveDefinite { pivot: 0, .. })));
}

#[test]
fn condition_estimates_are_close_below() {
    for (n, seed) in [(1, 1), (2, 2), (25, 3), (120, 4)] {
        let mut a = positive::<f64>(n, seed);
        let scale = Array1::from_shape_fn(n, |i| 10f64.powf(-(i as f64) / n as f64 * 3.0));
        a = &a * &scale * scale.view().insert_axis(ndarray::Axis(1));
        let factor = Cholesky::factor(a.clone(), &Par::single()).expect("positive definite");
        let inverse = factor.solve(Array2::eye(n).view(), &Par::single());
        let one = |a: &Array2<f64>| {
            a.columns()
                .into_iter()
                .map(|c| c.iter().map(|x| x.abs()).sum::<f64>())
                .fold(0.0, f64::max)
        };
        let truth = one(&a) * one(&inverse);
        let estimate = factor.condition_estimate();
        assert!(
            estimate <= truth * (1.0 + 1e-9) && estimate >= truth / 3.0,
            "{estimate:e} {truth:e}"
        );
    }
}

#[test]
fn layouts_of_a_factored_matrix() {
    let a = positive::<f64>(60, 8);
    let expected = Cholesky::factor(a.clone(), &Par::single()).expect("positive definite").lower();
    let mut fortran = Array2::zeros((60, 60).f());
    fortran.assign(&a);
    let mut backwards = a.clone();
    backwards.invert_axis(ndarray::Axis(0));
    backwards.invert_axis(ndarray::Axis(1));
    let mut flipped = backwards.as_standard_layout().into_owned();
    flipped.invert_axis(ndarray::Axis(0));
    flipped.invert_axis(ndarray::Axis(1));
    for a in [fortran, flipped] {
        assert_eq!(Cholesky::factor(a, &Par::single()).expect("the same matrix").lower(), expected);
    }
}

#[test]
fn bad_input_is_named() {
    let par = Par::single();
    let tall = Array2::<f64>::zeros((3, 2));
    assert_eq!(
        Cholesky::factor(tall.clone(), &par).err(),
        Some(Error::NotSquare { rows: 3, columns: 2 })
    );
    assert!(symmetric_eigen(tall.clone(), &par).is_err());
    let mut a = positive::<f64>(5, 1);
    a[[3, 1]] = f64::INFINITY;
    let place = Some(Error::NonFinite { row: 3, column: 1, value: f64::INFINITY });
    assert_eq!(Cholesky::factor(a.clone(), &par).err(), place);
    assert_eq!(symmetric_eigen(a.clone(), &par).err(), place);
    assert_eq!(svd(a.view(), &par).err(), place);
    assert_eq!(Qr::factor(a.clone(), &par).err(), place);
    // Finite, but its products overflow.
    let huge = array_of(2, |i, j| if i == j { 1.0 } else { 1e30_f32 });
    assert!(matches!(
        Cholesky::factor(huge, &par),
        Err(Error::NotPositiveDefinite { pivot: 1, .. })
    ));
    // The second column is the first one doubled.
    let dependent = array_of(4, |i, j| ((i + 1) * (j.min(1) + 1)) as f64);
    let failed = Qr::factor(dependent, &par)
        .and_then(|qr| qr.solve_least_squares(Array2::zeros((4, 1)).view(), &par));
    assert!(matches!(failed, Err(Error::Singular { index: 1, .. })), "{failed:?}");
    let failed = Qr::factor(tall, &par)
        .and_then(|qr| qr.solve_least_squares(Array2::zeros((2, 1)).view(), &par));
    assert!(matches!(failed, Err(Error::Shape { expected: 3, got: 2, .. })));
    let zeros = Array2::<f64>::zeros((2, 2));
    let failed = solve_triangular(zeros.view(), zeros.view(), Uplo::Upper, true, &par);
    assert_eq!(failed, Err(Error::Singular { index: 0, value: 0.0 }));
}

fn array_of<T>(n: usize, f: impl Fn(usize, usize) -> T) -> Array2<T> {
    Array2::from_shape_fn((n, n), |(i, j)| f(i, j))
}

#[test]
fn nothing_and_one() {
    let par = Par::new(2);
    let empty = Cholesky::factor(Array2::<f64>::zeros((0, 0)), &par).expect("nothing to do");
    assert_eq!((empty.log_det(), empty.condition_estimate()), (0.0, 0.0));
    assert_eq!(empty.solve(Array2::zeros((0, 2)).view(), &par).dim(), (0, 2));
    assert_eq!(empty.inverse_diagonal(&par).len(), 0);
    assert_eq!(
        symmetric_eigen(Array2::<f32>::zeros((0, 0)), &par).expect("nothing").values.len(),
        0
    );
    let one = Cholesky::factor(array_of(1, |_, _| 9.0_f32), &par).expect("positive");
    assert_eq!(one.solve(array_of(1, |_, _| 18.0).view(), &par)[[0, 0]], 2.0);
    assert!((one.condition_estimate() - 1.0).abs() < 1e-6);
    assert!((one.inverse_diagonal(&par)[0] * 9.0 - 1.0).abs() < 2.0 * f32::EPSILON);
    let zero = factor_with_jitter(Array2::<f64>::zeros((3, 3)), &par);
    assert!(matches!(zero, Err(Error::NotPositiveDefinite { pivot: 0, .. })));
}
