//! Adds sales to the counters of the read model.

use std::collections::BTreeMap;

use events::view::{Dimension, sales};
use events::{CustomerId, OrderLine};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tidegate::failure::Failure;
use tidegate::projection::Increment;

/// The attributes that a kind of event increases.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    count: &'static str,
    units: &'static str,
    value: &'static str,
}

/// Placed orders.
pub(crate) const ORDERS: Columns =
    Columns { count: sales::ORDERS, units: sales::UNITS, value: sales::REVENUE };
/// Recorded returns.
pub(crate) const RETURNS: Columns =
    Columns { count: sales::RETURNS, units: sales::RETURNED_UNITS, value: sales::REFUNDED };

/// The parts of an order or a return that the counters need.
pub(crate) struct Sale<'a> {
    pub(crate) at: Timestamp,
    pub(crate) country: &'a str,
    pub(crate) customer: Option<&'a CustomerId>,
    pub(crate) units: i64,
    /// In minor units.
    pub(crate) value: i64,
    pub(crate) lines: &'a [OrderLine],
}

/// Returns what a sale adds to the totals per day, country, customer and product.
///
/// A product counts a sale once, however many of the sale's lines have it.
///
/// # Errors
/// `amount_too_large` (permanent): a product's sum leaves the range of an `i64`.
pub(crate) fn increments(columns: Columns, sale: &Sale<'_>) -> Result<Vec<Increment>, Failure> {
    let mut increments = Vec::new();
    let mut count = |dimension: Dimension, key: &str, units: i64, value: i64| {
        let add =
            BTreeMap::from([(columns.count, 1), (columns.units, units), (columns.value, value)]);
        increments.push(Increment { key: dimension.row_key(key), add });
    };
    let day = sale.at.to_zoned(TimeZone::UTC).date().to_string();
    count(Dimension::Day, &day, sale.units, sale.value);
    count(Dimension::Country, sale.country, sale.units, sale.value);
    if let Some(customer) = sale.customer {
        count(Dimension::Customer, customer.as_str(), sale.units, sale.value);
    }
    let mut products: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for line in sale.lines {
        let (units, value) = products.entry(line.stock_code.as_str()).or_default();
        let sums = units
            .checked_add(line.quantity)
            .zip(line.value().and_then(|line| value.checked_add(line)));
        (*units, *value) = sums.ok_or_else(|| {
            Failure::permanent(
                "amount_too_large",
                format!("the sum of product {} is out of range", line.stock_code),
            )
        })?;
    }
    for (product, (units, value)) in products {
        count(Dimension::Product, product, units, value);
    }
    Ok(increments)
}
