//! `tidegate`: the command. It starts the local system, shows the events of a stream, releases held effects and replays dead letters.

mod cli;
mod connection;
mod dlq;
mod effects;
mod events;
mod invoke;
mod local;
mod misuse;
mod output;
mod problem;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misuse::answer(&error),
    };
    match cli::run(arguments) {
        Ok(code) => code,
        Err(problem) => output::fail(&problem),
    }
}
