//! Classifiers.

use ndarray::{Array2, s};
use widelimit_learn::streaming::{ClassMoments, balanced_class_weights};
use widelimit_learn::{Classifier, Criterion, Error, Par, Ridge, RidgePath, StreamingClassifier};

use crate::common::Random;
use crate::{close, moments};

#[test]
fn classes_as_in_memory() {
    let par = Par::new(2);
    let (n, p, classes) = (1200, 6, 3);
    let mut random = Random(37);
    // Class 0 is six times as frequent as the others together.
    let codes: Vec<usize> = (0..n).map(|i| if i % 7 == 0 { 1 + (i / 7) % 2 } else { 0 }).collect();
    let mut z = random.matrix(n, p);
    for (i, mut row) in z.rows_mut().into_iter().enumerate() {
        row[codes[i]] += 1.5;
    }
    let mut counts = vec![0; classes];
    codes.iter().for_each(|c| counts[*c] += 1);
    for balanced in [false, true] {
        let ridge = Ridge::Auto(RidgePath { lowest: 1e-3, highest: 10.0, ..RidgePath::default() });
        let memory = Classifier { ridge, balanced, ..Classifier::default() }.check().unwrap();
        let memory = memory.fit_features(z.view(), &codes, classes, &par).unwrap();
        let want = memory.regression.path.clone().unwrap();

        let empty = ClassMoments::new(p, classes).unwrap();
        let mut seen = match balanced {
            true => empty.with_class_weights(balanced_class_weights(&counts)).unwrap(),
            false => empty,
        };
        for start in (0..n).step_by(500) {
            let rows = start..n.min(start + 500);
            seen.accumulate(z.slice(s![rows.clone(), ..]), &codes[rows], &par).unwrap();
        }
        assert_eq!(seen.counts(), counts);
        let ridge = Ridge::Absolute(memory.regression.ridge);
        let solver = StreamingClassifier { ridge, ..Default::default() }.check().unwrap();
        let model = solver.solve(&seen, &par).unwrap();
        close(model.regression.weights.view(), memory.regression.weights.view(), 1e-10, "weights");
        assert_eq!(model.predict(z.view(), &par).unwrap(), memory.predict(z.view(), &par).unwrap());

        let spectrum = solver.spectrum(&seen, &par).unwrap();
        let ridges: Vec<f64> = want.points.iter().map(|p| p.ridge).collect();
        let mut pass = spectrum.leave_one_out(&ridges).unwrap();
        let weights = seen.row_weights(&codes).unwrap();
        pass.accumulate_codes(z.view(), &codes, weights.as_deref(), &par).unwrap();
        let got = pass.finish(Criterion::ErrorRate, &par).unwrap();
        for (a, b) in got.points.iter().zip(&want.points) {
            assert!((a.mse / b.mse - 1.0).abs() < 1e-8);
            assert!((a.accuracy.unwrap() - b.accuracy.unwrap()).abs() < 1e-12);
        }
        let parts = seen.clone().into_parts();
        let again = ClassMoments::from_parts(parts.clone()).unwrap();
        assert_eq!(again.into_parts(), parts);
        let mut wrong = parts.clone();
        wrong.counts[0] -= 1;
        assert!(matches!(ClassMoments::from_parts(wrong), Err(Error::Shape { .. })));
        let mut merged = seen.clone();
        merged.merge(seen.clone(), &par).unwrap();
        assert_eq!(merged.rows(), 2 * n);
        let other = ClassMoments::new(p, classes).unwrap();
        let other = other.with_class_weights(vec![9.0, 1.0, 1.0]).unwrap();
        assert!(matches!(merged.merge(other, &par), Err(Error::Parameter { value: 9.0, .. })));
        assert!(seen.with_class_weights(vec![1.0; 3]).is_err());
    }
}

#[test]
fn classes_refused() {
    let par = Par::single();
    let z = Array2::<f64>::eye(3);
    let mut seen = ClassMoments::new(3, 2).unwrap();
    seen.accumulate(z.view(), &[1, 1, 1], &par).unwrap();
    let solver = StreamingClassifier::default().check().unwrap();
    assert_eq!(solver.solve(&seen, &par), Err(Error::OneClass { class: 1, rows: 3 }));
    let error = seen.accumulate(z.view(), &[0, 2, 1], &par).unwrap_err();
    assert_eq!(error, Error::ClassCode { row: 4, code: 2, classes: 2 });
    assert_eq!((seen.rows(), seen.counts()), (3, &[0, 3][..]));
    let weights = |w: Vec<f64>| ClassMoments::new(3, 2).unwrap().with_class_weights(w).err();
    assert!(matches!(weights(vec![1.0]), Some(Error::Shape { expected: 2, got: 1, .. })));
    assert!(matches!(weights(vec![1.0, 0.0]), Some(Error::Parameter { .. })));
    let path = RidgePath { criterion: Criterion::ErrorRate, ..RidgePath::default() };
    let refused = StreamingClassifier { ridge: Ridge::Auto(path), ..Default::default() }.check();
    assert_eq!(refused.err(), Some(Error::CriterionNeedsRows));
}

#[test]
fn weights_of_rows_multiply_those_of_classes() {
    let par = Par::single();
    let mut random = Random(12);
    let (n, p) = (1100, 3);
    let z = random.matrix(n, p);
    let codes: Vec<usize> = (0..n).map(|i| i * i % 2).collect();
    let own: Vec<f64> = (0..n).map(|_| 0.5 + random.uniform()).collect();
    let by_class = [3.0, 0.25];
    let new = || ClassMoments::new(p, 2).unwrap().with_class_weights(by_class.to_vec()).unwrap();
    let mut seen = new();
    seen.check_rows(z.view(), &codes, Some(&own)).unwrap();
    assert_eq!(seen.rows(), 0);
    seen.accumulate_weighted(z.view(), &codes, Some(&own), &par).unwrap();
    let product: Vec<f64> = codes.iter().zip(&own).map(|(c, w)| by_class[*c] * w).collect();
    let targets = Array2::from_shape_fn((n, 2), |(i, c)| f64::from(u8::from(codes[i] == c)));
    let want = moments(&z, &targets, Some(&product), n);
    assert_eq!(seen.clone().into_parts().moments, want.into_parts());
    let short = seen.accumulate_weighted(z.view(), &codes, Some(&own[1..]), &par);
    assert!(matches!(short, Err(Error::Shape { expected: 1100, got: 1099, .. })));
    let error = seen.check_rows(z.view(), &vec![2; n], None).unwrap_err();
    assert_eq!(error, Error::ClassCode { row: 1100, code: 2, classes: 2 });
}
