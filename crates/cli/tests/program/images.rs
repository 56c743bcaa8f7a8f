//! Images on the command line.

use ndarray::{Array1, Array3, Array4, ArrayD, Axis};
use serde_json::json;
use widelimit_data::{Npz, write_npy};

use crate::common::{Place, noise};

const PIXELS: &str = r#"[{"layer": "conv", "filter": [2, 2], "strides": [2, 2]}, {"layer": "relu"}, {"layer": "conv", "filter": [1, 1]}]"#;

/// An array of bytes, as cameras and data sets have them.
fn bytes(place: &Place, name: &str, shape: &[usize], value: impl Fn(usize) -> u8) {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape:?}, }}")
        .replace('[', "(")
        .replace(']', ")");
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(header.as_bytes());
    file.extend((0..shape.iter().product()).map(value));
    place.write(name, &file);
}

/// Stripes across or down in `n` gray images of 8 x 8 bytes, and which.
fn stripes(place: &Place, name: &str, n: usize) {
    bytes(place, &format!("{name}.npy"), &[n, 8, 8, 1], |at| {
        let (n, i, j) = (at / 64, at / 8 % 8, at % 8);
        let along = if n % 2 == 0 { i } else { j };
        if (along + n / 2).is_multiple_of(2) { 200 } else { (at * 7 % 50) as u8 }
    });
    let labels = Array1::from_shape_fn(n, |n| (n % 2) as f64);
    place.npy_vector(&format!("{name}_y.npy"), &labels);
}

fn read(place: &Place, file: &str, name: &str) -> ArrayD<f64> {
    Npz::open(place.path(file)).unwrap().read(name).unwrap().into_f64()
}

#[test]
fn images_of_bytes_are_classified_end_to_end() {
    let place = Place::new();
    stripes(&place, "train", 30);
    stripes(&place, "test", 20);
    let fit = ["fit", "--net", "cntk-gap:2", "--x", "train.npy", "--y", "train_y.npy"];
    let more = ["--task", "classification", "--preprocess", "standardize", "--out", "m", "--json"];
    let fitted = place.ok(&[&fit[..], &more].concat()).json();
    assert_eq!((&fitted["features"], &fitted["input"]), (&json!(64), &json!([8, 8, 1])));
    let predict = ["predict", "--model", "m", "--x", "test.npy", "--y", "test_y.npy", "--json"];
    let told = place.ok(&[&predict[..], &["--out", "p.npy"]].concat()).json();
    assert_eq!(told["accuracy"], 1.0);
    // Without the axis for its one channel it is the same image.
    bytes(&place, "bare.npy", &[20, 8, 8], |_| 0);
    let all = std::fs::read(place.path("test.npy")).unwrap();
    let bare = std::fs::read(place.path("bare.npy")).unwrap();
    place.write("bare.npy", &[&bare[..128], &all[128..]].concat());
    place.ok(&["predict", "--model", "m", "--x", "bare.npy", "--out", "q.npy"]);
    assert_eq!(place.read_npy("q.npy"), place.read_npy("p.npy"));
    let report = ["report", "m", "--x", "test.npy", "--y", "test_y.npy", "--out", "r.html"];
    place.ok(&report);
    let page = std::fs::read_to_string(place.path("r.html")).unwrap();
    assert!(page.contains("8x8x1") && page.contains("Training images"), "the shape is told");

    let wrong = ["predict", "--model", "m", "--out", "w.npy", "--x"];
    place.npy("rows.npy", &noise(3, 64, 1));
    let words = ["rows.npy has inputs of the shape 64 but the model was fitted on 8x8x1"];
    place.fails(3, &[&wrong[..], &["rows.npy"]].concat(), &words);
    bytes(&place, "small.npy", &[3, 6, 8, 1], |_| 1);
    place.fails(3, &[&wrong[..], &["small.npy"]].concat(), &["6x8x1", "8x8x1"]);
    let fit = ["fit", "--net", PIXELS, "--x", "train.npy", "--y", "train_y.npy", "--out", "n"];
    place.fails(2, &fit, &["ends on positions, 4x4x1 for an input of 8x8x1"]);
    // A network that knows no positions takes pixels as features.
    let fit = ["fit", "--net", "mlp:2", "--x", "train.npy", "--y", "train_y.npy", "--out", "v"];
    assert_eq!(place.ok(&[&fit[..], &["--json"]].concat()).json()["input"], json!([64]));
    place.ok(&["predict", "--model", "v", "--x", "test.npy", "--out", "v.npy"]);
}

#[test]
fn kernels_and_plans_of_images() {
    let place = Place::new();
    stripes(&place, "x", 9);
    stripes(&place, "z", 4);
    let common = ["--net", "myrtle5", "--x1", "x.npy"];
    let plan = place.ok(&[&["plan"], &common[..], &["--json"]].concat()).json();
    assert_eq!((&plan["engine"], &plan["result_bytes"]), (&json!("images"), &json!(8 * 81)));
    assert!(plan["seconds"].as_f64() > Some(0.0) && plan["pair_activations"].as_u64() > Some(0));
    assert!(place.ok(&[&["plan"], &common[..]].concat()).out.contains("images"));

    place.ok(&[&["kernel"], &common[..], &["--get", "both", "--out", "k.npz"]].concat());
    let k = read(&place, "k.npz", "ntk");
    assert_eq!(k.shape(), [9, 9]);
    assert_eq!(k, k.t());
    let cross = ["--x2", "z.npy", "--out", "c.npz", "--json"];
    let told = place.ok(&[&["kernel"], &common[..], &cross].concat()).json();
    assert_eq!(told["shape"], json!([9, 4]));
    // The first images of both are the same.
    assert_eq!(read(&place, "c.npz", "ntk")[[7, 0]], k[[7, 0]]);
    place.fails(
        3,
        &[&["kernel"], &common[..], &["--x2", "z_y.npy", "--out", "n.npz"]].concat(),
        &["an input of x.npy has the shape 8x8x1", "1"],
    );
    place.fails(
        2,
        &["kernel", "--net", "myrtle5", "--x1", "z_y.npy", "--out", "n.npz"],
        &["2 spatial axes", "(n, height, width, channels)"],
    );
}

