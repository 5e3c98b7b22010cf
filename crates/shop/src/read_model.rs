//! The read models of `order-projection`, as stored.

use std::collections::BTreeMap;

use events::view::{Dimension, order_view, sales};
use serde::{Deserialize, Deserializer, Serialize};
use terminal::connection::Connection;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::failure::Failure;
use tidegate::query::{Consistency, Counter, DynamoDbTables, Get, Query, Table, View, one, page};

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
    /// Amounts of other attributes have no meaning here.
    fn from_counter(counter: &Counter) -> Self {
        Self {
            orders: counter.amount(sales::ORDERS),
            units: counter.amount(sales::UNITS),
            revenue: counter.amount(sales::REVENUE),
            returns: counter.amount(sales::RETURNS),
            returned_units: counter.amount(sales::RETURNED_UNITS),
            refunded: counter.amount(sales::REFUNDED),
        }
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
///
/// The names of its fields are those of the attributes (`events::view::order_view`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct OrderRow {
    /// `order#536365`.
    pub(crate) stream: String,
    /// `placed`, `recorded` or `rejected`.
    #[serde(default)]
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub(crate) units: Option<i128>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<i128>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    #[serde(default)]
    pub(crate) rejections: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrived_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) applied_at: Option<i64>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i128>,
}

/// Reads an integer. `serde_dynamo` reads none that are wider than the stored ones.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i128>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.map(i128::from))
}

/// Reads the table of sales, with what the projection has not counted in it yet.
///
/// # Errors
/// Fails if the table cannot be read, or if a row lacks a readable number.
pub(crate) async fn read_sales(
    connection: &Connection,
    table: &PhysicalName,
) -> Result<Sales, Problem> {
    // The counters are in a table of their own; the rows are not read.
    let view = View::from_dynamodb(connection.dynamodb(), "", table.as_str());
    let counters = match view.every_counter(Consistency::Strong).await {
        Ok(mut counters) => match counters.unreadable.pop() {
            None => counters,
            Some(failure) => return Err(unreadable(connection, table, &failure).await),
        },
        Err(failure) => return Err(unreadable(connection, table, &failure).await),
    };
    let mut read = Sales { aside: counters.aside, ..Sales::default() };
    for (key, counter) in &counters.counters {
        match Dimension::split_row_key(key) {
            Some((dimension, name)) => {
                let totals = Totals::from_counter(counter);
                read.totals.insert((dimension, name.to_owned()), totals);
            }
            None => read.foreign.push(key.clone()),
        }
    }
    Ok(read)
}

/// Reads the table of orders and returns, by stream.
///
/// # Errors
/// As [`read_sales`].
pub(crate) async fn read_orders(
    connection: &Connection,
    table: &PhysicalName,
) -> Result<BTreeMap<String, OrderRow>, Problem> {
    let tables = DynamoDbTables::new(connection.dynamodb());
    let query = Query::of_whole_table(&orders(table), Consistency::Strong);
    let (mut rows, mut from) = (BTreeMap::new(), None);
    loop {
        let mut page = match page::<OrderRow>(&tables, &query, from.as_ref()).await {
            Ok(page) => page,
            Err(failure) => return Err(unreadable(connection, table, &failure).await),
        };
        if let Some(failure) = page.unreadable.pop() {
            return Err(unreadable(connection, table, &failure).await);
        }
        rows.extend(page.rows.into_iter().map(|row| (row.stream.clone(), row)));
        if page.next.is_none() {
            return Ok(rows);
        }
        from = page.next;
    }
}

/// Reads the row of one stream.
///
/// # Errors
/// As [`read_sales`].
pub(crate) async fn read_order(
    connection: &Connection,
    table: &PhysicalName,
    stream: &str,
) -> Result<Option<OrderRow>, Problem> {
    let tables = DynamoDbTables::new(connection.dynamodb());
    match one(&tables, &Get::new(&orders(table), stream, Consistency::Strong)).await {
        Ok(row) => Ok(row),
        Err(failure) => Err(unreadable(connection, table, &failure).await),
    }
}

fn orders(table: &PhysicalName) -> Table {
    Table::new(table.as_str(), order_view::STREAM)
}

async fn unreadable(connection: &Connection, table: &PhysicalName, failure: &Failure) -> Problem {
    connection.explain_table(table, failure.reason()).await
}
