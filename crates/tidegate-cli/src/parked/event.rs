//! Rebuilds, from the event store, the event that the table's stream delivered to the projection.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::primitives::DateTime;
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, StreamRecord, StreamViewType,
};
use aws_sdk_sqs::error::DisplayErrorContext;
use bytes::Bytes;
use jiff::Timestamp;
use lambda_shapes::batching::event;
use lambda_shapes::dynamodb::record;
use lambda_shapes::moment::Moment;
use serde::Serialize;
use terminal::problem::Problem;
use tidegate::ids::{StreamId, Version};
use tidegate::store::{PARTITION_KEY, SORT_KEY};

use super::places::Place;
use crate::connection::System;

type Item = HashMap<String, AttributeValue>;

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
    let described = system.dynamodb().describe_table().table_name(table.as_str()).send().await;
    let described = match described {
        Ok(described) => described,
        Err(error) => {
            return Err(system.explain_table(table, &DisplayErrorContext(error).to_string()).await);
        }
    };
    let arn = described.table.and_then(|table| table.latest_stream_arn);
    let arn = arn.ok_or_else(|| Problem::new(format!("table {table} has no stream")))?;
    let region = arn.split(':').nth(3).unwrap_or_default();
    let keys: Item = [PARTITION_KEY, SORT_KEY]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
        .collect();
    let now = Moment::from(Timestamp::now());
    let change = StreamRecord::builder()
        .approximate_creation_date_time(DateTime::from_millis(now.as_millis()))
        .set_keys(Some(converted(keys)?))
        .set_new_image(Some(converted(item)?))
        // Sequence number of the rebuilt record. The stream's own numbers are larger.
        .sequence_number(at.to_string())
        .stream_view_type(StreamViewType::NewImage)
        .build();
    let source = Record::builder()
        .event_id(format!("released-{stream}-{at}"))
        .event_name(OperationType::Insert)
        .dynamodb(change)
        .build();
    let record =
        record(&source, &arn, region, now).map_err(|error| Problem::new(error.to_string()))?;
    let records: Vec<Bytes> = record.into_iter().map(|record| record.json).collect();
    Ok(event(records.iter()))
}

/// Converts attributes into the types of a table's stream.
fn converted(item: Item) -> Result<HashMap<String, StreamValue>, Problem> {
    item.into_iter().map(|(name, value)| Ok((name, value_of(value)?))).collect()
}

fn value_of(value: AttributeValue) -> Result<StreamValue, Problem> {
    Ok(match value {
        AttributeValue::S(text) => StreamValue::S(text),
        AttributeValue::N(number) => StreamValue::N(number),
        AttributeValue::Bool(value) => StreamValue::Bool(value),
        AttributeValue::Null(value) => StreamValue::Null(value),
        AttributeValue::B(bytes) => {
            StreamValue::B(aws_sdk_dynamodbstreams::primitives::Blob::new(bytes))
        }
        AttributeValue::Ss(texts) => StreamValue::Ss(texts),
        AttributeValue::Ns(numbers) => StreamValue::Ns(numbers),
        AttributeValue::L(values) => {
            StreamValue::L(values.into_iter().map(value_of).collect::<Result<_, _>>()?)
        }
        AttributeValue::M(values) => StreamValue::M(converted(values)?),
        other => {
            return Err(Problem::new(format!(
                "an attribute of a type that no commit has: {other:?}"
            )));
        }
    })
}

/// Readable attributes of an event, in any format.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    dataversion: Option<u64>,
    time: Option<String>,
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
