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
    place.fails(
        3,
        &["predict", "--model", "m", "--x", "wide.npy", "--out", "p.npy"],
        &["wide.npy has 5 features", "4"],
    );
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

#[test]
fn outputs_are_looked_at_before_anything_is_read() {
    let place = Place::new();
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "missing.npy", "--y", "missing.npy"];
    place.fails(3, &[&fit[..], &["--out", "nix/m"]].concat(), &["nix/m"]);
    place.fails(
        3,
        &["predict", "--model", "missing", "--x", "missing.npy", "--out", "nix/p.npy"],
        &["nix/p.npy"],
    );
    place.fails(3, &["report", "missing", "--out", "nix/r.html"], &["nix/r.html"]);
    // One of two files cannot be written: neither is.
    std::fs::create_dir(place.path("p.std.npy")).unwrap();
    place.fails(
        3,
        &["predict", "--model", "missing", "--x", "missing.npy", "--std", "--out", "p.npy"],
        &["p.std.npy"],
    );
}

#[test]
fn no_result_replaces_its_input() {
    let place = Place::new();
    place.npy("x.npy", &noise(9, 4, 1));
    place.npy("y.npy", &noise(9, 1, 2));
    let net = place.ok(&["net", "show", "mlp:1:relu"]).out;
    place.write("net.json", net.as_bytes());
    let fit = ["fit", "--net", "net.json", "--x", "x.npy", "--y", "y.npy", "--out"];
    for out in ["x.npy", "./y.npy", "net.json"] {
        place.fails(2, &[&fit[..], &[out]].concat(), &[out, "another file"]);
    }
    place.ok(&[&fit[..], &["m.st"]].concat());
    place.fails(2, &["report", "m.st", "--out", "m.st"], &["m.st"]);
    place.npy("p.std.npy", &noise(9, 4, 1));
    let predict = ["predict", "--model", "m.st", "--std", "--out", "p.npy", "--x", "p.std.npy"];
    place.fails(2, &predict, &["p.std.npy"]);
    let predict = ["predict", "--model", "m.st", "--x", "x.npy", "--out", "./x.npy"];
    place.fails(2, &predict, &["x.npy"]);
}

#[test]
fn memory_is_asked_for_before_anything_is_read() {
    let place = Place::new();
    let mut x = noise(300, 1000, 1);
    place.npy("x.npy", &x);
    place.npy("y.npy", &noise(300, 1, 2));
    place.ok(&["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy", "--out", "m"]);
    // Would be told first, were the values read.
    x[[0, 0]] = f64::NAN;
    place.npy("x.npy", &x);
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy", "--out", "n"];
    let predict = ["predict", "--model", "m", "--x", "x.npy", "--out", "p.npy"];
    for arguments in [&fit[..], &predict[..]] {
        place.fails(5, &[arguments, &["--memory", "2MiB"]].concat(), &["the limit is 2.00 MiB"]);
        place.fails(3, arguments, &["NaN"]);
    }
}

#[test]
fn hints_are_of_the_command_and_limits_of_the_user() {
    let place = Place::new();
    place.npy("x.npy", &noise(500, 3, 1));
    place.npy("y.npy", &noise(500, 1, 2));
    let told = |code: i32, arguments: &[&str]| {
        let run = place.run(arguments);
        assert_eq!(run.code, code, "{}", run.err);
        run.err
    };
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy", "--out", "m"];
    let text = told(5, &[&fit[..], &["--memory", "4MiB"]].concat());
    assert!(text.contains("4.00 MiB") && text.contains("allow more with --memory"), "{text}");
    assert!(!text.contains("widelimit plan"), "{text}");
    place.npy("x.npy", &(noise(5, 3, 1) * 1e200));
    let text = told(4, &["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out", "k.npz"]);
    assert!(text.contains("smaller scale") && !text.contains("--ridge"), "{text}");
}
