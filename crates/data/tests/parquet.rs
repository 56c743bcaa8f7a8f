//! Tables in columns, written by the parquet crate's own writer.
#![cfg(feature = "parquet")]

use ndarray::{Axis, arr2};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use widelimit_data::{
    Array, Classes, Error, Source, Targets, each_block, peek, read_inputs, read_inputs_without,
    read_rows, read_targets,
};

const SCHEMA: &str = "message table {
    required double a; required float b; required int32 c; required int64 d (INTEGER(64, true));
    required boolean e; required binary name (STRING); optional double gap; required int32 day (DATE);
}";

/// A table of three rows.
fn write(path: &Path) {
    write_groups(path, 1);
}

/// The same three rows in every group.
fn write_groups(path: &Path, groups: usize) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    for _ in 0..groups {
        write_group(writer.next_row_group().unwrap());
    }
    writer.close().unwrap();
}

fn write_group(mut group: SerializedRowGroupWriter<'_, std::fs::File>) {
    let mut column = 0;
    while let Some(mut out) = group.next_column().unwrap() {
        match column {
            0 => out.typed::<DoubleType>().write_batch(&[0.5, 1.5, 2.5], None, None).map(|_| ()),
            1 => out.typed::<FloatType>().write_batch(&[1.0, 2.0, 3.0], None, None).map(|_| ()),
            2 => out.typed::<Int32Type>().write_batch(&[-1, 0, 1], None, None).map(|_| ()),
            3 => out.typed::<Int64Type>().write_batch(&[7, 8, 7], None, None).map(|_| ()),
            4 => out.typed::<BoolType>().write_batch(&[true, false, true], None, None).map(|_| ()),
            5 => {
                let names = ["x", "y", "x"].map(ByteArray::from);
                out.typed::<ByteArrayType>().write_batch(&names, None, None).map(|_| ())
            }
            6 => {
                let levels = Some(&[1, 0, 1][..]);
                out.typed::<DoubleType>().write_batch(&[1.0, 3.0], levels, None).map(|_| ())
            }
            _ => out.typed::<Int32Type>().write_batch(&[1, 2, 3], None, None).map(|_| ()),
        }
        .unwrap();
        out.close().unwrap();
        column += 1;
    }
    group.close().unwrap();
}

fn source(path: &Path, column: Option<&str>) -> Source {
    Source::new(path, column).unwrap()
}

#[test]
fn columns_of_every_kind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path);
    let all = source(&path, None);
    let x = read_inputs_without(&all, &["name", "gap", "day"]).unwrap();
    let expected =
        arr2(&[[0.5, 1.0, -1.0, 7.0, 1.0], [1.5, 2.0, 0.0, 8.0, 0.0], [2.5, 3.0, 1.0, 7.0, 1.0]]);
    assert_eq!(x, Array::F64(expected.into_dyn()));
    assert_eq!(peek(&all).unwrap().shape, [3, 8]);

    let b = read_inputs(&source(&path, Some("b"))).unwrap();
    assert_eq!(b, Array::F32(arr2(&[[1f32], [2.0], [3.0]]).into_dyn()));

    let codes = |column| match read_targets(&source(&path, Some(column))).unwrap() {
        Targets::Labels { codes, classes } => (codes, classes),
        Targets::Numbers(n) => panic!("{n}"),
    };
    assert_eq!(codes("d"), (vec![0, 1, 0], Classes::Integers(vec![7, 8])));
    assert_eq!(codes("e"), (vec![1, 0, 1], Classes::Booleans(vec![false, true])));
    assert_eq!(codes("name"), (vec![0, 1, 0], Classes::Texts(vec!["x".into(), "y".into()])));
    let a = read_targets(&source(&path, Some("a"))).unwrap();
    assert_eq!(a, Targets::Numbers(arr2(&[[0.5], [1.5], [2.5]])));
}

#[test]
fn blocks_make_up_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write_groups(&path, 3);
    let all = source(&path, None);
    let exclude = ["name", "gap", "day"];
    let whole = read_inputs_without(&all, &exclude).unwrap().into_f64();
    assert_eq!(whole.shape(), [9, 5]);
    for (rows, first) in [(2, 0), (3, 4), (100, 0), (1, 9)] {
        let mut next = first;
        each_block(&all, &exclude, rows, first, |at, block| {
            assert_eq!(at, next);
            next += block.shape()[0];
            let numbers: Vec<usize> = (at..next).collect();
            assert_eq!(block.into_f64(), whole.select(Axis(0), &numbers));
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(next, 9);
    }
    let some = read_rows(&all, &exclude, &[0, 4, 8]).unwrap().into_f64();
    assert_eq!(some, whole.select(Axis(0), &[0, 4, 8]));
    let gap = each_block(&source(&path, Some("gap")), &[], 2, 0, |_, _| Ok::<_, Error>(()));
    assert!(matches!(gap, Err(Error::Missing { line: 1, .. })), "{gap:?}");
}

#[test]
fn what_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path);
    let error = read_inputs(&source(&path, Some("gap"))).unwrap_err();
    assert!(matches!(&error, Error::Missing { line: 1, column, .. } if column == "gap"), "{error}");
    let error = read_inputs(&source(&path, Some("day"))).unwrap_err();
    assert!(matches!(error, Error::ElementType { .. }), "{error}");
    let error = read_inputs(&source(&path, Some("name"))).unwrap_err();
    assert!(matches!(error, Error::ElementType { .. }), "{error}");
    let error = read_inputs(&source(&path, Some("nam"))).unwrap_err().to_string();
    assert!(error.contains("did you mean `name`?"), "{error}");
    std::fs::write(&path, b"PAR1 not really PAR1").unwrap();
    assert!(matches!(read_inputs(&source(&path, None)), Err(Error::Malformed { .. })));
}

#[test]
fn a_cut_table_is_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path);
    let bytes = std::fs::read(&path).unwrap();
    let whole = source(&path, Some("a"));
    for len in (0..bytes.len()).step_by(7) {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(read_inputs(&whole).is_err(), "cut to {len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        write(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        for column in ["a", "d", "name", "gap"] {
            let _ = read_targets(&source(&path, Some(column)));
        }
    }
}
