//! `fit`, `predict`, `report`.

use ndarray::{Array1, Array2, s};

use crate::common::{Place, noise};

fn regression(place: &Place) -> (Array2<f64>, Array1<f64>) {
    let x = noise(120, 3, 7);
    let y = x.map_axis(ndarray::Axis(1), |r| (2.0 * r[0]).sin() + r[1]);
    place.npy("x.npy", &x.slice(s![..80, ..]).to_owned());
    place.npy_vector("y.npy", &y.slice(s![..80]).to_owned());
    place.npy("xt.npy", &x.slice(s![80.., ..]).to_owned());
    place.npy_vector("yt.npy", &y.slice(s![80..]).to_owned());
    (x, y)
}

/// A table with a header, four columns of numbers and one of names.
fn classes(place: &Place) {
    let mut text = String::from("a,b,c,d,kind\n");
    for (k, row) in noise(150, 4, 8).rows().into_iter().enumerate() {
        let kind = ["ash", "birch, silver", "cedar \"red\""][k % 3];
        let shifted = [row[0] + (k % 3) as f64, row[1] - (k % 3) as f64, row[2], row[3]];
        let numbers = shifted.map(|v| v.to_string()).join(",");
        text += &format!("{numbers},\"{}\"\n", kind.replace('"', "\"\""));
    }
    place.write("trees.csv", text.as_bytes());
}

#[test]
fn regression_round_trip() {
    let place = Place::new();
    let (_, y) = regression(&place);
    let fit = [
        "fit",
        "--net",
        "mlp:2:erf",
        "--x",
        "x.npy",
        "--y",
        "y.npy",
        "--out",
        "m.safetensors",
        "--json",
    ];
    let fitted = place.ok(&fit).json();
    assert_eq!(fitted["task"], "regression");
    for number in ["ridge", "condition", "jitter", "residual", "loo_rmse"] {
        assert!(fitted[number].is_number(), "{number} in {fitted}");
    }
    let predict =
        ["predict", "--model", "m.safetensors", "--x", "xt.npy", "--y", "yt.npy", "--out", "p.npy"];
    let score = place.ok(&[&predict[..], &["--json"]].concat()).json();
    let p = place.read_npy("p.npy");
    assert_eq!(p.dim(), (40, 1));
    let by_hand = (0..40).map(|i| (p[[i, 0]] - y[80 + i]).powi(2)).sum::<f64>() / 40.0;
    let rmse = score["rmse"].as_f64().unwrap();
    assert!((rmse - by_hand.sqrt()).abs() < 1e-12 && rmse < 0.05, "{rmse}");
    assert!(place.ok(&predict).out.starts_with("rmse"));

    let again = std::fs::read(place.path("p.npy")).unwrap();
    place.ok(&predict);
    assert_eq!(std::fs::read(place.path("p.npy")).unwrap(), again, "the same bits every time");

    place.ok(&["report", "m.safetensors", "--x", "xt.npy", "--y", "yt.npy", "--out", "r.html"]);
    let html = std::fs::read_to_string(place.path("r.html")).unwrap();
    for part in ["scatter-t", "ridge-path-t", "spectrum-t", "Condition"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("confusion-t") && !html.contains("NaN"));
}

#[test]
fn classification_round_trip_from_a_table() {
    let place = Place::new();
    classes(&place);
    let fit = [
        "fit",
        "--net",
        "mlp:2:relu",
        "--x",
        "trees.csv",
        "--y",
        "trees.csv:kind",
        "--out",
        "m.safetensors",
        "--json",
    ];
    let fitted = place.ok(&fit).json();
    assert_eq!(fitted["task"], "classification");
    assert_eq!(fitted["classes"], serde_json::json!(["ash", "birch, silver", "cedar \"red\""]));
    let predict = [
        "predict",
        "--model",
        "m.safetensors",
        "--x",
        "trees.csv",
        "--y",
        "trees.csv:kind",
        "--out",
        "p.npy",
        "--json",
    ];
    let accuracy = place.ok(&predict).json()["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.8, "{accuracy}");
    assert!(place.path("p.npy").is_file());
    place.ok(&[
        "report",
        "m.safetensors",
        "--x",
        "trees.csv",
        "--y",
        "trees.csv:kind",
        "--out",
        "r.html",
    ]);
    let html = std::fs::read_to_string(place.path("r.html")).unwrap();
    assert!(
        html.contains("confusion-t") && html.contains("margins-t") && html.contains("cedar &quot;")
    );
}

#[test]
fn the_posterior_has_a_standard_deviation() {
    let place = Place::new();
    regression(&place);
    place.ok(&[
        "fit",
        "--net",
        "mlp:2:erf",
        "--x",
        "x.npy",
        "--y",
        "y.npy",
        "--get",
        "nngp",
        "--out",
        "m.safetensors",
    ]);
    place.ok(&["predict", "--model", "m.safetensors", "--x", "xt.npy", "--std", "--out", "p.npy"]);
    let std = place.read_npy("p.std.npy");
    assert_eq!(std.nrows(), 40);
    assert!(std.iter().all(|v| v.is_finite() && *v >= 0.0) && std.iter().any(|v| *v > 0.0));
    // Rows far from all training rows are known least.
    place.npy("far.npy", &noise(5, 3, 10).mapv(|v| 100.0 * v.signum()));
    place.ok(&["predict", "--model", "m.safetensors", "--x", "far.npy", "--std", "--out", "q.npy"]);
    let (far, near) = (place.read_npy("q.std.npy"), std);
    assert!(far.iter().all(|f| near.iter().all(|n| f > n)), "{far} {near}");
}

#[test]
fn a_given_ridge_is_taken() {
    let place = Place::new();
    regression(&place);
    let fit = [
        "fit",
        "--net",
        "mlp:1:relu",
        "--x",
        "x.npy",
        "--y",
        "y.npy",
        "--out",
        "m.safetensors",
        "--json",
    ];
    let fitted = place.ok(&[&fit[..], &["--ridge", "0.25"]].concat()).json();
    assert_eq!(fitted["relative_ridge"], 0.25);
}

#[test]
fn kernels_have_reports() {
    let place = Place::new();
    place.npy("x.npy", &noise(60, 3, 9));
    place.ok(&[
        "kernel",
        "--net",
        "mlp:2:relu",
        "--x1",
        "x.npy",
        "--get",
        "both",
        "--out",
        "k.npz",
    ]);
    place.ok(&["report", "k.npz", "--out", "r.html"]);
    let html = std::fs::read_to_string(place.path("r.html")).unwrap();
    assert!(html.contains("spectrum-t") && html.contains("NNGP") && html.contains("NTK"));
}

#[test]
fn targets_are_left_out_however_their_table_is_spelt() {
    let place = Place::new();
    classes(&place);
    let absolute = place.path("trees.csv").display().to_string();
    let mut spellings = vec!["./trees.csv", absolute.as_str()];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("trees.csv", place.path("link.csv")).unwrap();
        std::fs::hard_link(place.path("trees.csv"), place.path("hard.csv")).unwrap();
        spellings.extend(["link.csv", "hard.csv"]);
    }
    for x in spellings {
        let fit = ["fit", "--net", "mlp:1:relu", "--x", x, "--y", "trees.csv:kind", "--out", "m"];
        let fitted = place.ok(&[&fit[..], &["--json"]].concat()).json();
        assert_eq!(fitted["features"], 4, "{x}");
    }
    for (x, y) in [("trees.csv:a", "./trees.csv:a"), ("trees.csv", "trees.csv")] {
        let fit = ["fit", "--net", "mlp:1:relu", "--x", x, "--y", y, "--out", "n"];
        place.fails(2, &fit, &["hold the targets"]);
    }
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "trees.csv:a", "--y", "trees.csv:b"];
    place.ok(&[&fit[..], &["--out", "n"]].concat());
}

