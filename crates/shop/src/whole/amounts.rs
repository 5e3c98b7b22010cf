//! Compares the money: that of each order and return, the ledger, and the provider's.

use std::collections::{BTreeMap, BTreeSet};

use events::Currency;
use serde::Deserialize;

use super::expected::Expected;
use super::found::{End, Found, Invoice};
use super::money::Money;
use crate::amount::money;
use crate::comparison::Part;
use crate::ledger::balances::Balances;

/// Report of the payment simulator, as far as the check reads it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ProviderReport {
    /// Captures.
    charges: u64,
    duplicate_charges: u64,
    #[serde(default)]
    declines: u64,
    #[serde(default)]
    look_ups: u64,
    #[serde(default)]
    dropped_answers: u64,
    references: BTreeMap<String, Sums>,
}

/// Amounts of one reference: the number of an order or a return.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Sums {
    authorised: i64,
    captured: i64,
    released: i64,
    refunded: i64,
}

/// Compares the money of each order and return.
pub(super) fn payments(expected: &Expected, found: &Found) -> Part {
    let mut part = Part::new("payments");
    let none = Invoice::default();
    for (number, moved) in &expected.orders {
        let invoice = found.invoices.get(number).unwrap_or(&none);
        let order = format!("order#{number}");
        let Invoice { money, .. } = invoice;
        let mut differs = |field, expected, found| {
            if expected != found {
                part.differ(&order, field, self::money(expected), self::money(found));
            }
        };
        match invoice.end {
            End::Completed => {
                let value = due(moved.value, invoice);
                differs("captured", value, money.captured);
                differs("authorised", value, money.authorised);
                differs("released", 0, money.released);
            }
            End::Cancelled(_) => {
                differs("captured", 0, money.captured);
                differs("authorised and not released", 0, money.open());
            }
            End::Open | End::Dispatched => differs("captured", 0, money.captured),
        }
        differs("refunded", 0, money.refunded);
    }
    for (number, moved) in &expected.returns {
        let money = found.invoices.get(number).unwrap_or(&none).money;
        let value = if money.refund_refused { 0 } else { moved.value };
        if money.refunded != value {
            let (value, refunded) = (self::money(value), self::money(money.refunded));
            part.differ(&format!("return#{number}"), "refunded", value, refunded);
        }
        part.count("refunds refused", i128::from(money.refund_refused));
    }
    for (number, invoice) in &found.invoices {
        if invoice.money.charges > 1 {
            let charges = format!("{} charges", invoice.money.charges);
            part.differ(number, "charges", "at most one", charges);
        }
        if !expected.orders.contains_key(number) && !expected.returns.contains_key(number) {
            for (name, amount) in invoice.money.amounts() {
                if amount != 0 {
                    part.differ(number, name, "not in the file", self::money(amount));
                }
            }
        }
    }
    for (name, amount) in total(found).amounts() {
        part.count(format!("pence {name}"), amount);
    }
    part.counts.retain(|_, number| *number != 0);
    part.compared = expected.orders.len() + expected.returns.len();
    part
}

/// Returns what a completed order costs: its value in the file, or that of what was available.
fn due(value: i128, invoice: &Invoice) -> i128 {
    match invoice.reservation.value {
        Some(reserved) if !invoice.reservation.missing.is_empty() => reserved,
        _ => value,
    }
}

fn total(found: &Found) -> Money {
    let mut total = Money::default();
    found.invoices.values().for_each(|invoice| total += &invoice.money);
    total
}

/// Compares the running balances of the ledger with the file: revenue is what the completed orders
/// cost, refunds what the returns are worth. What is authorised and open follows from the events.
pub(super) fn ledger(
    expected: &Expected,
    found: &Found,
    running: &BTreeMap<Currency, Balances>,
) -> Part {
    let mut part = Part::new("ledger");
    let captured = expected.orders.iter().filter_map(|(number, moved)| {
        let invoice = found.invoices.get(number)?;
        (invoice.end == End::Completed).then(|| due(moved.value, invoice))
    });
    let refunded = expected.returns.iter().filter_map(|(number, moved)| {
        let refused = found.invoices.get(number)?.money.refund_refused;
        (!refused).then_some(moved.value)
    });
    let (captured, refunded) = (captured.sum(), refunded.sum());
    let Money { authorised, released, .. } = total(found);
    let balances = Balances::of_totals(authorised, released, captured, refunded);
    for currency in Currency::ALL {
        let is = running.get(&currency).copied().unwrap_or_default();
        part.compared += is.accounts().count();
        for ((account, wanted), (_, is)) in balances.accounts().zip(is.accounts()) {
            if wanted != is {
                part.differ("balance", account.as_str(), money(wanted), money(is));
            }
        }
        if is.trial() != 0 {
            part.differ("balance", "trial balance", money(0), money(is.trial()));
        }
    }
    part
}

/// Compares the provider's charges with the orders: nothing is charged twice, and nothing that the
/// shop does not know.
pub(super) fn provider(report: &ProviderReport, found: &Found) -> Part {
    let mut part = Part::new("provider");
    part.compare("the provider", "duplicate charges", &0, &report.duplicate_charges);
    let captures = found.invoices.values().filter(|invoice| invoice.money.captured != 0).count();
    let captures = u64::try_from(captures).unwrap_or(u64::MAX);
    part.compare("the provider", "charges", &captures, &report.charges);
    let paid = found
        .invoices
        .iter()
        .filter(|(_, invoice)| invoice.money.amounts().iter().any(|(_, amount)| *amount != 0));
    let references: BTreeSet<&String> =
        report.references.keys().chain(paid.map(|(number, _)| number)).collect();
    part.compared = references.len();
    for reference in references {
        let shop = found.invoices.get(reference).map_or_else(Money::default, |of| of.money);
        let Sums { authorised, captured, released, refunded } =
            report.references.get(reference).copied().unwrap_or_default();
        let provider = [authorised, captured, released, refunded].map(i128::from);
        for ((field, shop), provider) in shop.amounts().into_iter().zip(provider) {
            if shop != provider {
                part.differ(reference, field, money(shop), money(provider));
            }
        }
    }
    part.count("charges", report.charges);
    part.count("declines", report.declines);
    part.count("look-ups", report.look_ups);
    part.count("dropped answers", report.dropped_answers);
    part
}
