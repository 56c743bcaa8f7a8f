//! Inputs and targets as users name them, and what they are told when something is wrong.

use ndarray::{Array2, ArrayD, IxDyn, arr1, arr2};
use std::path::{Path, PathBuf};
use widelimit_data::{
    Array, Classes, Error, Source, Targets, peek, peek_without, read_inputs, read_inputs_without,
    read_targets, write_npy, write_npz,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn text(&self, name: &str, text: &str) -> Source {
        std::fs::write(self.path(name), text).unwrap();
        source(&self.path(name), None)
    }
}

fn source(path: &Path, name: Option<&str>) -> Source {
    Source::new(path, name).unwrap()
}

#[test]
fn inputs_and_target_from_one_table() {
    let folder = Folder::new();
    let all = folder.text("t.csv", "a,kind,b\n1,x,2\n3,y,4\n5,x,6\n");
    let kind = source(all.path(), Some("kind"));
    let x = read_inputs_without(&all, &["kind"]).unwrap();
    assert_eq!(x, Array::F64(arr2(&[[1., 2.], [3., 4.], [5., 6.]]).into_dyn()));
    assert_eq!(peek_without(&all, &["kind"]).unwrap().shape, [3, 2]);
    let classes = Classes::Texts(vec!["x".into(), "y".into()]);
    let expected = Targets::Labels { codes: vec![0, 1, 0], classes };
    assert_eq!(read_targets(&kind).unwrap(), expected);
    let error = read_inputs(&all).unwrap_err().to_string();
    assert!(error.contains("`x` at line 2, column `kind`"), "{error}");
    let error = read_inputs_without(&all, &["knid"]).unwrap_err().to_string();
    assert!(error.contains("no column `knid` (did you mean `kind`?)"), "{error}");
}

#[test]
fn a_heading_is_believed_when_its_name_is_asked_for() {
    let folder = Folder::new();
    let y = folder.text("y.csv", "label\ncat\ndog\ncat\n");
    let Targets::Labels { codes, .. } = read_targets(&source(y.path(), Some("label"))).unwrap()
    else {
        panic!("labels")
    };
    assert_eq!(codes, [0, 1, 0]);
}

#[test]
fn a_heading_that_counts_the_columns_is_no_row() {
    let folder = Folder::new();
    let all = folder.text("t.csv", "0,1,2\n5,6,7\n8,9,10\n");
    let x = read_inputs_without(&all, &["2"]).unwrap();
    assert_eq!(x, Array::F64(arr2(&[[5., 6.], [8., 9.]]).into_dyn()));
    let bits = folder.text("t.csv", "0,1\n1,1\n1,0\n");
    assert_eq!(read_inputs(&bits).unwrap().shape(), [3, 2]);
}

#[test]
fn a_heading_over_words_is_no_class() {
    let folder = Folder::new();
    let classes = |text: &str| match read_targets(&folder.text("y.csv", text)).unwrap() {
        Targets::Labels { classes, .. } => classes.names(),
        Targets::Numbers(_) => panic!("labels"),
    };
    assert_eq!(classes("kind\nash\nbirch\nash\n"), ["ash", "birch"]);
    assert_eq!(classes("ash\nash\nbirch\n"), ["ash", "birch"]);
    assert_eq!(classes("ash\nbirch\ncedar\n"), ["ash", "birch", "cedar"]);
}

#[test]
fn columns_without_names_count_from_zero() {
    let folder = Folder::new();
    let all = folder.text("t.csv", "1;2,5;7\n3;4,5;8\n");
    assert!(matches!(read_inputs(&all), Err(Error::NotANumber { line: 1, .. })));
    let x = read_inputs_without(&all, &["1"]).unwrap();
    assert_eq!(x, Array::F64(arr2(&[[1., 7.], [3., 8.]]).into_dyn()));
    let one = read_inputs(&source(all.path(), Some("2"))).unwrap();
    assert_eq!(one.shape(), [2, 1]);
    let several = folder.text("y.csv", "1,2\n3,4\n");
    assert!(matches!(read_targets(&several), Ok(Targets::Numbers(n)) if n.ncols() == 2));
}