#[test]
fn whole_numbers_that_can_be_no_classes_are_asked_about() {
    let place = Place::new();
    let rows: String = (0..20).map(|k| format!("{}.5,{}\n", k, 100 + k * k)).collect();
    place.write("t.csv", format!("a,price\n{rows}").as_bytes());
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "t.csv", "--y", "t.csv:price", "--out", "m"];
    place.fails(2, &fit, &["20 different whole numbers in 20 rows", "--task regression"]);
    place.ok(&[&fit[..], &["--task", "regression"]].concat());
    let predict = ["predict", "--model", "m", "--x", "t.csv", "--y", "t.csv:price"];
    let scores = [&predict[..], &["--scores", "--out", "p.npy"]].concat();
    place.fails(2, &scores, &["--scores", "regression"]);
    let whole = ["predict", "--model", "m", "--x", "t.csv", "--out", "p.npy"];
    place.fails(3, &whole, &["t.csv has 2 features", "--y"]);
}

#[test]
fn classes_that_the_model_does_not_know_are_named() {
    let place = Place::new();
    classes(&place);
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "trees.csv", "--y", "trees.csv:kind"];
    place.ok(&[&fit[..], &["--out", "m"]].concat());
    let table = std::fs::read_to_string(place.path("trees.csv")).unwrap();
    place.write("other.csv", table.replace(",\"ash\"", ",\"oak\"").as_bytes());
    let predict = ["predict", "--model", "m", "--out", "p.npy", "--x", "other.csv"];
    let run = place.ok(&[&predict[..], &["--y", "other.csv:kind"]].concat());
    assert!(run.err.contains("50 of 150 rows") && run.err.contains("`oak`"), "{}", run.err);
    let labels: String = (0..150).map(|k| format!("{}\n", ["fir", "yew"][k % 2])).collect();
    place.write("labels.csv", labels.as_bytes());
    let bare = |line: &str| {
        let end = line.find(",\"").or(line.find(",kind")).unwrap();
        format!("{}\n", &line[..end])
    };
    place.write("x.csv", table.lines().map(bare).collect::<String>().as_bytes());
    let strange = ["--x", "x.csv", "--y", "labels.csv", "--out", "q.npy"];
    place.fails(
        3,
        &[&["predict", "--model", "m"], &strange[..]].concat(),
        &["no class of labels.csv", "`fir`", "`ash`"],
    );
}

#[test]
fn matrices_that_are_no_kernels_are_called_so() {
    let place = Place::new();
    let report = |entries: [[f64; 2]; 2]| {
        let matrix = widelimit_data::Array::from(ndarray::arr2(&entries).into_dyn());
        widelimit_data::write_npz(place.path("k.npz"), &[("ntk", &matrix)]).unwrap();
        let run = place.ok(&["report", "k.npz", "--out", "r.html"]);
        (run.err, std::fs::read_to_string(place.path("r.html")).unwrap())
    };
    let (told, page) = report([[1.0, 2.0], [2.0, 1.0]]);
    for text in [&told, &page] {
        assert!(text.contains("NTK has a negative eigenvalue"), "{text}");
    }
    assert!(page.contains("1 eigenvalue is negative") && !page.contains("zero to working"));
    let (told, page) = report([[1.0, 100.0], [0.0, 1.0]]);
    for text in [&told, &page] {
        assert!(text.contains("NTK is not symmetric"), "{text}");
    }
    let (told, page) = report([[2.0, 1.0], [1.0, 2.0]]);
    assert!(told.is_empty() && !page.contains("no kernel"), "{told}");
}
