//! The read models of `order-projection`, as stored.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use events::view::{Dimension, order_view, sales};
use serde::Serialize;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::chain;
use tidegate::projection::{COUNTED, Pending, is_counter};

type Item = HashMap<String, AttributeValue>;

/// Sums of one key, in units and minor units.
///
/// The numbers are wider than the stored ones, so that sums over slices cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// Placed orders.
    pub(crate) orders: i128,
    /// Their units.
    pub(crate) units: i128,
    /// Their value.
    pub(crate) revenue: i128,
    /// Recorded returns.
    pub(crate) returns: i128,
    /// Their units.
    pub(crate) returned_units: i128,
    /// Their value.
    pub(crate) refunded: i128,
}

impl Totals {
    /// Adds amounts by attribute. Amounts of other attributes have no meaning here.
    fn add_amounts(&mut self, amounts: &BTreeMap<String, i128>) {
        let of = |name: &str| amounts.get(name).copied().unwrap_or(0);
        self.add(&Self {
            orders: of(sales::ORDERS),
            units: of(sales::UNITS),
            revenue: of(sales::REVENUE),
            returns: of(sales::RETURNS),
            returned_units: of(sales::RETURNED_UNITS),
            refunded: of(sales::REFUNDED),
        });
    }

    /// Adds another part of the same key's sums.
    pub(crate) fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.units += other.units;
        self.revenue += other.revenue;
        self.returns += other.returns;
        self.returned_units += other.returned_units;
        self.refunded += other.refunded;
    }
}

/// Totals by dimension and key.
pub(crate) type SalesByKey = BTreeMap<(Dimension, String), Totals>;

/// The table of sales.
#[derive(Debug, Default)]
pub(crate) struct Sales {
    /// Totals over all slices.
    pub(crate) totals: SalesByKey,
    /// Keys of rows that belong to no dimension.
    pub(crate) foreign: Vec<String>,
    /// Keys of rows that could not take amounts, with the reason. The amounts are in no total.
    pub(crate) aside: Vec<(String, String)>,
}

/// One order or return.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OrderRow {
    /// `order#536365`.
    pub(crate) stream: String,
    /// `placed`, `recorded` or `rejected`.
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<i128>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    pub(crate) rejections: i128,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrived_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) applied_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i128>,
}

/// Reads the table of sales, and what the projection has not counted in it yet.
///
/// # Errors
/// Fails if the table cannot be read, or if a row lacks a readable number.
pub(crate) async fn read_sales(client: &Client, table: &PhysicalName) -> Result<Sales, Problem> {
    let mut read = Sales::default();
    // First what is pending: what is counted meanwhile is found in the rows.
    let mut pending = match Pending::of_table(client.clone(), table.as_str()).await {
        Ok(pending) => pending,
        Err(failure) => {
            // The scan says what is wrong with the whole table.
            scan(client, table).await?;
            return Err(Problem::new(format!("table `{table}`: {}", failure.reason())));
        }
    };
    let aside = std::mem::take(&mut pending.aside);
    read.aside.extend(aside.into_iter().map(|aside| (aside.key, aside.reason)));
    for item in scan(client, table).await? {
        let row_key = text(&item, sales::KEY).unwrap_or_default();
        if !is_counter(&row_key) {
            continue;
        }
        let Some((dimension, key)) = Dimension::split_row_key(&row_key) else {
            read.foreign.push(row_key);
            continue;
        };
        let count = |name: &str| {
            number(&item, name).map_err(|problem| {
                Problem::new(format!("table `{table}`, row `{row_key}`: {problem}"))
            })
        };
        let slice = Totals {
            orders: count(sales::ORDERS)?.unwrap_or(0),
            units: count(sales::UNITS)?.unwrap_or(0),
            revenue: count(sales::REVENUE)?.unwrap_or(0),
            returns: count(sales::RETURNS)?.unwrap_or(0),
            returned_units: count(sales::RETURNED_UNITS)?.unwrap_or(0),
            refunded: count(sales::REFUNDED)?.unwrap_or(0),
        };
        let number = |name: &str| count(name).map(|number| number.unwrap_or(0));
        let of_slice = u32::try_from(number(sales::SLICE)?).unwrap_or(u32::MAX);
        let counted = u64::try_from(number(COUNTED)?).unwrap_or(0);
        let total = read.totals.entry((dimension, key.to_owned())).or_default();
        total.add(&slice);
        total.add_amounts(&pending.take(&row_key, of_slice, counted));
    }
    for (row_key, _, amounts) in pending.rest() {
        if let Some((dimension, key)) = Dimension::split_row_key(&row_key) {
            read.totals.entry((dimension, key.to_owned())).or_default().add_amounts(&amounts);
        }
    }
    read.foreign.sort();
    Ok(read)
}

