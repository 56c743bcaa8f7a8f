//! Damaged files: cut at every length, and with bytes changed at random. An error or an honest
//! result, never a panic.

use ndarray::{Array2, arr1, arr2};
use proptest::prelude::*;
use std::path::PathBuf;
use widelimit_data::{
    Array, ArrayFile, CsvOptions, CsvTable, Error, GraphSet, GraphTables, ModelFile, Npz,
    StoreSpec, TileRecord, TuFiles, graphs_from_npz,
};

fn seeds(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../fuzz/seeds", kind].iter().collect();
    std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .map(|p| (p.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(p).unwrap()))
        .collect()
}

fn read_npy(bytes: &[u8]) -> Result<Array, Error> {
    let file = ArrayFile::from_bytes(bytes.to_vec(), "damaged")?;
    let _ = file.targets();
    let _ = file.read_rows(0..1);
    file.read()
}

/// Reads every array of an archive, text as labels.
fn read_npz(bytes: &[u8]) -> Result<(), Error> {
    let npz = Npz::from_bytes(bytes.to_vec(), "damaged")?;
    npz.names().iter().try_for_each(|name| {
        let file = npz.array(name)?;
        match file.read() {
            Err(Error::ElementType { .. }) => file.targets().map(|_| ()),
            other => other.map(|_| ()),
        }
    })
}

fn read_csv(bytes: &[u8]) -> Result<Array2<f64>, Error> {
    let table = CsvTable::from_bytes(bytes.to_vec(), "damaged", CsvOptions::default())?;
    let _ = table.texts(0);
    table.numbers(&(0..table.columns().len()).collect::<Vec<_>>())
}

/// The parts of an input that stands for several files.
fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    text.split("\n--\n").map(|part| part.as_bytes().to_vec()).collect()
}

fn read_graphs(kind: &str, bytes: &[u8]) -> Result<GraphSet, Error> {
    if kind == "graphs_npz" {
        return graphs_from_npz(&Npz::from_bytes(bytes.to_vec(), "damaged")?, "damaged", false);
    }
    let mut parts = parts(bytes).into_iter();
    if kind == "graphs_tu" {
        return TuFiles {
            edges: parts.next().unwrap_or_default(),
            graph_indicator: parts.next().unwrap_or_default(),
            graph_labels: parts.next(),
            node_labels: parts.next(),
            node_attributes: parts.next(),
            edge_labels: parts.next(),
            ..TuFiles::new("damaged")
        }
        .read(false);
    }
    let mut table = || {
        let bytes = parts.next();
        bytes.map(|b| CsvTable::from_bytes(b, "damaged", CsvOptions::default())).transpose()
    };
    let edges = table()?.expect("text has a first part");
    GraphTables { nodes: table()?, graphs: table()?, ..GraphTables::new(edges) }.read()
}

const GRAPHS: [&str; 3] = ["graphs_npz", "graphs_tu", "graphs_csv"];

#[test]
fn cut_sets_of_graphs_do_no_harm() {
    for kind in GRAPHS {
        let mut whole = 0;
        for (name, bytes) in seeds(kind) {
            whole += usize::from(read_graphs(kind, &bytes).is_ok());
            for len in 0..bytes.len() {
                let cut = read_graphs(kind, &bytes[..len]);
                assert!(kind != "graphs_npz" || cut.is_err(), "{name} cut to {len}");
            }
        }
        assert!(whole > 1, "{kind}: {whole}");
    }
}

