//! The command line.

mod cost;
mod dlq;
mod effects;
mod events;
mod local;
mod new;
mod parked;
mod topology;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use terminal::endpoint::EndpointOption;
use terminal::local_system::STATE_VARIABLE;
use terminal::output;
use terminal::problem::Problem;

use crate::invoke::ALIAS;

pub(crate) use cost::Cost;
pub(crate) use dlq::Dlq;
pub(crate) use effects::{EffectsCommand, EffectsComplete, EffectsList, EffectsPlace, EffectsRelease};
pub(crate) use events::{EventsCommand, EventsShow};
pub(crate) use local::{Level, LocalCommand, Logs, Pace, Up};
pub(crate) use new::{FunctionSource, NewCommand, NewFunction};
pub(crate) use parked::{ParkedCommand, ParkedList, ParkedOne, ParkedPlace, ParkedRelease};
pub(crate) use topology::{TopologyCheck, TopologyCommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a problem, which one line on standard error says; or a check that found something
  2  misuse: what was given makes no sense
  3  `tidegate local wait`: still busy after --timeout";

/// Runs the local system, looks into streams and failures, and replays dead letters.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = false, subcommand_required = true)]
#[command(after_help = EXIT_CODES)]
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
    /// Parked aggregates: a projection cannot apply their next event.
    #[command(subcommand, arg_required_else_help = false)]
    Parked(ParkedCommand),
    /// Lists dead letters; with --yes replays them through their functions.
    #[command(long_about = dlq::LONG)]
    Dlq(Dlq),
    /// The declared system.
    #[command(subcommand, arg_required_else_help = false)]
    Topology(TopologyCommand),
    /// What the system costs on AWS: per month without work, and per million units of work.
    #[command(long_about = cost::LONG)]
    Cost(Cost),
    /// Makes something new.
    #[command(subcommand, arg_required_else_help = false)]
    New(NewCommand),
    /// Prints a script that completes this command in a shell.
    #[command(long_about = COMPLETIONS)]
    Completions(Completions),
}

const COMPLETIONS: &str = "\
Prints a script that completes this command in a shell.

For bash: tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
For zsh, a directory of $fpath: tidegate completions zsh > DIRECTORY/_tidegate
For fish: tidegate completions fish > ~/.config/fish/completions/tidegate.fish";

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Where the local system keeps its state.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateDir {
    /// State directory of the local system; by default `.tidegate` in this directory (or, to find a running system, in one above it).
    #[arg(long, env = STATE_VARIABLE, value_name = "DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
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

/// Which version of a function is invoked.
#[derive(Debug, Args)]
pub(crate) struct Invoking {
    /// Invokes this alias or version ($LATEST for the code that was uploaded last); by default the alias
    /// that mappings and rules use.
    #[arg(long, value_name = "NAME", default_value = ALIAS, value_parser = qualifier)]
    qualifier: String,
}

impl Invoking {
    /// The alias or version.
    pub(crate) fn qualifier(&self) -> &str {
        &self.qualifier
    }
}

fn qualifier(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_name = (1..=128).contains(&text.len()) && text.bytes().all(is_allowed);
    match is_name || text == "$LATEST" {
        true => Ok(text.to_owned()),
        false => Err("expected an alias, a version such as 7, or $LATEST".to_owned()),
    }
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
            Command::Local(command) => crate::local::run(command).await,
            Command::Events(EventsCommand::Show(show)) => crate::events::show(&show).await,
            Command::Effects(command) => crate::effects::run(&command).await,
            Command::Parked(command) => crate::parked::run(&command).await,
            Command::Dlq(options) => crate::dlq::run(&options).await,
            Command::Topology(TopologyCommand::Check(options)) => crate::topology::check(&options),
            Command::Cost(options) => crate::cost::run(&options).await,
            Command::New(NewCommand::Function(options)) => crate::new::function(&options),
            Command::Completions(options) => completions(&options),
        }
    })
}

fn completions(options: &Completions) -> Result<ExitCode, Problem> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
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
            ("tidegate local logs --level loud", "'loud' for '--level <LEVEL>'", "error"),
            ("tidegate local logs --since soon", "'soon' for '--since <WHEN>'", "10m"),
            ("tidegate local logs --raw --json", "cannot be used with", "`tidegate local logs"),
            ("tidegate completions csh", "'csh' for '<SHELL>'", "bash"),
            ("tidegate events show", "not provided: <STREAM>", "`tidegate events show <STREAM>`"),
            ("tidegate events show order", "`order` is not a stream id", "order#536365"),
            ("tidegate effects complete", "not provided: <KEY>", "`tidegate effects complete"),
            ("tidegate effects complete k --result sent", "it is not JSON", "'\"like this\"'"),
            ("tidegate effects complete k --days 14", "'14' for '--days <N>'", "not in 15.."),
            ("tidegate effects release", "not provided", "`tidegate effects release"),
            ("tidegate effects release --all k", "cannot be used with", "`tidegate effects release"),
            ("tidegate parked release", "not provided: <STREAM>", "`tidegate parked release <STREAM>`"),
            ("tidegate parked show order", "`order` is not a stream id", "order#536365"),
            ("tidegate dlq --yes --account prod", "'prod' for '--account <ID>'", "12 digits"),
            ("tidegate dlq --yes --qualifier a:b", "'a:b' for '--qualifier <NAME>'", "$LATEST"),
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
