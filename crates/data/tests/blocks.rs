//! Inputs read in blocks are those that are read whole, in every format.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis, arr2, concatenate};
use proptest::prelude::*;
use widelimit_data::{
    Array, Error, Npz, Source, each_block, read_inputs, read_inputs_without, read_rows, write_npy,
};

/// Files that NumPy and others wrote, copied under an ending that tells their format.
fn seeds(folder: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    for kind in ["npy", "npz", "csv"] {
        let seeds: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "../../fuzz/seeds", kind].iter().collect();
        for file in std::fs::read_dir(seeds).unwrap() {
            let path = file.unwrap().path();
            let copy = folder.join(path.file_name().unwrap()).with_extension(kind);
            std::fs::copy(&path, &copy).unwrap();
            copies.push(copy);
        }
    }
    copies
}

/// All arrays of a file.
fn sources(path: &Path) -> Vec<Source> {
    match Npz::open(path) {
        Ok(npz) => npz.names().iter().map(|name| Source::new(path, Some(name)).unwrap()).collect(),
        Err(_) => vec![Source::new(path, None).unwrap()],
    }
}

fn doubles(array: &Array) -> ArrayD<f64> {
    array.clone().into_f64()
}

#[test]
fn blocks_make_up_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for source in seeds(folder.path()).iter().flat_map(|path| sources(path)) {
        let Ok(whole) = read_inputs(&source) else { continue };
        let all = whole.shape()[0];
        for (rows, first) in [(1, 0), (2, 0), (3, 1), (all + 1, 0), (2, all)] {
            let mut parts = Vec::new();
            let mut next = first;
            each_block(&source, &[], rows, first, |at, block| {
                assert_eq!(at, next, "{source}");
                assert_eq!(block.float_type(), whole.float_type(), "{source}");
                assert!((1..=rows).contains(&block.shape()[0]), "{source}");
                next = at + block.shape()[0];
                parts.push(doubles(&block));
                Ok::<_, Error>(())
            })
            .unwrap();
            assert_eq!(next, all.max(first), "{source}");
            let expected = doubles(&whole);
            let expected = expected.slice_axis(Axis(0), (first.min(all)..all).into());
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            match concatenate(Axis(0), &views) {
                Ok(found) => assert_eq!(found, expected, "{source}"),
                Err(_) => assert!(expected.is_empty(), "{source}"),
            }
        }
        let numbers: Vec<usize> = (0..all).step_by(2).collect();
        let some = read_rows(&source, &[], &numbers).unwrap();
        assert_eq!(some.float_type(), whole.float_type(), "{source}");
        assert_eq!(doubles(&some), doubles(&whole).select(Axis(0), &numbers), "{source}");
        assert!(matches!(read_rows(&source, &[], &[all]), Err(Error::Shape { .. })), "{source}");
        compared += 1;
    }
    assert!(compared >= 15, "{compared}");
}

/// Blocks of two rows, one below the other.
fn in_blocks(source: &Source) -> Result<Vec<f64>, Error> {
    let mut values = Vec::new();
    each_block(source, &[], 2, 0, |_, block| {
        values.extend(block.into_f64());
        Ok::<_, Error>(())
    })?;
    Ok(values)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A changed byte makes both fail, or gives both the same values.
    #[test]
    fn damaged_files_are_read_alike(file in 0usize..1000, at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let folder = tempfile::tempdir().unwrap();
        let files = seeds(folder.path());
        let path = &files[file % files.len()];
        let mut bytes = std::fs::read(path).unwrap();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        std::fs::write(path, &bytes).unwrap();
        for source in sources(path) {
            match (read_inputs(&source), in_blocks(&source)) {
                (Ok(whole), Ok(blocks)) => {
                    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    let whole: Vec<f64> = whole.into_f64().into_iter().collect();
                    prop_assert_eq!(bits(&whole), bits(&blocks));
                }
                (Err(_), Err(_)) => {}
                (whole, blocks) => prop_assert!(false, "{source}: {whole:?} and {blocks:?}"),
            }
        }
    }
}

#[test]
fn errors_of_the_taker_end_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    for source in seeds(folder.path()).iter().flat_map(|path| sources(path)) {
        if read_inputs(&source).is_err() {
            continue;
        }
        let mut calls = 0;
        let ended = each_block(&source, &[], 1, 0, |_, _| {
            calls += 1;
            let what = "enough".to_owned();
            Err::<(), _>(Error::OutOfMemory { what, bytes: 1 })
        });
        assert!(matches!(ended, Err(Error::OutOfMemory { .. })), "{source}");
        assert_eq!(calls, 1, "{source}");
    }
}

#[test]
fn bad_values_are_named_where_the_whole_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let npy = folder.path().join("x.npy");
    write_npy(&npy, arr2(&[[1.0], [2.0], [3.0], [f64::NAN], [5.0]]).view()).unwrap();
    let csv = folder.path().join("x.csv");
    std::fs::write(&csv, "a,b\n1,2\n3,4\n5,?\n7,8\n").unwrap();
    for path in [npy, csv] {
        let source = Source::new(&path, None).unwrap();
        let expected = read_inputs(&source).unwrap_err().to_string();
        let mut taken = 0;
        let found = each_block(&source, &[], 2, 0, |_, block| {
            taken += block.shape()[0];
            Ok::<_, Error>(())
        });
        assert_eq!(found.unwrap_err().to_string(), expected);
        assert_eq!(taken, 2, "what is before the block with the value has been taken");
        let numbers: Vec<usize> = (0..4).collect();
        assert_eq!(read_rows(&source, &[], &numbers).unwrap_err().to_string(), expected);
    }
}

#[test]
fn columns_of_a_table_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "a,y,b\n1,9,2\n3,9,4\n5,9,6\n").unwrap();
    let source = Source::new(&path, None).unwrap();
    let whole = read_inputs_without(&source, &["y"]).unwrap();
    let mut rows = 0;
    each_block(&source, &["y"], 2, 0, |first, block| {
        let part = (first..first + block.shape()[0]).collect::<Vec<_>>();
        assert_eq!(doubles(&block), doubles(&whole).select(Axis(0), &part));
        rows += block.shape()[0];
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!((rows, whole.shape()), (3, &[3, 2][..]));
}

#[test]
fn a_wrong_checksum_is_told_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let seeds: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../../fuzz/seeds/npz/stored"].iter().collect();
    let mut bytes = std::fs::read(seeds).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let name = Npz::open(&path).unwrap().names()[0].clone();
    let source = Source::new(&path, Some(&name)).unwrap();
    let whole = read_inputs(&source).unwrap();
    // The last byte of the first member's values; its local header has the length of the name at 26.
    let header =
        u16::from_le_bytes([bytes[26], bytes[27]]) + u16::from_le_bytes([bytes[28], bytes[29]]);
    let size = u32::from_le_bytes([bytes[18], bytes[19], bytes[20], bytes[21]]);
    let last = 30 + usize::from(header) + size as usize - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let mut rows = 0;
    let found = each_block(&source, &[], 1, 0, |_, block| {
        rows += block.shape()[0];
        Ok::<_, Error>(())
    });
    assert!(matches!(found, Err(Error::Checksum { .. })), "{found:?}");
    assert_eq!(rows, whole.shape()[0]);
}
