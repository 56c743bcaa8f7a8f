//! Help, completions, man page, usage errors.

use crate::common::Place;

const COMMANDS: [&str; 11] = [
    "demo",
    "net",
    "plan",
    "kernel",
    "features",
    "fit",
    "predict",
    "graph",
    "report",
    "completions",
    "man",
];

#[test]
fn help_of_every_command_has_an_example() {
    let place = Place::new();
    let main = place.ok(&["--help"]).out;
    for command in COMMANDS {
        assert!(main.contains(&format!("\n  {command} ")), "{command} in {main}");
    }
    assert!(!main.contains("demo-step") && main.contains("Exit codes"));
    for command in ["plan", "kernel", "fit", "predict", "report", "completions", "man"] {
        let help = place.ok(&[command, "--help"]).out;
        assert!(help.contains("Example"), "{command}");
        assert!(help.contains("--memory"), "{command} takes the global flags");
    }
    for command in ["plan", "kernel", "fit", "predict"] {
        let help = place.ok(&["graph", command, "--help"]).out;
        assert!(help.contains("\n  widelimit graph ") && help.contains("--memory"), "{command}");
    }
    for command in ["merge", "export"] {
        let help = place.ok(&["kernel", command, "--help"]).out;
        assert!(help.contains("Example:\n  widelimit kernel"), "{command}");
    }
    assert!(place.ok(&["--version"]).out.starts_with("widelimit 0."));
}

#[test]
fn usage_errors_exit_with_2_and_make_nothing() {
    let place = Place::new();
    place.fails(2, &["frobnicate"], &["frobnicate"]);
    place.fails(2, &["kernel", "--net", "mlp:3:relu"], &["--x1", "--out"]);
    let k = ["kernel", "--net", "mlp:1:relu", "--x1", "x.npy", "--out", "k.npz"];
    place.fails(2, &[&k[..], &["--memory", "lots"]].concat(), &["memory", "lots", "GiB"]);
    place.fails(2, &[&k[..], &["--dtype", "f16"]].concat(), &["f16", "f32"]);
    place.fails(2, &[&k[..], &["--threads", "-1"]].concat(), &["-1"]);
    place.fails(
        2,
        &[
            "fit",
            "--net",
            "mlp:1:relu",
            "--x",
            "x.npy",
            "--y",
            "y.npy",
            "--out",
            "m",
            "--ridge",
            "-3",
        ],
        &["-3", "auto"],
    );
    place.fails(2, &["report", "m", "--out", "r.html", "--x", "x.npy"], &["--y"]);
}

#[test]
fn completions_and_man_pages_know_every_flag() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&["completions", shell]).out;
        for word in ["kernel", "ridge", "no-progress"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
        assert!(!script.contains("demo-step") && !script.contains("demo__step"), "{shell}");
    }
    let page = place.ok(&["man"]).out;
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    place.ok(&["man", "--out", "pages"]);
    for page in ["widelimit.1", "widelimit-fit.1", "widelimit-kernel.1"] {
        let text = std::fs::read_to_string(place.path("pages").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
}

#[test]
fn networks_are_shown_checked_and_listed() {
    let place = Place::new();
    let shown = place.ok(&["net", "show", "mlp:2:erf"]).out;
    place.write("net.json", shown.as_bytes());
    assert_eq!(place.ok(&["net", "show", "net.json"]).out, shown, "what is shown reads back");
    assert_eq!(place.ok(&["net", "show", &shown]).out, shown, "as text on the command line too");

    let checked = place.ok(&["net", "check", "net.json", "--input", "7", "--json"]).json();
    assert_eq!(checked["layers"], 5);
    assert_eq!(checked["input"], serde_json::json!([7]));

    let list = place.ok(&["net", "list"]).out;
    for word in ["mlp:", "myrtle5", "relu", "layer_norm", "gelu"] {
        assert!(list.contains(word), "{word}");
    }
    let wrong =
        r#"[{"layer":"dense"},{"layer":"residual","body":[{"layer":"leaky_relu","alpha":"x"}]}]"#;
    place.fails(2, &["net", "check", wrong], &["layers[1].body[0]", "alpha"]);
    place.fails(2, &["net", "check", "mlpp:3"], &["mlpp:3", "net list"]);
    place.fails(2, &["net", "check", "mlp:2:nix"], &["`nix` is not an activation", "relu"]);
    assert!(!place.run(&["net", "check", "mlp:2:nix"]).err.contains("hint"));
    place.fails(3, &["net", "check", "missing.json"], &["missing.json"]);
}

/// Every line that starts with the program's name in an example.
fn examples() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    files.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|f| f.unwrap().path()));
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let lines: Vec<String> =
        texts.flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.starts_with("widelimit ")).collect()
}

#[test]
fn examples_of_the_documentation_use_flags_that_there_are() {
    let place = Place::new();
    let examples = examples();
    assert!(examples.len() > 10, "{examples:?}");
    for line in examples {
        let words: Vec<&str> = line.split([' ', '[', ']', '|']).collect();
        assert!(COMMANDS.contains(&words[1]), "{line}");
        let command = if words[1] == "graph" { &words[1..3] } else { &words[1..2] };
        let help = place.ok(&[command, &["--help"]].concat()).out;
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let shown = help.split_whitespace().any(|word| word.trim_end_matches(',') == *flag);
            assert!(shown, "{flag} of: {line}");
        }
    }
}
