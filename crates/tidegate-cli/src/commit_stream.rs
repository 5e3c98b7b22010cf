//! Makes of an item of the event store the record that its stream delivered.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::primitives::DateTime;
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, StreamRecord, StreamViewType,
};
use bytes::Bytes;
use jiff::Timestamp;
use lambda_shapes::dynamodb::record;
use lambda_shapes::moment::Moment;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::store::{PARTITION_KEY, SORT_KEY};

use crate::connection::System;

/// An item of a table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The stream of an event store.
pub(crate) struct CommitStream {
    arn: String,
}

impl CommitStream {
    /// Finds the stream of a table.
    ///
    /// # Errors
    /// The table has no stream, or cannot be described.
    pub(crate) async fn of(system: &System, table: &PhysicalName) -> Result<Self, Problem> {
        let described = system.dynamodb().describe_table().table_name(table.as_str()).send().await;
        let described = match described {
            Ok(described) => described,
            Err(error) => {
                let why = DisplayErrorContext(error).to_string();
                return Err(system.explain_table(table, &why).await);
            }
        };
        let arn = described.table.and_then(|table| table.latest_stream_arn);
        let arn = arn.ok_or_else(|| Problem::new(format!("table {table} has no stream")))?;
        Ok(Self { arn })
    }

    /// Creates the record of the stream that reported this item, with another id and sequence
    /// number.
    ///
    /// # Errors
    /// The item has an attribute of a type that no commit has.
    pub(crate) fn record(&self, item: Item, id: &str, sequence: u64) -> Result<Bytes, Problem> {
        let region = self.arn.split(':').nth(3).unwrap_or_default();
        let keys: Item = [PARTITION_KEY, SORT_KEY]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
            .collect();
        let now = Moment::from(Timestamp::now());
        let change = StreamRecord::builder()
            .approximate_creation_date_time(DateTime::from_millis(now.as_millis()))
            .set_keys(Some(converted(keys)?))
            .set_new_image(Some(converted(item)?))
            .sequence_number(sequence.to_string())
            .stream_view_type(StreamViewType::NewImage)
            .build();
        let source = Record::builder()
            .event_id(id)
            .event_name(OperationType::Insert)
            .dynamodb(change)
            .build();
        let record = record(&source, &self.arn, region, now)
            .map_err(|error| Problem::new(error.to_string()))?;
        record.map(|record| record.json).ok_or_else(|| Problem::new("a record without a number"))
    }
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
