//! Options of `shop check --shop`.

use std::path::PathBuf;

use clap::Args;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;

use crate::event_store::WholeEventStore;
use crate::ledger::options::LedgerTables;

/// What is checked besides the read models of orders and sales.
#[derive(Debug, Args)]
pub(crate) struct Whole {
    /// Checks the whole shop too: how each order ended, stock, money and the ledger. Nothing may be
    /// on its way.
    #[arg(long)]
    pub(crate) shop: bool,
    /// Report of the payment simulator, whose charges are compared with the orders.
    #[arg(long, value_name = "FILE", requires = "shop")]
    pub(crate) provider_report: Option<PathBuf>,
    /// Output of `tidegate dlq --json`: each dead letter must be one of the file's lines that
    /// cannot be read.
    #[arg(long, value_name = "FILE", requires = "shop")]
    pub(crate) letters: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: WholeEventStore,
    #[command(flatten)]
    pub(crate) ledger: LedgerTables,
    /// Table of the stock; by default `stock` after the name prefix.
    #[arg(long, env = "STOCK_TABLE", value_name = "NAME", hide_env_values = true)]
    stock_table: Option<String>,
}

impl Whole {
    /// Returns the name of the table of the stock.
    pub(crate) fn stock(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.stock_table.as_deref(), &place.name_prefix, "stock")
    }
}
