//! The fuzzers' seed files, made from the formats' descriptions by `fuzz/seeds.py` and not by this
//! crate: what each must give.

use ndarray::{ArrayD, IxDyn};
use std::path::PathBuf;
use widelimit_data::{
    Array, ArrayFile, Classes, CsvOptions, CsvTable, Error, GraphTables, ModelFile, Npz, Source,
    StoreSpec, Targets, TileRecord, TuFiles, graphs_from_npz,
};

fn seed(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "fuzz", "seeds", name].iter().collect()
}

fn npy(name: &str) -> Result<Array, Error> {
    ArrayFile::open(seed("npy").join(name))?.read()
}

fn doubles(shape: &[usize], values: &[f64]) -> Array {
    Array::F64(ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap())
}

const SIX: [f64; 6] = [0., 1., 2., 3., 4., 5.];

#[test]
fn numbers_of_every_type_and_order() {
    assert_eq!(npy("f8").unwrap(), doubles(&[2, 3], &SIX));
    assert_eq!(npy("f8_big").unwrap(), doubles(&[6], &SIX));
    assert_eq!(npy("f2").unwrap(), doubles(&[3], &[0.5, -2.0, 65504.0]));
    assert_eq!(npy("i8_v2").unwrap(), doubles(&[4], &[3., -1., 3., 7.]));
    assert_eq!(npy("u1_4d").unwrap(), doubles(&[1, 2, 2, 1], &SIX[..4]));
    assert_eq!(npy("u8_large").unwrap(), doubles(&[2], &[1.0, 2f64.powi(64)]));
    assert_eq!(npy("bool").unwrap(), doubles(&[3, 1], &[1., 0., 1.]));
    assert_eq!(npy("scalar_v3").unwrap(), doubles(&[], &[0.]));
    assert_eq!(npy("empty").unwrap(), doubles(&[0, 3], &[]));
    let Array::F32(columns) = npy("f4_fortran").unwrap() else { panic!("float32") };
    assert!(columns.is_standard_layout());
    assert_eq!(columns, ndarray::arr2(&[[0f32, 2., 4.], [1., 3., 5.]]).into_dyn());
}

#[test]
fn rows_are_those_of_the_whole() {
    for name in ["f8", "f8_big", "f4_fortran", "i8_v2", "bool"] {
        let file = ArrayFile::open(seed("npy").join(name)).unwrap();
        let whole = file.read().unwrap().into_f64();
        let rows = file.read_rows(1..2).unwrap().into_f64();
        assert_eq!(rows, whole.slice_axis(ndarray::Axis(0), (1..2).into()), "{name}");
        let beyond = file.shape()[0] + 1;
        assert!(matches!(file.read_rows(0..beyond), Err(Error::Shape { .. })));
    }
}

#[test]
fn labels_keep_their_type() {
    let targets = |name: &str| {
        let source = ArrayFile::open(seed("npy").join(name)).unwrap();
        match source.targets().unwrap() {
            Targets::Labels { codes, classes } => (codes, classes),
            Targets::Numbers(n) => panic!("{n}"),
        }
    };
    let text = |names: &[&str]| Classes::Texts(names.iter().map(|n| n.to_string()).collect());
    assert_eq!(targets("i8_v2"), (vec![1, 0, 1, 2], Classes::Integers(vec![-1, 3, 7])));
    assert_eq!(targets("bool"), (vec![1, 0, 1], Classes::Booleans(vec![false, true])));
    assert_eq!(targets("text"), (vec![0, 1], text(&["ab", "é"])));
    assert_eq!(targets("bytes"), (vec![0, 1], text(&["cat", "dog"])));
}

