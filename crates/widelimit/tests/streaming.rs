//! What was gathered of a stream, through a file and a switch.

use ndarray::{Array2, Axis, Slice};
use widelimit::exact::Cancel;
use widelimit::learn::streaming::Centre;
use widelimit::learn::{Par, Ridge};
use widelimit::{Error, Gathered, Notes, Run};

const ROWS: usize = 2600;

fn rows() -> (Array2<f32>, Array2<f64>, Vec<usize>) {
    let wave = |i: usize, j: usize| ((i * (3 * j + 1) + j) as f64 * 0.7).sin();
    let z = Array2::from_shape_fn((ROWS, 3), |(i, j)| wave(i, j) as f32);
    let y = Array2::from_shape_fn((ROWS, 1), |(i, _)| wave(i, 0) - 2.0 * wave(i, 2) + 0.1);
    (z, y, (0..ROWS).map(|i| i * i % 3).collect())
}

fn run() -> Run<'static> {
    Run { par: Par::new(2), ..Run::default() }
}

/// Two streams, each stopped after 1500 rows: saved and loaded there.
fn both(folder: &std::path::Path) -> [Gathered; 2] {
    let (z, y, codes) = rows();
    let weights = Some(vec![1.0, 2.0, 0.5]);
    let mut streams =
        [Gathered::regression(3, 1).unwrap(), Gathered::classes(3, 3, weights).unwrap()];
    for (number, rows) in [0..1500, 1500..ROWS].into_iter().enumerate() {
        let slice = Slice::from(rows.clone());
        let (z, y) = (z.slice_axis(Axis(0), slice), y.slice_axis(Axis(0), slice));
        for stream in &mut streams {
            match stream {
                Gathered::Regression(_) => stream.accumulate(z, y, None, &run()).unwrap(),
                Gathered::Classes(_) => {
                    stream.accumulate_codes(z, &codes[rows.clone()], None, &run()).unwrap();
                }
            }
            if number == 0 {
                let path = folder.join("state");
                stream.save(&path, &Notes::from([("a".into(), "1".into())])).unwrap();
                let (loaded, notes) = Gathered::load(&path).unwrap();
                assert_eq!(notes["a"], "1");
                *stream = loaded;
            }
        }
    }
    streams
}

#[test]
fn a_stream_goes_on_from_its_file_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (z, y, codes) = rows();
    let [numbers, classes] = both(folder.path());
    let mut whole = Gathered::regression(3, 1).unwrap();
    whole.accumulate(z.view(), y.view(), None, &run()).unwrap();
    assert_eq!(numbers.to_bytes().unwrap(), whole.to_bytes().unwrap());
    let mut whole = Gathered::classes(3, 3, Some(vec![1.0, 2.0, 0.5])).unwrap();
    whole.accumulate_codes(z.view(), &codes, None, &run()).unwrap();
    assert_eq!(classes.to_bytes().unwrap(), whole.to_bytes().unwrap());
    assert_eq!((classes.rows(), classes.features(), classes.outputs()), (ROWS, 3, 3));
    let again = Gathered::from_bytes(classes.to_bytes().unwrap()).unwrap();
    let solve = |g: &Gathered| g.solve(Ridge::Value(1e-3), Centre::Both, &Par::single()).unwrap();
    assert_eq!(solve(&again), solve(&whole));
}

