//! `features`, and `fit` on features.

use ndarray::{Array2, s};
use widelimit_data::Npz;

use crate::common::{Place, noise};

fn inputs(place: &Place) -> Array2<f64> {
    let x = noise(150, 3, 11);
    place.npy("x.npy", &x.slice(s![..100, ..]).to_owned());
    place.npy("xt.npy", &x.slice(s![100.., ..]).to_owned());
    x
}

fn error(z: &Array2<f64>, k: &Array2<f64>) -> f64 {
    let norm = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
    norm(&(z.dot(&z.t()) - k)) / norm(k)
}

const MAKE: [&str; 5] = ["features", "--net", "mlp:2:relu", "--x", "x.npy"];

#[test]
fn features_stand_for_the_kernel_of_the_same_network() {
    let place = Place::new();
    inputs(&place);
    for get in ["ntk", "nngp"] {
        place.ok(&[
            "kernel",
            "--net",
            "mlp:2:relu",
            "--x1",
            "x.npy",
            "--get",
            get,
            "--out",
            "k.npz",
        ]);
        let k = Npz::open(place.path("k.npz")).unwrap().read(get).unwrap().into_f64();
        let k = k.into_dimensionality().unwrap();
        let flags =
            ["--get", get, "--method", "centred", "--dim", "900", "--out", "z.npy", "--json"];
        let told = place.ok(&[&MAKE[..], &flags].concat()).json();
        let z = place.read_npy("z.npy");
        assert_eq!(z.dim(), (100, 900));
        let stated = told["kernel_error"].as_f64().unwrap();
        assert!((error(&z, &k) - stated).abs() < 1e-9 && stated < 0.2, "{get}: {stated}");
        assert_eq!((&told["method"], &told["kernel"]), (&"centred".into(), &get.into()));
        assert_eq!(told["dim"], 900);
    }
}

#[test]
fn a_saved_map_gives_new_rows_the_features_of_the_same_draw() {
    let place = Place::new();
    let x = inputs(&place);
    place.npy("all.npy", &x);
    let flags = ["--method", "nystrom", "--dim", "30", "--seed", "3", "--out", "z.npy"];
    let said = place.ok(&[&MAKE[..], &flags, &["--save-map", "map.safetensors"]].concat()).out;
    assert!(said.contains("nystrom") && said.contains("100 x 30"), "{said}");
    let read = |x, out| place.ok(&["features", "--map", "map.safetensors", "--x", x, "--out", out]);
    read("all.npy", "all_z.npy");
    read("xt.npy", "zt.npy");
    let all = place.read_npy("all_z.npy");
    assert_eq!(place.read_npy("z.npy"), all.slice(s![..100, ..]));
    assert_eq!(place.read_npy("zt.npy"), all.slice(s![100.., ..]));

    let again = [&MAKE[..], &flags[..6], &["--out", "again.npy", "--threads", "1"]].concat();
    place.ok(&again);
    let bytes = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(bytes("z.npy"), bytes("again.npy"));
    let other = ["--method", "nystrom", "--dim", "30", "--seed", "4", "--out", "other.npy"];
    place.ok(&[&MAKE[..], &other].concat());
    assert_ne!(bytes("z.npy"), bytes("other.npy"));
}

