//! Files that NumPy wrote, read whole: every array of the shared golden and data folders.

use std::path::{Path, PathBuf};
use widelimit_data::{Array, Npz};

/// The shared folder, if this machine has it.
fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("WIDELIMIT_SHARED").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).to_owned()
    });
    if !path.is_dir() {
        println!("skipped: {} not found", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn golden_archives_read_whole() {
    let Some(shared) = shared() else { return };
    let mut arrays = 0;
    for file in std::fs::read_dir(shared.join("golden")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "npz") {
            continue;
        }
        let npz = Npz::open(&path).unwrap();
        for name in npz.names() {
            let file = npz.array(name).unwrap();
            let array = file.read().unwrap();
            assert_eq!(array.shape(), file.shape());
            arrays += 1;
        }
    }
    assert!(arrays > 500, "{arrays} arrays");
}

#[test]
fn golden_values_are_those_that_numpy_prints() {
    let Some(shared) = shared() else { return };
    let npz = Npz::open(shared.join("golden/inputs.npz")).unwrap();
    let Array::F64(x) = npz.read("fc_d11_gauss_x1").unwrap() else { panic!("float64") };
    assert_eq!(x.shape(), [7, 11]);
    let found: Vec<String> = (0..3).map(|j| format!("{:.8}", x[[2, j]])).collect();
    assert_eq!(found, ["0.53277458", "-0.15661152", "0.22402944"]);
    let names = npz.names().to_vec();
    let message = npz.read("fc_d11_gaus_x1").unwrap_err().to_string();
    assert!(message.contains("did you mean `fc_d11_gauss_x1`?"), "{message}");
    assert!(message.contains(&names[0]), "{message}");
}

#[test]
fn deflated_bytes_become_float64() {
    let Some(shared) = shared() else { return };
    let npz = Npz::open(shared.join("data/images/mnist_test_a5k.npz")).unwrap();
    let file = npz.array("x").unwrap();
    assert_eq!((file.shape(), file.type_name().as_str()), (&[5000, 28, 28][..], "uint8"));
    let Array::F64(y) = npz.read("y").unwrap() else { panic!("float64") };
    // Test labels 7 2 1 0 4 1 4 9 5 9 open the set.
    assert_eq!(&y.as_slice().unwrap()[..10], [7., 2., 1., 0., 4., 1., 4., 9., 5., 9.]);
}
