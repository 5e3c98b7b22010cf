//! Views of the read model in memory, for tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use serde_dynamo::{AttributeValue, Item};

use super::get::Get;
use super::memory::{one_of, page_of};
use super::page::NextPage;
use super::port::{Items, TableReader};
use super::request::Query;
use super::table::Table;
use super::view::View;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::memory::{MemoryReadModel, MemoryRow};
use crate::projection::{
    COUNTED, COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, ENTRY_OWNER, ENTRY_PARTITION_KEY,
    ENTRY_SORT_KEY, EntryKey, ROW_KEY, Value,
};

impl View {
    /// Creates a view of the read model in memory, whose tables are `rows`, `counters` and
    /// `entries`.
    ///
    /// It has every index that a query names, with every attribute and every write at once. Rows
    /// lack the attribute `applied_at`.
    pub fn from_memory(model: &MemoryReadModel) -> Self {
        let model = Arc::new(model.clone());
        let tables: Arc<dyn TableReader> = Arc::<MemoryReadModel>::clone(&model);
        Self::new(tables, model, "rows", "counters").with_entries("entries")
    }
}

impl MemoryReadModel {
    /// Returns the items of a table: its kind is told by its partition key.
    fn items(&self, table: &Table) -> Vec<Item> {
        match table.partition_key.as_str() {
            ROW_KEY => self.row_items(),
            COUNTER_PARTITION_KEY => self.counter_items(),
            ENTRY_PARTITION_KEY => self.entry_items(),
            _ => Vec::new(),
        }
    }

    fn row_items(&self) -> Vec<Item> {
        let item = |MemoryRow { stream, guard, attributes }| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let number = |number: u64| AttributeValue::N(number.to_string());
            let mut item: HashMap<String, AttributeValue> = HashMap::new();
            for (name, value) in attributes {
                item.insert(name, attribute(value));
            }
            item.insert(ROW_KEY.to_owned(), text(StreamId::as_str(&stream)));
            let version = guard.position.version.number();
            let numbers = [
                ("version", (version > 0).then_some(version)),
                ("parked", guard.parked.map(Version::number)),
            ];
            let texts = [
                ("event_id", guard.event_id),
                (COUNTED, guard.counted.map(|counted| counted.to_string())),
                ("parked_code", guard.parked_code),
                ("parked_reason", guard.parked_reason),
            ];
            for (name, value) in numbers {
                item.extend(value.map(|value| (name.to_owned(), number(value))));
            }
            for (name, value) in texts {
                item.extend(value.map(|value| (name.to_owned(), text(&value))));
            }
            Item::from(item)
        };
        self.rows().into_iter().map(item).collect()
    }

    fn entry_items(&self) -> Vec<Item> {
        let item = |(key, (owner, attributes)): (EntryKey, (StreamId, BTreeMap<_, _>))| {
            let mut item: HashMap<String, AttributeValue> =
                attributes.into_iter().map(|(name, value)| (name, attribute(value))).collect();
            item.insert(ENTRY_PARTITION_KEY.to_owned(), AttributeValue::S(key.list));
            item.insert(ENTRY_SORT_KEY.to_owned(), AttributeValue::S(key.entry));
            item.insert(ENTRY_OWNER.to_owned(), AttributeValue::S(owner.to_string()));
            Item::from(item)
        };
        self.entries().into_iter().map(item).collect()
    }

    fn counter_items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for (slice, state) in self.slices() {
            for (key, (counted, amounts)) in state.counters {
                let number = |number: i64| AttributeValue::N(number.to_string());
                let mut item: HashMap<String, AttributeValue> = amounts
                    .into_iter()
                    .map(|(name, sum)| (name.into_owned(), number(sum)))
                    .collect();
                item.insert(COUNTER_PARTITION_KEY.to_owned(), AttributeValue::S(key));
                item.insert(COUNTER_SORT_KEY.to_owned(), number(slice.into()));
                item.insert(COUNTED.to_owned(), AttributeValue::N(counted.to_string()));
                items.push(Item::from(item));
            }
        }
        items
    }
}

impl TableReader for MemoryReadModel {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        ready(one_of(self.items(&get.table), get)).boxed()
    }

    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        ready(page_of(self.items(&query.table), query, from)).boxed()
    }
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::List(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Map(values) => AttributeValue::M(
            values.into_iter().map(|(name, value)| (name, attribute(value))).collect(),
        ),
    }
}
