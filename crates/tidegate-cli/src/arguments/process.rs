//! Options of `tidegate process`.

use std::env;

use clap::{Args, Subcommand};
use tidegate::ids::StreamId;

use super::number::above_zero;
use super::place::Place;

/// Longest note or name of an operator, in characters.
const LONGEST_TEXT: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum ProcessCommand {
    /// Lists instances of processes. Without --stuck it reads the whole view.
    Ls(ProcessList),
    /// Shows an instance and its history: every decision with its cause, its rules, its commands
    /// and its deadlines.
    Show(ProcessShow),
    /// Has the stuck input decided again, by the rules that run now; then those behind it.
    Resume(ProcessResume),
    /// Drops the stuck input, which stays in the history; then those behind it are decided.
    Skip(ProcessSkip),
    /// Sets the state and drops the stuck input; then those behind it are decided.
    Force(ProcessForce),
}

/// Options that say where processes are, and how the result is printed.
#[derive(Debug, Args)]
pub(crate) struct ProcessPlace {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `process ls`.
#[derive(Debug, Args)]
pub(crate) struct ProcessList {
    /// Only this process, by its name in the topology.
    #[arg(value_name = "NAME")]
    pub(crate) process: Option<String>,
    /// Only instances that wait for an operator.
    #[arg(long)]
    pub(crate) stuck: bool,
    /// Only instances in this state.
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Only instances whose newest decision is by this version of the rules.
    #[arg(long, value_name = "N")]
    pub(crate) rules: Option<u32>,
    /// Stops after this number of instances.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = limit)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) at: ProcessPlace,
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|limit| *limit > 0)
        .ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

/// Options of `process show`.
#[derive(Debug, Args)]
pub(crate) struct ProcessShow {
    /// Instance, such as booking#42.
    #[arg(value_name = "ID")]
    pub(crate) instance: StreamId,
    #[command(flatten)]
    pub(crate) at: ProcessPlace,
}

/// Options of every word of an operator.
#[derive(Debug, Args)]
pub(crate) struct Speaking {
    /// Who decides; stored with the word. By default the name of the user.
    #[arg(long, env = "TIDEGATE_OPERATOR", value_name = "NAME", hide_env_values = true, value_parser = said)]
    operator: Option<String>,
    /// Seconds after which the command no longer waits for the decision.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = above_zero)]
    pub(crate) timeout: f64,
}

impl Speaking {
    /// Returns who decides; `None` if nothing says it.
    pub(crate) fn operator(&self) -> Option<String> {
        let user = || ["USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
        self.operator.clone().or_else(user).filter(|name| !name.trim().is_empty())
    }
}

/// Options of `process resume`.
#[derive(Debug, Args)]
pub(crate) struct ProcessResume {
    /// Instances, such as booking#42.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) instances: Vec<StreamId>,
    /// Resumes all stuck instances.
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: only those that are stuck with this code, such as paused.
    #[arg(long, value_name = "CODE", conflicts_with = "instances")]
    pub(crate) code: Option<String>,
    /// With --all: only those of this process.
    #[arg(long, value_name = "NAME", conflicts_with = "instances")]
    pub(crate) process: Option<String>,
    /// Why; stored with the word.
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = noted)]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) speaking: Speaking,
    #[command(flatten)]
    pub(crate) at: ProcessPlace,
}

/// Options of `process skip`.
#[derive(Debug, Args)]
pub(crate) struct ProcessSkip {
    /// Instance, such as booking#42.
    #[arg(value_name = "ID")]
    pub(crate) instance: StreamId,
    /// Why; stored with the word.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) speaking: Speaking,
    #[command(flatten)]
    pub(crate) at: ProcessPlace,
}

/// Options of `process force`.
#[derive(Debug, Args)]
pub(crate) struct ProcessForce {
    /// Instance, such as booking#42.
    #[arg(value_name = "ID")]
    pub(crate) instance: StreamId,
    /// State, as the history shows states: '"Cancelled"' or '{"Booked": {…}}'.
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(crate) state: String,
    /// Version of the state's type; by default that of the function that runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) state_version: Option<u32>,
    /// Why; stored with the word.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) speaking: Speaking,
    #[command(flatten)]
    pub(crate) at: ProcessPlace,
}

fn json(text: &str) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON ({error}); a state is written '\"Cancelled\"'"))?;
    Ok(value.to_string())
}

fn said(text: &str) -> Result<String, String> {
    match noted(text) {
        Ok(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
        checked => checked,
    }
}

fn noted(text: &str) -> Result<String, String> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(format!("it has more than {LONGEST_TEXT} characters"));
    }
    Ok(text.to_owned())
}
