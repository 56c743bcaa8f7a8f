//! Output files, looked at before anything is computed.

use std::path::Path;

use widelimit::data::check_writable;

use crate::failure::Failure;
use crate::interrupt;

/// Insists that all outputs can be written, and that none of them is an input or another output.
pub fn ready(outputs: &[&Path], inputs: &[&Path]) -> Result<(), Failure> {
    for (k, output) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| same_file(input, output)) {
            return Err(Failure::usage(format!(
                "{} is read by this command; write the result to another file",
                output.display()
            )));
        }
        if let Some(other) = outputs[..k].iter().find(|other| same_file(other, output)) {
            return Err(Failure::usage(format!(
                "{} and {} are one file, but two results are to be written",
                other.display(),
                output.display()
            )));
        }
    }
    // The files that this makes and removes are gone before a signal ends the process.
    let _finish = interrupt::writing();
    outputs.iter().try_for_each(|output| Ok(check_writable(output)?))
}

/// Whether two paths lead to one file that is there, however they are spelt.
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b || same_content(&a, &b),
        _ => false,
    }
}

/// Whether two names of one disk stand for one file (hard links).
#[cfg(unix)]
fn same_content(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_content(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_where_paths_lead() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a"), "a").unwrap();
        std::fs::write(at("b"), "b").unwrap();
        assert!(same_file(&at("a"), &at("./a")));
        assert!(!same_file(&at("a"), &at("b")) && !same_file(&at("c"), &at("c")));
        std::fs::hard_link(at("a"), at("hard")).unwrap();
        assert!(cfg!(not(unix)) || same_file(&at("a"), &at("hard")));
        let failure = ready(&[&at("b"), &at("./b")], &[]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(ready(&[&at("c")], &[&at("a")]).is_ok());
    }
}