#[test]
fn what_cannot_be_is_refused() {
    let error = npy("object").unwrap_err();
    assert!(error.to_string().contains("Python objects are never loaded"), "{error}");
    assert!(matches!(npy("text"), Err(Error::ElementType { .. })));
    let none = ArrayFile::open(seed("npy").join("empty_wide")).unwrap().targets().unwrap_err();
    assert!(matches!(none, Error::Empty { .. }), "{none}");
    assert!(matches!(npy("huge"), Err(Error::Malformed { .. } | Error::Truncated { .. })));
    let missing = ArrayFile::open("no such file.npy").unwrap_err();
    assert!(matches!(missing, Error::Io { action: "open", .. }), "{missing}");
    let folder = ArrayFile::open(seed("npy")).unwrap_err();
    assert!(matches!(folder, Error::NotAFile { .. }), "{folder}");
}

#[test]
fn archives_stored_deflated_and_zip64() {
    for name in ["stored", "deflated"] {
        let npz = Npz::open(seed("npz").join(name)).unwrap();
        assert_eq!(npz.names(), ["f8", "i8_v2", "text"]);
        assert_eq!(npz.read("f8").unwrap(), doubles(&[2, 3], &SIX));
        assert_eq!(npz.read("i8_v2").unwrap(), doubles(&[4], &[3., -1., 3., 7.]));
        let rows = npz.array("f8").unwrap().read_rows(1..2).unwrap();
        assert_eq!(rows, doubles(&[1, 3], &SIX[3..]));
        let choose = npz.array_or_only(None).unwrap_err().to_string();
        assert!(choose.contains("holds 3 arrays") && choose.contains("i8_v2"), "{choose}");
    }
    let npz = Npz::open(seed("npz/zip64")).unwrap();
    assert_eq!(npz.names(), ["größe"]);
    assert_eq!(npz.array_or_only(None).unwrap().read().unwrap(), doubles(&[2, 3], &SIX));
    let none = Npz::open(seed("npz/none")).unwrap();
    assert!(none.names().is_empty() && none.array_or_only(None).is_err());
}

#[test]
fn tables() {
    // The first byte belongs to the fuzzer.
    let table = |name: &str| {
        let bytes = std::fs::read(seed("csv").join(name)).unwrap();
        let header = (bytes[0] == 2).then_some(false);
        CsvTable::from_bytes(bytes[1..].to_vec(), name, CsvOptions { header, separator: None })
    };
    let t = table("header").unwrap();
    assert_eq!(t.columns(), ["a", "b", "label"]);
    assert_eq!(t.numbers(&[1, 0]).unwrap(), ndarray::arr2(&[[2.0, 1.0], [0.45, 3.0]]));
    assert_eq!(t.texts(2).unwrap(), ["cat", "dog"]);
    let error = t.numbers(&[0, 2]).unwrap_err().to_string();
    assert_eq!(error, "`cat` at line 2, column `label` of header is not a finite number");

    let t = table("plain").unwrap();
    assert_eq!(t.columns(), ["0", "1"]);
    assert_eq!(t.numbers(&[0, 1]).unwrap(), ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]));

    let t = table("semicolons").unwrap();
    assert_eq!(t.columns(), ["x", "y"]);
    assert!(matches!(t.numbers(&[0]), Err(Error::NotANumber { line: 2, .. })));

    let t = table("tabs_bom").unwrap();
    assert_eq!(t.columns(), ["x", "y"]);
    assert_eq!(t.numbers(&[0, 1]).unwrap(), ndarray::arr2(&[[1.0, 2.0]]));

    let t = table("quoted").unwrap();
    assert_eq!(t.columns(), ["a \"b\"", "c\nd"]);
    assert_eq!(t.numbers(&[0, 1]).unwrap(), ndarray::arr2(&[[1.0, 2.0]]));

    let error = table("missing").unwrap().numbers(&[0, 1]).unwrap_err().to_string();
    assert_eq!(error, "missing has no value at line 2, column `b`");
    let error = table("ragged").unwrap().rows().unwrap_err().to_string();
    assert_eq!(error, "line 3 of ragged has 3 fields; 2 are expected");
}

