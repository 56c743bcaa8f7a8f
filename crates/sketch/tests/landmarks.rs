//! Landmarks and the features they give.

mod common;

use common::*;
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, concatenate};
use widelimit_linalg::{Cholesky, Par, symmetric_eigenvalues};
use widelimit_sketch::Error;
use widelimit_sketch::landmarks::{KernelEntries, NystromMap, RandomPivots};

/// `exp(-|x - y|^2 / width)` between points of a line, most of them close together.
fn gaussian_kernel(n: usize, width: f64) -> Array2<f64> {
    let x = points::<f64>(n, 1, 1.0, 50).mapv(|v| v * v * v);
    Array2::from_shape_fn((n, n), |(i, j)| (-(x[[i, 0]] - x[[j, 0]]).powi(2) / width).exp())
}

/// The same points under `exp(-|x - y|)`, whose matrices are far from singular.
fn laplace_kernel(n: usize) -> Array2<f64> {
    let x = points::<f64>(n, 1, 1.0, 50).mapv(|v| v * v * v);
    Array2::from_shape_fn((n, n), |(i, j)| (-(x[[i, 0]] - x[[j, 0]]).abs()).exp())
}

fn rest_trace(k: &Array2<f64>, factor: &Array2<f64>) -> f64 {
    (k - &factor.dot(&factor.t())).diag().sum()
}

/// Chen et al., theorem 5.1, for all ranks that a number of pivots serves.
#[test]
fn random_pivots_keep_their_bound() {
    let n = 150;
    let k = gaussian_kernel(n, 0.1);
    let mut values = symmetric_eigenvalues(k.clone(), &Par::single()).unwrap().to_vec();
    values.reverse();
    for block in [1, 10] {
        let pivots = RandomPivots { rank: 60, tolerance: 0.0, block };
        let traces: Vec<Vec<f64>> = (0..100)
            .map(|seed| {
                let found = pivots.factor(&entries(&k), stream(seed), &Par::single()).unwrap();
                let last = *found.residual_trace.last().unwrap();
                assert!((last - rest_trace(&k, &found.factor)).abs() < 1e-11 * n as f64);
                assert!(found.residual_trace.windows(2).all(|pair| pair[1] <= pair[0]));
                assert_eq!(found.residual_trace.len(), found.pivots.len() + 1);
                found.residual_trace
            })
            .collect();
        let mut checked = 0;
        for r in 1..20 {
            let tail = tail(&values, r, 1);
            for e in [0.25, 1.0, 4.0f64] {
                let enough = r as f64 / e + r as f64 * (n as f64 / (e * tail)).ln().max(0.0);
                let enough = enough.ceil() as usize;
                if enough <= 60 {
                    let at = |trace: &Vec<f64>| trace[enough.min(trace.len() - 1)];
                    let traces: Vec<f64> = traces.iter().map(at).collect();
                    assert_mean_below(&traces, (1.0 + e) * tail, &format!("rank {r}, {e}"));
                    checked += 1;
                }
            }
        }
        assert!(checked > 10, "{checked}");
    }
}

/// The chances of the first two pivots, `d_i / sum d` each time, whatever the block.
#[test]
fn blocks_change_no_chance() {
    let x = points::<f64>(5, 3, 1.0, 51) * &Array1::from(vec![2.0, 1.0, 0.5]);
    let k = x.dot(&x.t());
    let mut chances = vec![];
    for i in 0..5 {
        for j in 0..5 {
            let trace: f64 = k.diag().sum();
            let rest = |a: usize| k[[a, a]] - k[[a, i]].powi(2) / k[[i, i]];
            let left: f64 = (0..5).filter(|&a| a != i).map(rest).sum();
            chances.push(if i == j { 0.0 } else { k[[i, i]] / trace * rest(j) / left });
        }
    }
    for block in [1, 2, 7] {
        let pivots = RandomPivots { rank: 2, tolerance: 0.0, block };
        let mut counts = vec![0; 25];
        for seed in 0..2000 {
            let found = pivots.factor(&entries(&k), stream(seed), &Par::single()).unwrap();
            counts[found.pivots[0] * 5 + found.pivots[1]] += 1;
        }
        assert_frequencies(&counts, &chances, &format!("block of {block}"));
    }
}

