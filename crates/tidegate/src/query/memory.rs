//! Keeps tables in memory, for tests.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use serde::Serialize;
use serde_dynamo::{AttributeValue, Item};

use super::condition::{Condition, Filter};
use super::get::Get;
use super::page::NextPage;
use super::port::{Items, TableReader};
use super::request::{Query, invalid};
use super::scalar::Scalar;
use super::table::Table;
use crate::failure::Failure;
use crate::ids::content_uuid;

/// DynamoDB ends a page before it has more bytes.
const PAGE_BYTES: usize = 1_048_576;

/// Tables in memory, for tests.
///
/// They pass the contract suite of [`DynamoDbTables`](super::DynamoDbTables), with its limits. An
/// index has every attribute of its items, and every write at once. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryTables {
    tables: Arc<Mutex<HashMap<String, Vec<Item>>>>,
}

impl MemoryTables {
    /// Writes an item, in place of the one with the same key.
    ///
    /// # Errors
    /// It is not an object, or has no key.
    pub fn put(&self, table: &Table, item: impl Serialize) -> Result<(), Failure> {
        let item: Item = serde_dynamo::to_item(item)
            .map_err(|error| invalid(table, &format!("cannot hold the item: {error}")))?;
        let names = [Some(table.partition_key.as_str()), table.sort_key.as_deref()];
        if let Some(name) = names.into_iter().flatten().find(|name| !item.contains_key(*name)) {
            return Err(invalid(table, &format!("needs the key {name} in every item")));
        }
        let mut tables = self.tables.lock();
        let items = tables.entry(table.name.clone()).or_default();
        items.retain(|old| key_of(table, old) != key_of(table, &item));
        items.push(item);
        Ok(())
    }
}

impl TableReader for MemoryTables {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        let items = self.tables.lock().get(&get.table.name).cloned().unwrap_or_default();
        ready(one_of(items, get)).boxed()
    }

    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        let items = self.tables.lock().get(&query.table.name).cloned().unwrap_or_default();
        ready(page_of(items, query, from)).boxed()
    }
}

fn key_of<'a>(table: &Table, item: &'a Item) -> [Option<&'a AttributeValue>; 2] {
    [
        item.get(&table.partition_key),
        table.sort_key.as_ref().and_then(|name| item.get(name.as_str())),
    ]
}

/// Finds the item that is asked for.
pub(super) fn one_of(items: Vec<Item>, get: &Get) -> Result<Option<Item>, Failure> {
    match (&get.table.sort_key, &get.sort) {
        (Some(name), None) => {
            return Err(invalid(&get.table, &format!("needs its sort key {name}")));
        }
        (None, Some(_)) => return Err(invalid(&get.table, "has no sort key")),
        _ => {}
    }
    let key = [Some(get.partition.attribute()), get.sort.as_ref().map(Scalar::attribute)];
    let found = items.into_iter().find(|item| {
        let [partition, sort] = key_of(&get.table, item);
        partition == key[0].as_ref() && sort == key[1].as_ref()
    });
    Ok(found.map(|item| selected(item, &get.only)))
}

/// Reads a page of all items of a table.
pub(crate) fn page_of(
    mut items: Vec<Item>,
    query: &Query,
    from: Option<&NextPage>,
) -> Result<Items, Failure> {
    query.check()?;
    items.retain(|item| reads(query, item));
    items.sort_by(|one, other| by_place(query, one, other));
    if let Some(NextPage(from)) = from {
        let fits = |item: &Item| {
            query.places().into_iter().all(|name| {
                let values = item.get(name).zip(from.get(name));
                values.is_none_or(|(one, other)| compare(one, other).is_some())
            })
        };
        if !items.iter().all(fits) {
            return Err(invalid(&query.table, "does not begin a page at a key of another type"));
        }
        items.retain(|item| by_place(query, item, from) == Ordering::Greater);
    }
    let (mut page, mut bytes) = (Vec::new(), 0);
    let mut last: Option<Item> = None;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut complete = true;
    for (read, item) in items.into_iter().enumerate() {
        bytes += size_of(&item);
        if read == limit || (read > 0 && bytes > PAGE_BYTES) {
            complete = false;
            break;
        }
        last = Some(place_of(query, &item));
        if query.filters.iter().all(|filter| passes(filter, &item)) {
            page.push(selected(item, &query.only));
        }
    }
    let next = last.filter(|_| !complete).map(NextPage);
    Ok(Items { items: page, next })
}

