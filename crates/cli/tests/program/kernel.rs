//! `plan` and `kernel`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Place, noise};

#[test]
fn kernels_land_in_an_npz() {
    let place = Place::new();
    let x = noise(23, 5, 1);
    place.npy("x.npy", &x);
    place.npy("y.npy", &noise(11, 5, 2));
    let run = place.ok(&[
        "kernel",
        "--net",
        "mlp:2:relu",
        "--x1",
        "x.npy",
        "--get",
        "both",
        "--out",
        "k.npz",
        "--json",
    ]);
    assert_eq!(run.json()["shape"], serde_json::json!([23, 23]));
    let (ntk, nngp) = (place.read_npz("k.npz", "ntk"), place.read_npz("k.npz", "nngp"));
    assert_eq!((ntk.dim(), nngp.dim()), ((23, 23), (23, 23)));
    for i in 0..23 {
        for j in 0..23 {
            assert_eq!(ntk[[i, j]].to_bits(), ntk[[j, i]].to_bits());
            assert!(ntk[[i, i]] > nngp[[i, i]] && nngp[[i, i]] > 0.0);
        }
    }
    place.ok(&[
        "kernel",
        "--net",
        "mlp:2:relu",
        "--x1",
        "x.npy",
        "--x2",
        "y.npy",
        "--out",
        "c.npz",
    ]);
    assert_eq!(place.read_npz("c.npz", "ntk").dim(), (23, 11));

    place.ok(&[
        "kernel",
        "--net",
        "mlp:2:relu",
        "--x1",
        "x.npy",
        "--dtype",
        "f32",
        "--out",
        "s.npz",
    ]);
    let single = place.read_npz("s.npz", "ntk");
    let worst = (&single - &ntk).iter().fold(0.0f64, |m, d| m.max(d.abs()));
    assert!(worst > 0.0 && worst < 1e-5 * ntk[[0, 0]], "{worst}");
}

#[test]
fn threads_do_not_change_a_bit() {
    let place = Place::new();
    place.npy("x.npy", &noise(300, 7, 3));
    for threads in ["1", "2", "5"] {
        let out = format!("k{threads}.npz");
        place.ok(&[
            "kernel",
            "--net",
            "mlp:2:gelu",
            "--x1",
            "x.npy",
            "--out",
            &out,
            "--threads",
            threads,
        ]);
        assert!(
            std::fs::read(place.path(&out)).unwrap()
                == std::fs::read(place.path("k1.npz")).unwrap()
        );
    }
}

