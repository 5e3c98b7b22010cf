//! `shop ledger audit`: compares the books with a replay of all payment events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::process::ExitCode;

use events::ledger::BalanceKey;
use serde::Serialize;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;

use super::balances::Balances;
use super::books::{Books, PaymentRow};
use super::options;
use super::replay::{Entries, Payment, Replay, day_name};
use crate::amount::{count, money};
use crate::comparison::{Difference, Part};
use crate::event_store::fold;

/// The result of an audit.
#[derive(Debug, Serialize)]
struct Audit {
    equal: bool,
    /// Number of replayed events.
    events: usize,
    parts: Vec<Part>,
}

/// Replays all payment events, and compares every row, balance and entry with the result.
///
/// # Errors
/// The event store or the books cannot be read. A difference is not an error: the exit code is 1.
pub(crate) async fn audit(options: &options::Audit) -> Result<ExitCode, Problem> {
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let mut replay = Replay::default();
    for part in fold(&connection, &options.store, &options.endpoint, Replay::take).await? {
        replay.merge(part);
    }
    // The books are read after the events, so they have each of them if nothing is on its way.
    let books = Books::read(&connection, &options.tables, &options.endpoint).await?;
    let payments = books.payments(&connection).await?;
    let days: BTreeSet<_> = replay.days.keys().chain(books.days.keys()).copied().collect();
    let mut journal = BTreeMap::new();
    for (currency, day) in days {
        let entries = books.journal(&connection, currency, day, None).await?;
        journal.insert((currency, day), entries);
    }
    let audit = Audit::new(&replay, &books, &payments, &journal);
    if options.json {
        output::json(&audit)?;
    } else {
        output::line(&audit.text())?;
    }
    Ok(if audit.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Audit {
    fn new(
        replay: &Replay,
        books: &Books,
        payments: &BTreeMap<String, PaymentRow>,
        journal: &BTreeMap<(events::Currency, jiff::civil::Date), Entries>,
    ) -> Self {
        let running = |currency| BalanceKey::Running(currency).to_string();
        let mut balances = Part::new("running balances");
        compare_balances(&mut balances, &replay.running, &books.running, running);
        for (key, reason) in &books.wrong {
            balances.differ(key, "row", "a balance", reason.as_str());
        }
        let mut days = Part::new("days");
        compare_balances(&mut days, &replay.days, &books.days, day_name);
        let empty = Entries::new();
        let mut entries = Part::new("journal");
        for (day, found) in journal {
            let expected = replay.journal.get(day).unwrap_or(&empty);
            let list = day_name(*day);
            compare_balances(&mut entries, expected, found, |place| format!("{list} {place}"));
        }
        let parts = vec![compare_payments(&replay.payments, payments), balances, days, entries];
        let equal = parts.iter().all(|part| part.equal);
        Self { equal, events: replay.events, parts }
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self.parts.iter().flat_map(Part::lines).collect();
        let events = count(self.events as u64);
        lines.push(match self.parts.iter().find_map(|part| part.shown.first()) {
            None => format!("the ledger is equal to a replay of {events} payment events"),
            Some(Difference { of, field, expected, found }) => escaped(&format!(
                "the ledger differs from a replay of {events} payment events, first at {of}: \
                 {field} must be {expected} and is {found}"
            ))
            .into_owned(),
        });
        lines.join("\n")
    }
}

/// Compares balances account by account, and their sums with zero.
fn compare_balances<K: Ord + Clone>(
    part: &mut Part,
    expected: &BTreeMap<K, Balances>,
    found: &BTreeMap<K, Balances>,
    name: impl Fn(K) -> String,
) {
    let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
    part.compared += keys.len();
    for key in keys {
        let [expected, found] =
            [expected, found].map(|all| all.get(key).copied().unwrap_or_default());
        let accounts = expected.accounts().zip(found.accounts());
        for ((account, expected), (_, found)) in accounts {
            if expected != found {
                part.differ(&name(key.clone()), account.as_str(), money(expected), money(found));
            }
        }
        if found.trial() != 0 {
            part.differ(&name(key.clone()), "trial balance", money(0), money(found.trial()));
        }
    }
}

fn compare_payments(
    expected: &BTreeMap<String, Payment>,
    found: &BTreeMap<String, PaymentRow>,
) -> Part {
    let mut part = Part::new("payments");
    let streams: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    part.compared = streams.len();
    let (nothing, none) = (Payment::default(), PaymentRow::default());
    for stream in streams {
        let payment = expected.get(stream).unwrap_or(&nothing);
        let found = found.get(stream).unwrap_or(&none);
        compare_version(&mut part, stream, payment, found);
        let amounts = |row: &PaymentRow| {
            [
                ("authorised", row.authorised),
                ("captured", row.captured),
                ("released", row.released),
                ("refunded", row.refunded),
            ]
        };
        let pairs = amounts(&payment.row).into_iter().zip(amounts(found));
        for ((field, expected), (_, found)) in pairs.filter(|((_, of), (_, is))| of != is) {
            part.differ(stream, field, shown(expected), shown(found));
        }
    }
    part
}

/// Compares how far a row is: at least at the newest version that was announced to the ledger, and
/// with the status of the event that it has.
fn compare_version(part: &mut Part, stream: &str, payment: &Payment, found: &PaymentRow) {
    let status = payment.kinds.get(&found.version).copied();
    match status {
        _ if found.version < payment.announced => {
            let announced = payment.announced.to_string();
            part.differ(stream, "version", announced, found.version.to_string());
        }
        None if found.version > 0 => {
            let newest = payment.kinds.keys().next_back().copied().unwrap_or(0);
            part.differ(stream, "version", newest.to_string(), found.version.to_string());
        }
        Some(status) if found.status != status => {
            part.differ(stream, "status", status, found.status.as_str());
        }
        _ => {}
    }
}

fn shown(amount: Option<impl Into<i128> + Display>) -> String {
    amount.map_or_else(|| "nothing".to_owned(), money)
}
