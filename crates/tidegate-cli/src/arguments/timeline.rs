//! Options of `tidegate timeline`.

use clap::Args;
use tidegate::ids::StreamId;
use tidegate::timeline::Trail;

use super::place::Place;

pub(crate) const LONG: &str = "\
Shows what became of a message across streams: events, commands and deadlines with their causes \
and durations, and where it waits.

A stream, such as order#536365, is read with the streams to which the commands of processes lead. \
Instances of the declared processes with the same key belong to it if a cause connects them. It \
costs one read of each stream.

With a correlation id the command reads the whole event store, several parts of it at a time, to \
find the streams that have it: half a read unit for each 4 KB, so about 0.16 USD for 10 GB on \
demand. --stream avoids that: the command then looks for the id only in these streams and in those \
to which they lead.";

/// Options of `timeline`.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// Stream, such as order#536365, or a correlation id.
    #[arg(value_name = "STREAM|CORRELATION")]
    pub(crate) id: String,
    /// With a correlation id: looks only here. With a stream: may belong to it too. Can be given
    /// several times.
    #[arg(long = "stream", value_name = "STREAM")]
    pub(crate) streams: Vec<StreamId>,
    /// Most events that are taken, of all streams together.
    #[arg(long, value_name = "N", default_value_t = Trail::EVENTS, value_parser = events)]
    pub(crate) events: usize,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Table of the event store; by default the one in the topology.
    #[arg(long, env = "EVENT_STORE_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

fn events(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 100000".to_owned())
}
