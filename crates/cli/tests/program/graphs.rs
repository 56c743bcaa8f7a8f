//! `graph`.

use ndarray::{Array1, Array2};
use widelimit_data::{Array, Npz, write_npz};

use crate::common::{Place, read_npz};

/// Rings and paths of 4 to 9 nodes in turn, in a file, with their kinds.
fn write(place: &Place, name: &str, sizes: &[usize], labelled: bool) {
    let (mut offsets, mut ends) = (vec![0.0], Vec::new());
    let mut kinds = Vec::new();
    for (graph, &size) in sizes.iter().enumerate() {
        let first = offsets[graph];
        let ring = graph % 2 == 0;
        for node in 0..size - usize::from(!ring) {
            let (from, to) = (first + node as f64, first + ((node + 1) % size) as f64);
            ends.extend([[from, to], [to, from]]);
        }
        kinds.push(if ring { 3.0 } else { 1.0 });
        offsets.push(first + size as f64);
    }
    let edges = Array2::from_shape_fn((2, ends.len()), |(side, edge)| ends[edge][side]);
    let offsets = Array::from(Array1::from(offsets).into_dyn());
    let edges = Array::from(edges.into_dyn());
    let kinds = Array::from(Array1::from(kinds).into_dyn());
    let mut arrays = vec![("node_offsets", &offsets), ("edge_index", &edges)];
    if labelled {
        arrays.push(("graph_labels", &kinds));
    }
    write_npz(place.path(name), &arrays).unwrap();
}

fn place() -> Place {
    let place = Place::new();
    let sizes: Vec<usize> = (0..24).map(|i| 4 + (i / 2) % 6).collect();
    write(&place, "train.npz", &sizes, true);
    write(&place, "test.npz", &[7, 5, 8, 9], true);
    write(&place, "bare.npz", &[7, 5], false);
    place
}

#[test]
fn sketched_kernels_say_how_far_off_they_are() {
    let place = place();
    let run = |method: &str, out: &str| {
        let arguments = "graph kernel --graphs train.npz --layers 3 --json";
        let mut arguments: Vec<_> = arguments.split(' ').collect();
        arguments.extend(["--method", method, "--out", out]);
        if method != "exact" {
            arguments.extend(["--sketch-size", "5"]);
        }
        place.ok(&arguments).json()
    };
    let exact = run("exact", "exact.npz");
    assert!(exact.get("sketched_pairs").is_none());
    let told = run("sketched", "sketched.npz");
    // Of the sizes 4 to 9, four graphs each, only the first two are not above 5: 8 * 9 / 2 pairs, and 16 alone.
    assert_eq!(told["sketched_pairs"], 300 - 36 - 16);
    let [near, far] =
        ["sketched", "exact"].map(|name| place.read_npz(&format!("{name}.npz"), "kernel"));
    let off = (&near - &far).mapv(|x| x * x).sum().sqrt() / far.mapv(|x| x * x).sum().sqrt();
    let expected = told["relative_error"].as_f64().unwrap();
    assert!(off < 3.0 * expected + 1e-6, "{off} {expected}");
    assert!(told["ridge"].as_f64().unwrap() >= 0.0);
    assert!(told["smallest_eigenvalue"].is_number());
    assert_eq!(run("auto", "auto.npz")["sketched_pairs"], 0);
    let bad = ["graph", "kernel", "--graphs", "train.npz", "--tolerance", "-1", "--out", "k.npz"];
    place.fails(2, &bad, &["--tolerance: expected at least 0, got -1"]);
    let text = place.ok(&[
        "graph",
        "kernel",
        "--graphs",
        "train.npz",
        "--method",
        "sketched",
        "--sketch-size",
        "5",
        "--repair",
        "clip",
        "--out",
        "clip.npz",
    ]);
    assert!(text.out.contains("248 of 300"), "{}", text.out);
}

