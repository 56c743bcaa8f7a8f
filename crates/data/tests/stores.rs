//! Stores torn in every way, joined, and read back: never a panic, never a tile that is not right.

use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use serde_json::json;
use tempfile::TempDir;
use widelimit_data::{
    Array, ArrayFile, Error, FloatType, Npz, StoreReader, StoreSpec, StoreState, TileSpec,
    TileStore, merge_stores,
};

const N: usize = 7;
const EDGE: usize = 3;

/// Two arrays of a symmetric kernel in six tiles.
fn spec() -> StoreSpec {
    let array =
        |name: &str, float_type| TileSpec { name: name.into(), shape: vec![N, N], float_type };
    let arrays = vec![array("nngp", FloatType::F64), array("ntk", FloatType::F64)];
    let description = json!({"version": "1", "network": [{"layer": "relu"}], "x1": {"crc32": 7}});
    StoreSpec { description, arrays, tile: EDGE, symmetric: true }
}

/// The arrays: symmetric, and no two entries above the diagonal are equal.
fn kernel(array: usize) -> Array2<f64> {
    Array2::from_shape_fn((N, N), |(i, j)| (1000 * (array + 1) + 10 * i.min(j) + i.max(j)) as f64)
}

/// Number and corner of every tile.
fn corners() -> Vec<(usize, (usize, usize))> {
    let bands = N.div_ceil(EDGE);
    (0..bands).flat_map(|i| (i..bands).map(move |j| (i * EDGE, j * EDGE))).enumerate().collect()
}

/// Computes the tiles that `wanted` names and are needed; says which.
fn compute(store: &TileStore, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    let end = |first: usize| (first + EDGE).min(N);
    let mut computed = Vec::new();
    for (tile, (row, column)) in corners() {
        if !wanted(tile) || !store.needs(tile) {
            continue;
        }
        for array in 0..2 {
            let whole = kernel(array);
            let part = whole.slice(s![row..end(row), column..end(column)]);
            store.write(array, row, column, part).unwrap();
            if row != column {
                store.write(array, column, row, part.t()).unwrap();
            }
        }
        store.finish_tile(tile).unwrap();
        computed.push(tile);
    }
    computed
}

/// Runs a job on a store; says which tiles it computed, and how the store stands.
fn run(path: &Path, writer: &str, wanted: impl Fn(usize) -> bool) -> (Vec<usize>, StoreState) {
    let store = TileStore::open_or_create(path, &spec(), writer).unwrap();
    let computed = compute(&store, wanted);
    (computed, store.close(&|| false).unwrap())
}

fn is_right(path: &Path) {
    for (number, name) in ["nngp", "ntk"].into_iter().enumerate() {
        let read = ArrayFile::open(path.join(format!("{name}.npy"))).unwrap().read().unwrap();
        assert_eq!(read, Array::F64(kernel(number).into_dyn()), "{name}");
    }
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.store");
    (dir, path)
}

const LOG: &str = "done-1.log";

#[test]
fn a_record_cut_at_any_byte_costs_the_tiles_behind_the_cut() {
    let (_dir, path) = place();
    run(&path, "1", |tile| tile < 5);
    let whole = std::fs::read(path.join(LOG)).unwrap();
    for end in 0..=whole.len() {
        std::fs::write(path.join(LOG), &whole[..end]).unwrap();
        let kept = whole[..end].iter().filter(|byte| **byte == b'\n').count();
        let (computed, state) = run(&path, "1", |tile| tile < 5);
        assert_eq!(computed, (kept..5).collect::<Vec<_>>(), "cut at {end}");
        assert_eq!((state.found, state.damaged, state.missing), (kept, 0, 1));
    }
    assert!(run(&path, "1", |_| true).1.complete);
    is_right(&path);
}

#[test]
fn any_byte_of_a_record_may_be_wrong() {
    let (_dir, path) = place();
    run(&path, "1", |_| true);
    let whole = std::fs::read(path.join(LOG)).unwrap();
    for position in 0..whole.len() {
        for wrong in [0, b'\n', b' ', b'1', b'f', 0xff, whole[position] ^ 1] {
            let mut torn = whole.clone();
            torn[position] = wrong;
            std::fs::write(path.join(LOG), &torn).unwrap();
            // At most the tiles of two lines: a line and, where its break is lost, the next.
            let (computed, state) = run(&path, "1", |_| true);
            assert!(computed.len() <= 2, "{position}: {computed:?}");
            assert!(state.complete && state.missing == 0, "{position}: {state:?}");
        }
    }
    is_right(&path);
}