/// Returns whether the item is in the part of the table that the query reads.
fn reads(query: &Query, item: &Item) -> bool {
    if let Some((segment, segments)) = query.segment {
        let key = format!("{:?}", item.get(&query.table.partition_key));
        let hash = content_uuid(&["segment", &key]).as_u64_pair().0;
        return hash % u64::from(segments) == u64::from(segment);
    }
    let Some((name, value)) = query.partition() else { return true };
    if item.get(name) != Some(&value.attribute()) {
        return false;
    }
    let Some(sort_key) = query.sort_key() else { return true };
    let Some(sort) = item.get(sort_key) else { return false };
    query.sort.as_ref().is_none_or(|condition| holds(condition, sort))
}

/// Orders items as the query returns them.
fn by_place(query: &Query, one: &Item, other: &Item) -> Ordering {
    let order = query.places().into_iter().fold(Ordering::Equal, |order, name| {
        let values = one.get(name).zip(other.get(name));
        order.then(values.and_then(|(one, other)| compare(one, other)).unwrap_or(Ordering::Equal))
    });
    if query.descending { order.reverse() } else { order }
}

fn place_of(query: &Query, item: &Item) -> Item {
    let partition = query.partition().map(|(name, _)| name);
    let names = query.places().into_iter().chain(partition);
    let place = names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    Item::from(place.collect::<HashMap<_, _>>())
}

fn selected(item: Item, only: &[String]) -> Item {
    if only.is_empty() {
        return item;
    }
    let all: HashMap<String, AttributeValue> = item.into();
    let kept = all.into_iter().filter(|(name, _)| only.contains(name));
    Item::from(kept.collect::<HashMap<_, _>>())
}

fn passes(filter: &Filter, item: &Item) -> bool {
    match filter {
        Filter::Attribute(name, condition) => {
            item.get(name).is_some_and(|value| holds(condition, value))
        }
        Filter::Exists(name) => item.contains_key(name),
        Filter::Absent(name) => !item.contains_key(name),
    }
}

fn holds(condition: &Condition, value: &AttributeValue) -> bool {
    let order = |other: &Scalar| compare(value, &other.attribute());
    match condition {
        Condition::Equals(other) => order(other) == Some(Ordering::Equal),
        Condition::Below(other) => order(other) == Some(Ordering::Less),
        Condition::AtMost(other) => order(other).is_some_and(Ordering::is_le),
        Condition::AtLeast(other) => order(other).is_some_and(Ordering::is_ge),
        Condition::Above(other) => order(other) == Some(Ordering::Greater),
        Condition::Between(from, to) => {
            order(from).is_some_and(Ordering::is_ge) && order(to).is_some_and(Ordering::is_le)
        }
        Condition::BeginsWith(text) => {
            matches!(value, AttributeValue::S(value) if value.starts_with(text.as_str()))
        }
    }
}

/// Orders values of one type; values of different types have no order.
fn compare(one: &AttributeValue, other: &AttributeValue) -> Option<Ordering> {
    match (one, other) {
        (AttributeValue::S(one), AttributeValue::S(other)) => Some(one.cmp(other)),
        (AttributeValue::B(one), AttributeValue::B(other)) => Some(one.cmp(other)),
        (AttributeValue::N(one), AttributeValue::N(other)) => {
            match (one.parse::<i128>(), other.parse::<i128>()) {
                (Ok(one), Ok(other)) => Some(one.cmp(&other)),
                _ => one.parse::<f64>().ok()?.partial_cmp(&other.parse().ok()?),
            }
        }
        _ => None,
    }
}

fn size_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(values) => {
            3 + values.iter().map(|value| value_bytes(value) + 1).sum::<usize>()
        }
        AttributeValue::M(values) => {
            let bytes =
                |(name, value): (&String, &AttributeValue)| name.len() + value_bytes(value) + 1;
            3 + values.iter().map(bytes).sum::<usize>()
        }
        _ => 1,
    }
}