#[test]
fn features_stand_for_the_kernel() {
    let place = place();
    let job = "graph features --graphs train.npz --layers 3 --jk --seed 4 --dim 1024 --json";
    let mut job: Vec<_> = job.split(' ').collect();
    job.extend(["--save-map", "map.json", "--out", "z.npy"]);
    let told = place.ok(&job).json();
    assert_eq!(
        (&told["shape"], &told["method"]),
        (&serde_json::json!([24, 1024]), &"centred".into())
    );
    place.ok(&[
        "graph",
        "kernel",
        "--graphs",
        "train.npz",
        "--layers",
        "3",
        "--jk",
        "--out",
        "k.npz",
    ]);
    let (z, kernel) = (place.read_npy("z.npy"), place.read_npz("k.npz", "kernel"));
    let norm = |matrix: &Array2<f64>| matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
    let error = norm(&(z.dot(&z.t()) - &kernel)) / norm(&kernel);
    assert!((told["kernel_error"].as_f64().unwrap() / error - 1.0).abs() < 1e-9 && error < 0.1);
    // the map gives the same graphs the same features, in either precision
    let again =
        ["graph", "features", "--map", "map.json", "--graphs", "train.npz", "--out", "a.npy"];
    place.ok(&again);
    assert_eq!(place.read_npy("a.npy"), z);
    let narrow = ["graph", "features", "--map", "map.json", "--graphs", "train.npz"];
    let told = place.ok(&[&narrow[..], &["--dtype", "f32", "--out", "b.npy"]].concat());
    assert!(!told.out.contains("kernel error") && told.out.contains("24 x 1024"), "{}", told.out);

    let fails = |code, more: &[&str], words: &[&str]| {
        let job = ["graph", "features", "--graphs", "train.npz", "--out", "f.npy"];
        place.fails(code, &[&job[..], more].concat(), words);
    };
    fails(2, &["--method", "best"], &["expected one of", "centred"]);
    fails(2, &["--map", "map.json", "--dim", "12"], &["--map", "--dim"]);
    fails(3, &["--map", "none.json"], &["cannot read the map none.json"]);
    fails(3, &["--map", "train.npz"], &["train.npz"]);
    std::fs::write(place.path("other.json"), "{}").unwrap();
    fails(3, &["--map", "other.json"], &["other.json", "features of graphs as JSON"]);
    fails(5, &["--memory", "1KiB"], &["memory"]);
    fails(2, &["--dim", "0"], &[]);
}

#[test]
fn kernels_land_in_an_npz() {
    let place = place();
    let run = place.ok(&[
        "graph",
        "kernel",
        "--graphs",
        "train.npz",
        "--layers",
        "4",
        "--normalise",
        "--out",
        "k.npz",
        "--json",
    ]);
    assert_eq!(run.json()["shape"], serde_json::json!([24, 24]));
    let whole = place.read_npz("k.npz", "kernel");
    assert!(whole.diag().iter().all(|x| *x == 1.0));
    assert_eq!(whole, whole.t());
    place.ok(&[
        "graph",
        "kernel",
        "--graphs",
        "test.npz",
        "--graphs2",
        "train.npz",
        "--dtype",
        "f32",
        "--jk",
        "--scale",
        "uniform",
        "--mlp",
        "2",
        "--out",
        "c.npz",
    ]);
    let npz = Npz::open(place.path("c.npz")).unwrap();
    assert!(matches!(npz.read("kernel").unwrap(), Array::F32(values) if values.shape() == [4, 24]));
    let planned = place.ok(&["graph", "plan", "--graphs", "train.npz", "--json"]).json();
    assert_eq!((&planned["pairs"], &planned["result_bytes"]), (&300.into(), &4608.into()));
}

#[test]
fn parts_make_a_store() {
    let place = place();
    let job = ["graph", "kernel", "--graphs", "train.npz", "--layers", "300", "--mlp", "3"];
    let with = |more: &[&str]| place.ok(&[&job, more].concat());
    with(&["--out", "a.store", "--shard", "1/2"]);
    let state = with(&["--out", "b.store", "--shard", "2/2", "--json"]).json();
    assert_eq!(state["store"], false);
    place.ok(&["kernel", "merge", "a.store", "b.store", "--out", "k.store"]);
    let state = with(&["--out", "k.store", "--resume", "--json"]).json();
    assert_eq!((&state["store"], &state["tiles_missing"]), (&true.into(), &0.into()));
    assert_eq!(state["tiles_found"], state["tiles"]);
    with(&["--out", "k.npz"]);
    place.ok(&["kernel", "export", "k.store", "--out", "exported.npz"]);
    let [one, two] = ["k.npz", "exported.npz"].map(|file| read_npz(&place.path(file), "kernel"));
    assert_eq!(one, two);
    place.fails(2, &[&job[..], &["--out", "k.store"]].concat(), &["--resume continues it"]);
    let other = ["graph", "kernel", "--graphs", "test.npz", "--out", "k.store", "--resume"];
    place.fails(3, &other, &["begun with another"]);
}

