//! Options of `shop ledger`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use events::ledger::Account;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;

use crate::event_store::WholeEventStore;

/// What is done with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Shows the balances of all accounts, or the days of one account.
    Statement(Statement),
    /// Replays all payment events and compares every row, balance and entry with the result.
    Audit(Audit),
}

/// Options of `ledger statement`.
#[derive(Debug, Args)]
pub(crate) struct Statement {
    /// Balances as of this time, RFC 3339, or at the end of this day, UTC; by default now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
    /// Shows what each day added to this account.
    #[arg(long, value_name = "ACCOUNT", value_parser = account_parser())]
    pub(crate) of: Option<String>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tables: LedgerTables,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// Options of `ledger audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tables: LedgerTables,
    #[command(flatten)]
    pub(crate) store: WholeEventStore,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

/// The read models of the ledger.
#[derive(Debug, Args)]
pub(crate) struct LedgerTables {
    /// Table of payments; by default `ledger` after the name prefix.
    #[arg(long, env = "LEDGER_TABLE", value_name = "NAME", hide_env_values = true)]
    ledger_table: Option<String>,
    /// Table of balances; by default `balances` after the name prefix.
    #[arg(long, env = "BALANCES_TABLE", value_name = "NAME", hide_env_values = true)]
    balances_table: Option<String>,
    /// Table of the journal; by default `journal` after the name prefix.
    #[arg(long, env = "JOURNAL_TABLE", value_name = "NAME", hide_env_values = true)]
    journal_table: Option<String>,
}

impl LedgerTables {
    /// Returns the name of the table of payments.
    pub(crate) fn rows(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.ledger_table.as_deref(), &place.name_prefix, "ledger")
    }

    /// Returns the name of the table of balances.
    pub(crate) fn balances(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.balances_table.as_deref(), &place.name_prefix, "balances")
    }

    /// Returns the name of the table of the journal.
    pub(crate) fn journal(&self, place: &EndpointOption) -> PhysicalName {
        PhysicalName::given_or(self.journal_table.as_deref(), &place.name_prefix, "journal")
    }
}

fn account_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(Account::ALL.map(Account::as_str))
}

/// Parses a time, or a day, which means its last microsecond.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "`{text}` is neither a time such as 2026-11-30T17:00:00Z nor a day as in 2026-11-30"
        )
    };
    let Ok(day) = text
        .parse::<Date>()
        .map_err(|_| wrong())
        .and_then(|day| if text.len() == "2026-11-30".len() { Ok(day) } else { Err(wrong()) })
    else {
        return text.parse().map_err(|_| wrong());
    };
    end_of(day).ok_or_else(wrong)
}

/// Returns the last microsecond of a UTC day.
pub(crate) fn end_of(day: Date) -> Option<Timestamp> {
    let end = day.at(23, 59, 59, 999_999_000);
    end.to_zoned(TimeZone::UTC).ok().map(|end| end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end_and_a_time_itself() {
        let shown = |text| moment(text).map(|time| time.to_string());
        assert_eq!(shown("2026-11-30").unwrap(), "2026-11-30T23:59:59.999999Z");
        assert_eq!(shown("2026-11-30T17:00:00+01:00").unwrap(), "2026-11-30T16:00:00Z");
        for wrong in ["today", "2026-11-31", "2026-11-30T17:00:00", ""] {
            assert!(shown(wrong).unwrap_err().contains("is neither a time"), "{wrong}");
        }
    }
}
