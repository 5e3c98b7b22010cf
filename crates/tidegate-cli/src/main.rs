//! The command `tidegate`.
//!
//! It starts the local system, shows the events of a stream, releases held effects and parked
//! aggregates, replays dead letters and creates functions.

mod arguments;
mod arn;
mod connection;
mod cost;
mod declared;
mod dispatch;
mod dlq;
mod effects;
mod event_store;
mod invoke;
mod local;
mod new;
mod parked;
mod queue;
mod replay;
mod topology;
mod topology_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(dispatch::run)
}
