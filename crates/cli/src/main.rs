//! The command line `widelimit`.
#![forbid(unsafe_code)]

mod answer;
mod args;
mod bar;
mod commands;
mod failure;
mod interrupt;
mod report;
mod session;
mod shell;
mod text;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;
use session::Session;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let failure = failure.in_command(&cli.command);
            interrupt::tell(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    interrupt::listen()?;
    let session = Session::new(&cli.global);
    match &cli.command {
        Command::Demo(args) => commands::demo(args, &session),
        Command::Net(command) => commands::net(command, &session),
        Command::Plan(args) => commands::plan(args, &session),
        Command::Kernel(args) => commands::kernel(args, &session),
        Command::Features(args) => commands::features(args, &session),
        Command::Fit(args) => commands::fit(args, &session),
        Command::Predict(args) => commands::predict(args, &session),
        Command::Graph(command) => commands::graph(command, &session),
        Command::Report(args) => commands::report(args, &session),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man { out } => shell::man(out.as_deref()),
        Command::DemoStep(args) => commands::step(args, &session),
    }
}
