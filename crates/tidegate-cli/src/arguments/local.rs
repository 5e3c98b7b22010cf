//! Options of `tidegate local`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::moment::moment;
use super::number::above_zero;
use super::place::StateDir;
use super::token::{TOKEN, Token};

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Installs MiniStack, the emulator, into Tidegate's own cache, with Python's pip.
    #[command(long_about = INSTALL)]
    Install,
    /// Starts the emulator, the functions and the deliveries.
    #[command(after_help = UP)]
    Up(Up),
    /// Shows the status of sources, functions and failures.
    Status(Status),
    /// Prints the log lines of the functions, ordered by time.
    Logs(Logs),
    /// Prints the URL of the console, a page that shows the whole system.
    Console(StateDir),
    /// Prints the URL at which the AWS CLI and SDKs reach AWS and Lambda.
    Endpoint(StateDir),
    /// Prints the variables with which the AWS CLI and SDKs reach the local system, for a shell.
    #[command(after_help = ENV)]
    Env(StateDir),
    /// Prints a token that the local system accepts for an API.
    #[command(after_help = TOKEN)]
    Token(Token),
    /// Lists the schedules that come next, or fires one now.
    Schedules(Schedules),
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

const ENV: &str = "\
Use it as eval \"$(tidegate local env)\". The variables name the endpoint of this run: unset \
AWS_ENDPOINT_URL before the next `tidegate local up`.";

const WAIT: &str = "\
Exit codes:
  0  nothing is in flight and nothing waits
  1  no local system runs, or it does not answer
  2  misuse
  3  still busy after --timeout";

/// Options of `local up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Runs in the background, and returns when the system is ready.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Prints the addresses and paths of the system as JSON once it is ready.
    #[arg(long)]
    pub(crate) json: bool,
    /// The topology file; by default infra/topology.auto.tfvars here or in a directory above.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Runs only these functions, with what leads to them; repeatable, or with commas between. All
    /// streams, tables, queues and buses exist as before.
    #[arg(long, value_name = "FUNCTION", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Replaces a variable of a function's declared environment, such as
    /// payment.PAYMENT_PROVIDER_URL=http://127.0.0.1:9000; repeatable.
    #[arg(long, value_name = "FUNCTION.NAME=VALUE", value_parser = variable)]
    pub(crate) set: Vec<Variable>,
    /// Emulator to start: ministack (the default) or localstack.
    #[arg(long, env = "BACKEND", value_name = "NAME", hide_env_values = true)]
    pub(crate) backend: Option<String>,
    /// AWS-compatible endpoint that already runs; no emulator is started.
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Runs the functions as they were last built.
    #[arg(long, conflicts_with = "bin_dir")]
    pub(crate) no_build: bool,
    /// Directory with the functions' binaries; nothing is built.
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// Sends each invocation to functions that another program runs, such as `cargo lambda watch`
    /// at http://127.0.0.1:9000; nothing is built or started.
    #[arg(long, value_name = "URL", conflicts_with_all = ["no_build", "bin_dir"])]
    pub(crate) invoke_url: Option<String>,
    /// Accepts only tokens that are signed with an RSA key of this key set (a JWKS document, from
    /// the issuer's jwks_uri). By default the tokens of `tidegate local token`.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_set: Option<PathBuf>,
    /// Port on 127.0.0.1 for Invoke, status and the console; by default a free one each time.
    #[arg(long, value_name = "PORT", default_value = "0", hide_default_value = true)]
    pub(crate) port: u16,
    /// Keeps the functions' processes running between invocations, for debuggers and profilers. By
    /// default they are stopped, as on Lambda.
    #[arg(long)]
    pub(crate) no_freeze: bool,
    /// Divides every wait that AWS fixes: visibility timeouts, batching and tumbling windows, ages,
    /// retries. 60 turns a minute into a second.
    #[arg(long, value_name = "N", default_value = "1", value_parser = above_zero)]
    pub(crate) time_scale: f64,
    /// How often sources are polled: as soon as records may be there, or as rarely as Lambda polls
    /// (a Kinesis shard once a second, a table's shard four times, queues by long polling).
    #[arg(long, value_name = "PACE", value_enum, default_value_t = Pace::Fast)]
    pub(crate) pace: Pace,
    /// Injects the faults of this fault plan (see docs/faults.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Replaces the plan's seed, which results in other faults.
    #[arg(long, value_name = "N", requires = "faults")]
    pub(crate) fault_seed: Option<u64>,
    /// Injects the faults of this fault journal again, instead of drawn ones. The plan's clocks
    /// still apply.
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_journal: Option<PathBuf>,
    /// Starts a session of its own first.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) own_session: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// A variable of a function, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) function: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Parses a variable of a function with its value.