#[test]
fn graphs() {
    let offsets = [0, 3, 5];
    let npz = Npz::open(seed("graphs_npz/labelled")).unwrap();
    let set = graphs_from_npz(&npz, "labelled", false).unwrap();
    assert_eq!(set.graphs.node_offsets(), &offsets);
    assert_eq!(set.graphs.labels(), Some(&[7, 9, 6, 8, 8][..]));
    assert_eq!(set.folds, Some(vec![Some(0), None]));
    let Some(Targets::Labels { codes, .. }) = set.labels else { panic!("classes") };
    assert_eq!(codes, [1, 0]);
    let bare =
        graphs_from_npz(&Npz::open(seed("graphs_npz/bare")).unwrap(), "bare", false).unwrap();
    assert_eq!((bare.graphs.node_offsets(), bare.folds), (&offsets[..], None));

    let text = |name: &str| std::fs::read_to_string(seed(name)).unwrap();
    let tu = |name: &str| {
        let text = text(name);
        let mut parts = text.split("\n--\n").map(|part| part.as_bytes().to_vec());
        let (edges, graph_indicator) = (parts.next().unwrap(), parts.next().unwrap());
        let (graph_labels, node_labels) = (parts.next(), parts.next());
        TuFiles { edges, graph_indicator, graph_labels, node_labels, ..TuFiles::new(name) }
            .read(false)
    };
    assert_eq!(tu("graphs_tu/bare").unwrap().graphs, bare.graphs);
    assert_eq!(tu("graphs_tu/whole").unwrap().graphs, set.graphs);
    let error = tu("graphs_tu/one_way").unwrap_err().to_string();
    assert!(error.starts_with("graphs_tu/one_way_A.txt, line 5: graph 1 is declared"), "{error}");

    let csv = |name: &str| {
        let text = text(name);
        let mut tables = text.split("\n--\n").map(|part| {
            CsvTable::from_bytes(part.as_bytes().to_vec(), name, CsvOptions::default()).unwrap()
        });
        let edges = GraphTables::new(tables.next().unwrap());
        GraphTables { nodes: tables.next(), graphs: tables.next(), ..edges }.read().unwrap()
    };
    let whole = csv("graphs_csv/whole");
    assert_eq!((whole.graphs.labels(), whole.folds), (set.graphs.labels(), set.folds));
    assert_eq!(csv("graphs_csv/edges").graphs.node_offsets(), &offsets);
    assert!(csv("graphs_csv/weights").graphs.is_weighted());
}

#[test]
fn models() {
    let mut model = ModelFile::load(seed("model/small")).unwrap();
    assert_eq!(model.text("task").unwrap(), "regression");
    let x = model.take::<f32, ndarray::Ix2>("x").unwrap();
    assert_eq!(x, ndarray::arr2(&[[0f32, 1., 2.], [3., 4., 5.]]));
    let error = model.take::<f32, ndarray::Ix1>("coefficients").unwrap_err();
    assert!(matches!(error, Error::ElementType { .. }), "{error}");
    assert!(ModelFile::load(seed("model/empty")).unwrap().tensors.is_empty());
}

#[test]
fn stores() {
    let text = |name: &str| std::fs::read_to_string(seed("store").join(name)).unwrap();
    let read = |name: &str| StoreSpec::from_json(&text(name), name);
    let spec = read("one").unwrap();
    assert_eq!(
        (spec.tiles(), spec.symmetric, spec.arrays[0].shape.as_slice()),
        (3, true, &[4, 4][..])
    );
    assert_eq!(read("blocks").unwrap().tiles(), 3);
    assert!(matches!(read("older"), Err(Error::Version { .. })));
    assert!(matches!(read("newer"), Err(Error::Version { .. })));
    assert!(matches!(read("twice"), Err(Error::Duplicate { .. })));
    let recorded = text("recorded");
    let (description, record) = recorded.split_once("\n--\n").unwrap();
    assert_eq!(StoreSpec::from_json(description, "recorded").unwrap(), spec);
    let record = TileRecord::from_bytes(record.as_bytes(), spec.tiles());
    assert_eq!(record.tiles().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(record.checksums(2).collect::<Vec<_>>(), [0x0bad_cafe, 0x0bad_caff]);
}

#[test]
fn sources() {
    for file in std::fs::read_dir(seed("source")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert_eq!(Source::parse(&text).unwrap().to_string(), text);
    }
}