/// Zero rows are never chosen, rows that are told by others not again; the factor is exact.
#[test]
fn pivots_end_at_the_rank() {
    let mut x = points::<f64>(40, 3, 1.0, 52);
    x.slice_axis_mut(Axis(0), Slice::from(10..15)).fill(0.0);
    for i in 20..40 {
        let copy = x.row(i - 20).to_owned();
        x.row_mut(i).assign(&copy);
    }
    let k = x.dot(&x.t());
    for seed in 0..50 {
        for block in [1, 6] {
            let pivots = RandomPivots { rank: 30, tolerance: 0.0, block };
            let found = pivots.factor(&entries(&k), stream(seed), &Par::single()).unwrap();
            assert_eq!(found.pivots.len(), 3, "{:?}", found.pivots);
            let zero = |&pivot: &usize| (10..15).contains(&pivot) || (30..35).contains(&pivot);
            assert!(!found.pivots.iter().any(zero), "{:?}", found.pivots);
            let error = frobenius(&(&k - &found.factor.dot(&found.factor.t())));
            assert!(error < 1e-12 * frobenius(&k), "{error:e}");
            assert!(found.residual_trace[3] < 1e-12 * found.residual_trace[0]);
        }
    }
    let zero = Array2::zeros((4, 4));
    let pivots = RandomPivots { rank: 2, tolerance: 0.0, block: 1 };
    let found = pivots.factor(&entries(&zero), stream(1), &Par::single()).unwrap();
    assert_eq!((found.pivots.len(), found.factor.dim()), (0, (4, 0)));
}

#[test]
fn pivots_stop_at_the_tolerance_and_on_any_threads() {
    let k = gaussian_kernel(200, 0.1);
    let pivots = RandomPivots { rank: 200, tolerance: 1e-3, block: 8 };
    let one = pivots.factor(&entries(&k), stream(1), &Par::single()).unwrap();
    let trace = &one.residual_trace;
    assert!(trace[trace.len() - 1] <= 1e-3 * trace[0] && trace[trace.len() - 2] > 1e-3 * trace[0]);
    for threads in [2, 5] {
        assert_eq!(one, pivots.factor(&entries(&k), stream(1), &Par::new(threads)).unwrap());
    }
    let few = RandomPivots { rank: 7, ..pivots };
    let few = few.factor(&entries(&k), stream(1), &Par::single()).unwrap();
    assert_eq!(few.pivots, one.pivots[..7]);
}

