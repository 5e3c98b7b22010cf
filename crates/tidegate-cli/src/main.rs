//! The command `tidegate`.
//!
//! It starts the local system, shows events and timelines, releases held effects and parked
//! aggregates, opens and closes circuit breakers, replays dead letters, rebuilds projections and
//! creates functions.

mod arguments;
mod arn;
mod breaker;
mod commit_stream;
mod connection;
mod contracts;
mod cost;
mod declared;
mod dispatch;
mod dlq;
mod effects;
mod event_store;
mod interrupted;
mod invoke;
mod local;
mod mapping_batch;
mod new;
mod parked;
mod process;
mod projection;
mod queue;
mod replay;
mod republish;
mod timeline;
mod topology;
mod topology_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(dispatch::run)
}