#[test]
fn plans_agree_with_what_is_written() {
    let place = Place::new();
    place.npy("x.npy", &noise(100, 3, 4));
    let arguments =
        ["plan", "--net", "mlp:3:relu", "--x1", "x.npy", "--get", "both", "--dtype", "f32"];
    let plan = place.ok(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(plan["result_bytes"], 2 * 100 * 100 * 4);
    assert!(plan["flops"].as_f64().unwrap() > 0.0 && plan["seconds"].as_f64().unwrap() > 0.0);
    let text = place.ok(&arguments).out;
    for word in ["result", "scratch", "engine", "expected"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert_eq!(place.files().len(), 1, "nothing was computed");
}

#[test]
fn results_larger_than_the_memory_allowed_go_to_disk() {
    let place = Place::new();
    place.npy("x.npy", &noise(1500, 4, 5));
    let common = ["--net", "mlp:1:relu", "--x1", "x.npy"];
    let plan = place.ok(&[&["plan"], &common[..], &["--memory", "8MiB", "--json"]].concat()).json();
    assert_eq!(plan["streams"], true);
    place.ok(&[&["kernel"], &common[..], &["--out", "free.npz"]].concat());
    place.ok(&[&["kernel"], &common[..], &["--out", "tight.npz", "--memory", "8MiB"]].concat());
    assert_eq!(place.read_npz("free.npz", "ntk"), place.read_npz("tight.npz", "ntk"));
    place.fails(
        5,
        &[&["kernel"], &common[..], &["--out", "no.npz", "--memory", "10KiB"]].concat(),
        &["memory", "10"],
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_at_once_and_leaves_nothing() {
    let place = Place::new();
    // An hour of work on one thread, so that the signal always comes first.
    place.npy("x.npy", &noise(60_000, 50, 6));
    let before = place.files().len();
    let mut child = place
        .command(&[
            "kernel",
            "--net",
            "mlp:9:tanh",
            "--x1",
            "x.npy",
            "--out",
            "k.npz",
            "--threads",
            "1",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "still computing");
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "still not stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
    assert_eq!(place.files().len(), before, "no file, not even a temporary one");
}

/// Arguments of a kernel of `x.npy`.
fn kernel_of<'a>(net: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["kernel", "--net", net, "--x1", "x.npy", "--out", out], more].concat()
}

#[test]
fn shards_of_a_store_make_the_whole_kernel() {
    let place = Place::new();
    place.npy("x.npy", &noise(700, 4, 8));
    place.ok(&kernel_of("mlp:2:erf", "whole.npz", &["--get", "both"]));
    let small = ["--get", "both", "--memory", "4MiB", "--json"];
    for (shard, complete) in [("2/3", false), ("1/3", false), ("3/3", true)] {
        let run = place.ok(&kernel_of(
            "mlp:2:erf",
            "k.store",
            &[&small[..], &["--shard", shard]].concat(),
        ));
        assert_eq!(run.json()["store"], complete, "{shard}");
        assert!(run.json()["tiles"].as_u64() > Some(3), "{}", run.out);
    }
    for name in ["ntk", "nngp"] {
        let whole = place.read_npz("whole.npz", name);
        assert_eq!(place.read_npy(&format!("k.store/{name}.npy")), whole, "{name}");
    }
    // Nothing is left to do; and no other job may go on with it.
    let run = place.ok(&kernel_of("mlp:2:erf", "k.store", &[&small[..], &["--resume"]].concat()));
    assert_eq!(run.json()["tiles_found"], run.json()["tiles"]);
    place.fails(2, &kernel_of("mlp:2:erf", "k.store", &small), &["k.store", "--resume"]);
    let other = [&small[..], &["--resume"]].concat();
    place.fails(3, &kernel_of("mlp:3:erf", "k.store", &other), &["another network"]);
    place.npy("x.npy", &noise(700, 4, 9));
    place.fails(3, &kernel_of("mlp:2:erf", "k.store", &other), &["another x1"]);
    place.fails(2, &kernel_of("mlp:2:erf", "k.npz", &["--resume"]), &["--resume", ".store"]);
    place.fails(2, &kernel_of("mlp:2:erf", "k.npz", &["--shard", "1/2"]), &["--shard", ".store"]);
}

/// Lines of a record: tiles that are finished.
fn on_record(place: &Place, log: &str) -> usize {
    let text = std::fs::read(place.path("k.store").join(log)).unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
#[cfg(unix)]
fn a_job_killed_three_times_goes_on_where_it_stopped() {
    let place = Place::new();
    // Seconds of work on one thread, in tiles that take some hundredths of a second.
    place.npy("x.npy", &noise(3000, 20, 10));
    let net = "mlp:30:erf";
    let more = ["--resume", "--threads", "1", "--json"];
    let arguments = kernel_of(net, "k.store", &more);
    let log = "done-1-of-1.log";
    for pause in [3, 41, 17] {
        let before = on_record(&place, log);
        let mut child = place.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while on_record(&place, log) == before {
            assert!(child.try_wait().unwrap().is_none(), "finished before more was on record");
            assert!(start.elapsed() < Duration::from_secs(120), "nothing on record");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(place.path("k.store").join("ntk.npy.part").exists());
    }
    let kept = on_record(&place, log);
    let run = place.ok(&arguments).json();
    assert_eq!(run["tiles_found"], kept);
    assert_eq!((&run["tiles_damaged"], &run["tiles_missing"]), (&0.into(), &0.into()));
    assert_eq!(run["store"], true);
    place.ok(&kernel_of(net, "whole.npz", &[]));
    assert!(place.read_npy("k.store/ntk.npy") == place.read_npz("whole.npz", "ntk"));
}

#[test]
fn a_damaged_tile_is_reported_and_computed_again() {
    let place = Place::new();
    place.npy("x.npy", &noise(300, 4, 11));
    let resume = kernel_of("mlp:2:relu", "k.store", &["--resume", "--json"]);
    let tiles = place.ok(&resume).json()["tiles"].as_u64().unwrap();
    let file = place.path("k.store").join("ntk.npy");
    let whole = std::fs::read(&file).unwrap();
    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 512].fill(0);
    std::fs::write(&file, torn).unwrap();
    place.fails(3, &["kernel", "export", "k.store", "--out", "k.npy"], &["k.store", "damaged"]);
    let run = place.ok(&resume).json();
    let damaged = run["tiles_damaged"].as_u64().unwrap();
    assert!((1..=2).contains(&damaged), "{run}");
    assert_eq!(run["tiles_found"], tiles - damaged);
    assert!(std::fs::read(&file).unwrap() == whole);
    // Records of the version before had no checksums.
    let text = std::fs::read_to_string(place.path("k.store/store.json")).unwrap();
    place.write("k.store/store.json", text.replace("\"version\": 2", "\"version\": 1").as_bytes());
    place.fails(3, &resume, &["k.store", "version 1", "version 2"]);
}

#[test]
fn parts_of_several_machines_are_joined_and_exported() {
    let place = Place::new();
    place.npy("x.npy", &noise(700, 4, 12));
    place.ok(&kernel_of("mlp:2:erf", "whole.store", &["--threads", "1"]));
    let names = ["part1.store", "part2.store", "part3.store"];
    for (name, (shard, threads)) in names.iter().zip([("1/3", "1"), ("2/3", "2"), ("3/3", "7")]) {
        // Machines differ; tiles do not.
        place.ok(&kernel_of("mlp:2:erf", name, &["--shard", shard, "--threads", threads]));
    }
    let merge = |parts: &[&'static str], out: &'static str| {
        [&["kernel", "merge"], parts, &["--out", out, "--json"]].concat()
    };
    let run = place.ok(&merge(&names[..2], "two.store")).json();
    let missing = run["tiles_missing"].as_u64().unwrap();
    assert!(missing > 0 && run["store"] == false, "{run}");
    assert_eq!(run["tiles_copied"].as_u64().unwrap() + missing, run["tiles"].as_u64().unwrap());
    place.fails(3, &["kernel", "export", "two.store", "--out", "k.npz"], &["two.store", "missing"]);
    let text = place.ok(&["kernel", "merge", "part1.store", "--out", "one.store"]).out;
    assert!(text.contains("tiles are missing"), "{text}");

    let run = place.ok(&merge(&names, "k.store")).json();
    assert_eq!((&run["store"], &run["tiles_missing"]), (&true.into(), &0.into()));
    let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
    for file in ["ntk.npy", "store.json"] {
        assert!(
            bytes(&format!("k.store/{file}")) == bytes(&format!("whole.store/{file}")),
            "{file}"
        );
    }
    // What was missing is computed where the parts came together.
    let resume = kernel_of("mlp:2:erf", "two.store", &["--resume", "--json"]);
    assert_eq!(place.ok(&resume).json()["store"], true);
    assert!(bytes("two.store/ntk.npy") == bytes("whole.store/ntk.npy"));

    place.ok(&["kernel", "export", "k.store", "--out", "k.npy"]);
    assert!(bytes("k.npy") == bytes("k.store/ntk.npy"));
    place.ok(&["kernel", "export", "k.store", "--out", "k.npz"]);
    assert_eq!(place.read_npz("k.npz", "ntk"), place.read_npy("k.npy"));

    place.fails(2, &merge(&names, "k.store"), &["k.store is there already"]);
    place.fails(2, &merge(&names, "k.npz"), &[".store"]);
    place.fails(2, &["kernel", "merge", "--out", "l.store"], &["PART.store"]);
    place.fails(2, &["kernel", "export", "k.store", "--out", "k.csv"], &[".npz or .npy"]);
    let onto = ["kernel", "export", "k.store", "--out", "k.store/ntk.npy"];
    place.fails(2, &onto, &["ntk.npy is read by this command"]);
    place.fails(3, &merge(&["part1.store", "no.store"], "l.store"), &["no.store"]);
    let other = [&kernel_of("mlp:2:relu", "other.store", &["--shard", "2/3"])[..]].concat();
    place.ok(&other);
    let odd = merge(&["part1.store", "other.store"], "l.store");
    place.fails(
        3,
        &odd,
        &["other.store", "another network than part1.store", "network[0].w_std is 1.4"],
    );
    let other = kernel_of("mlp:2:erf", "f32.store", &["--shard", "2/3", "--dtype", "f32"]);
    place.ok(&other);
    let odd = merge(&["part1.store", "f32.store"], "l.store");
    place.fails(3, &odd, &["f32.store", "another dtype", "float32, not float64"]);
    assert!(!place.path("l.store").exists());
}