#[test]
fn a_stream_without_a_full_block_has_a_file_too() {
    let (z, y, _) = rows();
    let mut few = Gathered::regression(3, 1).unwrap();
    let again = Gathered::from_bytes(few.to_bytes().unwrap()).unwrap();
    assert_eq!(again.rows(), 0);
    for part in [0..1023, 1023..1030] {
        let slice = Slice::from(part);
        let (z, y) = (z.slice_axis(Axis(0), slice), y.slice_axis(Axis(0), slice));
        few.accumulate(z, y, None, &run()).unwrap();
        let again = Gathered::from_bytes(few.to_bytes().unwrap()).unwrap();
        assert_eq!(again.to_bytes().unwrap(), few.to_bytes().unwrap());
    }
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [numbers, classes] = both(folder.path());
    for stream in [numbers, classes] {
        let bytes = stream.to_bytes().unwrap();
        // Checksums find a changed byte, wherever it is, but for blanks that pad the header.
        for at in (0..bytes.len()).step_by(7) {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            assert!(Gathered::from_bytes(wrong).is_err(), "byte {at}");
        }
        for length in (0..bytes.len()).step_by(97) {
            assert!(Gathered::from_bytes(bytes[..length].to_vec()).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn files_that_cannot_be_moments_are_refused() {
    use widelimit::data::{Array, ModelFile};
    let folder = tempfile::tempdir().unwrap();
    let [numbers, _] = both(folder.path());
    let path = folder.path().join("state");
    let refused = |change: &dyn Fn(&mut ModelFile)| {
        let mut file = ModelFile::from_bytes(numbers.to_bytes().unwrap(), "x").unwrap();
        change(&mut file);
        file.save(&path).unwrap();
        let error = Gathered::load(&path).unwrap_err().to_string();
        assert!(error.contains("state"), "{error}");
        error
    };
    let vector = |values: &[f64]| Array::F64(ndarray::arr1(values).into_dyn());
    let error = refused(&|f| drop(f.tensors.insert("weight".into(), vector(&[1.0, 2.0]))));
    assert!(error.contains("`weight` has 2 entries"), "{error}");
    let error = refused(&|f| drop(f.tensors.insert("weight".into(), vector(&[-1.0]))));
    assert!(error.contains("sum of weights"), "{error}");
    let error = refused(&|f| drop(f.tensors.insert("feature_mean".into(), vector(&[0.0; 2]))));
    assert!(error.contains("expected 3, got 2"), "{error}");
    let error = refused(&|f| drop(f.metadata.insert("moments".into(), "{}".into())));
    assert!(error.contains("its description is damaged"), "{error}");
    let error = refused(&|f| drop(f.metadata.insert("notes".into(), "[]".into())));
    assert!(error.contains("its notes are damaged"), "{error}");
    let counts = r#"{"rows": 2046, "class_counts": [1]}"#;
    let error = refused(&|f| drop(f.metadata.insert("moments".into(), counts.into())));
    assert!(error.contains("sum of the class counts"), "{error}");
    refused(&|f| drop(f.tensors.remove("cross")));
}

#[test]
fn a_job_that_is_stopped_has_taken_the_first_rows() {
    let (z, y, codes) = rows();
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = Run { cancel: Some(&cancel), ..run() };
    let mut stream = Gathered::regression(3, 1).unwrap();
    let outcome = stream.accumulate(z.view(), y.view(), None, &stopped);
    assert!(matches!(outcome, Err(Error::Cancelled)));
    // Whatever it took, the rest gives the same bits.
    let rest = Slice::from(stream.rows()..);
    stream
        .accumulate(z.slice_axis(Axis(0), rest), y.slice_axis(Axis(0), rest), None, &run())
        .unwrap();
    assert_eq!(stream.rows(), ROWS);
    let other = stream.accumulate_codes(z.view(), &codes, None, &run()).unwrap_err().to_string();
    assert_eq!(other, "targets of the stream: expected numbers, got class codes");
}

#[test]
fn a_bad_row_far_down_takes_none_in() {
    let (mut z, y, _) = rows();
    z[[2500, 1]] = f32::NAN;
    let mut stream = Gathered::regression(3, 1).unwrap();
    let head = Slice::from(..100);
    stream
        .accumulate(z.slice_axis(Axis(0), head), y.slice_axis(Axis(0), head), None, &run())
        .unwrap();
    let error = stream.accumulate(z.view(), y.view(), None, &run()).unwrap_err().to_string();
    assert!(error.contains("row 2600, column 1"), "{error}");
    assert_eq!(stream.rows(), 100);
}
