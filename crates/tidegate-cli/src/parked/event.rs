//! Rebuilds, from the event store, the event that the table's stream delivered to the projection.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::error::DisplayErrorContext;
use bytes::Bytes;
use lambda_shapes::batching::event;
use serde::Serialize;
use terminal::problem::Problem;
use tidegate::ids::{StreamId, Version};
use tidegate::store::{PARTITION_KEY, SORT_KEY};

use super::places::Place;
use crate::commit_stream::{CommitStream, Item};
use crate::connection::System;

/// Returns the item of the commit that has the event at this version, in any format.
///
/// The chunks of a split commit are not read.
///
/// # Errors
/// The event store cannot be read.
pub(super) async fn commit_at(
    system: &System,
    place: &Place,
    stream: &StreamId,
    at: Version,
) -> Result<Option<Item>, Problem> {
    let asked = system
        .dynamodb()
        .query()
        .table_name(place.event_store.as_str())
        .consistent_read(true)
        .key_condition_expression("#stream = :stream AND #version <= :version")
        .expression_attribute_names("#stream", PARTITION_KEY)
        .expression_attribute_names("#version", SORT_KEY)
        .expression_attribute_values(":stream", AttributeValue::S(stream.to_string()))
        .expression_attribute_values(":version", AttributeValue::N(at.to_string()))
        .scan_index_forward(false)
        .limit(1);
    match asked.send().await {
        Ok(page) => Ok(page.items.unwrap_or_default().into_iter().next()),
        Err(error) => Err(system
            .explain_table(&place.event_store, &DisplayErrorContext(error).to_string())
            .await),
    }
}

/// Returns an event of the table's stream, with the commit that has the event at this version.
///
/// # Errors
/// The commit is not in the event store, or cannot be read.
pub(super) async fn stream_event(
    system: &System,
    place: &Place,
    stream: &StreamId,
    at: Version,
) -> Result<Bytes, Problem> {
    let table = &place.event_store;
    let item = commit_at(system, place, stream, at).await?;
    let item = item.ok_or_else(|| {
        Problem::new(format!("table {table} has no event {stream} at version {at}"))
    })?;
    let source = CommitStream::of(system, table).await?;
    // The stream's own sequence numbers are larger.
    let record = source.record(item, &format!("released-{stream}-{at}"), at.number())?;
    Ok(event(std::iter::once(&record)))
}

/// Readable attributes of an event, in any format.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) id: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) dataversion: Option<u64>,
    pub(super) time: Option<String>,
}

/// Returns the event at this version of the commit.
pub(super) fn shown(item: &Item, version: u64) -> Option<Shown> {
    let first: u64 = item.get(SORT_KEY)?.as_n().ok()?.parse().ok()?;
    let place = usize::try_from(version.checked_sub(first)?).ok()?;
    let mut events: Vec<&Item> = events_of(item);
    if place >= events.len() {
        return None;
    }
    let event = events.swap_remove(place);
    let text = |name: &str| event.get(name).and_then(|value| value.as_s().ok()).cloned();
    let dataversion = event.get("dataversion").and_then(|value| value.as_n().ok()?.parse().ok());
    Some(Shown { id: text("id"), kind: text("type"), dataversion, time: text("time") })
}

/// Returns the events of a commit, or of all its decisions.
fn events_of(item: &Item) -> Vec<&Item> {
    let own = maps(item.get("events"));
    if !own.is_empty() {
        return own;
    }
    let decisions = maps(item.get("decisions"));
    decisions.into_iter().flat_map(|decision| maps(decision.get("events"))).collect()
}

/// Returns the maps of a list.
fn maps(value: Option<&AttributeValue>) -> Vec<&Item> {
    let list = value.and_then(|value| value.as_l().ok());
    list.into_iter().flatten().filter_map(|value| value.as_m().ok()).collect()
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let version =
            self.dataversion.map_or_else(|| "?".to_owned(), |version| version.to_string());
        write!(
            f,
            "{} v{version}  {}  {}",
            or_none(&self.kind),
            or_none(&self.id),
            or_none(&self.time)
        )
    }
}
