//! `tidegate`: the command. It starts the local system, shows the events of a stream, releases held
//! effects and parked aggregates, replays dead letters and makes new functions.

mod arn;
mod cli;
mod connection;
mod cost;
mod declared;
mod dlq;
mod effects;
mod events;
mod invoke;
mod local;
mod new;
mod parked;
mod topology;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(cli::run)
}
