//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use terminal::endpoint::EndpointOption;
use terminal::problem::Problem;
use tidegate::ids::StreamId;

use crate::{dlq, effects, events, local};

/// Runs the local system, looks into streams and failures, and replays dead letters.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = false, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The local system: starts it, shows how it stands, ends it.
    #[command(subcommand, arg_required_else_help = false)]
    Local(LocalCommand),
    /// Looks into the event store.
    #[command(subcommand, arg_required_else_help = false)]
    Events(EventsCommand),
    /// Effects that are held because nobody knows whether they took place.
    #[command(subcommand, arg_required_else_help = false)]
    Effects(EffectsCommand),
    /// Lists dead letters; with --yes replays them through their functions.
    #[command(long_about = DLQ)]
    Dlq(Dlq),
}

const DLQ: &str = "\
Lists the dead letters of the declared system: pointers to records of a stream that were given up, failed asynchronous invocations, events that \
EventBridge could not hand over, and the functions' own letters. Without --yes nothing is replayed and nothing is deleted. SQS cannot show a \
message without receiving it: listing hides each message for a moment (at most a minute, should the command be killed) and raises its receive count. \
Dead-letter queues have no redrive policy of their own, so the count has no consequence.

With --yes each letter is given to its function again, and deleted once the function has taken it: HTTP 200, no function error, no failed record. \
What fails, and what is of unknown shape, stays in its queue. A command that is killed between success and deletion leaves a letter that is replayed \
again next time; functions take every event only once. A record behind a pointer that fails for good becomes a letter of the function's own, with its \
payload, before the stream forgets it.";

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Starts emulator, functions and deliveries.
    Up(Up),
    /// Shows how everything stands.
    Status(Status),
    /// Waits until nothing is in flight and nothing waits.
    Wait(Wait),
    /// Ends the local system.
    Down(StateDir),
}

/// Where the local system keeps its state.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateDir {
    /// State directory of the local system; by default `.tidegate` in this directory (or, to find a running system, in one above it).
    #[arg(long, env = "TIDEGATE_STATE", value_name = "DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Options of `local up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Runs in the background; returns when the system is ready.
    #[arg(long)]
    pub(crate) detach: bool,
    /// The topology file.
    #[arg(long, value_name = "FILE", default_value = "infra/topology.auto.tfvars")]
    pub(crate) topology: PathBuf,
    /// Runs the functions as they were built last.
    #[arg(long, conflicts_with = "bin_dir")]
    pub(crate) no_build: bool,
    /// Directory with the functions' binaries; nothing is built then.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Divides the waiting times that AWS fixes: 60 makes a minute a second.
    #[arg(long, value_name = "N", default_value = "1", value_parser = time_scale)]
    pub(crate) time_scale: f64,
    /// Leaves the terminal's session first.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) own_session: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

fn time_scale(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|scale| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| "it must be a number above 0".to_owned())
}

/// Options of `local status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Prints the status as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Options of `local wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Gives up after this time.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Where the system is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
    /// The topology file; by default that of the local system, else infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Shows the events of one stream, in order.
    Show(EventsShow),
}

/// Options of `events show`.
#[derive(Debug, Args)]
pub(crate) struct EventsShow {
    /// The stream, such as order#536365.
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

#[derive(Debug, Subcommand)]
pub(crate) enum EffectsCommand {
    /// Lists held effects.
    Ls(EffectsList),
    /// Lets held effects run again, and runs them.
    Release(EffectsRelease),
}

/// Where held effects are recorded.
#[derive(Debug, Args)]
pub(crate) struct EffectsPlace {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Table of the idempotency records; by default the one in the topology.
    #[arg(long, env = "IDEMPOTENCY_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `effects ls`.
#[derive(Debug, Args)]
pub(crate) struct EffectsList {
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}

/// Options of `effects release`.
#[derive(Debug, Args)]
pub(crate) struct EffectsRelease {
    /// Keys of held effects, as `tidegate effects ls` shows them.
    #[arg(value_name = "KEY", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) keys: Vec<String>,
    /// All held effects.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}

/// Options of `dlq`.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    /// Only this queue, by its name in the topology; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Vec<String>,
    /// Only letters of this function.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Only the letter whose id, or message id, begins like this.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replays the letters, and deletes those that succeeded.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Replays at most N letters.
    #[arg(long, value_name = "N", requires = "yes")]
    pub(crate) limit: Option<usize>,
    /// Goes on after ten failures in a row.
    #[arg(long, requires = "yes")]
    pub(crate) keep_going: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(format!("the asynchronous runtime does not start: {error}")))?;
    runtime.block_on(async {
        match arguments.command {
            Command::Local(command) => local::run(command).await,
            Command::Events(EventsCommand::Show(show)) => events::show(&show).await,
            Command::Effects(command) => effects::run(&command).await,
            Command::Dlq(options) => dlq::run(&options).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use terminal::misuse::one_line;

    use super::*;

    #[test]
    fn misuse_is_said_with_what_is_wrong_and_what_to_run() {
        for (line, wrong, instead) in [
            ("tidegate efects", "unrecognized subcommand 'efects'", "'effects'"),
            ("tidegate frobnicate", "unrecognized subcommand 'frobnicate'", "`tidegate --help`"),
            ("tidegate", "'tidegate' needs a command", "`tidegate <COMMAND>`"),
            ("tidegate local", "'tidegate local' needs a command", "`tidegate local <COMMAND>`"),
            (
                "tidegate local wait --timeout soon",
                "invalid value 'soon' for '--timeout <SECONDS>'",
                "`tidegate --help`",
            ),
            ("tidegate local up --time-scale 0", "'0' for '--time-scale <N>'", "above 0"),
            ("tidegate events show", "not provided: <STREAM>", "`tidegate events show <STREAM>`"),
            ("tidegate events show order", "`order` is not a stream id", "order#536365"),
            ("tidegate effects release", "not provided", "`tidegate effects release"),
            ("tidegate effects release --all k", "cannot be used with", "`tidegate effects release"),
            ("tidegate dlq --limit 3", "not provided: --yes", "`tidegate dlq --yes"),
            ("tidegate dlq --reply", "unexpected argument '--reply'", "`tidegate dlq"),
        ] {
            let said = one_line("tidegate", &Arguments::try_parse_from(line.split(' ')).unwrap_err());
            assert!(said.contains(wrong) && said.contains(instead), "{line}: {said}");
        }
    }
}
