//! Options of `tidegate events`.

use clap::{Args, Subcommand};
use tidegate::ids::StreamId;

use super::place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Shows the events of one stream, in order.
    Show(EventsShow),
}

/// Options of `events show`.
#[derive(Debug, Args)]
pub(crate) struct EventsShow {
    /// Stream, such as order#536365.
    pub(crate) stream: StreamId,
    /// Prints the events as an array of envelopes.
    #[arg(long)]
    pub(crate) json: bool,
    /// Table of the event store; by default the one in the topology.
    #[arg(long, env = "EVENT_STORE_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}
