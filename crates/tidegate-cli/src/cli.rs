//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use terminal::endpoint::EndpointOption;
use terminal::local_system::STATE_VARIABLE;
use terminal::problem::Problem;
use tidegate::ids::StreamId;

use crate::{cost, dlq, effects, events, local, new, topology};

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
    /// The declared system.
    #[command(subcommand, arg_required_else_help = false)]
    Topology(TopologyCommand),
    /// What the system costs on AWS: per month without work, and per million units of work.
    #[command(long_about = COST)]
    Cost(Cost),
    /// Makes something new.
    #[command(subcommand, arg_required_else_help = false)]
    New(NewCommand),
}

const DLQ: &str = "\
Lists the dead letters of the declared system: pointers to records of a stream that were given up, failed asynchronous invocations, events that \
EventBridge could not hand over, and the functions' own letters. Without --yes nothing is replayed and nothing is deleted. SQS cannot show a \
message without receiving it: listing hides each message for a moment (at most a minute, should the command be killed) and raises its receive count. \
The topology gives such a queue no redrive of its own, so the count has no consequence.

With --yes each letter is given to its function again, and deleted once the function has taken it: HTTP 200, no function error, no failed record. \
What fails, and what is of unknown shape, stays in its queue. A command that is killed between success and deletion leaves a letter that is replayed \
again next time; functions take every event only once. A record behind a pointer that fails for good becomes a letter of the function's own, with its \
payload, before the stream forgets it.";

const COST: &str = "\
Computes what the system costs on AWS, per environment, from the topology, an environment's variables, a price table and a measurement: how often each \
function was invoked and for how long, and what its AWS calls would have been billed. The local system that runs is measured; --save keeps the \
measurement, and --measurement uses a saved one. The unit of work is a record of a Kinesis stream that no function \
writes, unless --unit and --count name another.";

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Starts emulator, functions and deliveries.
    Up(Up),
    /// Shows how everything stands.
    Status(Status),
    /// Prints what the functions have logged, in order of time.
    Logs(Logs),
    /// Prints the URL of the console: a page with everything on it.
    Console(StateDir),
    /// Waits until nothing is in flight and nothing waits.
    Wait(Wait),
    /// Ends the local system.
    Down(StateDir),
}