#[test]
fn models_predict_the_kind() {
    let place = place();
    let fitted = place.ok(&[
        "graph",
        "fit",
        "--graphs",
        "train.npz",
        "--layers",
        "3",
        "--task",
        "classification",
        "--out",
        "m.safetensors",
        "--json",
    ]);
    assert_eq!(fitted.json()["classes"], serde_json::json!(["1", "3"]));
    let predicted = place.ok(&[
        "graph",
        "predict",
        "--model",
        "m.safetensors",
        "--graphs",
        "test.npz",
        "--scores",
        "--out",
        "p.npy",
        "--json",
    ]);
    assert_eq!(predicted.json()["accuracy"], 1.0);
    assert_eq!(place.read_npy("p.npy"), ndarray::array![[3.0], [1.0], [3.0], [1.0]]);
    assert_eq!(place.read_npy("p.scores.npy").dim(), (4, 2));
    // Without classes in the file there is no score.
    let bare = place.ok(&[
        "graph",
        "predict",
        "--model",
        "m.safetensors",
        "--graphs",
        "bare.npz",
        "--out",
        "b.npy",
        "--json",
    ]);
    assert!(bare.json().get("accuracy").is_none());
    // Values.
    place.npy_vector("values.npy", &Array1::from_shape_fn(24, |i| 1.5 - 2.25 * (i % 2) as f64));
    place.ok(&[
        "graph",
        "fit",
        "--graphs",
        "train.npz",
        "--y",
        "values.npy",
        "--ridge",
        "1e-6",
        "--out",
        "values.safetensors",
    ]);
    place.npy_vector("true.npy", &ndarray::array![1.5, -0.75, 1.5, -0.75]);
    let scored = place.ok(&[
        "graph",
        "predict",
        "--model",
        "values.safetensors",
        "--graphs",
        "test.npz",
        "--y",
        "true.npy",
        "--out",
        "s.npy",
        "--json",
    ]);
    // The truth has a standard deviation of 1.125.
    assert!(scored.json()["rmse"].as_f64().unwrap() < 0.6, "{}", scored.out);
}

#[test]
fn colours_and_other_formats() {
    let place = place();
    place.write("edges.csv", b"graph,source,target\na,0,1\na,1,2\na,2,0\nb,0,1\nb,1,2\n");
    let triangle_and_path = [
        "graph",
        "kernel",
        "--graphs",
        "edges.csv",
        "--kernel",
        "wl-subtree",
        "--rounds",
        "1",
        "--out",
        "k.npz",
    ];
    place.ok(&triangle_and_path);
    assert_eq!(place.read_npz("k.npz", "kernel"), ndarray::array![[18.0, 3.0], [3.0, 10.0]]);
    // what lies beside the edges: a node of its own, classes
    place.write("edges.nodes.csv", b"graph,node\na,0\na,1\na,2\nb,0\nb,1\nb,2\nb,alone\n");
    place.write("edges.graphs.csv", b"graph,label\na,ring\nb,path\n");
    place.ok(&triangle_and_path);
    assert_eq!(place.read_npz("k.npz", "kernel"), ndarray::array![[18.0, 3.0], [3.0, 12.0]]);
    let fit = ["graph", "fit", "--graphs", "edges.csv", "--out", "m", "--json"];
    assert_eq!(place.ok(&fit).json()["classes"], serde_json::json!(["path", "ring"]));
    std::fs::create_dir(place.path("SET")).unwrap();
    place.write("SET/SET_A.txt", b"1, 2\n2, 1\n2, 3\n3, 2\n3, 1\n1, 3\n4, 5\n5, 4\n5, 6\n6, 5\n");
    place.write("SET/SET_graph_indicator.txt", b"1\n1\n1\n2\n2\n2\n");
    for path in ["SET", "SET/SET_A.txt"] {
        place.ok(&[
            "graph", "kernel", "--graphs", path, "--kernel", "wl-oa", "--rounds", "1", "--out",
            "t.npz",
        ]);
        assert_eq!(place.read_npz("t.npz", "kernel"), ndarray::array![[6.0, 1.0], [1.0, 6.0]]);
    }
    let fit = [
        "graph",
        "fit",
        "--graphs",
        "train.npz",
        "--kernel",
        "wl-subtree",
        "--rounds",
        "2",
        "--task",
        "classification",
        "--out",
        "m",
    ];
    place.ok(&fit);
    let predict =
        ["graph", "predict", "--model", "m", "--graphs", "test.npz", "--out", "p.npy", "--json"];
    assert_eq!(place.ok(&predict).json()["accuracy"], 1.0);
    place.fails(2, &["graph", "kernel", "--graphs", "x.txt", "--out", "k.npz"], &["TU folder"]);
}

