//! `shop ledger statement`: balances as of any time.

use std::process::ExitCode;

use comfy_table::Cell;
use events::Currency;
use events::ledger::{Account, BalanceKey};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{right, table};

use super::balances::Balances;
use super::books::Books;
use super::options::{self, end_of};
use crate::amount::money;

/// Balances of one currency.
#[derive(Debug, Serialize)]
struct Statement {
    currency: String,
    /// Time of the balances.
    at: Timestamp,
    accounts: Balances,
    /// Sum of all accounts.
    trial_balance: i128,
    /// Days of one account.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountDays>,
    /// Rows whose amounts may be missing in the balances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wrong: Vec<WrongRow>,
}

/// A row of balances with amounts that are in no total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct WrongRow {
    key: String,
    reason: String,
}

/// What the days added to one account.
#[derive(Debug, Serialize)]
struct AccountDays {
    name: &'static str,
    days: Vec<Day>,
}

/// A day of one account.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Day {
    day: Date,
    change: i128,
    /// Balance after the day, or at the time of the statement.
    balance: i128,
}

/// Shows balances as of a time.
///
/// # Errors
/// The books cannot be read. Books that do not balance, or lack amounts, are not an error: the exit
/// code is 1.
pub(crate) async fn statement(options: &options::Statement) -> Result<ExitCode, Problem> {
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let at = options.at.unwrap_or_else(Timestamp::now);
    let account = options.of.as_deref().map(str::parse::<Account>).transpose();
    let account = account.map_err(Problem::new)?;
    let books = Books::read(&connection, &options.tables, &options.endpoint).await?;
    let mut statements = Vec::new();
    for currency in Currency::ALL {
        let days = days_until(&connection, &books, currency, at).await?;
        let wrong = wrong_rows(&books.wrong, currency, at);
        statements.push(Statement::new(currency, at, &days, account, wrong));
    }
    if options.json {
        output::json(&statements)?;
    } else {
        let texts: Vec<String> = statements.iter().map(Statement::text).collect();
        output::line(&texts.join("\n\n"))?;
    }
    let right = statements.iter().all(Statement::is_right);
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns what each day added until this time. Only the last day may be needed in part; its
/// postings are read from the journal then.
async fn days_until(
    connection: &Connection,
    books: &Books,
    currency: Currency,
    at: Timestamp,
) -> Result<Vec<(Date, Balances)>, Problem> {
    let last = at.to_zoned(TimeZone::UTC).date();
    let of_currency = books.days.iter().filter(|((of, _), _)| *of == currency);
    let mut days: Vec<(Date, Balances)> = of_currency
        .map(|((_, day), added)| (*day, *added))
        .filter(|(day, _)| *day <= last)
        .collect();
    if let Some((day, added)) = days.last_mut().filter(|(day, _)| *day == last)
        && end_of(*day).is_none_or(|end| at < end)
    {
        let entries = books.journal(connection, currency, *day, Some(at)).await?;
        *added = Balances::default();
        entries.into_values().for_each(|entry| *added += entry);
    }
    Ok(days)
}

/// Returns the wrong rows that a statement of this currency and time may need. It needs none of a
/// later day.
fn wrong_rows(wrong: &[(String, String)], currency: Currency, at: Timestamp) -> Vec<WrongRow> {
    let last = at.to_zoned(TimeZone::UTC).date();
    let is_needed = |key: &str| match BalanceKey::parse(key) {
        Some(BalanceKey::Running(of)) => of == currency,
        Some(BalanceKey::Day(of, day)) => of == currency && day <= last,
        None => true,
    };
    let needed = wrong.iter().filter(|(key, _)| is_needed(key));
    needed.map(|(key, reason)| WrongRow { key: key.clone(), reason: reason.clone() }).collect()
}

impl Statement {
    fn new(
        currency: Currency,
        at: Timestamp,
        days: &[(Date, Balances)],
        account: Option<Account>,
        wrong: Vec<WrongRow>,
    ) -> Self {
        let mut accounts = Balances::default();
        let mut of_account = Vec::new();
        for (day, added) in days {
            accounts += *added;
            if let Some(account) = account {
                let (change, balance) = (added.of(account), accounts.of(account));
                of_account.push(Day { day: *day, change, balance });
            }
        }
        Self {
            currency: currency.to_string(),
            at,
            accounts,
            trial_balance: accounts.trial(),
            account: account
                .map(|account| AccountDays { name: account.as_str(), days: of_account }),
            wrong,
        }
    }

    /// Returns whether the books balance and lack no amounts.
    fn is_right(&self) -> bool {
        self.trial_balance == 0 && self.wrong.is_empty()
    }

    fn text(&self) -> String {
        let mut text = self.balances();
        for WrongRow { key, reason } in &self.wrong {
            text.push_str("\nthe balances may be incomplete: the row ");
            text.push_str(&escaped(&format!("{key}: {reason}; run `shop ledger audit`")));
        }
        text
    }

    fn balances(&self) -> String {
        let Self { currency, at, .. } = self;
        if let Some(AccountDays { name, days }) = &self.account {
            let mut shown = table(["day", "debit", "credit", "balance"]);
            for Day { day, change, balance } in days {
                let [debit, credit] = sides(*change);
                shown.add_row([Cell::new(day), debit, credit, right(money(*balance))]);
            }
            return format!("{name} until {at}, {currency}\n{}", shown.trim_fmt());
        }
        let mut shown = table(["account", "debit", "credit"]);
        let (mut debits, mut credits) = (0, 0);
        for (account, balance) in self.accounts.accounts() {
            debits += balance.max(0);
            credits -= balance.min(0);
            let [debit, credit] = sides(balance);
            shown.add_row([Cell::new(account), debit, credit]);
        }
        shown.add_row([Cell::new("sum"), right(money(debits)), right(money(credits))]);
        let verdict = match self.trial_balance {
            0 => "the trial balance is zero".to_owned(),
            off => format!("the trial balance is off by {}; run `shop ledger audit`", money(off)),
        };
        format!("ledger as of {at}, {currency}\n{}\n{verdict}", shown.trim_fmt())
    }
}

/// Returns the cells of a debit and a credit, of which one is empty.
fn sides(balance: i128) -> [Cell; 2] {
    match balance {
        0 => [Cell::new(""), Cell::new("")],
        debit if debit > 0 => [right(money(debit)), Cell::new("")],
        credit => [Cell::new(""), right(money(-credit))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, authorised: i128, captured: i128) -> (Date, Balances) {
        (date.parse().unwrap(), Balances::of_totals(authorised, 0, captured, 0))
    }

    fn of(account: Option<Account>) -> Statement {
        let days = [day("2026-11-29", 1_500, 500), day("2026-11-30", 0, 1_000)];
        let at = "2026-11-30T12:00:00Z".parse().unwrap();
        Statement::new(Currency::Gbp, at, &days, account, Vec::new())
    }

    #[test]
    fn debits_and_credits_are_in_columns_of_their_own_and_sum_to_the_same() {
        let text = of(None).text();
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            (line("cash"), line("revenue"), line("sum")),
            ("15.00".into(), "15.00".into(), "15.00 15.00".into())
        );
        assert_eq!(line("receivable"), "");
        assert!(text.ends_with("the trial balance is zero"), "{text}");
    }

    #[test]
    fn an_account_has_its_days_with_the_balance_after_each() {
        let account = of(Some(Account::Receivable)).account.unwrap();
        let days: Vec<_> = account.days.iter().map(|day| (day.change, day.balance)).collect();
        assert_eq!(days, [(1_000, 1_000), (-1_000, 0)]);
    }

    #[test]
    fn books_that_do_not_balance_are_said_so() {
        let mut days = [day("2026-11-29", 5, 5)];
        days[0].1 += Balances::from_amounts(|account| i128::from(account == Account::Cash));
        let at = "2026-11-30T12:00:00Z".parse().unwrap();
        let statement = Statement::new(Currency::Gbp, at, &days, None, Vec::new());
        let text = statement.text();
        assert!(text.contains("off by 0.01; run `shop ledger audit`"), "{text}");
        assert!(!statement.is_right());
    }

    #[test]
    fn rows_with_amounts_that_are_in_no_total_are_named() {
        let wrong = ["GBP#running", "GBP#2026-11-30", "GBP#2026-12-01", "till\x1b[2J"];
        let wrong = wrong.map(|key| (key.to_owned(), "cash is not a number".to_owned()));
        for account in [None, Some(Account::Cash)] {
            let mut statement = of(account);
            assert!(statement.is_right());
            statement.wrong = wrong_rows(&wrong, Currency::Gbp, statement.at);
            assert!(!statement.is_right());
            let text = statement.text();
            for key in ["GBP#running", "GBP#2026-11-30", r"till\u{1b}[2J"] {
                let line = format!("the row {key}: cash is not a number; run `shop ledger audit`");
                assert!(text.contains(&line), "{key}: {text}");
            }
            assert!(!text.contains("2026-12-01"), "a later day: {text}");
        }
    }
}