#[test]
fn pivots_refuse_what_is_no_kernel() {
    let run = |pivots: RandomPivots, k: &Array2<f64>| {
        pivots.factor(&entries(k), stream(1), &Par::single()).err()
    };
    let good = RandomPivots { rank: 2, tolerance: 0.0, block: 1 };
    let k = gaussian_kernel(6, 1.0);
    assert_eq!(run(good, &k), None);
    for bad in [RandomPivots { rank: 0, ..good }, RandomPivots { block: 0, ..good }] {
        assert!(matches!(run(bad, &k), Some(Error::Zero { .. })));
    }
    for tolerance in [-0.1, f64::NAN] {
        let error = run(RandomPivots { tolerance, ..good }, &k);
        assert!(matches!(error, Some(Error::OutOfRange { .. })), "{error:?}");
    }
    let steep = Array2::from_shape_fn((6, 6), |(i, j)| if i == j { 1.0 } else { 2.0 });
    assert!(matches!(run(good, &steep), Some(Error::Indefinite { .. })));
    let mut hole = k.clone();
    hole.column_mut(2).fill(f64::NAN);
    hole[[2, 2]] = 1e9;
    assert!(matches!(run(good, &hole), Some(Error::NonFinite { .. })));
    let new = |diagonal: Vec<f64>| KernelEntries::new(diagonal.into(), |_, _, _| Ok(())).err();
    assert!(matches!(new(vec![]), Some(Error::Zero { .. })));
    assert!(matches!(new(vec![1.0, -1.0]), Some(Error::Indefinite { .. })));
    assert!(matches!(new(vec![1.0, f64::NAN]), Some(Error::NonFinite { row: 1, .. })));
    let broken = KernelEntries::new(Array1::ones(3), |_, _, _| Err("no".into())).unwrap();
    let error = good.factor(&broken, stream(1), &Par::single()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

fn gram_of<T: Copy + Into<f64>>(z: &Array2<T>) -> Array2<f64> {
    let z = z.mapv(Into::into);
    z.dot(&z.t())
}

/// Exact at the landmarks, `k(x, L) K^{-1} k(L, y)` elsewhere, and never above the kernel.
#[test]
fn features_reproduce_the_landmarks() {
    let k = laplace_kernel(80);
    let landmarks: Vec<usize> = (0..80).step_by(7).collect();
    let k_xl = k.select(Axis(1), &landmarks);
    let k_ll = k_xl.select(Axis(0), &landmarks);
    let par = Par::new(2);
    let solved = Cholesky::factor(k_ll.clone(), &par).unwrap().solve(k_xl.t(), &par);
    let nystrom = k_xl.dot(&solved);
    for map in [NystromMap::fit(k_ll.view(), &par), NystromMap::fit_cholesky(k_ll.view(), &par)] {
        let map = map.unwrap();
        assert_eq!((map.landmarks(), map.dim(), map.shift()), (12, 12, 0.0));
        let z = gram_of(&map.features(k_xl.view(), &par).unwrap());
        assert!(frobenius(&(&z - &nystrom)) < 1e-12);
        assert!(frobenius(&(&z.select(Axis(0), &landmarks) - &k_xl.t())) < 1e-12);
        assert!(symmetric_eigenvalues(&k - &z, &par).unwrap()[0] > -1e-12);
    }
    let single = NystromMap::fit(k_ll.mapv(|v| v as f32).view(), &par).unwrap();
    let z = gram_of(&single.features(k_xl.mapv(|v| v as f32).view(), &par).unwrap());
    assert!(frobenius(&(&z - &nystrom)) < 1e-5, "{:e}", frobenius(&(&z - &nystrom)));
}

/// Landmarks that are equal give no features, and change none of the others' inner products.
#[test]
fn features_drop_what_is_rounding() {
    let k = laplace_kernel(60);
    let twice: Vec<usize> = (0..10).chain(0..10).collect();
    let par = Par::single();
    let fit = |chosen: &[usize], shifted: bool| {
        let k_xl = k.select(Axis(1), chosen);
        let k_ll = k_xl.select(Axis(0), chosen);
        let fit = if shifted { NystromMap::fit_cholesky } else { NystromMap::fit };
        let map = fit(k_ll.view(), &par).unwrap();
        (gram_of(&map.features(k_xl.view(), &par).unwrap()), map)
    };
    let (once, _) = fit(&twice[..10], false);
    let (both, map) = fit(&twice, false);
    assert_eq!((map.landmarks(), map.dim()), (20, 10));
    assert!(frobenius(&(&both - &once)) < 1e-12, "{:e}", frobenius(&(&both - &once)));
    let (both, map) = fit(&twice, true);
    assert!(map.dim() == 20 && map.shift() > 0.0 && map.shift() < 1e-10);
    assert!(frobenius(&(&both - &once)) < 1e-8, "{:e}", frobenius(&(&both - &once)));
    // eigenvalues fall below any precision, the coarser one first
    let smooth = gaussian_kernel(60, 10.0);
    let double = NystromMap::fit(smooth.view(), &par).unwrap().dim();
    let single = NystromMap::fit(smooth.mapv(|v| v as f32).view(), &par).unwrap().dim();
    assert!(single < double && double < 60, "{single}, {double}");
}

#[test]
fn features_have_the_same_bits_in_any_batch() {
    fn check<T: widelimit_linalg::Scalar>(k: ArrayView2<'_, T>) {
        let landmarks = Slice::from(..20);
        let k_xl = k.slice_axis(Axis(1), landmarks);
        let map = NystromMap::fit(k_xl.slice_axis(Axis(0), landmarks), &Par::single()).unwrap();
        let whole = map.features(k_xl, &Par::single()).unwrap();
        for (batch, threads) in [(1, 1), (7, 2), (50, 5)] {
            let parts: Vec<Array2<T>> = k_xl
                .axis_chunks_iter(Axis(0), batch)
                .map(|rows| map.features(rows, &Par::new(threads)).unwrap())
                .collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            assert_eq!(concatenate(Axis(0), &views).unwrap(), whole);
        }
        assert_eq!(
            map,
            NystromMap::fit(k_xl.slice_axis(Axis(0), landmarks), &Par::new(5)).unwrap()
        );
    }
    let k = gaussian_kernel(120, 1.0);
    check(k.view());
    check(k.mapv(|v| v as f32).view());
}

#[test]
fn maps_refuse_what_is_no_kernel() {
    let par = Par::single();
    for fit in [NystromMap::fit, NystromMap::fit_cholesky] {
        let fail = |k: Array2<f64>| fit(k.view(), &par).unwrap_err();
        assert!(matches!(fail(Array2::zeros((0, 0))), Error::Zero { .. }));
        assert!(matches!(fail(Array2::zeros((3, 2))), Error::Shape { .. }));
        let mut k = gaussian_kernel(5, 1.0);
        k[[1, 2]] += 0.5;
        assert!(matches!(fail(k.clone()), Error::NotSymmetric { row: 1, column: 2, .. }));
        k[[1, 2]] = f64::NAN;
        assert!(matches!(fail(k), Error::NonFinite { row: 1, column: 2, .. }));
        let negative = symmetric_with_spectrum(6, &[1.0, -0.1], 53);
        let error = fail(negative);
        assert!(matches!(error, Error::Indefinite { .. } | Error::Linalg(_)), "{error}");
    }
    let zero = NystromMap::fit(Array2::<f64>::zeros((3, 3)).view(), &par).unwrap();
    assert_eq!(zero.features(Array2::zeros((5, 3)).view(), &par).unwrap().dim(), (5, 0));
    let map = NystromMap::fit(gaussian_kernel(4, 1.0).view(), &par).unwrap();
    let error = map.features(Array2::zeros((2, 3)).view(), &par).unwrap_err();
    assert!(matches!(error, Error::Shape { expected: 4, got: 3, .. }), "{error}");
    let mut k_xl = Array2::zeros((2, 4));
    k_xl[[1, 3]] = f64::INFINITY;
    let error = map.features(k_xl.view(), &par).unwrap_err();
    assert!(matches!(error, Error::NonFinite { row: 1, column: 3, .. }), "{error}");
}