/// Where the local system keeps its state.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateDir {
    /// State directory of the local system; by default `.tidegate` in this directory (or, to find a running system, in one above it).
    #[arg(long, env = STATE_VARIABLE, value_name = "DIR", hide_env_values = true)]
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
    /// Hands each invocation to functions that something else runs, such as `cargo lambda watch` at http://127.0.0.1:9000; nothing is built or started.
    #[arg(long, value_name = "URL", conflicts_with_all = ["no_build", "bin_dir"])]
    pub(crate) invoke_url: Option<String>,
    /// Port of 127.0.0.1 for Invoke, status and the console; by default a free one each time.
    #[arg(long, value_name = "PORT", default_value = "0", hide_default_value = true)]
    pub(crate) port: u16,
    /// Leaves functions' processes running between invocations, for debuggers and profilers. By default they are stopped then, as on Lambda.
    #[arg(long)]
    pub(crate) no_freeze: bool,
    /// Divides the waiting times that AWS fixes: 60 makes a minute a second.
    #[arg(long, value_name = "N", default_value = "1", value_parser = above_zero)]
    pub(crate) time_scale: f64,
    /// Injects the faults of this plan (see docs/faults.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Draws other faults: takes the place of the plan's seed.
    #[arg(long, value_name = "N", requires = "faults")]
    pub(crate) fault_seed: Option<u64>,
    /// Injects the faults of this journal again, in place of drawn ones. A plan's clocks still count.
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_journal: Option<PathBuf>,
    /// Leaves the terminal's session first.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) own_session: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Options of `local status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Prints the status as JSON; with --watch one line each time.
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows it again every second, in place on a terminal, until Ctrl-C or the end of the local system.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Options of `local logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// One function's; by default those of all.
    pub(crate) function: Option<String>,
    /// Waits for what is logged later, until Ctrl-C or the end of the local system.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only what was logged about records with this correlation id.
    #[arg(long, value_name = "ID")]
    pub(crate) correlation: Option<String>,
    /// Only what was logged in the invocation with this request id.
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,
    /// Prints metrics (in CloudWatch's embedded metric format) too.
    #[arg(long)]
    pub(crate) metrics: bool,
    /// Prints the lines as they were written.
    #[arg(long)]
    pub(crate) raw: bool,
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
    /// Records that a held effect took place, so that nothing runs it again.
    Complete(EffectsComplete),
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

/// Options of `effects complete`.
#[derive(Debug, Args)]
pub(crate) struct EffectsComplete {
    /// Key of a held effect, as `tidegate effects ls` shows it.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// What the effect led to, as its function would have kept it; duplicates are answered with it.
    #[arg(long, value_name = "JSON", value_parser = result_of_an_effect)]
    pub(crate) result: Option<String>,
    /// How long it is known that the effect took place; by default `record_retention_days` in the topology.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(15..=3650))]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) at: EffectsPlace,
}

/// The text, if it is JSON and small enough to be kept.
fn result_of_an_effect(text: &str) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON ({error}); a text is written '\"like this\"'"))?;
    let json = value.to_string();
    let limit = tidegate::idempotency::Effects::RESULT_LIMIT;
    if json.len() > limit {
        return Err(format!("it has {} bytes; {limit} are kept", json.len()));
    }
    Ok(json)
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

#[derive(Debug, Subcommand)]
enum TopologyCommand {
    /// Checks the topology file: every mistake with its line and what is allowed. Exit code 1 if one is an error.
    Check(TopologyCheck),
}

/// Options of `topology check`.
#[derive(Debug, Args)]
pub(crate) struct TopologyCheck {
    /// The topology file; by default infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Warnings count as errors: what runs, but loses something that this project promises, or cannot be deployed with its Terraform.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints the mistakes as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `dlq`.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    /// Only this queue, by its name in the topology; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Vec<String>,
    /// Only letters of this function, by its name in the topology or at Lambda.
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

/// Options of `cost`.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// A saved measurement, instead of the local system that runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) measurement: Option<PathBuf>,
    /// Saves the measurement of the local system that runs, with --unit, --count and --note.
    #[arg(long, value_name = "FILE", conflicts_with = "measurement")]
    pub(crate) save: Option<PathBuf>,
    /// What was measured, in a few words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// What is counted, in the plural; by default the records of the Kinesis streams that no function writes. With --measurement it needs --count.
    #[arg(long, value_name = "NAME")]
    pub(crate) unit: Option<String>,
    /// How many of them were measured.
    #[arg(long, value_name = "N", requires = "unit", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// How many of them the work is priced for.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = above_zero)]
    pub(crate) per: f64,
    /// Also what a month with so many of them costs.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) monthly: Option<f64>,
    /// An environment of env/ beside the topology; may be repeated. By default all but `local`.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Vec<String>,
    /// A file with an environment's variables; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) tfvars: Vec<PathBuf>,
    /// The price table; by default prices.json beside the topology.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// The topology file; by default that of the local system, else infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Prints the estimate as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Subcommand)]
enum NewCommand {
    /// Makes a function with a test that passes, and declares it in the topology.
    #[command(long_about = NEW_FUNCTION)]
    Function(NewFunction),
}

const NEW_FUNCTION: &str = "\
Makes a function: a package with main.rs, which wires, and handler.rs, which says what becomes of one record, with a test that passes. In a workspace with a \
topology it goes to functions/NAME, and is declared in infra/topology.auto.tfvars with its source, its way of failing and whatever of that is not declared \
yet; the file keeps its comments and its layout, and nothing is written unless every rule of the topology holds afterwards.

With --path, or where there is no topology, it becomes a crate of its own, and what is to be declared is printed. Nothing is ever overwritten.";

/// Options of `new function`.
#[derive(Debug, Args)]
pub(crate) struct NewFunction {
    /// Name of the function, its folder, its package and its program.
    pub(crate) name: String,
    /// What invokes it.
    #[arg(long, value_enum)]
    pub(crate) source: FunctionSource,
    /// The declared stream, queue or table it takes records from, by default a new one of the function's name; for eventbridge a rule whose events it takes
    /// too, or events as SOURCE:TYPE.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Makes a crate of its own in this folder, and declares nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Where the crate tidegate is, if the workspace does not say it.
    #[arg(long, value_name = "DIR", group = "toolkit")]
    pub(crate) tidegate_path: Option<PathBuf>,
    /// The git repository of the crate tidegate.
    #[arg(long, value_name = "URL", group = "toolkit")]
    pub(crate) tidegate_git: Option<String>,
    /// The version of the crate tidegate in the registry.
    #[arg(long, value_name = "VERSION", group = "toolkit")]
    pub(crate) tidegate_version: Option<String>,
    /// Prints what would be written, and writes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FunctionSource {
    /// A Kinesis stream.
    Kinesis,
    /// An SQS queue.
    Sqs,
    /// The stream of a DynamoDB table.
    Dynamodb,
    /// An EventBridge rule.
    Eventbridge,
}

fn above_zero(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "it must be a number above 0".to_owned())
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
            Command::Topology(TopologyCommand::Check(options)) => topology::check(&options),
            Command::Cost(options) => cost::run(&options).await,
            Command::New(NewCommand::Function(options)) => new::function(&options),
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
            ("tidegate effects complete", "not provided: <KEY>", "`tidegate effects complete"),
            ("tidegate effects complete k --result sent", "it is not JSON", "'\"like this\"'"),
            ("tidegate effects complete k --days 14", "'14' for '--days <N>'", "not in 15.."),
            ("tidegate effects release", "not provided", "`tidegate effects release"),
            ("tidegate effects release --all k", "cannot be used with", "`tidegate effects release"),
            ("tidegate dlq --limit 3", "not provided: --yes", "`tidegate dlq --yes"),
            ("tidegate cost --per 0", "'0' for '--per <N>'", "above 0"),
            ("tidegate cost --count 5", "not provided: --unit", "`tidegate cost"),
            ("tidegate cost --unit sales --count 0", "'0' for '--count <N>'", "not in 1.."),
            ("tidegate cost --save a --measurement b", "cannot be used with", "`tidegate cost"),
            ("tidegate topology", "'tidegate topology' needs a command", "`tidegate topology <COMMAND>`"),
            ("tidegate new", "'tidegate new' needs a command", "`tidegate new <COMMAND>`"),
            (
                "tidegate new function",
                "not provided: --source <SOURCE> <NAME>",
                "`tidegate new function --source <SOURCE> <NAME>`",
            ),
            (
                "tidegate new function a --source kafka",
                "invalid value 'kafka'",
                "kinesis, sqs, dynamodb, eventbridge",
            ),
            (
                "tidegate new function a --source sqs --tidegate-path a --tidegate-git b",
                "cannot be used with",
                "`tidegate new function",
            ),
            ("tidegate dlq --reply", "unexpected argument '--reply'", "`tidegate dlq"),
        ] {
            let said = one_line("tidegate", &Arguments::try_parse_from(line.split(' ')).unwrap_err());
            assert!(said.contains(wrong) && said.contains(instead), "{line}: {said}");
        }
    }
}
