//! Names and values in the tables of a read model.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::super::row::Key;
use super::super::value::Value;

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

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn transact(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

pub(super) fn attribute(value: &Value) -> AttributeValue {
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
