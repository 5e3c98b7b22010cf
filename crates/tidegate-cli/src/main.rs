//! `tidegate`: the command. It starts the local system, shows the events of a stream, releases held effects and replays dead letters.

mod cli;
mod connection;
mod cost;
mod dlq;
mod effects;
mod events;
mod invoke;
mod local;
mod topology;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(cli::run)
}
