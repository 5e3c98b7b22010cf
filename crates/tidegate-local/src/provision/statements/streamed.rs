//! Looks whether a table's stream shows what statements have written.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as Streamed, Record, ShardIteratorType};

use crate::clients::Clients;

/// Keys that statements have written before, see [`super::forms`].
const WRITTEN: [&str; 4] = ["a", "b", "c", "d"];
/// Key of the item that is put last. Once the stream shows it, it shows everything before it.
const LAST: &str = "last";
/// Pause between two reads of the stream.
const PAUSE: Duration = Duration::from_millis(20);

/// Returns what is missing in the stream. `None` if nothing is.
///
/// # Errors
/// Says which call failed.
pub(super) async fn look(
    clients: &Clients,
    table: &str,
    stream: &str,
) -> Result<Option<String>, String> {
    let put = clients.dynamodb.put_item().table_name(table);
    let put = put.item("key", AttributeValue::S(LAST.to_owned())).send().await;
    put.map_err(|error| format!("PutItem failed: {}", DisplayErrorContext(error)))?;
    let shown = loop {
        let shown = keys(clients, stream).await?;
        if shown.contains(LAST) {
            break shown;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let missing: Vec<&str> =
        WRITTEN.into_iter().filter(|written| !shown.contains(*written)).collect();
    Ok((!missing.is_empty()).then(|| {
        format!("the stream of a table shows no record of items that statements wrote: {missing:?}")
    }))
}

/// Returns the keys of all records of the stream.
async fn keys(clients: &Clients, stream: &str) -> Result<BTreeSet<String>, String> {
    let described = clients.streams.describe_stream().stream_arn(stream).send().await;
    let described = described
        .map_err(|error| format!("DescribeStream failed: {}", DisplayErrorContext(error)))?;
    let shards = described.stream_description.and_then(|stream| stream.shards).unwrap_or_default();
    let mut keys = BTreeSet::new();
    for shard in shards.iter().filter_map(|shard| shard.shard_id()) {
        let iterator = clients.streams.get_shard_iterator().stream_arn(stream).shard_id(shard);
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await;
        let iterator = iterator
            .map_err(|error| format!("GetShardIterator failed: {}", DisplayErrorContext(error)))?;
        let records =
            clients.streams.get_records().set_shard_iterator(iterator.shard_iterator).send().await;
        let records = records
            .map_err(|error| format!("GetRecords failed: {}", DisplayErrorContext(error)))?;
        keys.extend(records.records.unwrap_or_default().iter().filter_map(key));
    }
    Ok(keys)
}

fn key(record: &Record) -> Option<String> {
    match record.dynamodb.as_ref()?.keys.as_ref()?.get("key")? {
        Streamed::S(key) => Some(key.clone()),
        _ => None,
    }
}
