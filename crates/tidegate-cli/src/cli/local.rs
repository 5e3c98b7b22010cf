//! The options of `tidegate local`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{StateDir, above_zero};

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