/// Reads the table of orders and returns, by stream.
///
/// # Errors
/// As [`read_sales`].
pub(crate) async fn read_orders(
    client: &Client,
    table: &PhysicalName,
) -> Result<BTreeMap<String, OrderRow>, Problem> {
    scan(client, table)
        .await?
        .iter()
        .map(|item| order_row(table, item).map(|row| (row.stream.clone(), row)))
        .collect()
}

/// Reads the row of one stream.
///
/// # Errors
/// As [`read_sales`].
pub(crate) async fn read_order(
    client: &Client,
    table: &PhysicalName,
    stream: &str,
) -> Result<Option<OrderRow>, Problem> {
    let answer = client
        .get_item()
        .table_name(table.as_str())
        .key(order_view::STREAM, AttributeValue::S(stream.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| unreadable(table, &error))?;
    answer.item.map(|item| order_row(table, &item)).transpose()
}

async fn scan(client: &Client, table: &PhysicalName) -> Result<Vec<Item>, Problem> {
    let mut pages = client
        .scan()
        .table_name(table.as_str())
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.map_err(|error| unreadable(table, &error))?);
    }
    Ok(items)
}

fn unreadable<E, R>(table: &PhysicalName, error: &SdkError<E, R>) -> Problem
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let service = error.as_service_error();
    if service.and_then(ProvideErrorMetadata::code) == Some("ResourceNotFoundException") {
        return table.missing("table");
    }
    Problem::new(format!("table `{table}`: {}", chain(error)))
}

fn order_row(table: &PhysicalName, item: &Item) -> Result<OrderRow, Problem> {
    let stream = text(item, order_view::STREAM).unwrap_or_default();
    let count = |name: &str| {
        number(item, name)
            .map_err(|problem| Problem::new(format!("table `{table}`, row `{stream}`: {problem}")))
    };
    let milliseconds =
        |name: &str| count(name).map(|number| number.and_then(|number| i64::try_from(number).ok()));
    let reasons = match item.get(order_view::REASONS) {
        Some(AttributeValue::L(reasons)) => {
            reasons.iter().filter_map(|reason| reason.as_s().ok()).cloned().collect()
        }
        _ => Vec::new(),
    };
    Ok(OrderRow {
        status: text(item, order_view::STATUS).unwrap_or_default(),
        customer: text(item, order_view::CUSTOMER),
        country: text(item, order_view::COUNTRY),
        at: text(item, order_view::AT),
        units: count(order_view::UNITS)?,
        total: count(order_view::TOTAL)?,
        currency: text(item, order_view::CURRENCY),
        lines: count(order_view::LINES)?,
        reasons,
        rejections: count(order_view::REJECTIONS)?.unwrap_or(0),
        arrived_at: milliseconds(order_view::ARRIVED_AT)?,
        applied_at: milliseconds(order_view::APPLIED_AT)?,
        version: count(order_view::VERSION)?,
        stream,
    })
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

/// Returns the number of an attribute. `None` if the row does not have it.
fn number(item: &Item, name: &str) -> Result<Option<i128>, String> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::N(digits)) => digits
            .parse()
            .map(Some)
            .map_err(|_| format!("`{name}` is {digits}, which is not an integer")),
        Some(_) => Err(format!("`{name}` is not a number")),
    }
}
