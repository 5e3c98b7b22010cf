//! The command with its subcommands.

use clap::{Parser, Subcommand};

use super::breaker::BreakerCommand;
use super::completions::{self, Completions};
use super::cost::{self, Cost};
use super::dlq::{self, Dlq};
use super::effects::EffectsCommand;
use super::events::EventsCommand;
use super::local::LocalCommand;
use super::new::NewCommand;
use super::parked::ParkedCommand;
use super::process::ProcessCommand;
use super::projection::ProjectionCommand;
use super::timeline::{self, Timeline};
use super::topology::TopologyCommand;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a problem, reported in one line on standard error, or mistakes found by a check
  2  misuse: invalid arguments
  3  `tidegate local wait`: still busy after --timeout";

/// Runs the local system, shows streams and failures, and replays dead letters.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = false, subcommand_required = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the command is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts, inspects and ends the local system.
    #[command(subcommand, arg_required_else_help = false)]
    Local(LocalCommand),
    /// Shows events of the event store, publishes them again, replays the archive of a bus, and
    /// compares schemas.
    #[command(subcommand, arg_required_else_help = false)]
    Events(EventsCommand),
    /// Shows what became of a message across streams, with causes and durations, and where it
    /// waits.
    #[command(long_about = timeline::LONG)]
    Timeline(Timeline),
    /// Lists, completes and releases held effects: those that may or may not have taken place.
    #[command(subcommand, arg_required_else_help = false)]
    Effects(EffectsCommand),
    /// Lists and releases parked aggregates, whose next event a projection cannot apply.
    #[command(subcommand, arg_required_else_help = false)]
    Parked(ParkedCommand),
    /// Lists instances of processes, and decides those that are stuck.
    #[command(subcommand, arg_required_else_help = false)]
    Process(ProcessCommand),
    /// Lists the generations of projections, rebuilds one, and goes back to the previous one.
    #[command(subcommand, arg_required_else_help = false)]
    Projection(ProjectionCommand),
    /// Lists circuit breakers, and opens or closes one.
    #[command(subcommand, arg_required_else_help = false)]
    Breaker(BreakerCommand),
    /// Lists dead letters; with --yes replays them through their functions.
    #[command(long_about = dlq::LONG)]
    Dlq(Dlq),
    /// Checks the declared system.
    #[command(subcommand, arg_required_else_help = false)]
    Topology(TopologyCommand),
    /// Estimates what the system costs on AWS: per month without work, and per million units of
    /// work.
    #[command(long_about = cost::LONG)]
    Cost(Cost),
    /// Creates a function.
    #[command(subcommand, arg_required_else_help = false)]
    New(NewCommand),
    /// Prints a script that completes this command in a shell.
    #[command(long_about = completions::LONG)]
    Completions(Completions),
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
            ("tidegate events replay --bus b", "not provided: --from <WHEN>", "`tidegate events"),
            ("tidegate events replay --from soon", "'soon' for '--from <WHEN>'", "10m"),
            ("tidegate events republish", "not provided", "`tidegate events republish"),
            ("tidegate events republish --all --type A", "cannot be used with", "republish"),
            ("tidegate events republish --after a", "'a' for '--after <STREAM@V", "order#536365@1"),
            ("tidegate events republish --all --rate 0", "'0' for '--rate <N>'", "above 0"),
            ("tidegate timeline", "not provided: <STREAM|CORRELATION>", "`tidegate timeline"),
            ("tidegate timeline a --stream b", "`b` is not a stream id", "order#536365"),
            ("tidegate timeline a --events 0", "'0' for '--events <N>'", "from 1 to 100000"),
            ("tidegate effects complete", "not provided: <KEY>", "`tidegate effects complete"),
            ("tidegate effects complete k --result sent", "it is not JSON", "'\"like this\"'"),
            ("tidegate effects complete k --days 14", "'14' for '--days <N>'", "not in 15.."),
            ("tidegate effects release", "not provided", "`tidegate effects release"),
            (
                "tidegate effects release --all k",
                "cannot be used with",
                "`tidegate effects release",
            ),
            (
                "tidegate parked release",
                "not provided: <STREAM>",
                "`tidegate parked release <STREAM>`",
            ),
            ("tidegate parked show order", "`order` is not a stream id", "order#536365"),
            ("tidegate process show 42", "`42` is not a stream id", "order#536365"),
            ("tidegate process resume", "not provided", "`tidegate process resume"),
            (
                "tidegate process resume --all b#1",
                "cannot be used with",
                "`tidegate process resume",
            ),
            ("tidegate process resume b#1 --code paused", "cannot be used with", "--code"),
            ("tidegate process skip b#1", "not provided: --note <TEXT>", "`tidegate process skip"),
            ("tidegate process skip b#1 --note \u{a0}", "for '--note <TEXT>'", "it is empty"),
            (
                "tidegate process force b#1 --note n --state Booked",
                "it is not JSON",
                "'\"Cancelled\"'",
            ),
            ("tidegate process ls --limit 0", "'0' for '--limit <N>'", "1 or more"),
            ("tidegate projection", "'tidegate projection' needs a command", "<COMMAND>"),
            ("tidegate projection rebuild", "not provided: <NAME>", "rebuild <NAME>"),
            ("tidegate projection rebuild v --segments 65", "'65' for '--segments <N>'", "1..=64"),
            ("tidegate projection rebuild v --rate 0", "'0' for '--rate <N>'", "above 0"),
            ("tidegate breaker open", "not provided", "`tidegate breaker open"),
            (
                "tidegate breaker open p --note n --seconds 0",
                "'0' for '--seconds <N>'",
                "not in 1..",
            ),
            ("tidegate dlq --yes --account prod", "'prod' for '--account <ID>'", "12 digits"),
            ("tidegate dlq --yes --qualifier a:b", "'a:b' for '--qualifier <NAME>'", "$LATEST"),
            ("tidegate dlq --limit 3", "not provided: --yes", "`tidegate dlq --yes"),
            ("tidegate cost --per 0", "'0' for '--per <N>'", "above 0"),
            ("tidegate cost --count 5", "not provided: --unit", "`tidegate cost"),
            ("tidegate cost --unit sales --count 0", "'0' for '--count <N>'", "not in 1.."),
            ("tidegate cost --save a --measurement b", "cannot be used with", "`tidegate cost"),
            (
                "tidegate topology",
                "'tidegate topology' needs a command",
                "`tidegate topology <COMMAND>`",
            ),
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
            let said =
                one_line("tidegate", &Arguments::try_parse_from(line.split(' ')).unwrap_err());
            assert!(said.contains(wrong) && said.contains(instead), "{line}: {said}");
        }
    }
}
