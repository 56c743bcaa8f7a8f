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
