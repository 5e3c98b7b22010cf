//! Options of `tidegate breaker`.

use clap::{Args, Subcommand};

use super::place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Lists the declared breakers with their phases.
    Ls(BreakerList),
    /// Opens a breaker: its function no longer calls the provider.
    Open(BreakerOpen),
    /// Closes a breaker: its function calls the provider again.
    Close(BreakerOne),
}

/// Options of `breaker ls`.
#[derive(Debug, Args)]
pub(crate) struct BreakerList {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `breaker open`.
#[derive(Debug, Args)]
pub(crate) struct BreakerOpen {
    /// Seconds until a probe may find out whether the provider works; by default the declared
    /// longest outage.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_209_600))]
    pub(crate) seconds: Option<u32>,
    #[command(flatten)]
    pub(crate) one: BreakerOne,
}

/// Options of `breaker open` and `breaker close`.
#[derive(Debug, Args)]
pub(crate) struct BreakerOne {
    /// Name of the breaker in the topology.
    pub(crate) name: String,
    /// Why. It is kept with the change.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: String,
    /// Who makes the change; by default the user of this session.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    pub(crate) operator: String,
    #[command(flatten)]
    pub(crate) place: Place,
}
