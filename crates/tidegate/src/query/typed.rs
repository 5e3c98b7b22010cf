//! Reads items as typed values.

use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Item};

use super::get::Get;
use super::page::{NextPage, Page};
use super::port::{Items, TableReader};
use super::request::Query;
use super::table::Table;
use crate::failure::Failure;

/// Reads one item.
///
/// # Errors
/// Any failure to read it. `unreadable_row` (permanent): it does not have this type.
pub async fn one<T: DeserializeOwned>(
    tables: &dyn TableReader,
    get: &Get,
) -> Result<Option<T>, Failure> {
    tables.get(get).await?.map(|item| read(item, &get.table)).transpose()
}

/// Reads a page that begins at `from`, or the first one.
///
/// # Errors
/// Any failure to read it. An item without the expected type costs no other:
/// [`Page::unreadable`] has its failure.
pub async fn page<T: DeserializeOwned>(
    tables: &dyn TableReader,
    query: &Query,
    from: Option<&NextPage>,
) -> Result<Page<T>, Failure> {
    let items = tables.page(query, from).await?;
    Ok(page_of(items, |item| read(item, &query.table)))
}

pub(super) fn page_of<T>(
    items: Items,
    mut read: impl FnMut(Item) -> Result<T, Failure>,
) -> Page<T> {
    let mut page = Page { rows: Vec::new(), unreadable: Vec::new(), next: items.next };
    for item in items.items {
        match read(item) {
            Ok(row) => page.rows.push(row),
            Err(failure) => page.unreadable.push(failure),
        }
    }
    page
}

fn read<T: DeserializeOwned>(item: Item, table: &Table) -> Result<T, Failure> {
    let keys = [Some(&table.partition_key), table.sort_key.as_ref()].into_iter().flatten();
    let shown: Vec<String> = keys.filter_map(|name| shown(name, item.get(name)?)).collect();
    serde_dynamo::from_item(item).map_err(|error| {
        unreadable(&format!("table {}, item {}", table.name, shown.join(", ")), &error)
    })
}

fn shown(name: &str, value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(format!("{name} {text:?}")),
        AttributeValue::N(digits) => Some(format!("{name} {digits}")),
        _ => None,
    }
}

pub(super) fn unreadable(place: &str, error: &dyn std::fmt::Display) -> Failure {
    let reason = format!("{place}: it does not have the type that was asked for: {error}");
    Failure::permanent("unreadable_row", reason)
}