#[test]
fn garbage_zeros_and_duplicates_in_a_record_say_nothing() {
    let (_dir, path) = place();
    run(&path, "1", |tile| tile < 3);
    let whole = std::fs::read(path.join(LOG)).unwrap();
    let twice = whole.repeat(2);
    let other = b"4 00000000\n99 00000000\n".as_slice();
    for (tail, damaged) in [
        (&[0; 5000][..], 0),
        (b"\xff\xfe garbage\n\n\n", 0),
        (b"18446744073709551616 00000000\n-1 00000000\n", 0),
        (&twice, 0),
        // A claim that nobody made good.
        (other, 1),
    ] {
        std::fs::write(path.join(LOG), [&whole, tail].concat()).unwrap();
        let store = TileStore::open_or_create(&path, &spec(), "1").unwrap();
        let needed: Vec<_> = (0..6).filter(|tile| store.needs(*tile)).collect();
        assert_eq!(needed, [3, 4, 5]);
        let state = store.close(&|| false).unwrap();
        assert_eq!((state.found, state.damaged), (3, damaged));
    }
    // The zeros are gone, and what is written now stands on lines of its own.
    assert!(run(&path, "1", |_| true).1.complete);
    is_right(&path);
}

#[test]
fn any_bit_of_the_arrays_may_be_wrong() {
    let (_dir, path) = place();
    run(&path, "1", |_| true);
    for name in ["nngp", "ntk"] {
        let file = path.join(format!("{name}.npy"));
        let whole = std::fs::read(&file).unwrap();
        let data = whole.len() - N * N * 8;
        for (value, position) in (data..whole.len()).step_by(8).enumerate() {
            let mut torn = whole.clone();
            torn[position + value % 8] ^= 1 << (value % 7);
            std::fs::write(&file, torn).unwrap();
            let (row, column) = (value / N / EDGE * EDGE, value % N / EDGE * EDGE);
            let corner = (row.min(column), row.max(column));
            let tile = corners().iter().position(|(_, at)| *at == corner).unwrap();
            assert_eq!(StoreReader::open(&path).unwrap().damaged(&|_, _| true).unwrap(), [tile]);
            let (computed, state) = run(&path, "1", |_| true);
            assert_eq!((computed, state.damaged, state.complete), (vec![tile], 1, true));
            assert!(std::fs::read(&file).unwrap() == whole);
        }
    }
}

#[test]
fn an_array_cut_short_or_lost_is_an_error() {
    let (_dir, path) = place();
    run(&path, "1", |tile| tile < 3);
    let file = path.join("ntk.npy.part");
    let whole = std::fs::read(&file).unwrap();
    for end in [0, 1, 64, 200, whole.len() - 1] {
        std::fs::write(&file, &whole[..end]).unwrap();
        let error = TileStore::open_or_create(&path, &spec(), "1").unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{error}");
        assert!(merge_stores(&[&path], path.with_extension("out"), &|_, _| true).is_err());
    }
    std::fs::remove_file(&file).unwrap();
    let error = TileStore::open_or_create(&path, &spec(), "1").unwrap_err();
    assert!(error.to_string().contains("ntk.npy"), "{error}");
}

/// Parts of a job, each in a store of its own.
fn parts(dir: &TempDir, count: usize) -> Vec<PathBuf> {
    let path = |part: usize| dir.path().join(format!("part{part}.store"));
    let parts: Vec<_> = (1..=count).map(path).collect();
    for (index, part) in parts.iter().enumerate() {
        run(part, &format!("{}-of-{count}", index + 1), |tile| tile % count == index);
    }
    parts
}

#[test]
fn joined_parts_are_the_whole() {
    let (dir, path) = place();
    let parts = parts(&dir, 3);
    let state = merge_stores(&parts, &path, &|_, _| true).unwrap();
    let whole = StoreState { tiles: 6, found: 6, damaged: 0, missing: 0, complete: true };
    assert_eq!(state, whole);
    is_right(&path);
    // Byte for byte what one job writes.
    let once = dir.path().join("once.store");
    run(&once, "1", |_| true);
    for file in ["store.json", "nngp.npy", "ntk.npy"] {
        assert!(std::fs::read(path.join(file)).unwrap() == std::fs::read(once.join(file)).unwrap());
    }
    assert_eq!(run(&path, "1", |_| true), (vec![], whole));
    let error = merge_stores(&parts, &path, &|_, _| true).unwrap_err();
    assert!(error.to_string().contains("k.store"), "{error}");
}

#[test]
fn what_no_part_has_is_missing_and_can_be_computed_later() {
    let (dir, path) = place();
    let parts = parts(&dir, 3);
    // Of tile 0 one part has a damaged copy, of tile 1 one has a damaged and another a good one.
    run(&parts[0], "1", |tile| tile == 1);
    for (part, byte) in [(0, 130), (1, 128 + 3 * 8)] {
        let file = parts[part].join("nngp.npy.part");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[byte] ^= 4;
        std::fs::write(&file, bytes).unwrap();
    }
    let state = merge_stores(&[&parts[1], &parts[0]], &path, &|_, _| true).unwrap();
    let expected = StoreState { tiles: 6, found: 3, damaged: 1, missing: 3, complete: false };
    assert_eq!(state, expected);
    let store = StoreReader::open(&path).unwrap();
    assert_eq!((store.missing(), store.is_complete()), (3, false));
    let error = store.array("ntk").unwrap_err().to_string();
    assert!(error.contains("3 of 6 tiles are missing"), "{error}");
    assert!(store.export(dir.path().join("k.npz"), &|_, _| true).is_err());
    // What is missing reads as zeros, as in any store.
    let raw = std::fs::read(path.join("nngp.npy.part")).unwrap();
    assert!(raw[raw.len() - 49 * 8..][..8] == [0; 8]);
    assert_eq!(run(&path, "1", |_| true).0, [0, 2, 5]);
    is_right(&path);
}

