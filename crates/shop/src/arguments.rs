//! The command line: subcommands, options, help texts.
//!
//! Declarations only. `dispatch` hands them to the modules that act.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use events::view::Dimension;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;

use crate::event_store::EventStoreTable;
use crate::ledger::options::LedgerCommand;
use crate::shipment::options::ShipmentCommand;
use crate::summary::options::SummaryOptions;
use crate::whole::options::Whole;

/// Seed of the sample that ships with the repository.
pub(crate) const SEED: u64 = 1;

/// Orders of that sample, besides the large ones.
pub(crate) const ORDERS: u32 = 300;

/// Feeds orders into the shop, and shows and checks its read models.
#[derive(Debug, Parser)]
#[command(name = "shop", version, arg_required_else_help = false, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the command is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Puts the invoices of a file on the stream of orders.
    #[command(subcommand, arg_required_else_help = false)]
    Import(ImportFormat),
    /// Shows orders and returns.
    #[command(subcommand, arg_required_else_help = false)]
    Order(OrderCommand),
    /// Shows statements of the ledger, and audits it.
    #[command(subcommand, arg_required_else_help = false)]
    Ledger(LedgerCommand),
    /// Says what became of the shipment of an order.
    #[command(subcommand, arg_required_else_help = false)]
    Shipment(ShipmentCommand),
    /// Shows sales by day, country, product or customer.
    Sales(Sales),
    /// Generates a sample file: deterministic, with every kind of good and bad line.
    Generate(Generate),
    /// Compares every read model with sums computed from the file alone.
    Check(Check),
    /// Reports what the local system has done since its start.
    Report(Report),
    /// Places orders at a steady rate over the HTTP API, and says how long they take.
    Load(crate::load::Load),
    /// Counts orders by what became of them, with the time until they were confirmed.
    Summary(SummaryOptions),
}

/// Format of an imported file.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFormat {
    /// The UCI "Online Retail" CSV, plain or gzip.
    OnlineRetail {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        options: Import,
    },
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Only the first N invoices, of any kind.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Leaves out the first N invoices, so that a file can be sent in parts.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) skip: usize,
    /// Sends every Nth record a second time, as a producer does after a lost response.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) resend_every: Option<u64>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stream that takes the orders; by default `orders` after the name prefix.
    #[arg(long, env = "ORDERS_STREAM", value_name = "NAME", hide_env_values = true)]
    pub(crate) stream: Option<String>,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

impl Import {
    /// Returns the name of the stream.
    pub(crate) fn stream(&self) -> PhysicalName {
        PhysicalName::given_or(self.stream.as_deref(), &self.endpoint.name_prefix, "orders")
    }
}

/// What is done with orders and returns.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Shows one order or return, with its timeline.
    Show(OrderShow),
}

/// Options of `order show`.
#[derive(Debug, Args)]
pub(crate) struct OrderShow {
    /// Number of the order or return, such as 536365 or C536379.
    pub(crate) id: String,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) view: OrderView,
    #[command(flatten)]
    pub(crate) events: EventStoreTable,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// Options of `sales`.
#[derive(Debug, Args)]
pub(crate) struct Sales {
    /// Dimension by which sales are summed.
    #[arg(long, value_name = "DIMENSION", value_parser = dimension_parser())]
    pub(crate) by: String,
    /// Only the N keys with the most revenue after refunds. The result stays sorted by key.
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) sales: SalesTable,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// Options of `generate`.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// The file to write; compressed when its name ends in .gz.
    pub(crate) file: PathBuf,
    /// Seed: the same seed and number of orders give the same file.
    #[arg(long, value_name = "S", default_value_t = SEED)]
    pub(crate) seed: u64,
    /// Number of orders.
    #[arg(long, value_name = "N", default_value_t = ORDERS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) orders: u32,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file that was imported.
    pub(crate) file: PathBuf,
    /// Only the first N invoices, as in `import`.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) whole: Whole,
    #[command(flatten)]
    pub(crate) sales: SalesTable,
    #[command(flatten)]
    pub(crate) view: OrderView,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Output of `tidegate local status --json`; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) status: PathBuf,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) view: OrderView,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// The read model of orders and returns.
#[derive(Debug, Args)]
pub(crate) struct OrderView {
    /// Table of orders and returns; by default `order-view` after the name prefix.
    #[arg(long, env = "ORDER_VIEW_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) order_view_table: Option<String>,
}

impl OrderView {
    /// Returns the name of the table.
    pub(crate) fn table(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.order_view_table.as_deref(), &place.name_prefix, "order-view")
    }
}

/// The read model of sales.
#[derive(Debug, Args)]
pub(crate) struct SalesTable {
    /// Table of sales; by default `sales` after the name prefix.
    #[arg(long, env = "SALES_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) sales_table: Option<String>,
}

impl SalesTable {
    /// Returns the name of the table.
    pub(crate) fn table(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.sales_table.as_deref(), &place.name_prefix, "sales")
    }
}

fn dimension_parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Dimension::ALL.map(Dimension::as_str))
}

#[cfg(test)]
mod tests {
    use terminal::misuse::one_line;

    use super::*;

    #[test]
    fn misuse_is_said_with_what_is_wrong_and_what_to_run() {
        for (line, wrong, instead) in [
            ("shop imprt", "unrecognized subcommand 'imprt'", "'import'"),
            ("shop frobnicate", "unrecognized subcommand 'frobnicate'", "`shop --help`"),
            ("shop", "'shop' needs a command", "`shop <COMMAND>`"),
            ("shop import", "'shop import' needs a command", "`shop import <COMMAND>`"),
            (
                "shop import online-retail",
                "not provided: <FILE>",
                "`shop import online-retail <FILE>`",
            ),
            (
                "shop import online-retail f --limit many",
                "invalid value 'many' for '--limit <N>'",
                "`shop --help`",
            ),
            (
                "shop import online-retail f --resend-every 0",
                "'0' for '--resend-every <N>'",
                "not in",
            ),
            (
                "shop sales --by moon",
                "invalid value 'moon' for '--by <DIMENSION>'",
                "day, country, product, customer",
            ),
            ("shop sales", "not provided: --by", "`shop sales --by"),
            (
                "shop sales --by day --name-prefix shop",
                "invalid value 'shop' for '--name-prefix <PREFIX>'",
                "`shop-dev-`",
            ),
            ("shop check f --top 3", "unexpected argument '--top'", "`shop check"),
            ("shop check f --letters l", "not provided: --shop", "`shop check"),
            ("shop ledger", "'shop ledger' needs a command", "`shop ledger <COMMAND>`"),
            (
                "shop ledger statement --at noon",
                "invalid value 'noon' for '--at <TIME>'",
                "a day as in 2026-11-30",
            ),
            (
                "shop ledger statement --of till",
                "invalid value 'till' for '--of <ACCOUNT>'",
                "receivable, cash, liabilities, revenue, refunds",
            ),
        ] {
            let said = one_line("shop", &Arguments::try_parse_from(line.split(' ')).unwrap_err());
            assert!(said.contains(wrong) && said.contains(instead), "{line}: {said}");
        }
    }
}
