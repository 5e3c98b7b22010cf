//! The books that `ledger` keeps, as stored.

use std::collections::BTreeMap;

use events::Currency;
use events::ledger::{Account, BalanceKey};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use terminal::connection::Connection;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::query::{Condition, Consistency, Query, View};

use super::balances::Balances;
use super::options::LedgerTables;

/// What comes behind the `#` that ends the time in a place of the journal.
const BEHIND: char = '$';

/// The stored books.
pub(crate) struct Books {
    view: View,
    journal_table: PhysicalName,
    rows_table: PhysicalName,
    /// Running balances by currency.
    pub(crate) running: BTreeMap<Currency, Balances>,
    /// What each day added, by currency.
    pub(crate) days: BTreeMap<(Currency, Date), Balances>,
    /// Keys of rows that are none of the ledger's, and of rows that could not take amounts.
    pub(crate) wrong: Vec<(String, String)>,
}

/// A row of the table `ledger`: a payment or a refund.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct PaymentRow {
    pub(crate) stream: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) authorised: Option<i64>,
    #[serde(default)]
    pub(crate) captured: Option<i64>,
    #[serde(default)]
    pub(crate) released: Option<i64>,
    #[serde(default)]
    pub(crate) refunded: Option<i64>,
    /// Newest applied version of the stream.
    #[serde(default)]
    pub(crate) version: u64,
}

/// Amounts of an entry of the journal. An account that is not posted is absent.
#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    receivable: i64,
    #[serde(default)]
    cash: i64,
    #[serde(default)]
    liabilities: i64,
    #[serde(default)]
    revenue: i64,
    #[serde(default)]
    refunds: i64,
}

impl Books {
    /// Reads the balances, with what the projection has not counted in them yet.
    ///
    /// # Errors
    /// The table cannot be read, or a row lacks a readable number.
    pub(crate) async fn read(
        connection: &Connection,
        tables: &LedgerTables,
        place: &EndpointOption,
    ) -> Result<Self, Problem> {
        let (rows, balances) = (tables.rows(place), tables.balances(place));
        let journal = tables.journal(place);
        let view = View::from_dynamodb(connection.dynamodb(), rows.as_str(), balances.as_str())
            .with_entries(journal.as_str());
        let counters = match view.every_counter(Consistency::Strong).await {
            Ok(mut counters) => match counters.unreadable.pop() {
                None => counters,
                Some(failure) => {
                    return Err(connection.explain_table(&balances, failure.reason()).await);
                }
            },
            Err(failure) => {
                return Err(connection.explain_table(&balances, failure.reason()).await);
            }
        };
        let mut books = Self {
            view,
            journal_table: journal,
            rows_table: rows,
            running: BTreeMap::new(),
            days: BTreeMap::new(),
            wrong: counters.aside,
        };
        for (key, counter) in &counters.counters {
            let balances = Balances::from_counter(counter);
            match BalanceKey::parse(key) {
                Some(BalanceKey::Running(currency)) => _ = books.running.insert(currency, balances),
                Some(BalanceKey::Day(currency, day)) => {
                    _ = books.days.insert((currency, day), balances);
                }
                None => books.wrong.push((key.clone(), "it is not a key of a balance".to_owned())),
            }
        }
        Ok(books)
    }

    /// Reads the entries of a day up to a time, or all, by their places.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(crate) async fn journal(
        &self,
        connection: &Connection,
        currency: Currency,
        day: Date,
        until: Option<Timestamp>,
    ) -> Result<BTreeMap<String, Balances>, Problem> {
        let list = BalanceKey::Day(currency, day).to_string();
        let mut query = self.view.list(list, Consistency::Strong).limit(Query::MAX_LIMIT);
        if let Some(until) = until {
            query = query.sorted(Condition::at_most(format!("{until:.6}{BEHIND}")));
        }
        let (mut entries, mut from) = (BTreeMap::new(), None);
        loop {
            let page = self.view.page_of_list::<Posted>(&query, from.as_ref()).await;
            let mut page = match page {
                Ok(page) => page,
                Err(failure) => return Err(self.unreadable_journal(connection, &failure).await),
            };
            if let Some(failure) = page.unreadable.pop() {
                return Err(self.unreadable_journal(connection, &failure).await);
            }
            let rows = page.rows.into_iter();
            entries.extend(rows.map(|entry| (entry.key.entry, entry.data.balances())));
            if page.next.is_none() {
                return Ok(entries);
            }
            from = page.next;
        }
    }

    /// Reads the rows of all payments and refunds, by stream.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(crate) async fn payments(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<String, PaymentRow>, Problem> {
        let query = self.view.every_row(Consistency::Strong);
        let (mut rows, mut from) = (BTreeMap::new(), None);
        loop {
            let mut page = match self.view.page::<PaymentRow>(&query, from.as_ref()).await {
                Ok(page) => page,
                Err(failure) => return Err(self.unreadable_rows(connection, &failure).await),
            };
            if let Some(failure) = page.unreadable.pop() {
                return Err(self.unreadable_rows(connection, &failure).await);
            }
            rows.extend(page.rows.into_iter().map(|row| (row.data.stream.clone(), row.data)));
            if page.next.is_none() {
                return Ok(rows);
            }
            from = page.next;
        }
    }

    async fn unreadable_journal(&self, connection: &Connection, failure: &Failure) -> Problem {
        connection.explain_table(&self.journal_table, failure.reason()).await
    }

    async fn unreadable_rows(&self, connection: &Connection, failure: &Failure) -> Problem {
        connection.explain_table(&self.rows_table, failure.reason()).await
    }
}

impl Posted {
    fn balances(&self) -> Balances {
        Balances::from_amounts(|account| {
            i128::from(match account {
                Account::Receivable => self.receivable,
                Account::Cash => self.cash,
                Account::Liabilities => self.liabilities,
                Account::Revenue => self.revenue,
                Account::Refunds => self.refunds,
            })
        })
    }
}
