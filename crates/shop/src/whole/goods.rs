//! Compares the goods: those of each order and return, and the stock of each product.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::expected::{Expected, Moved};
use super::found::{End, Found, Invoice, Stock, Units};
use crate::comparison::Part;

/// A row of the table `stock`. The names of its fields are those of the attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct StockRow {
    pub(super) stock_code: String,
    #[serde(default)]
    pub(super) on_hand: i64,
    #[serde(default)]
    pub(super) reserved: i64,
    #[serde(default)]
    pub(super) shipped: i64,
    #[serde(default)]
    pub(super) received: i64,
    #[serde(default)]
    pub(super) on_order: i64,
}

/// Compares what each order shipped and keeps, and what each return brought back.
pub(super) fn goods(expected: &Expected, found: &Found) -> Part {
    let mut part = Part::new("goods");
    let (none, nothing) = (Invoice::default(), Units::new());
    for (number, moved) in &expected.orders {
        let invoice = found.invoices.get(number).unwrap_or(&none);
        let order = format!("order#{number}");
        let shipped = match invoice.is_on_its_way() {
            true => available(moved, invoice),
            false => nothing.clone(),
        };
        compare(&mut part, &order, "shipped", &shipped, &invoice.reservation.shipped);
        if matches!(invoice.end, End::Completed | End::Cancelled(_)) {
            compare(&mut part, &order, "reserved", &nothing, &invoice.reservation.held);
        }
    }
    for (number, moved) in &expected.returns {
        let invoice = found.invoices.get(number).unwrap_or(&none);
        let name = format!("return#{number}");
        compare(&mut part, &name, "returned", &moved.products, &invoice.returned);
    }
    part.compared = expected.orders.len() + expected.returns.len();
    part
}

/// Compares the stock of each product: the table, the events, and the file.
///
/// Received is what is on hand, reserved and shipped. Shipped is what the orders of the file have
/// that are on their way, and returned what its returns have.
pub(super) fn stock(expected: &Expected, found: &Found, rows: &BTreeMap<String, StockRow>) -> Part {
    let mut part = Part::new("stock");
    let (shipped, returned) = of_the_file(expected, found);
    let products: BTreeSet<&String> = found
        .stock
        .keys()
        .chain(rows.keys())
        .chain(shipped.keys())
        .chain(returned.keys())
        .collect();
    part.compared = products.len();
    let empty = StockRow::default();
    for product in products {
        let of = found.stock.get(product).copied().unwrap_or_default();
        let row = rows.get(product).unwrap_or(&empty);
        let in_file = |units: &Units| units.get(product).copied().unwrap_or(0);
        for (field, wanted, is) in [
            ("shipped by events", in_file(&shipped), of.shipped),
            ("returned by events", in_file(&returned), of.returned),
            ("received", of.received, row.received.into()),
            ("on_hand", of.on_hand(), row.on_hand.into()),
            ("reserved", of.reserved, row.reserved.into()),
            ("shipped", of.shipped, row.shipped.into()),
            ("on_order", of.on_order, row.on_order.into()),
        ] {
            part.compare(product, field, &wanted, &is);
        }
        if row.on_hand < 0 || row.reserved < 0 {
            part.differ(product, "row", "no units below zero", format!("{row:?}"));
        }
        let Stock { received, reserved, shipped, .. } = of;
        part.count("received", received);
        part.count("on hand", of.on_hand());
        part.count("reserved", reserved);
        part.count("shipped", shipped);
    }
    part
}

/// Returns the units of each product that orders shipped and returns brought back, by the file.
fn of_the_file(expected: &Expected, found: &Found) -> (Units, Units) {
    let (mut shipped, mut returned) = (Units::new(), Units::new());
    for (number, moved) in &expected.orders {
        let invoice = found.invoices.get(number);
        if let Some(invoice) = invoice.filter(|invoice| invoice.is_on_its_way()) {
            add(&mut shipped, available(moved, invoice));
        }
    }
    for moved in expected.returns.values() {
        add(&mut returned, moved.products.clone());
    }
    (shipped, returned)
}

/// Returns the units of an order without those that were not available.
fn available(moved: &Moved, invoice: &Invoice) -> Units {
    let mut units = moved.products.clone();
    for (product, missing) in &invoice.reservation.missing {
        if let Some(units) = units.get_mut(product) {
            *units -= missing;
        }
    }
    units.retain(|_, units| *units != 0);
    units
}

fn add(sum: &mut Units, units: Units) {
    for (product, units) in units {
        *sum.entry(product).or_default() += units;
    }
}

fn compare(part: &mut Part, of: &str, field: &'static str, expected: &Units, found: &Units) {
    if expected == found {
        return;
    }
    let products: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for product in products {
        let [wanted, is] = [expected, found].map(|units| units.get(product).copied().unwrap_or(0));
        part.compare(&format!("{of} {product}"), field, &wanted, &is);
    }
}
