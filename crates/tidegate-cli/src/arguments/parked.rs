//! Options of `tidegate parked`.

use clap::{Args, Subcommand};
use tidegate::ids::StreamId;

use super::invoking::Invoking;
use super::place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedCommand {
    /// Lists parked aggregates.
    Ls(ParkedList),
    /// Shows a parked aggregate and the event that could not be applied.
    Show(ParkedOne),
    /// Lets the projection try a parked aggregate again.
    Release(ParkedRelease),
}

/// Options that say where parked aggregates are listed.
#[derive(Debug, Args)]
pub(crate) struct ParkedPlace {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Only the read models of this function, by its name in the topology or in AWS.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Options of `parked ls`.
#[derive(Debug, Args)]
pub(crate) struct ParkedList {
    #[command(flatten)]
    pub(crate) at: ParkedPlace,
}

/// Options of `parked release`.
#[derive(Debug, Args)]
pub(crate) struct ParkedRelease {
    #[command(flatten)]
    pub(crate) one: ParkedOne,
    #[command(flatten)]
    pub(crate) invoking: Invoking,
}

/// Options of `parked show` and `parked release`.
#[derive(Debug, Args)]
pub(crate) struct ParkedOne {
    /// Stream of the aggregate, such as order#536365.
    pub(crate) stream: StreamId,
    #[command(flatten)]
    pub(crate) at: ParkedPlace,
}
