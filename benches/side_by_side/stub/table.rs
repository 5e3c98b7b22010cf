//! Tables in memory.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::expression::{Item, number};

/// Key attributes of a table.
#[derive(Clone, Copy)]
struct Keys {
    partition: &'static str,
    sort: Option<&'static str>,
}

/// The tables of the measured programs: those of the topology, and two for Powertools.
const TABLES: [(&str, Keys); 6] = [
    ("event-store", Keys { partition: "stream", sort: Some("version") }),
    ("idempotency", Keys { partition: "key", sort: None }),
    ("order-view", Keys { partition: "stream", sort: None }),
    ("sales", Keys { partition: "key", sort: Some("slice") }),
    ("powertools", Keys { partition: "id", sort: None }),
    ("orders", Keys { partition: "order_id", sort: None }),
];

/// Position of an item in its table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    table: &'static str,
    partition: String,
    sort: i128,
}

/// All tables. Partition keys are strings, sort keys are numbers.
#[derive(Default)]
pub(super) struct Tables {
    items: HashMap<&'static str, HashMap<String, BTreeMap<i128, Item>>>,
}

impl Tables {
    /// Returns the position of an item, or of a key.
    pub(super) fn place(table: &str, item: &Item) -> Result<Place, String> {
        let (table, keys) = TABLES
            .iter()
            .find(|(name, _)| *name == table)
            .ok_or_else(|| format!("there is no table {table}"))?;
        let partition = item.get(keys.partition).and_then(|value| value.get("S")?.as_str());
        let partition =
            partition.ok_or_else(|| format!("{table}: no text {}", keys.partition))?.to_owned();
        let sort = match keys.sort {
            None => 0,
            Some(name) => item
                .get(name)
                .and_then(number)
                .ok_or_else(|| format!("{table}: no whole number {name}"))?,
        };
        Ok(Place { table, partition, sort })
    }

    pub(super) fn get(&self, place: &Place) -> Option<&Item> {
        self.items.get(place.table)?.get(&place.partition)?.get(&place.sort)
    }

    pub(super) fn put(&mut self, place: Place, item: Item) {
        self.items
            .entry(place.table)
            .or_default()
            .entry(place.partition)
            .or_default()
            .insert(place.sort, item);
    }

    pub(super) fn remove(&mut self, place: &Place) {
        if let Some(partition) =
            self.items.get_mut(place.table).and_then(|table| table.get_mut(&place.partition))
        {
            partition.remove(&place.sort);
        }
    }

    /// Items of one partition, in order.
    pub(super) fn partition(
        &self,
        table: &str,
        partition: &str,
    ) -> impl DoubleEndedIterator<Item = &Item> {
        self.items
            .get(table)
            .and_then(|table| table.get(partition))
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// Returns the name of a table's partition key.
    pub(super) fn partition_key(table: &str) -> Result<&'static str, String> {
        let found = TABLES.iter().find(|(name, _)| *name == table);
        found.map(|(_, keys)| keys.partition).ok_or_else(|| format!("there is no table {table}"))
    }

    /// Returns whether an attribute belongs to the key of a table.
    pub(super) fn is_key(table: &str, attribute: &str) -> Result<bool, String> {
        let found = TABLES.iter().find(|(name, _)| *name == table);
        let (_, keys) = found.ok_or_else(|| format!("there is no table {table}"))?;
        Ok(keys.partition == attribute || keys.sort == Some(attribute))
    }

    /// Returns the number of items in a table.
    pub(super) fn count(&self, table: &str) -> usize {
        self.items.get(table).map_or(0, |table| table.values().map(BTreeMap::len).sum())
    }
}

/// Returns the size of an item in bytes, by DynamoDB's rules.
pub(super) fn bytes(item: &Item) -> u64 {
    item.iter().map(|(name, value)| length(name) + value_bytes(value)).sum()
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn value_bytes(typed: &Value) -> u64 {
    let Some((kind, value)) = typed.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => length(text),
        // About one byte for two digits, plus one.
        ("N", Value::String(text)) => length(text).div_ceil(2) + 1,
        ("L", Value::Array(values)) => {
            3 + values.iter().map(|value| 1 + value_bytes(value)).sum::<u64>()
        }
        ("M", Value::Object(item)) => {
            3 + item.iter().map(|(name, value)| 1 + length(name) + value_bytes(value)).sum::<u64>()
        }
        ("BOOL" | "NULL", _) => 1,
        (_, value) => length(&value.to_string()),
    }
}
