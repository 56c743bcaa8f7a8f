//! Completions and man pages from the definitions of the flags.

use std::path::Path;

use clap::CommandFactory;

use crate::answer::write_out;
use crate::args::Cli;
use crate::failure::Failure;

/// Prints the completion script for `shell`.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "widelimit", &mut script);
    write_out(&String::from_utf8_lossy(&script))
}

/// Prints the man page, or writes one page a command into `folder`.
pub fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|e| Failure::data(e.to_string()))?;
        return write_out(&String::from_utf8_lossy(&page));
    };
    let cannot =
        |e| Failure::data(format!("cannot write man pages into {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(cannot)
}
