//! The contracts of Gram products: values, layouts, and what holds to the bit.

use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, Slice, s};
use proptest::prelude::*;
use widelimit_linalg::gram::{CHUNK, squared_norms_with};
use widelimit_linalg::{
    GramScratch, Isa, PackedRows, Par, Scalar, gram, gram_tile, matmul, squared_norms,
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

/// The definition of the module, literally, with the fused multiply-add of `f64`.
fn canonical(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| {
        let mut total: Option<f64> = None;
        for start in (0..x.ncols()).step_by(CHUNK) {
            let end = x.ncols().min(start + CHUNK);
            let chunk = (start..end).fold(0.0, |sum, k| x[[i, k]].mul_add(y[[j, k]], sum));
            total = Some(total.map_or(chunk, |total| total + chunk));
        }
        total.unwrap_or(0.0)
    })
}

fn tile<T: Scalar>(x: ArrayView2<'_, T>, y: ArrayView2<'_, T>, isa: Isa) -> Array2<T> {
    let mut out = Array2::from_elem((x.nrows(), y.nrows()), T::from_f64(f64::NAN));
    gram_tile(x, y, &mut GramScratch::with_isa(isa), out.view_mut());
    out
}

fn bits<T: Scalar>(x: &Array2<T>) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// |computed − exact| ≤ (d + 2) ε Σ |x y|, the bound of any summation order.
fn assert_close<T: Scalar>(got: &Array2<T>, x: ArrayView2<'_, T>, y: ArrayView2<'_, T>) {
    for ((i, j), got) in got.indexed_iter() {
        let products = || (0..x.ncols()).map(|k| x[[i, k]].to_f64() * y[[j, k]].to_f64());
        let bound = (x.ncols() + 2) as f64 * T::EPSILON * products().map(f64::abs).sum::<f64>();
        let error = (got.to_f64() - products().sum::<f64>()).abs();
        assert!(error <= bound, "({i}, {j}): error {error:e} above {bound:e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_the_definition(
        rows in 0usize..70, columns in 0usize..110, depth in 0usize..600, seed: u64,
    ) {
        let (x, y) = (random::<f64>(rows, depth, seed), random::<f64>(columns, depth, !seed));
        let expected = canonical(x.view(), y.view());
        for isa in Isa::available() {
            let got = tile(x.view(), y.view(), isa);
            if isa == Isa::Portable {
                assert_close(&got, x.view(), y.view());
            } else {
                prop_assert_eq!(bits(&got), bits(&expected));
            }
        }
        let (x, y) = (random::<f32>(rows, depth, seed), random::<f32>(columns, depth, !seed));
        assert_close(&tile(x.view(), y.view(), Isa::best()), x.view(), y.view());
    }

    #[test]
    fn an_entry_does_not_depend_on_its_tile(
        rows in 1usize..90, columns in 1usize..130, depth in 1usize..520,
        cut in (0.0f64..1.0, 0.0f64..1.0), seed: u64,
    ) {
        let (x, y) = (random::<f32>(rows, depth, seed), random::<f32>(columns, depth, !seed));
        for isa in Isa::available() {
            let whole = tile(x.view(), y.view(), isa);
            let (i, j) = ((cut.0 * rows as f64) as usize, (cut.1 * columns as f64) as usize);
            let part = tile(x.slice(s![i.., ..]), y.slice(s![j.., ..]), isa);
            prop_assert_eq!(bits(&part), bits(&whole.slice(s![i.., j..]).to_owned()));
            let swapped = tile(y.view(), x.view(), isa);
            prop_assert_eq!(bits(&swapped.t().to_owned()), bits(&whole));
        }
    }

    #[test]
    fn packed_rows_give_the_same_bits_at_any_range(
        rows in 1usize..200, columns in 1usize..200, depth in 0usize..600,
        cut in (0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0), seed: u64,
    ) {
        let (x, y) = (random::<f32>(rows, depth, seed), random::<f32>(columns, depth, !seed));
        let range = |from: f64, to: f64, n: usize| {
            let (from, to) = ((from * n as f64) as usize, (to * n as f64) as usize);
            from.min(to)..from.max(to)
        };
        let (i, j) = (range(cut.0, cut.1, rows), range(cut.2, cut.3, columns));
        for isa in Isa::available() {
            let whole = tile(x.view(), y.view(), isa);
            let left = PackedRows::with_isa(isa, x.view(), &Par::new(2));
            let right = PackedRows::with_isa(isa, y.view(), &Par::single());
            let mut part = Array2::from_elem((i.len(), j.len()), f32::NAN);
            left.tile(i.clone(), &right, j.clone(), part.view_mut());
            prop_assert_eq!(bits(&part), bits(&whole.slice(s![i.clone(), j.clone()]).to_owned()));
            prop_assert_eq!(left.squared_norms(), squared_norms_with(isa, x.view()));
        }
    }

    #[test]
    fn the_layout_does_not_matter(
        rows in 1usize..70, columns in 1usize..70, depth in 1usize..300, seed: u64,
    ) {
        let (x, y) = (random::<f32>(rows, depth, seed), random::<f32>(columns, depth, !seed));
        let expected = bits(&gram(x.view(), Some(y.view()), &Par::single()));
        let mut fortran = Array2::zeros((rows, depth).f());
        fortran.assign(&x);
        prop_assert_eq!(&bits(&gram(fortran.view(), Some(y.view()), &Par::single())), &expected);
        // Every second row and third column of a larger array, read backwards.
        let mut wide = random::<f32>(2 * rows, 3 * depth, seed ^ 7);
        wide.slice_mut(s![..;-2, ..;-3]).assign(&x);
        let view = wide.slice(s![..;-2, ..;-3]);
        prop_assert_eq!(&bits(&gram(view, Some(y.view()), &Par::single())), &expected);
        let mut out = Array2::zeros((rows, columns).f());
        gram_tile(view, y.view(), &mut GramScratch::new(), out.view_mut());
        prop_assert_eq!(&bits(&out), &expected);
    }

    #[test]
    fn norms_are_the_diagonal(rows in 0usize..120, depth in 0usize..600, seed: u64) {
        let x = random::<f32>(rows, depth, seed);
        for isa in Isa::available() {
            let diagonal = tile(x.view(), x.view(), isa).diag().to_vec();
            prop_assert_eq!(squared_norms_with(isa, x.view()), diagonal);
        }
        let x = random::<f64>(rows, depth, seed);
        prop_assert_eq!(squared_norms(x.view()), tile(x.view(), x.view(), Isa::best()).diag().to_vec());
    }

    #[test]
    fn general_products_take_any_strides(
        rows in 0usize..40, inner in 0usize..40, columns in 0usize..40, seed: u64,
    ) {
        let (a, b) = (random::<f64>(rows, 2 * inner, seed), random::<f64>(columns, inner, !seed));
        let (a, b) = (a.slice(s![.., ..;-2]), b.t());
        let got = matmul(a, b, &Par::new(2));
        assert_close(&got, a, b.t());
    }
}

#[test]
fn instruction_sets_agree_to_the_bit_where_they_fuse() {
    let (x, y) = (random::<f32>(131, 777, 1), random::<f32>(203, 777, 2));
    let fused: Vec<_> = Isa::available().into_iter().filter(|isa| *isa != Isa::Portable).collect();
    for pair in fused.windows(2) {
        let both = pair.iter().map(|isa| bits(&tile(x.view(), y.view(), *isa)));
        let both: Vec<_> = both.collect();
        assert_eq!(both[0], both[1], "{pair:?}");
    }
    if fused.is_empty() {
        println!("skipped: this machine has no fused instruction set");
    }
}

#[test]
fn whole_matrices_do_not_depend_on_threads() {
    // Above one tile of 512 and with ragged edges; 1030 rows make a 3 × 3 grid.
    let (x, y) = (random::<f32>(1030, 300, 3), random::<f32>(650, 300, 4));
    let (one, other) =
        (tile(x.view(), x.view(), Isa::best()), tile(x.view(), y.view(), Isa::best()));
    for threads in [1, 2, 5] {
        let par = Par::new(threads);
        assert_eq!(bits(&gram(x.view(), None, &par)), bits(&one), "{threads} threads");
        assert_eq!(bits(&gram(x.view(), Some(y.view()), &par)), bits(&other), "{threads} threads");
    }
    for rows in [0, 1, 2, 63, 64, 65, 129, 257] {
        let x = x.slice_axis(Axis(0), Slice::from(..rows));
        let whole = gram(x, None, &Par::new(2));
        assert_eq!(bits(&whole), bits(&tile(x, x, Isa::best())), "{rows} rows");
    }
}

#[test]
fn equal_rows_give_their_norm() {
    let mut x = random::<f32>(100, 333, 5);
    let copy = x.row(2).to_owned();
    x.row_mut(91).assign(&copy);
    let k = gram(x.view(), None, &Par::single());
    let norms = squared_norms(x.view());
    assert_eq!(k[[2, 91]].to_bits(), norms[2].to_bits());
    assert_eq!(k[[91, 2]].to_bits(), norms[91].to_bits());
    assert_eq!(k.row(2), k.row(91));
}

#[test]
fn empty_sides_and_no_columns() {
    let par = Par::single();
    let none = Array2::<f64>::zeros((0, 3));
    assert_eq!(gram(none.view(), None, &par).dim(), (0, 0));
    assert_eq!(gram(random(4, 3, 1).view(), Some(none.view()), &par).dim(), (4, 0));
    assert_eq!(gram(Array2::<f64>::zeros((2, 0)).view(), None, &par), Array2::zeros((2, 2)));
    assert_eq!(squared_norms(Array2::<f64>::zeros((2, 0)).view()), [0.0, 0.0]);
}

#[test]
fn the_scratch_stays_within_its_bound() {
    for (rows, columns, depth) in [(1, 1, 1), (64, 256, 784), (700, 900, 1000)] {
        let (x, y) = (random::<f64>(rows, depth, 1), random::<f64>(columns, depth, 2));
        let mut scratch = GramScratch::new();
        let mut out = Array2::zeros((rows, columns));
        gram_tile(x.view(), y.view(), &mut scratch, out.view_mut());
        assert!(scratch.bytes() <= GramScratch::<f64>::bytes_for(rows, columns, depth));
    }
}