#[test]
fn arrays_keep_single_precision_and_shape() {
    let folder = Folder::new();
    let path = folder.path("x.npy");
    let images = ArrayD::<f32>::zeros(IxDyn(&[2, 4, 4, 3]));
    write_npy(&path, images.view()).unwrap();
    let x = source(&path, None);
    assert_eq!(peek(&x).unwrap().type_name, "float32");
    assert_eq!(peek(&x).unwrap().shape, [2, 4, 4, 3]);
    assert_eq!((peek(&x).unwrap().bytes, peek(&x).unwrap().reading), (4 * 96, 4 * 96));
    let read = read_inputs(&x).unwrap();
    assert_eq!(read, Array::F32(images));
    let error = read.into_matrix::<f32>("x.npy").unwrap_err().to_string();
    assert!(error.contains("[2, 4, 4, 3]; two dimensions are expected"), "{error}");
    let error = read_targets(&x).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn archives_of_one_need_no_name() {
    let folder = Folder::new();
    let path = folder.path("s.npz");
    let (x, y) = (arr2(&[[1.0, 2.0]]).into_dyn().into(), arr1(&[3.0]).into_dyn().into());
    write_npz(&path, &[("x", &x)]).unwrap();
    assert_eq!(read_inputs(&source(&path, None)).unwrap(), x);
    write_npz(&path, &[("x", &x), ("y", &y)]).unwrap();
    assert!(matches!(read_inputs(&source(&path, None)), Err(Error::ChooseArray { .. })));
    assert_eq!(read_inputs(&source(&path, Some("x"))).unwrap(), x);
    let targets = read_targets(&source(&path, Some("y"))).unwrap();
    assert_eq!(targets, Targets::Numbers(arr2(&[[3.0]])));
    assert!(matches!(write_npz(&path, &[("x", &x), ("x", &y)]), Err(Error::Duplicate { .. })));
    assert_eq!(read_inputs(&source(&path, Some("x"))).unwrap(), x, "the old file is still there");
}

#[test]
fn values_that_no_kernel_can_take_stop_at_the_door() {
    let folder = Folder::new();
    let path = folder.path("x.npy");
    let mut x = Array2::<f64>::zeros((3, 2));
    x[[1, 1]] = f64::NAN;
    write_npy(&path, x.view()).unwrap();
    let error = read_inputs(&source(&path, None)).unwrap_err().to_string();
    assert!(error.ends_with("x.npy holds NaN at row 1, column 1 (counted from 0)"), "{error}");
    assert!(
        matches!(read_targets(&source(&path, None)), Err(Error::NonFinite { place, .. }) if place[0] == 1)
    );
    write_npy(&path, Array2::<f64>::zeros((0, 2)).view()).unwrap();
    assert!(matches!(read_inputs(&source(&path, None)), Err(Error::Empty { .. })));
    assert!(matches!(read_targets(&source(&path, None)), Err(Error::Empty { .. })));
    write_npy(&path, ndarray::arr0(1.0).view()).unwrap();
    assert!(matches!(read_inputs(&source(&path, None)), Err(Error::Shape { .. })));

    for (text, wanted) in [
        ("", "empty"),
        ("a,b\n", "empty"),
        ("\n\n", "empty"),
        ("1,1e999\n", "not a finite number"),
        ("1,inf\n", "not a finite number"),
        ("1,2\n3\n", "has 1 fields; 2 are expected"),
        ("a,a\n1,2\n", "holds `a` twice"),
        ("\u{feff}a,b\n1,\n", "no value at line 2, column `b`"),
    ] {
        let error = read_inputs(&folder.text("t.csv", text)).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:?}: {error}");
    }
    std::fs::write(folder.path("t.csv"), b"a\xff,b\n1,2\n").unwrap();
    let error = read_inputs(&source(&folder.path("t.csv"), None)).unwrap_err().to_string();
    assert!(error.contains("line 1 is not UTF-8"), "{error}");
    std::fs::write(folder.path("t.csv"), b"\xff\xfea\0").unwrap();
    let error = read_inputs(&source(&folder.path("t.csv"), None)).unwrap_err().to_string();
    assert!(error.contains("UTF-16"), "{error}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_plainly_when_it_is_not_built() {
    let source = Source::parse("t.parquet").unwrap();
    let error = read_inputs(&source).unwrap_err().to_string();
    assert!(error.contains("built without the feature `parquet`"), "{error}");
    assert!(matches!(read_targets(&source), Err(Error::FeatureOff { .. })));
}
