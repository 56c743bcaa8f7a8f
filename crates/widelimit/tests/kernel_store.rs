//! Kernels computed into stores, in one piece, in several, and joined.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, s};
use widelimit::arch::Shape;
use widelimit::data::{StoreReader, TileStore};
use widelimit::exact::{Cancel, Options, Progress, Want, kernel, plan};
use widelimit::{Error, Network, Run, Shard, export_store, kernel_to_store, merge_stores};

fn inputs(rows: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, 4), |(i, j)| ((i * 4 + j) as f32 * 0.613).cos())
}

/// The engine's numbers of tiles are those that the store knows its rectangles by: were one of them
/// wrong, a tile could not be finished, and damage to an entry would be found in another tile.
#[test]
fn stores_of_every_shape_are_complete_and_right() {
    let network = Network::preset("mlp:2:relu").unwrap();
    for (n1, n2) in [(300, None), (5, None), (97, Some(300)), (300, Some(97)), (1, Some(1))] {
        let (x, z) = (inputs(n1), n2.map(inputs));
        let z = z.as_ref().map(|z| z.view());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.store");
        let job = |shard| {
            let place = (path.as_path(), shard);
            kernel_to_store(
                &network,
                x.view(),
                z.map(Into::into),
                Want::BOTH,
                place,
                &Run::default(),
            )
            .unwrap()
        };
        for number in 1..=3 {
            job(Shard::new(number, 3).unwrap());
        }
        let store = job(Shard::WHOLE).store;
        assert!(store.complete && store.found == store.tiles, "{store:?}");
        let spec = TileStore::read_spec(&path).unwrap();
        let options = Options::new().want(Want::BOTH).tile(spec.tile);
        assert_eq!(
            plan::<f32>(&network, n1, n2, &Shape::vector(4), &options).unwrap().tiles,
            store.tiles
        );
        let expected =
            kernel(&network, x.view(), z.map(Into::into), &Options::new().want(Want::BOTH))
                .unwrap();
        let reader = StoreReader::open(&path).unwrap();
        let read = |name| reader.array(name).unwrap().read().unwrap().into_matrix(name).unwrap();
        assert_eq!(Some(read("nngp")), expected.nngp);
        assert_eq!(Some(read("ntk")), expected.ntk);
    }
}

#[test]
fn joined_parts_equal_the_store_of_one_job_and_its_export() {
    let network = Network::preset("mlp:2:erf").unwrap();
    let x = inputs(250);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let job = |name: &str, shard| {
        let path = at(name);
        let place = (path.as_path(), shard);
        kernel_to_store(&network, x.view(), None, Want::NTK, place, &Run::default()).unwrap()
    };
    job("whole.store", Shard::WHOLE);
    for number in [1, 2] {
        job(&format!("part{number}.store"), Shard::new(number, 2).unwrap());
    }
    let parts = [at("part1.store"), at("part2.store")];
    let heard = AtomicUsize::new(0);
    let listen = |progress: Progress| {
        heard.fetch_max(progress.done_tiles, Ordering::Relaxed);
    };
    let run = Run { progress: Some(&listen), ..Run::default() };
    let state = merge_stores(&parts, at("k.store"), &run).unwrap();
    assert!(state.complete && heard.into_inner() + 1 == state.tiles);
    let bytes = |name: &str| std::fs::read(at(name)).unwrap();
    assert!(bytes("k.store/ntk.npy") == bytes("whole.store/ntk.npy"));
    export_store(at("k.store"), at("k.npy"), &Run::default()).unwrap();
    assert!(bytes("k.npy") == bytes("whole.store/ntk.npy"));

    let cancel = Cancel::new();
    cancel.cancel();
    let run = Run { cancel: Some(&cancel), ..Run::default() };
    assert!(matches!(merge_stores(&parts, at("l.store"), &run), Err(Error::Cancelled)));
    assert!(matches!(export_store(at("k.store"), at("l.npy"), &run), Err(Error::Cancelled)));
    assert!(!at("l.store").exists() && !at("l.npy").exists());
}

#[test]
fn parts_of_other_inputs_do_not_join() {
    let network = Network::preset("mlp:2:erf").unwrap();
    let x = inputs(120);
    let folder = tempfile::tempdir().unwrap();
    let paths = [1, 2].map(|number| folder.path().join(format!("part{number}.store")));
    for (number, path) in (1..).zip(&paths) {
        let rows = x.slice(s![number - 1..118 + number, ..]);
        let place = (path.as_path(), Shard::new(number, 2).unwrap());
        kernel_to_store(&network, rows, None, Want::NTK, place, &Run::default()).unwrap();
    }
    let out = folder.path().join("k.store");
    let error = merge_stores(&paths, &out, &Run::default()).unwrap_err().to_string();
    for word in ["part2.store", "part1.store", "another x1", "crc32"] {
        assert!(error.contains(word), "{error}");
    }
    assert!(!out.exists());
}
