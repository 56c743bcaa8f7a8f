//! Sums that are merged, stored and gone on with.

use ndarray::{Array1, Array2, Axis, s};
use widelimit_learn::streaming::{BLOCK, Centre, Moments, MomentsParts, merge_all};
use widelimit_learn::{Criterion, Error, Par, Ridge};

use crate::{close, moments, problem, solver};

#[test]
fn bits_depend_neither_on_calls_nor_on_threads() {
    let (n, p, m) = (2 * BLOCK + 200, 200, 2);
    let (z, y, w) = problem(11, n, p, m);
    let whole = moments(&z, &y, Some(&w), n).into_parts();
    for step in [37, BLOCK, 1500] {
        assert_eq!(moments(&z, &y, Some(&w), step).into_parts(), whole);
    }
    let at = |threads: usize| {
        let par = Par::new(threads);
        let mut moments = Moments::new(p, m).unwrap();
        moments.accumulate(z.view(), y.view(), Some(&w), &par).unwrap();
        let spectrum = solver(Ridge::default(), Centre::Both).spectrum(&moments, &par).unwrap();
        let mut pass = spectrum.leave_one_out(&[0.1, 1.0]).unwrap();
        for rows in [0..1, 1..1400, 1400..n] {
            let (z, y) = (z.slice(s![rows.clone(), ..]), y.slice(s![rows.clone(), ..]));
            pass.accumulate(z, y, Some(&w[rows]), &par).unwrap();
        }
        let path = pass.finish(Criterion::SquaredError, &par).unwrap();
        let model = solver(Ridge::default(), Centre::Both).solve(&moments, &par).unwrap();
        (moments.into_parts(), path, model)
    };
    let one = at(1);
    assert!(one == at(2) && one == at(5) && one.0 == whole);
}

#[test]
fn parts_merged_in_a_tree_are_the_whole() {
    let par = Par::new(2);
    let (n, p, m) = (1700, 12, 2);
    let (z, y, w) = problem(13, n, p, m);
    // A drift, so that the parts have different means.
    let z = &z + &Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / 300.0);
    let leaves = || -> Vec<Moments> {
        (0..5)
            .map(|k| {
                let rows = k * n / 5..(k + 1) * n / 5;
                let (z, y) = (z.slice(s![rows.clone(), ..]), y.slice(s![rows.clone(), ..]));
                moments(&z.to_owned(), &y.to_owned(), Some(&w[rows]), 100)
            })
            .collect()
    };
    let merged = merge_all(leaves(), &par).unwrap();
    assert_eq!(merged.rows(), n);
    let again = merge_all(leaves(), &Par::single()).unwrap().into_parts();
    let merged = merged.into_parts();
    assert_eq!(merged, again);
    let whole = moments(&z, &y, Some(&w), 1000);
    let mut closed = whole.clone();
    closed.merge(Moments::new(p, m).unwrap(), &par).unwrap();
    let whole = closed.into_parts();
    close(merged.products.view(), whole.products.view(), 1e-13, "products");
    close(merged.cross.view(), whole.cross.view(), 1e-13, "cross");
    let squares = |p: &MomentsParts| p.target_squares.clone().insert_axis(Axis(0));
    close(squares(&merged).view(), squares(&whole).view(), 1e-13, "squares");
    assert!((merged.plain_spread / whole.plain_spread - 1.0).abs() < 1e-13);
    assert_eq!(merge_all(vec![], &par).err(), Some(Error::Empty { what: "the list of moments" }));
    let mut other = Moments::new(p, m).unwrap();
    assert!(matches!(
        other.merge(Moments::new(p + 1, m).unwrap(), &par),
        Err(Error::Shape { expected: 12, got: 13, .. })
    ));
}

#[test]
fn a_stored_job_goes_on_to_the_same_bits() {
    let par = Par::single();
    let (z, y, w) = problem(17, 1500, 6, 1);
    let cut = 1200;
    let first = moments(
        &z.slice(s![..cut, ..]).to_owned(),
        &y.slice(s![..cut, ..]).to_owned(),
        Some(&w[..cut]),
        99,
    );
    let parts = first.into_parts();
    assert_eq!((parts.rows, parts.waiting_weights.len()), (BLOCK, cut - BLOCK));
    let mut resumed = Moments::from_parts(parts.clone()).unwrap();
    resumed
        .accumulate(z.slice(s![cut.., ..]), y.slice(s![cut.., ..]), Some(&w[cut..]), &par)
        .unwrap();
    assert_eq!(resumed.into_parts(), moments(&z, &y, Some(&w), 1500).into_parts());

    let bad = |spoil: &dyn Fn(&mut MomentsParts)| {
        let mut parts = parts.clone();
        spoil(&mut parts);
        Moments::from_parts(parts).expect_err("spoiled parts are refused")
    };
    assert!(matches!(
        bad(&|p| p.products[[1, 2]] = f64::NAN),
        Error::NotFinite { row: 1, column: 2, .. }
    ));
    assert!(matches!(bad(&|p| p.products[[1, 1]] = -1.0), Error::Parameter { value: -1.0, .. }));
    assert!(matches!(
        bad(&|p| p.feature_mean = Array1::zeros(5)),
        Error::Shape { expected: 6, got: 5, .. }
    ));
    assert!(matches!(bad(&|p| p.weight = 0.0), Error::Parameter { .. }));
    assert!(matches!(
        bad(&|p| p.waiting_features[[3, 0]] = f64::INFINITY),
        Error::NotFinite { row: 1026, .. }
    ));
    assert!(matches!(bad(&|p| p.waiting_weights.truncate(3)), Error::Shape { .. }));
}

#[test]
fn a_bad_row_is_named_by_its_place_in_the_stream_and_leaves_the_rest_alone() {
    let par = Par::single();
    let (z, y, _) = problem(19, 1300, 4, 1);
    let mut seen = moments(&z, &y, None, 400);
    let before = seen.clone().into_parts();
    let mut bad = z.slice(s![..10, ..]).to_owned();
    let targets = y.slice(s![..10, ..]);
    bad[[3, 2]] = f64::NAN;
    let error = seen.accumulate(bad.view(), targets, None, &par).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::NotFinite { row: 1303, column: 2, .. }), "{text}");
    bad[[3, 2]] = 1e80;
    let error = seen.accumulate(bad.view(), targets, None, &par).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { row: 1303, column: 2, .. }));
    bad[[3, 2]] = 0.0;
    let mut w = vec![1.0; 10];
    w[4] = 0.0;
    let error = seen.accumulate(bad.view(), targets, Some(&w), &par).unwrap_err();
    assert!(matches!(error, Error::Parameter { value: 0.0, .. }));
    w[4] = f64::NAN;
    let error = seen.accumulate(bad.view(), targets, Some(&w), &par).unwrap_err();
    assert!(matches!(error, Error::NotFinite { row: 1304, .. }));
    let narrow = bad.slice(s![.., ..3]);
    let error = seen.accumulate(narrow, targets, None, &par).unwrap_err();
    assert_eq!(error, Error::Shape { what: "number of features", expected: 4, got: 3 });
    let short = y.slice(s![..9, ..]);
    assert!(matches!(seen.accumulate(bad.view(), short, None, &par), Err(Error::Shape { .. })));
    assert_eq!(seen.clone().into_parts(), before);
    // Good rows go on where the stream was.
    seen.accumulate(bad.view(), targets, None, &par).unwrap();
    assert_eq!(seen.rows(), 1310);
}