#[test]
fn a_cut_array_is_never_read() {
    for (name, bytes) in seeds("npy") {
        for len in 0..bytes.len() {
            assert!(read_npy(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(read_npy(&longer).is_err(), "{name} with a byte more");
    }
}

#[test]
fn a_cut_archive_is_never_read() {
    for (name, bytes) in seeds("npz") {
        read_npz(&bytes).unwrap();
        for len in 0..bytes.len() {
            assert!(read_npz(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
    }
}

#[test]
fn a_cut_model_is_never_read() {
    for (name, bytes) in seeds("model") {
        for len in 0..bytes.len() {
            let error = ModelFile::from_bytes(bytes[..len].to_vec(), "m").unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{name} cut to {len}: {error}");
        }
        let longer = [&bytes[..], b"x"].concat();
        let error = ModelFile::from_bytes(longer, "m").unwrap_err();
        assert!(matches!(error, Error::TrailingBytes { extra: 1, .. }), "{error}");
    }
}

#[test]
fn a_cut_table_gives_an_error_or_fewer_rows() {
    for (name, bytes) in seeds("csv") {
        let whole = read_csv(&bytes[1..]).map(|t| t.nrows()).unwrap_or(usize::MAX);
        for len in 1..bytes.len() {
            if let Ok(table) = read_csv(&bytes[1..len]) {
                assert!(table.nrows() <= whole, "{name} cut to {len}");
            }
        }
    }
}

/// The checksum sees every change of a byte: a model is read as it was written or not at all.
#[test]
fn a_changed_byte_never_changes_a_model() {
    let mut model = ModelFile::default();
    model.metadata.insert("network".to_owned(), "[{\"layer\": \"relu\"}]".to_owned());
    model.tensors.insert("a".to_owned(), Array::F64(arr2(&[[1.0, 2.0], [3.0, 4.0]]).into_dyn()));
    model.tensors.insert("b".to_owned(), Array::F32(arr1(&[5.0]).into_dyn()));
    let bytes = model.to_bytes().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(found) = ModelFile::from_bytes(changed, "m") {
                assert_eq!(found.metadata, model.metadata, "bit {bit} of byte {at}");
                assert_eq!(found.tensors, model.tensors, "bit {bit} of byte {at}");
            }
        }
    }
}

/// A checksum does not tell whether numbers make sense.
#[test]
fn a_model_of_nothing_but_nan_is_refused() {
    let mut model = ModelFile::default();
    model.tensors.insert("ridge_path".to_owned(), Array::F64(arr1(&[f64::NAN]).into_dyn()));
    assert!(
        ModelFile::from_bytes(model.to_bytes().unwrap(), "m").is_ok(),
        "a gap in what it tells"
    );
    for bad in [f64::NAN, f64::INFINITY] {
        model.tensors.insert("dual".to_owned(), Array::F64(arr2(&[[1.0], [bad]]).into_dyn()));
        let error = ModelFile::from_bytes(model.to_bytes().unwrap(), "m").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("m:dual holds") && text.contains("row 1"), "{text}");
    }
}

/// The same for archives, as far as the zip format's checksum covers them: the arrays' bytes.
#[test]
fn a_changed_byte_never_changes_the_values_of_an_archive() {
    let (_, bytes) = seeds("npz").into_iter().find(|(name, _)| name == "deflated").unwrap();
    let arrays = |bytes: Vec<u8>| -> Result<[Array; 2], Error> {
        let npz = Npz::from_bytes(bytes, "damaged")?;
        Ok([npz.read("f8")?, npz.read("i8_v2")?])
    };
    let whole = arrays(bytes.clone()).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(found) = arrays(changed) {
                assert_eq!(found, whole, "bit {bit} of byte {at}");
            }
        }
    }
}

/// Bytes to put somewhere: often such as make lengths and offsets extreme.
fn patch() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<[u8; 1]>().prop_map(Vec::from),
        Just(vec![0xff; 4]),
        Just(vec![0xff; 8]),
        Just(vec![0; 8]),
        Just(b"99999999".to_vec()),
        Just(b",,\n\"".to_vec()),
    ]
}

/// A seed with up to four patches.
fn damaged(kind: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let patches = proptest::collection::vec((any::<proptest::sample::Index>(), patch()), 1..5);
    (proptest::sample::select(seeds(kind)), patches).prop_map(|((_, mut bytes), patches)| {
        for (at, patch) in patches {
            let at = at.index(bytes.len().max(1));
            for (byte, new) in bytes.iter_mut().skip(at).zip(patch) {
                *byte = new;
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_arrays_do_no_harm(bytes in damaged("npy")) {
        if let Ok(array) = read_npy(&bytes) {
            // An element is at least a byte, so no array is larger than its file.
            prop_assert!(array.shape().iter().product::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn changed_archives_do_no_harm(bytes in damaged("npz")) {
        let _ = read_npz(&bytes);
    }

    #[test]
    fn changed_tables_do_no_harm(bytes in damaged("csv")) {
        if let Ok(table) = read_csv(&bytes) {
            prop_assert!(table.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn changed_models_do_no_harm(bytes in damaged("model")) {
        let _ = ModelFile::from_bytes(bytes, "m");
    }

    #[test]
    fn changed_stores_do_no_harm(bytes in damaged("store")) {
        let text = String::from_utf8_lossy(&bytes);
        let (description, record) = text.split_once("\n--\n").unwrap_or((&text, ""));
        if let Ok(spec) = StoreSpec::from_json(description, "s") {
            let written = spec.to_json().to_string();
            prop_assert_eq!(&StoreSpec::from_json(&written, "again").unwrap(), &spec);
            let record = TileRecord::from_bytes(record.as_bytes(), spec.tiles());
            prop_assert!(record.tiles().all(|tile| tile < spec.tiles()));
        }
    }
    #[test]
    fn changed_sets_of_graphs_do_no_harm(
        npz in damaged("graphs_npz"), tu in damaged("graphs_tu"), csv in damaged("graphs_csv")
    ) {
        for (kind, bytes) in GRAPHS.into_iter().zip([npz, tu, csv]) {
            if let Ok(set) = read_graphs(kind, &bytes) {
                // every node and edge takes at least a byte
                prop_assert!(set.graphs.nodes() <= bytes.len() && set.graphs.len() <= bytes.len());
                prop_assert!(set.labels.is_none_or(|labels| labels.rows() == set.graphs.len()));
            }
        }
    }
}