#[test]
fn parts_of_other_jobs_are_refused_by_name_and_field() {
    let (dir, path) = place();
    let mut parts = parts(&dir, 2);
    type Change = fn(&mut StoreSpec);
    let changes: [(Change, &str); 6] = [
        (|s| s.description["network"][0]["layer"] = json!("erf"), "network"),
        (|s| s.description["x1"]["crc32"] = json!(8), "x1"),
        (|s| s.description["version"] = json!("2"), "version"),
        (|s| s.arrays[0].float_type = FloatType::F32, "dtype"),
        (|s| s.tile = 2, "tile size"),
        (|s| s.arrays.truncate(1), "dtype"),
    ];
    for (number, (change, field)) in changes.into_iter().enumerate() {
        let mut other = spec();
        change(&mut other);
        let odd = dir.path().join(format!("odd{number}.store"));
        TileStore::open_or_create(&odd, &other, "1").unwrap();
        parts.push(odd);
        let error = merge_stores(&parts, &path, &|_, _| true).unwrap_err().to_string();
        for word in [&format!("odd{number}.store"), "part1.store", field] {
            assert!(error.contains(word), "{word} in {error}");
        }
        parts.pop();
    }
    let none: [&Path; 0] = [];
    assert!(matches!(merge_stores(&none, &path, &|_, _| true), Err(Error::NoParts)));
    parts.push(dir.path().join("no.store"));
    assert!(matches!(merge_stores(&parts, &path, &|_, _| true), Err(Error::Io { .. })));
    assert!(!path.exists());
}

#[test]
fn a_stopped_join_leaves_nothing_and_can_be_made_again() {
    let (dir, path) = place();
    let parts = parts(&dir, 2);
    let before = std::fs::read_dir(dir.path()).unwrap().count();
    for stop in 0..6 {
        let stopped = merge_stores(&parts, &path, &|done, all| {
            assert_eq!(all, 6);
            done < stop
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before);
    }
    assert!(merge_stores(&parts, &path, &|_, _| true).unwrap().complete);
}

#[test]
fn exported_arrays_are_those_of_the_store() {
    let (dir, path) = place();
    run(&path, "1", |_| true);
    let store = StoreReader::open(&path).unwrap();
    let out = dir.path().join("k.npz");
    store.export(&out, &|_, _| true).unwrap();
    let npz = Npz::open(&out).unwrap();
    assert_eq!(npz.names(), ["nngp", "ntk"]);
    for (number, name) in ["nngp", "ntk"].into_iter().enumerate() {
        assert_eq!(npz.read(name).unwrap(), Array::F64(kernel(number).into_dyn()));
        let block = store.array(name).unwrap().read_block(2..5, 1..7).unwrap();
        assert_eq!(block, Array::F64(kernel(number).slice(s![2..5, 1..7]).to_owned().into_dyn()));
    }
    let error = store.export(dir.path().join("k.npy"), &|_, _| true).unwrap_err().to_string();
    assert!(error.contains("exactly one array"), "{error}");
    let error = store.array("gram").unwrap_err().to_string();
    assert!(error.contains("nngp, ntk"), "{error}");

    // Damage that came after the store was complete is not exported.
    let file = path.join("ntk.npy");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = store.export(dir.path().join("again.npz"), &|_, _| true).unwrap_err().to_string();
    assert!(error.contains("1 of 6 tiles are damaged"), "{error}");
    assert!(!dir.path().join("again.npz").exists());
}

#[test]
fn blocks_are_those_of_the_whole_however_they_are_stored() {
    let seed = |name: &str| -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "../../fuzz/seeds/npy", name].iter().collect()
    };
    for name in ["f8", "f4_fortran", "u1_4d"] {
        let file = ArrayFile::open(seed(name)).unwrap();
        let whole = file.read().unwrap().into_f64();
        let (rows, columns) = (file.shape()[0], file.shape()[1]);
        let block = file.read_block(0..rows, 1..columns).unwrap().into_f64();
        assert_eq!(block, whole.slice_axis(ndarray::Axis(1), (1..columns).into()), "{name}");
        assert!(block.is_standard_layout());
        assert!(file.read_block(0..rows, 0..columns + 1).is_err());
        assert!(file.read_block(0..rows + 1, 0..1).is_err());
        assert_eq!(file.read_block(0..0, 0..1).unwrap().shape()[0], 0);
    }
    let flat = ArrayFile::open(seed("bool")).unwrap();
    assert!(flat.read_block(0..1, 0..1).is_ok());
    assert!(ArrayFile::open(seed("f2")).unwrap().read_block(0..1, 0..1).is_err());
}