#[test]
fn auto_says_what_it_tried() {
    let place = Place::new();
    inputs(&place);
    let run = place.ok(&[&MAKE[..], &["--dim", "64", "--out", "z.npy", "--json"]].concat()).json();
    let trial = run["trial"].as_array().unwrap();
    assert!(trial.len() >= 3, "{run}");
    let errors = trial.iter().filter_map(|t| t["error"].as_f64());
    let best = errors.fold(f64::INFINITY, f64::min);
    let chosen = trial.iter().find(|t| t["method"] == run["method"]).unwrap();
    assert_eq!(chosen["error"].as_f64(), Some(best));
    let flags = ["--tol", "0.05", "--method", "centred", "--out", "z.npy", "--json"];
    let run = place.ok(&[&MAKE[..], &flags].concat()).json();
    assert!(run["kernel_error"].as_f64().unwrap() <= 0.05, "{run}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let place = Place::new();
    let mut x = inputs(&place);
    let fails = |code, flags: &[&str], words: &[&str]| {
        place.fails(code, &[&MAKE[..], flags, &["--out", "z.npy"]].concat(), words);
    };
    fails(2, &["--dim", "0"], &["at least 1", "got 0"]);
    fails(2, &["--method", "magic"], &["magic", "nystrom"]);
    fails(2, &["--tol", "1.5"], &["between 0 and 1", "1.5"]);
    fails(2, &["--dim", "9", "--tol", "0.1"], &["--tol"]);
    place.fails(2, &["features", "--x", "x.npy", "--out", "z.npy"], &["--net"]);
    place.fails(2, &[&MAKE[..], &["--out", "z.csv"]].concat(), &[".npy"]);
    let exact = ["--solver", "exact", "--dim", "64", "--out", "m"];
    let fit = ["fit", "--net", "mlp:2", "--x", "x.npy", "--y", "xt.npy"];
    place.fails(2, &[&fit[..], &exact].concat(), &["--dim", "--solver exact"]);
    x[[17, 1]] = f64::NAN;
    place.npy("x.npy", &x);
    fails(3, &["--dim", "64"], &["row 17", "column 1"]);
}

#[test]
fn a_fit_on_features_predicts() {
    let place = Place::new();
    let x = inputs(&place);
    let y = x.map_axis(ndarray::Axis(1), |r| (2.0 * r[0]).sin() + r[1]);
    place.npy_vector("y.npy", &y.slice(s![..100]).to_owned());
    place.npy_vector("yt.npy", &y.slice(s![100..]).to_owned());
    let fit =
        ["fit", "--net", "mlp:2:erf", "--x", "x.npy", "--y", "y.npy", "--out", "m.safetensors"];
    let told = place.ok(&[&fit[..], &["--json"]].concat()).json();
    assert_eq!(told["solver"], "exact");
    let flags = ["--solver", "features", "--dim", "90", "--method", "nystrom", "--json"];
    let told = place.ok(&[&fit[..], &flags].concat()).json();
    assert_eq!((&told["solver"], &told["method"]), (&"features".into(), &"nystrom".into()));
    assert!(told["kernel_error"].is_number() && told["loo_rmse"].is_number(), "{told}");
    let predict =
        ["predict", "--model", "m.safetensors", "--x", "xt.npy", "--y", "yt.npy", "--out", "p.npy"];
    let score = place.ok(&[&predict[..], &["--json"]].concat()).json();
    assert!(score["rmse"].as_f64().unwrap() < 0.2, "{score}");
    place.fails(2, &[&predict[..], &["--std"]].concat(), &["exact kernel", "features"]);
    place.ok(&["report", "m.safetensors", "--out", "r.html"]);
    let page = String::from_utf8(std::fs::read(place.path("r.html")).unwrap()).unwrap();
    assert!(page.contains("90 by nystrom"));
}

#[test]
fn a_sample_teaches_the_map_that_all_rows_go_through() {
    let place = Place::new();
    let x = noise(5000, 3, 5);
    place.npy("x.npy", &x);
    let make = |out, map| {
        let flags = ["--method", "centred", "--dim", "70", "--out", out, "--save-map", map];
        place.ok(&[&MAKE[..], &flags, &["--sample", "300", "--json"]].concat()).json()
    };
    let told = make("z.npy", "map.safetensors");
    assert_eq!((&told["shape"][0], &told["certified_rows"]), (&5000.into(), &300.into()));
    place.ok(&["features", "--map", "map.safetensors", "--x", "x.npy", "--out", "again.npy"]);
    assert_eq!(place.read_npy("z.npy"), place.read_npy("again.npy"));
    // The table as text has the same rows, and so the same sample and features.
    let lines: Vec<String> =
        x.rows().into_iter().map(|r| format!("{:?},{:?},{:?}\n", r[0], r[1], r[2])).collect();
    place.write("x.csv", lines.concat().as_bytes());
    let csv = ["features", "--net", "mlp:2:relu", "--x", "x.csv", "--method", "centred"];
    let flags = ["--dim", "70", "--sample", "300", "--out", "csv.npy"];
    place.ok(&[&csv[..], &flags].concat());
    assert_eq!(place.read_npy("z.npy"), place.read_npy("csv.npy"));

    let mut bad = x.clone();
    bad[[4321, 2]] = f64::INFINITY;
    place.npy("bad.npy", &bad);
    let read = ["features", "--map", "map.safetensors", "--x", "bad.npy", "--out", "b.npy"];
    place.fails(3, &read, &["bad.npy", "row 4321", "column 2"]);
    place.npy("narrow.npy", &noise(4, 2, 1));
    let read = ["features", "--map", "map.safetensors", "--x", "narrow.npy", "--out", "b.npy"];
    place.fails(3, &read, &["narrow.npy", "2", "3"]);
    let fails = ["--sample", "0", "--out", "b.npy"];
    place.fails(2, &[&MAKE[..], &fails].concat(), &["at least 1"]);
}

#[test]
fn methods_that_take_too_long_are_passed_over() {
    let place = Place::new();
    place.npy("x.npy", &noise(3000, 3, 5));
    let limited = |seconds: &'static str| {
        [&MAKE[..], &["--dim", "256", "--max-seconds", seconds, "--out", "z.npy"]].concat()
    };
    place.ok(&limited("3600"));
    place.fails(
        5,
        &limited("1e-9"),
        &["256 features of 3000 rows", "fastest method", "0.000000001"],
    );
    place.fails(2, &limited("0"), &["above 0"]);
    let fixed = ["--method", "centred"];
    place.fails(5, &[&limited("1e-9")[..], &fixed].concat(), &["256 features"]);
    let told = place.ok(&[&limited("3600")[..], &fixed, &["--json"]].concat()).json();
    assert_eq!(told["method"], "centred");
}