#[test]
fn networks_that_end_on_pixels_have_arrays_with_their_axes() {
    let place = Place::new();
    stripes(&place, "x", 5);
    let common = ["kernel", "--net", PIXELS, "--x1", "x.npy", "--out"];
    let told = place.ok(&[&common[..], &["full.npz", "--json"]].concat()).json();
    assert_eq!(told["shape"], json!([5, 5, 4, 4, 4, 4]));
    place.ok(&[&common[..], &["some.npz", "--spatial", "diagonal"]].concat());
    let (full, some) = (read(&place, "full.npz", "ntk"), read(&place, "some.npz", "ntk"));
    assert_eq!(some.shape(), [5, 5, 4, 4]);
    for i in 0..5 {
        for (p, q) in [(0, 0), (3, 1), (2, 2)] {
            let (one, other) = (full[[i, 4, p, q, p, q]], some[[i, 4, p, q]]);
            assert!((one - other).abs() <= 1e-12 * one.abs(), "{one} {other}");
        }
    }
    let plan = ["plan", "--net", PIXELS, "--x1", "x.npy", "--spatial", "diagonal"];
    assert!(place.ok(&plan).out.contains("5 x 5 x 4 x 4"));
    place.fails(3, &["report", "full.npz", "--out", "r.html"], &["full.npz:ntk has 6 axes"]);

    place.ok(&[&common[..], &["k.store"]].concat());
    let stored = ndarray::Array::from_shape_vec(
        vec![5, 5, 4, 4, 4, 4],
        std::fs::read(place.path("k.store/ntk.npy")).unwrap()[128..]
            .chunks_exact(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect(),
    );
    assert_eq!(stored.unwrap(), full);
    let other = [&common[..], &["k.store", "--resume", "--spatial", "diagonal"]].concat();
    place.fails(3, &other, &["spatial"]);
}

#[test]
fn graphs_bring_their_adjacency() {
    let place = Place::new();
    let net = r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "relu"}, {"layer": "global_sum_pool"}, {"layer": "dense"}]"#;
    let x = Array3::from_shape_fn((3, 5, 2), |(n, v, c)| ((n * 10 + v * 2 + c) as f64).sin());
    write_npy(place.path("x.npy"), x.view()).unwrap();
    let mut one = Array3::<f64>::zeros((3, 5, 5));
    for mut graph in one.axis_iter_mut(Axis(0)) {
        graph.diag_mut().fill(1.0);
    }
    write_npy(place.path("eye.npy"), one.view()).unwrap();
    let kernel = ["kernel", "--net", net, "--x1", "x.npy"];
    place.ok(&[&kernel[..], &["--adjacency1", "eye.npy", "--out", "k.npz"]].concat());
    // The identity aggregates nothing.
    let plain = net.replace(r#"{"layer": "aggregate"}, "#, "");
    place.ok(&["kernel", "--net", &plain, "--x1", "x.npy", "--out", "plain.npz"]);
    let (k, plain_k) = (read(&place, "k.npz", "ntk"), read(&place, "plain.npz", "ntk"));
    assert!((&k - &plain_k).iter().all(|d| d.abs() < 1e-12 * k[[0, 0]].abs()));
    let cross = ["--x2", "x.npy", "--adjacency1", "eye.npy", "--adjacency2", "eye.npy"];
    place.ok(&[&kernel[..], &cross, &["--out", "c.npz"]].concat());
    assert_eq!(read(&place, "c.npz", "ntk").shape(), [3, 3]);

    let out = ["--out", "n.npz"];
    place.fails(2, &[&kernel[..], &out].concat(), &["--adjacency1", "x.npy"]);
    let half = ["--x2", "x.npy", "--adjacency1", "eye.npy"];
    place.fails(2, &[&kernel[..], &half, &out].concat(), &["--adjacency2"]);
    let lonely = ["--adjacency1", "eye.npy", "--adjacency2", "eye.npy"];
    place.fails(2, &[&kernel[..], &lonely, &out].concat(), &["--x2"]);
    write_npy(place.path("small.npy"), Array3::<f64>::zeros((3, 4, 4)).view()).unwrap();
    let small = ["--adjacency1", "small.npy"];
    place.fails(3, &[&kernel[..], &small, &out].concat(), &["[3, 4, 4]", "[3, 5, 5]"]);
    let useless = ["kernel", "--net", &plain, "--x1", "x.npy", "--adjacency1", "eye.npy"];
    place.fails(2, &[&useless[..], &out].concat(), &["--adjacency1 eye.npy", "aggregates"]);
}

#[test]
fn values_that_are_not_finite_are_named_in_images_too() {
    let place = Place::new();
    let mut x = Array4::<f64>::ones((3, 4, 4, 1));
    x[[2, 1, 3, 0]] = f64::NAN;
    write_npy(place.path("x.npy"), x.view()).unwrap();
    place.fails(
        3,
        &["kernel", "--net", "cntk-gap:1", "--x1", "x.npy", "--out", "k.npz"],
        &["x.npy holds NaN at (2, 1, 3, 0)"],
    );
}
