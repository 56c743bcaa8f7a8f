//! Wrong input: one sentence, the right exit code, nothing half-written.

use ndarray::Array2;

use crate::common::{Place, noise};

fn kernel(place: &Place, code: i32, x: &str, words: &[&str]) {
    place.fails(code, &["kernel", "--net", "mlp:2:relu", "--x1", x, "--out", "k.npz"], words);
}

#[test]
fn values_that_are_not_finite_are_named() {
    let place = Place::new();
    for bad in [f64::NAN, f64::INFINITY] {
        let mut x = noise(9, 4, 1);
        x[[6, 2]] = bad;
        place.npy("x.npy", &x);
        kernel(&place, 3, "x.npy", &["x.npy", "row 6", "column 2"]);
    }
    place.write("x.csv", b"1,2\n3,nan\n");
    kernel(&place, 3, "x.csv", &["x.csv"]);
    place.write("x.csv", b"1,2\n3,apple\n");
    kernel(&place, 3, "x.csv", &["x.csv", "apple"]);
}

#[test]
fn files_that_are_missing_or_broken() {
    let place = Place::new();
    kernel(&place, 3, "missing.npy", &["missing.npy"]);
    kernel(&place, 2, "x.txt", &["x.txt", ".npy"]);
    place.write("x.npy", b"this is no array");
    kernel(&place, 3, "x.npy", &["x.npy"]);

    place.npy("x.npy", &noise(9, 4, 1));
    place.ok(&["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out", "good.npz"]);
    let good = std::fs::read(place.path("good.npz")).unwrap();
    for keep in [0, 10, good.len() / 2, good.len() - 1] {
        place.write("cut.npz", &good[..keep]);
        kernel(&place, 3, "cut.npz:ntk", &["cut.npz"]);
    }
    kernel(&place, 3, "good.npz:nope", &["nope", "ntk"]);
    place.write(
        "flipped.npz",
        &good.iter().enumerate().map(|(k, b)| b ^ u8::from(k == 200)).collect::<Vec<_>>(),
    );
    kernel(&place, 3, "flipped.npz:ntk", &["flipped.npz"]);
}

#[test]
fn shapes_that_do_not_fit() {
    let place = Place::new();
    place.npy("x.npy", &noise(9, 4, 1));
    place.npy("wide.npy", &noise(9, 5, 1));
    place.npy("short.npy", &noise(8, 1, 1));
    place.npy("empty.npy", &Array2::zeros((0, 4)));
    kernel(&place, 3, "empty.npy", &["empty"]);
    place.fails(
        3,
        &["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--x2", "wide.npy", "--out", "k.npz"],
        &["4", "5"],
    );
    place.fails(
        3,
        &["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "short.npy", "--out", "m"],
        &["9", "8"],
    );

    place.npy("y.npy", &noise(9, 1, 2));
    place.ok(&["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy", "--out", "m"]);
    place.fails(3, &["predict", "--model", "m", "--x", "wide.npy", "--out", "p.npy"], &["4", "5"]);
    place.fails(
        3,
        &["predict", "--model", "m", "--x", "x.npy", "--y", "short.npy", "--out", "p.npy"],
        &["9", "8"],
    );
}

#[test]
fn models_that_are_none() {
    let place = Place::new();
    place.npy("x.npy", &noise(9, 4, 1));
    place.npy("y.npy", &noise(9, 1, 2));
    place.ok(&["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy", "--out", "m"]);
    let good = std::fs::read(place.path("m")).unwrap();
    for keep in [0, 7, 100, good.len() - 1] {
        place.write("cut", &good[..keep]);
        place.fails(3, &["predict", "--model", "cut", "--x", "x.npy", "--out", "p.npy"], &["cut"]);
        place.fails(3, &["report", "cut", "--out", "r.html"], &["cut"]);
    }
    place.fails(3, &["predict", "--model", "x.npy", "--x", "x.npy", "--out", "p.npy"], &["x.npy"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::new();
    place.npy("x.npy", &noise(9, 4, 1));
    let common = ["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out"];
    place.fails(2, &[&common[..], &["k.txt"]].concat(), &["k.txt", ".npz"]);
    place.fails(3, &[&common[..], &["no/such/folder/k.npz"]].concat(), &["no/such/folder"]);
    std::fs::create_dir(place.path("k.npz")).unwrap();
    place.fails(3, &[&common[..], &["k.npz"]].concat(), &["k.npz"]);
}

#[test]
fn a_failed_run_leaves_the_old_result() {
    let place = Place::new();
    place.npy("x.npy", &noise(9, 4, 1));
    place.ok(&["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out", "k.npz"]);
    let mut bad = noise(9, 4, 1);
    bad[[0, 0]] = f64::NAN;
    place.npy("x.npy", &bad);
    kernel(&place, 3, "x.npy", &["row 0"]);
    assert_eq!(place.read_npz("k.npz", "ntk").dim(), (9, 9));
}

#[test]
fn numbers_that_overflow_are_a_numerical_failure() {
    let place = Place::new();
    place.npy("x.npy", &(noise(5, 3, 1) * 1e200));
    kernel(&place, 4, "x.npy", &["overflow"]);
}

#[test]
fn images_are_not_for_vectors() {
    let place = Place::new();
    place.npy("x.npy", &noise(5, 3, 1));
    place.fails(2, &["kernel", "--net", "myrtle5", "--x1", "x.npy", "--out", "k.npz"], &["images"]);
}
