//! `demo` on data small enough for a test.

use ndarray::{Array, Array2};
use widelimit_data::{Array as Values, write_npz};

use crate::common::{Place, noise};

fn digits(place: &Place) {
    let centre = noise(3, 16, 11);
    let of = |rows: usize, seed: u64| {
        let scatter = noise(rows, 16, seed) * 0.8;
        let x = Array2::from_shape_fn((rows, 16), |(i, j)| centre[[i % 3, j]] + scatter[[i, j]]);
        let y = Array::from_shape_fn(rows, |i| (i % 3) as f64);
        (Values::from(x.into_dyn()), Values::from(y.into_dyn()))
    };
    let ((x, y), (xt, yt)) = (of(150, 12), of(90, 13));
    write_npz(
        place.path("d.npz"),
        &[("x_train", &x), ("y_train", &y), ("x_test", &xt), ("y_test", &yt)],
    )
    .unwrap();
}

#[test]
fn the_demo_compares_saves_reloads_and_reports() {
    let place = Place::new();
    digits(&place);
    let run = place.ok(&["demo", "--data", "d.npz", "--out", "o"]);
    for word in [
        "Neural tangent kernel",
        "NNGP posterior",
        "Ridge on raw pixels",
        "accuracy",
        "peak memory",
        "same",
    ] {
        assert!(run.out.contains(word), "{word} in {}", run.out);
    }
    let told =
        place.ok(&["demo", "--fallback", "d.npz", "--out", "o", "--json", "--seed", "1"]).json();
    let methods = told["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 3);
    for method in methods {
        assert!(method["accuracy"].as_f64().unwrap() > 0.8, "{method}");
        assert!(method["seconds"].as_f64().unwrap() > 0.0);
        if cfg!(target_os = "linux") {
            assert!(method["peak_bytes"].as_u64().unwrap() > 1 << 20, "{method}");
        }
    }
    assert_eq!(told["reloaded_equal"], true);
    let html = std::fs::read_to_string(place.path("o/report.html")).unwrap();
    for part in ["class=\"compare\"", "spectrum-t", "ridge-path-t", "confusion-t", "margins-t"] {
        assert!(html.contains(part), "{part}");
    }
    // The model and the data that it leaves are for the other commands.
    let predict = [
        "predict",
        "--model",
        "o/model.safetensors",
        "--x",
        "o/digits.npz:x_test",
        "--y",
        "o/digits.npz:y_test",
    ];
    let score = place.ok(&[&predict[..], &["--out", "p.npy", "--json"]].concat()).json();
    assert_eq!(score["accuracy"], methods[0]["accuracy"]);
}

#[test]
fn without_data_it_says_where_it_looked() {
    let place = Place::new();
    place.fails(3, &["demo"], &["MNIST", "WIDELIMIT_SHARED", "--data"]);
    place.fails(3, &["demo", "--data", "missing.npz"], &["missing.npz"]);
}
