//! Options of `tidegate events`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use tidegate::ids::{StreamId, Version};

use super::invoking::Invoking;
use super::moment::moment;
use super::number::above_zero;
use super::place::Place;

const REPLAY: &str = "\
Replays events from the archive of a bus to its rules, and follows the replay to its end.

The events keep their ids and get the field replay-name. Functions of the toolkit apply an event \
once, so they ignore those that they have applied already. A replay has no order.

Ctrl-C ends the command, not the replay.";

const REPUBLISH: &str = "\
Publishes events of the event store again, through the function that publishes them.

The command reads commits and hands them to the function as the table's stream delivered them. \
Events keep their ids, so consumers see duplicates: functions of the toolkit ignore what they have \
applied already. Each target gets what it got the first time, also commands and schedules that \
follow from an event. Commits of one stream keep their order.

With --type only events of these types leave, and what follows from them; a function whose \
toolkit does not know the option yet publishes whole commits.

The command can be ended at any time. It then says with which --after it goes on.";

const DIFF: &str = "\
Compares the schemas of the working tree with those of a git revision: what changed, and what breaks \
which reader. The exit code is 1 if a reader breaks.

Backward: a reader with the new schema meets a message that was written before. Forward: a reader \
with the old schema meets a new message. A new version of a type breaks nothing, because readers \
wait for what is newer than they are; the command says what its upcast has to decide.

A schema is a file TYPE.vVERSION.json. Readers are the functions that the catalog names, and those \
that a rule of the topology brings the type to.";

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Shows the events of one stream, in order.
    Show(EventsShow),
    /// Replays events from the archive of a bus to its rules, and follows the replay to its end.
    #[command(long_about = REPLAY)]
    Replay(EventsReplay),
    /// Publishes events of the event store again, by stream, type or time.
    #[command(long_about = REPUBLISH)]
    Republish(EventsRepublish),
    /// Says what changed in the schemas since a git revision, and what breaks which reader.
    #[command(long_about = DIFF)]
    Diff(EventsDiff),
}

/// Options of `events diff`.
#[derive(Debug, Args)]
pub(crate) struct EventsDiff {
    /// Revision to compare with: a commit, a branch or a tag, such as main or HEAD~1.
    #[arg(value_name = "REV")]
    pub(crate) revision: String,
    /// Folder of the schemas; by default events/schemas here or in a directory above.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,
    /// Catalog that names the readers; by default docs/catalog/catalog.json here or in a directory
    /// above, if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Topology with the rules; by default infra/topology.auto.tfvars here or in a directory above,
    /// if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Compares with every older state of a schema, too, from the revision back.
    #[arg(long)]
    pub(crate) transitive: bool,
    /// Oldest commit whose state of the schemas counts, such as that of the first release.
    #[arg(long, value_name = "REV", requires = "transitive")]
    pub(crate) since: Option<String>,
    /// Prints the differences as JSON.
    #[arg(long)]
    pub(crate) json: bool,
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

/// Options of `events republish`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true)
    .args(["stream", "types", "from", "to", "all"]))]
pub(crate) struct EventsRepublish {
    /// Only this stream, such as order#536365.
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Option<StreamId>,
    /// Only events of this type, such as OrderPlaced or Order*; may be given several times.
    #[arg(long = "type", id = "types", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Only commits that were stored at this time or later, such as 2026-11-21T22:30:00Z, or so
    /// long ago, such as 10m or 2h.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) from: Option<Timestamp>,
    /// Only commits that were stored before this time.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) to: Option<Timestamp>,
    /// All events of the event store.
    #[arg(long, conflicts_with_all = ["stream", "types", "from", "to"])]
    pub(crate) all: bool,
    /// Counts what would leave, and publishes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Commits to hand over per second, at most.
    #[arg(long, value_name = "N", default_value = "100", value_parser = above_zero)]
    pub(crate) rate: f64,
    /// Goes on behind this commit, as an ended command has said.
    #[arg(long, value_name = "STREAM@VERSION", value_parser = CommitKey::parse)]
    pub(crate) after: Option<CommitKey>,
    /// Function that publishes, by its name in the topology; needed if several could.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) invoking: Invoking,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// The place of a commit in the event store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitKey {
    pub(crate) stream: StreamId,
    pub(crate) version: Version,
}

impl CommitKey {
    fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once('@').and_then(|(stream, version)| {
            let version = Version::new(version.parse().ok().filter(|number| *number > 0)?);
            Some(Self { stream: stream.parse().ok()?, version })
        });
        parsed.ok_or_else(|| "expected a stream and a version, such as order#536365@1".to_owned())
    }
}

impl fmt::Display for CommitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.stream, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_commit_is_read_as_it_is_shown() {
        for text in ["order#536365@1", "order#a@b@12"] {
            assert_eq!(CommitKey::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "order#1", "order#1@", "order#1@0", "order#1@-1", "order@1", "@1"] {
            assert!(CommitKey::parse(wrong).unwrap_err().contains("order#536365@1"), "{wrong}");
        }
    }
}
