//! The options of `tidegate local`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::number::above_zero;
use super::place::StateDir;

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Installs MiniStack, the emulator, into a cache of Tidegate's own, with Python's pip.
    #[command(long_about = INSTALL)]
    Install,
    /// Starts emulator, functions and deliveries.
    #[command(after_help = UP)]
    Up(Up),
    /// Shows how everything stands.
    Status(Status),
    /// Prints what the functions have logged, in order of time.
    Logs(Logs),
    /// Prints the URL of the console: a page with everything on it.
    Console(StateDir),
    /// Prints the URL of the emulator, for the AWS CLI and SDKs.
    Endpoint(StateDir),
    /// Waits until nothing is in flight and nothing waits.
    #[command(after_help = WAIT)]
    Wait(Wait),
    /// Ends the local system.
    Down(StateDir),
}

const INSTALL: &str = "\
Installs MiniStack, the emulator, into a cache of Tidegate's own, with Python's pip.

The version is the one that this command was tested with, and every file is compared with its known \
hash. The place is $XDG_CACHE_HOME/tidegate or ~/.cache/tidegate. It needs Python 3.10 with venv. \
`tidegate local up` uses it before any `ministack` in PATH.";

const UP: &str = "\
Without --endpoint-url (or AWS_ENDPOINT_URL) and --backend (or BACKEND) it starts MiniStack, which \
`tidegate local install` installs. TIDEGATE_TOOLS names the directory of an installation by \
Tidegate's own scripts/setup.";

const WAIT: &str = "\
Exit codes:
  0  nothing is in flight and nothing waits
  1  no local system runs, or it does not answer
  2  misuse
  3  still busy after --timeout";

/// Options of `local up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Runs in the background; returns when the system is ready.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Prints what runs where as JSON once the system is ready.
    #[arg(long)]
    pub(crate) json: bool,
    /// The topology file; by default infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// The emulator that is started: ministack (the default) or localstack.
    #[arg(long, env = "BACKEND", value_name = "NAME", hide_env_values = true)]
    pub(crate) backend: Option<String>,
    /// An AWS-compatible endpoint that runs already; no emulator is started then.
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
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
    /// Divides every wait that AWS fixes: 60 makes a minute a second. Visibility timeouts, batching and tumbling windows, ages, retries.
    #[arg(long, value_name = "N", default_value = "1", value_parser = above_zero)]
    pub(crate) time_scale: f64,
    /// How often sources are polled: as soon as records can be there, or as seldom as Lambda polls (a Kinesis shard once a second, a table's four times,
    /// queues by long polling).
    #[arg(long, value_name = "PACE", value_enum, default_value_t = Pace::Fast)]
    pub(crate) pace: Pace,
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

/// A choice of pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// As soon as records can be there.
    Fast,
    /// As seldom as Lambda polls.
    Aws,
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
    /// Only what was logged since then: a time such as 2026-11-21T22:30:00Z, or how long ago, such
    /// as 90s, 10m or 2h.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,
    /// Only lines of this level or a higher one. A line without a level counts as info, as on
    /// Lambda.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// Prints the lines as they were written, apart from control characters.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Prints each line as a JSON object of its own.
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago: Option<SignedDuration> = text.parse().ok().filter(|ago: &SignedDuration| !ago.is_negative());
    ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok()).ok_or_else(|| {
        "expected a time such as 2026-11-21T22:30:00Z, or how long ago, such as 90s, 10m or 2h".to_owned()
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        assert_eq!(moment("2026-11-21T22:30:00Z").unwrap().to_string(), "2026-11-21T22:30:00Z");
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("1h 30m", 5400)] {
            let ago = Timestamp::now().as_second() - moment(text).unwrap().as_second();
            assert!((seconds..seconds + 5).contains(&ago), "{text} is {ago} s ago");
        }
        for wrong in ["", "soon", "10", "-5m", "25:00"] {
            assert!(moment(wrong).unwrap_err().contains("10m"), "{wrong}");
        }
    }
}
