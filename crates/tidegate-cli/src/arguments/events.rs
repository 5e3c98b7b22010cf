//! Options of `tidegate events`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use tidegate::ids::StreamId;

use super::moment::moment;
use super::place::Place;

const REPLAY: &str = "\
Replays events from the archive of a bus to its rules, and follows the replay to its end.

The events keep their ids and get the field replay-name. Functions of the toolkit apply an event \
once, so they ignore those that they have applied already. A replay has no order.

Ctrl-C ends the command, not the replay.";

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Shows the events of one stream, in order.
    Show(EventsShow),
    /// Replays events from the archive of a bus to its rules, and follows the replay to its end.
    #[command(long_about = REPLAY)]
    Replay(EventsReplay),
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

/// Options of `events replay`.
#[derive(Debug, Args)]
pub(crate) struct EventsReplay {
    /// Bus whose archive is replayed, as the topology names it.
    #[arg(long, value_name = "NAME")]
    pub(crate) bus: String,
    /// Earliest time of the events, such as 2026-11-21T22:30:00Z, or how long ago, such as 10m or
    /// 2h.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) from: Timestamp,
    /// Latest time of the events; now by default.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) to: Option<Timestamp>,
    /// Only this rule gets the events, as the topology names it; may be given several times. By
    /// default every rule of the bus that matches.
    #[arg(long = "rule", value_name = "NAME")]
    pub(crate) rules: Vec<String>,
    /// Name of the replay; by default that of the bus with the time.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Prints the ended replay as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}
