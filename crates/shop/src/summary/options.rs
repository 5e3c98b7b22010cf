//! Options of `shop summary`.

use std::path::PathBuf;

use clap::Args;
use terminal::endpoint::EndpointOption;

use crate::event_store::WholeEventStore;

/// Options of `summary`.
#[derive(Debug, Args)]
pub(crate) struct SummaryOptions {
    /// Output of `tidegate cost --json` about the finished orders.
    #[arg(long, value_name = "FILE")]
    pub(crate) cost: Option<PathBuf>,
    /// Output of an earlier `shop summary --json`, whose orders are taken. The event store is not
    /// read then.
    #[arg(long, value_name = "FILE")]
    pub(crate) orders: Option<PathBuf>,
    /// Output of `tidegate local status --json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) status: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: WholeEventStore,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}
