//! Names and values in the tables of a read model.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::super::expression::Expression;
use super::super::row::{Key, ROW_KEY};
use super::super::row_update::RowUpdate;
use super::super::value::Value;
use crate::ids::StreamId;

/// Partition key of the table of counters; a string.
pub const COUNTER_PARTITION_KEY: &str = "key";
/// Sort key of the table of counters; a number.
pub const COUNTER_SORT_KEY: &str = "slice";
/// Largest number of characters of a reason that are kept.
pub(super) const REASON_CHARACTERS: usize = 1_000;

/// Returns the key of an item in the table of counters.
pub(super) fn key(partition: &str, sort: impl ToString) -> Key {
    HashMap::from([
        (COUNTER_PARTITION_KEY.to_owned(), AttributeValue::S(partition.to_owned())),
        (COUNTER_SORT_KEY.to_owned(), number(sort)),
    ])
}

/// Returns the key of an aggregate's row.
pub(super) fn row_key(stream: &StreamId) -> Key {
    HashMap::from([(ROW_KEY.to_owned(), AttributeValue::S(stream.to_string()))])
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn transact(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

pub(crate) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(value) => number(value),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::List(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Map(values) => {
            let of = |(name, value): (&String, &Value)| (name.clone(), attribute(value));
            AttributeValue::M(values.iter().map(of).collect())
        }
    }
}

/// Adds the changes of a row to an expression.
pub(crate) fn set_row(expression: &mut Expression, row: &RowUpdate) {
    for (name, value) in &row.set {
        expression.set(name, attribute(value));
    }
    for (name, value) in &row.defaults {
        expression.set_if_absent(name, attribute(value), row.add.get(name).copied());
    }
    for (name, amount) in row.add.iter().filter(|(name, _)| !row.defaults.contains_key(*name)) {
        expression.add(name, *amount);
    }
    row.remove.iter().for_each(|name| expression.remove(name));
}