/// A table of 9000 rows whose targets are a function of the rows, and the flags of a fit to it.
fn table(place: &Place) -> Vec<&'static str> {
    let x = noise(9000, 3, 8);
    let y = x.map_axis(ndarray::Axis(1), |r| (2.0 * r[0]).sin() + r[1]);
    place.npy("x.npy", &x);
    place.npy_vector("y.npy", &y);
    place.npy("xt.npy", &x.slice(s![..500, ..]).to_owned());
    place.npy_vector("yt.npy", &y.slice(s![..500]).to_owned());
    let flags = ["--sample", "400", "--dim", "120", "--method", "centred", "--json"];
    [&["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy"][..], &flags].concat()
}

#[test]
fn a_fit_that_never_holds_the_table_predicts() {
    let place = Place::new();
    let fit = table(&place);
    let told = place.ok(&[&fit[..], &["--out", "m.safetensors"]].concat()).json();
    assert_eq!((&told["rows"], &told["certified_rows"]), (&9000.into(), &400.into()), "{told}");
    let predict =
        ["predict", "--model", "m.safetensors", "--x", "xt.npy", "--y", "yt.npy", "--out", "p.npy"];
    let score = place.ok(&[&predict[..], &["--json"]].concat()).json();
    assert!(score["rmse"].as_f64().unwrap() < 0.2, "{score}");
    place.ok(&["report", "m.safetensors", "--out", "r.html"]);

    let exact = [&fit[..], &["--solver", "exact", "--out", "n"]].concat();
    place.fails(2, &exact, &["--solver exact"]);
    let alone = ["fit", "--net", "mlp:1", "--x", "x.npy", "--y", "y.npy", "--out", "n"];
    place.fails(2, &[&alone[..], &["--state", "s"]].concat(), &["--sample"]);
    place.write("s", b"no state");
    let resumed = [&fit[..], &["--state", "s", "--out", "n"]].concat();
    place.fails(3, &resumed, &["s"]);
}

#[test]
fn a_fit_that_was_stopped_goes_on() {
    let place = Place::new();
    let fit = table(&place);
    place.ok(&[&fit[..], &["--out", "whole"]].concat());
    // What a stopped job leaves: the state of the first rows.
    let x = place.read_npy("x.npy");
    let y = place.read_npy("y.npy");
    let (network, run) =
        (widelimit::Network::preset("mlp:1:relu").unwrap(), widelimit::Run::default());
    let method = widelimit::features::Method::from_name("centred").unwrap();
    let features = widelimit::features::FeatureSettings {
        method,
        dim: widelimit::features::Dim::Given(120),
        ..Default::default()
    };
    let settings = widelimit::Settings { features, ..Default::default() };
    let numbers = widelimit::sample_rows(9000, 400, 0).unwrap();
    let sample = x.select(ndarray::Axis(0), &numbers);
    let targets = widelimit::Targets::Numbers(y);
    let mut stopped =
        widelimit::StreamedFit::begin(&network, sample.view(), &targets, &settings, &run).unwrap();
    stopped.take(x.slice(s![..5001, ..]), &run).unwrap();
    stopped.save(place.path("state")).unwrap();

    let went = place.ok(&[&fit[..], &["--state", "state", "--out", "resumed"]].concat());
    assert!(went.err.contains("after 5001 of 9000 rows"), "{}", went.err);
    let bytes = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(bytes("whole"), bytes("resumed"));
    assert!(!place.path("state").exists(), "the model has all of it");
    stopped.save(place.path("state")).unwrap();
    let other = [&fit[..], &["--seed", "1", "--state", "state", "--out", "n"]].concat();
    place.fails(3, &other, &["state", "another fit"]);
}

#[test]
fn plans_of_features_say_what_they_will_cost() {
    let place = Place::new();
    inputs(&place);
    let common = ["plan", "--net", "mlp:2:relu", "--x1", "x.npy"];
    let told =
        place.ok(&[&common[..], &["--dim", "64", "--dtype", "f32", "--json"]].concat()).json();
    assert_eq!((&told["rows"], &told["dim"]), (&100.into(), &64.into()));
    assert_eq!(told["result_bytes"], 4 * 100 * 64);
    let methods = told["methods"].as_array().unwrap();
    let zonal = methods.iter().find(|tried| tried["method"] == "zonal").unwrap();
    assert!(zonal["seconds"].as_f64().unwrap() > 0.0 && zonal["refused"].is_null());
    let text = place.ok(&[&common[..], &["--method", "centred"]].concat()).out;
    for word in ["100 x 512", "scratch", "regression", "centred"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(!text.contains("zonal"), "{text}");
    let fails = |code, flags: &[&str], words: &[&str]| {
        place.fails(code, &[&common[..], flags].concat(), words);
    };
    fails(2, &["--dim", "64", "--get", "both"], &["--dim", "one kernel"]);
    fails(2, &["--method", "zonal", "--x2", "xt.npy"], &["--method", "--x2"]);
    fails(5, &["--dim", "4096", "--memory", "1MiB"], &["a feature map needs"]);
    let tolerance = place.run(&[&common[..], &["--tol", "0.1"]].concat());
    assert!(tolerance.err.contains("a tolerance of 0.1"), "{}", tolerance.err);
}
