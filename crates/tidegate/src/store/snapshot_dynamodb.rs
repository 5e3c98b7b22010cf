//! Keeps snapshots in a DynamoDB table.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::{BoxFuture, FutureExt};

use super::{Causes, Snapshot, SnapshotStore};
use crate::aws::DynamoDb;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Partition key of the snapshot table; a string.
pub const SNAPSHOT_PARTITION_KEY: &str = "stream";
/// Sort key of the snapshot table; a string.
///
/// During a rolling deployment, old and new functions have snapshots of their own shape.
pub const SNAPSHOT_SORT_KEY: &str = "shape";

/// Snapshots in their own DynamoDB table.
///
/// The table has the keys [`SNAPSHOT_PARTITION_KEY`] and [`SNAPSHOT_SORT_KEY`]. A load costs one
/// read unit per 8 KB.
#[derive(Clone, Debug)]
pub struct DynamoDbSnapshots {
    client: DynamoDb,
    table: String,
}

impl DynamoDbSnapshots {
    /// Creates the store in this table.
    pub fn new(client: impl Into<DynamoDb>, table: impl Into<String>) -> Self {
        Self { client: client.into(), table: table.into() }
    }

    async fn get(&self, stream: &StreamId, shape: &str) -> Result<Option<Snapshot>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(SNAPSHOT_PARTITION_KEY, AttributeValue::S(stream.to_string()))
            .key(SNAPSHOT_SORT_KEY, AttributeValue::S(shape.to_owned()))
            .send()
            .await
            .map_err(|error| Failure::aws("snapshot", &error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let snapshot = read(&item, stream, shape).ok_or_else(|| {
            Failure::permanent("corrupt_snapshot", format!("{stream}, shape {shape}"))
        })?;
        Ok(Some(snapshot))
    }

    async fn put(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let version = AttributeValue::N(snapshot.version.to_string());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(SNAPSHOT_PARTITION_KEY, text(snapshot.stream.as_str()))
            .item(SNAPSHOT_SORT_KEY, text(&snapshot.shape))
            .item("version", version.clone())
            .item("event_id", text(&snapshot.event_id))
            .item("state", text(&snapshot.state))
            .item("complete_since", text(&snapshot.causes.complete_since().to_string()))
            .item("causes", AttributeValue::B(Blob::new(snapshot.causes.to_bytes())))
            .condition_expression("attribute_not_exists(#stream) OR #version <= :version")
            .expression_attribute_names("#stream", SNAPSHOT_PARTITION_KEY)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", version);
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(_) => Ok(()),
                error => Err(Failure::aws("snapshot", &error)),
            },
        }
    }
}

fn read(
    item: &HashMap<String, AttributeValue>,
    stream: &StreamId,
    shape: &str,
) -> Option<Snapshot> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    let causes = item.get("causes")?.as_b().ok()?.as_ref();
    Some(Snapshot {
        stream: stream.clone(),
        shape: shape.to_owned(),
        version: Version::new(item.get("version")?.as_n().ok()?.parse().ok()?),
        event_id: text("event_id")?.clone(),
        state: text("state")?.clone(),
        causes: Causes::from_bytes(text("complete_since")?.parse().ok()?, causes)?,
    })
}

impl SnapshotStore for DynamoDbSnapshots {
    fn load<'a>(
        &'a self,
        stream: &'a StreamId,
        shape: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>> {
        self.get(stream, shape).boxed()
    }

    fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>> {
        self.put(snapshot).boxed()
    }
}