fn variable(text: &str) -> Result<Variable, String> {
    let parts = text.split_once('=').and_then(|(place, value)| {
        let (function, name) = place.split_once('.')?;
        Some(Variable { function: function.into(), name: name.into(), value: value.into() })
    });
    let named = parts.filter(|found| !found.function.is_empty() && !found.name.is_empty());
    named.ok_or_else(|| "expected FUNCTION.NAME=VALUE".to_owned())
}

/// Pace of polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// As soon as records may be there.
    Fast,
    /// As rarely as Lambda polls.
    Aws,
}

/// Options of `local status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Prints the status as JSON; with --watch one line each time.
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows the status every second, in place on a terminal, until Ctrl-C or the end of the local
    /// system.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Options of `local logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only this function; by default all functions.
    pub(crate) function: Option<String>,
    /// Waits for further lines, until Ctrl-C or the end of the local system.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only lines about records with this correlation id.
    #[arg(long, value_name = "ID")]
    pub(crate) correlation: Option<String>,
    /// Only lines of the invocation with this request id.
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,
    /// Also prints metrics (in CloudWatch's embedded metric format).
    #[arg(long)]
    pub(crate) metrics: bool,
    /// Only lines since this time, such as 2026-11-21T22:30:00Z, or since so long ago, such as 90s,
    /// 10m or 2h.
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

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Options of `local schedules`.
#[derive(Debug, Args)]
pub(crate) struct Schedules {
    /// Fires this schedule once, now: NAME of a declared one, or GROUP/NAME.
    #[arg(long, value_name = "SCHEDULE", value_parser = schedule)]
    pub(crate) fire: Option<(String, String)>,
    /// Prints the schedules as JSON.
    #[arg(long, conflicts_with = "fire")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Parses the name of a schedule: its group and its name.
fn schedule(text: &str) -> Result<(String, String), String> {
    let (group, name) = text.split_once('/').unwrap_or((topology::DECLARED_SCHEDULES, text));
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    if is_name(group) && is_name(name) {
        return Ok((group.to_owned(), name.to_owned()));
    }
    Err("expected NAME of a declared schedule, or GROUP/NAME".to_owned())
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
    fn a_variable_ends_at_the_first_equals_sign() {
        let found = variable("payment.URL=http://127.0.0.1:1/?a=b.c").unwrap();
        let Variable { function, name, value } = &found;
        assert_eq!(
            (&**function, &**name, &**value),
            ("payment", "URL", "http://127.0.0.1:1/?a=b.c")
        );
        assert_eq!(variable("payment.URL=").unwrap().value, "");
        for wrong in ["payment.URL", "payment=URL", ".URL=a", "payment.=a", ""] {
            assert!(variable(wrong).unwrap_err().contains("FUNCTION.NAME=VALUE"), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_without_a_group_is_a_declared_one() {
        let of = |group: &str, name: &str| Ok((group.to_owned(), name.to_owned()));
        assert_eq!(schedule("nightly"), of("declared", "nightly"));
        assert_eq!(schedule("deadlines/order-1.a"), of("deadlines", "order-1.a"));
        for wrong in ["", "/a", "a/", "a/b/c", "a b", "../x?"] {
            assert!(schedule(wrong).unwrap_err().contains("GROUP/NAME"), "{wrong}");
        }
    }
}
