//! Signals, and streams that nobody reads.
#![cfg(unix)]

use std::fs::OpenOptions;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Place, noise};

/// An hour of work on one thread, so that a signal always comes first.
const LONG: [&str; 9] =
    ["kernel", "--net", "mlp:9:tanh", "--x1", "x.npy", "--out", "k.npz", "--threads", "1"];

fn long() -> Place {
    let place = Place::new();
    place.npy("x.npy", &noise(60_000, 50, 6));
    place
}

/// Starts a command and waits until it is at work.
fn start(mut command: Command) -> Child {
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "still computing");
    child
}

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

fn end(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "still not stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether hangups are kept from this process, and so from its children, as under `nohup`: there they are
/// ignored by intent.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1)
}

#[test]
fn termination_and_hangup_stop_as_ctrl_c_does() {
    let place = long();
    let signals = ["-TERM", "-HUP"];
    for signal in &signals[..if ignores_hangups() { 1 } else { 2 }] {
        let mut command = place.command(&LONG);
        command.stderr(Stdio::piped());
        let mut child = start(command);
        send(&child, signal);
        assert_eq!(end(&mut child).code(), Some(6), "{signal}");
        let output = child.wait_with_output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
        assert_eq!(place.files().len(), 1, "no file, not even a temporary one, after {signal}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_hangup_that_was_ignored_stays_ignored() {
    let place = long();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_widelimit")]);
    shell.args(LONG).current_dir(place.path("")).stderr(Stdio::null());
    let mut child = start(shell);
    send(&child, "-HUP");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "still computing");
    send(&child, "-TERM");
    assert_eq!(end(&mut child).code(), Some(6));
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_told_is_an_exit_code() {
    let place = Place::new();
    let fails = ["net", "check", "missing.json"];
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(place.command(&fails).stderr(full).status().unwrap().code(), Some(3));
    let mut child = place.command(&fails).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(3));

    let place = long();
    let mut command = place.command(&LONG);
    command.stderr(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut child = start(command);
    send(&child, "-INT");
    assert_eq!(end(&mut child).code(), Some(6));
    assert_eq!(place.files().len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_grow_is_a_limit_reached() {
    let place = Place::new();
    place.npy("x.npy", &noise(300, 3, 1));
    place.npy("y.npy", &noise(300, 1, 2));
    let limited = |arguments: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_widelimit")]);
        let output = shell.args(arguments).current_dir(place.path("")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{told}");
        assert!(told.contains("too large") && !told.contains(".widelimit-"), "{told}");
        assert!(!told.contains("--memory"), "{told}");
        assert_eq!(place.files().len(), 2);
    };
    let fit = ["fit", "--net", "mlp:1:relu", "--x", "x.npy", "--y", "y.npy"];
    limited(&[&fit[..], &["--task", "regression", "--ridge", "1", "--out", "m"]].concat());
    limited(&["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out", "k.npz"]);
}

#[test]
fn a_demo_that_is_stopped_stops_its_steps() {
    let place = Place::new();
    let x = noise(5000, 784, 1);
    let y = noise(5000, 1, 2).mapv(|v| (v > 0.0) as u8 as f64).remove_axis(ndarray::Axis(1));
    let x = widelimit_data::Array::from(x.into_dyn());
    let y = widelimit_data::Array::from(y.into_dyn());
    let arrays = [("x_train", &x), ("y_train", &y), ("x_test", &x), ("y_test", &y)];
    widelimit_data::write_npz(place.path("d.npz"), &arrays).unwrap();
    let mut command = place.command(&["demo", "--data", "d.npz", "--threads", "1"]);
    command.stderr(Stdio::piped());
    let mut child = start(command);
    // The step has the other end of the pipe: it is at an end when the step is.
    send(&child, "-TERM");
    assert_eq!(end(&mut child).code(), Some(6));
    let start = Instant::now();
    child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "the step went on");
}