#[test]
fn flags_of_another_kernel_are_refused() {
    let place = place();
    for (flags, told) in [
        ("--kernel wl-oa --layers 3 --out k.npz", "--layers is of `--kernel gntk`"),
        ("--kernel wl-oa --dtype f32 --out k.npz", "--dtype is of `--kernel gntk`"),
        ("--kernel wl-oa --method auto --out k.npz", "--method is of `--kernel gntk`"),
        ("--rounds 3 --out k.npz", "--rounds is of Weisfeiler-Leman kernels"),
        ("--sketch-size 8 --out k.npz", "--sketch-size is of `--method sketched` and `auto`"),
        ("--method auto --out k.store", "the tiles of a store are exact"),
    ] {
        let mut job = vec!["graph", "kernel", "--graphs", "train.npz"];
        job.extend(flags.split(' '));
        place.fails(2, &job, &[told]);
    }
}

#[test]
fn what_cannot_be_is_one_sentence() {
    let place = place();
    let x = Array::from(ndarray::array![[0.0, 1.0], [1.0, 0.0]].into_dyn());
    let offsets = Array::from(ndarray::array![0.0, 1.5].into_dyn());
    write_npz(place.path("x.npz"), &[("x", &x)]).unwrap();
    write_npz(place.path("half.npz"), &[("node_offsets", &offsets), ("edge_index", &x)]).unwrap();
    let kernel = |graphs: &str, more: &[&str], code, words: &[&str]| {
        let job = ["graph", "kernel", "--graphs", graphs, "--out", "k.npz"];
        place.fails(code, &[&job[..], more].concat(), words);
    };
    kernel("x.npz", &[], 3, &["node_offsets"]);
    kernel("half.npz", &[], 3, &["half.npz:node_offsets", "1.5"]);
    kernel("missing.npz", &[], 3, &["missing.npz"]);
    kernel("train.npz", &["--layers", "0"], 2, &["layers is 0"]);
    kernel("train.npz", &["--activation", "flatten"], 2, &["activation"]);
    kernel("train.npz", &["--memory", "1KiB"], 5, &["graph plan"]);
    kernel("train.npz", &["--resume"], 2, &[".store"]);
    kernel(
        "train.npz",
        &["--scale", "uniform", "--layers", "900"],
        4,
        &["overflows", "--scale degree"],
    );
    place.fails(2, &["graph", "fit", "--graphs", "bare.npz", "--out", "m"], &["--y gives them"]);
    place.npy("y.npy", &Array2::zeros((3, 1)));
    let fit = ["graph", "fit", "--graphs", "train.npz", "--y", "y.npy", "--out", "m"];
    place.fails(3, &fit, &["24 graphs but y.npy has 3 rows"]);
    place.npy("x.npy", &Array2::eye(4));
    place.npy("z.npy", &Array2::zeros((4, 1)));
    place.ok(&[
        "fit",
        "--net",
        "mlp:1",
        "--x",
        "x.npy",
        "--y",
        "z.npy",
        "--task",
        "regression",
        "--out",
        "n",
    ]);
    let predict = ["graph", "predict", "--model", "n", "--graphs", "test.npz", "--out", "p.npy"];
    place.fails(3, &predict, &["no model of graphs"]);
}
