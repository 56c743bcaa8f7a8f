//! Completions and man pages from the definitions of the flags.

use std::path::Path;

use clap::CommandFactory;

use crate::answer::write_out;
use crate::args::Cli;
use crate::failure::Failure;

/// The program without the commands that users need not know.
fn offered() -> clap::Command {
    let whole = Cli::command();
    let commands = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("widelimit")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(commands)
}

/// Prints the completion script for `shell`.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered(), "widelimit", &mut script);
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
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|e| Failure::writing(folder, e))
}
