//! Keeps the event store in a DynamoDB table.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use super::commit::{Commit, CommitOutcome, RecordedCommit};
use super::format::Format;
use super::item::{ChunkItem, CommitItem, chunk_key};
use super::patience::{GAP, patiently};
use super::port::{EventReader, EventStore, holding};
use crate::failure::{Failure, chain};
use crate::ids::{StreamId, Version};
use crate::refusal::is_about_the_data;

type Item = HashMap<String, AttributeValue>;

/// Partition key of the event store's table; a string.
pub const PARTITION_KEY: &str = "stream";
/// Sort key of the event store's table; a number.
pub const SORT_KEY: &str = "version";

const NOT_RETURNED: &str = "DynamoDB did not return the item that holds this key";

/// The event store in a DynamoDB table.
///
/// The table has the partition key `stream` (string) and the sort key `version` (number).
#[derive(Clone, Debug)]
pub struct DynamoDbEventStore {
    client: Client,
    table: String,
}

impl DynamoDbEventStore {
    /// Creates the store in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn write(&self, commit: &Commit) -> Result<CommitOutcome, Failure> {
        let (head, chunks) = CommitItem::items(&commit.record, &commit.attempt)?;
        let head = item_of(&head)?;
        let there = if chunks.is_empty() {
            self.put(head).await?
        } else {
            self.put_split(head, &chunks, commit).await?
        };
        let there: CommitItem = match there {
            Found::Nothing => return Ok(CommitOutcome::Stored),
            Found::BeingWritten => return Ok(CommitOutcome::Conflict),
            Found::Item(there) => parse(there, &commit.record.stream)?,
        };
        there.judge(commit)
    }

    /// Puts the item if its key is free. Otherwise returns the item at that key.
    async fn put(&self, item: Item) -> Result<Found, Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#stream)")
            .expression_attribute_names("#stream", PARTITION_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Found::Nothing),
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(failed) => failed
                    .item
                    .map(Found::Item)
                    .ok_or_else(|| Failure::transient("event_store", NOT_RETURNED)),
                PutItemError::ItemCollectionSizeLimitExceededException(error) => {
                    Err(Failure::permanent("stream_too_large", chain(&error)))
                }
                PutItemError::TransactionConflictException(_) => Ok(Found::BeingWritten),
                error if is_unstorable(&error) => {
                    Err(Failure::permanent("unstorable", chain(&error)))
                }
                error => Err(Failure::aws("event_store", &error)),
            },
        }
    }

    async fn put_split(
        &self,
        head: Item,
        chunks: &[ChunkItem],
        commit: &Commit,
    ) -> Result<Found, Failure> {
        let mut actions = vec![self.put_action(head)?];
        for chunk in chunks {
            actions.push(self.put_action(item_of(chunk)?)?);
        }
        let written = self
            .client
            .transact_write_items()
            .set_transact_items(Some(actions))
            // A repeated request is the same transaction. A new decision in the same attempt has
            // another time, so it is another transaction.
            .client_request_token(crate::ids::content_id(&[
                &commit.attempt,
                commit.record.stream.as_str(),
                &commit.record.first_version().to_string(),
                &commit.record.written_at.to_string(),
            ]))
            .send()
            .await;
        match written {
            Ok(_) => Ok(Found::Nothing),
            Err(error) => head_in_the_way(&error),
        }
    }

    fn put_action(&self, item: Item) -> Result<TransactWriteItem, Failure> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#stream)")
            .expression_attribute_names("#stream", PARTITION_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    async fn load(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedCommit>, Failure> {
        // A commit of several events may begin at or below `after` and end above it. So the read
        // begins one item earlier.
        let below = if after == Version::NONE {
            Vec::new()
        } else {
            self.last_at_or_below(stream, after).await?
        };
        let above = self.query(stream.as_str(), after.next()).await?;
        let mut commits = Vec::with_capacity(below.len() + above.len());
        for item in below.into_iter().chain(above) {
            let commit = self.whole(item, stream).await?;
            if commit.last_version() > after {
                commits.push(commit);
            }
        }
        without_gaps(stream, after, &commits)?;
        Ok(commits)
    }

    async fn load_at(
        &self,
        stream: &StreamId,
        version: Version,
    ) -> Result<Option<RecordedCommit>, Failure> {
        if let Some(item) = self.last_at_or_below(stream, version).await?.pop() {
            let commit = self.whole(item, stream).await?;
            if commit.last_version() >= version {
                return Ok(Some(commit));
            }
        }
        // There is no such commit, or the read did not see it yet. In the second case, later
        // commits reveal a gap.
        Ok(holding(
            self.load(stream, Version::new(version.number().saturating_sub(1))).await?,
            version,
        ))
    }

    /// Reads the whole commit that has this item as its head.
    async fn whole(&self, head: Item, stream: &StreamId) -> Result<RecordedCommit, Failure> {
        let head: CommitItem = parse(head, stream)?;
        let mut chunks = Vec::new();
        if head.chunks.is_some() {
            for chunk in self.query(&chunk_key(stream, head.version()), Version::NONE).await? {
                chunks.push(parse::<ChunkItem>(chunk, stream)?);
            }
        }
        head.into_commit(chunks)
    }

    async fn last_at_or_below(
        &self,
        stream: &StreamId,
        version: Version,
    ) -> Result<Vec<Item>, Failure> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#stream = :stream AND #version <= :version")
            .expression_attribute_names("#stream", PARTITION_KEY)
            .expression_attribute_names("#version", SORT_KEY)
            .expression_attribute_values(":stream", AttributeValue::S(stream.to_string()))
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| Failure::aws("event_store", &error))?;
        Ok(page.items.unwrap_or_default())
    }

    /// Reads all items of a key from this version on, page by page.
    async fn query(&self, key: &str, from: Version) -> Result<Vec<Item>, Failure> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#stream = :stream AND #version >= :version")
            .expression_attribute_names("#stream", PARTITION_KEY)
            .expression_attribute_names("#version", SORT_KEY)
            .expression_attribute_values(":stream", AttributeValue::S(key.to_owned()))
            .expression_attribute_values(":version", AttributeValue::N(from.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| Failure::aws("event_store", &error))?);
        }
        Ok(items)
    }
}

impl EventReader for DynamoDbEventStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        patiently(move || self.load(stream, after)).boxed()
    }

    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        patiently(move || self.load_at(stream, version)).boxed()
    }
}

impl EventStore for DynamoDbEventStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.write(commit).boxed()
    }
}

/// The state of a key before a write.
enum Found {
    /// The key was free. The item is written now.
    Nothing,
    /// Another transaction is writing to the key.
    BeingWritten,
    /// The key holds this item.
    Item(Item),
}

/// Explains why the transaction of a split commit was cancelled. Returns the item at the head's key
/// if that item is the reason.
fn head_in_the_way(error: &SdkError<TransactWriteItemsError>) -> Result<Found, Failure> {
    let service = error.as_service_error();
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = service {
        let reasons = cancelled.cancellation_reasons();
        let any = |codes: &[&str]| {
            reasons.iter().any(|reason| reason.code().is_some_and(|code| codes.contains(&code)))
        };
        if let Some(head) = reasons.first()
            && head.code() == Some("ConditionalCheckFailed")
        {
            let there = head.item().cloned().map(Found::Item);
            return there.ok_or_else(|| Failure::transient("event_store", NOT_RETURNED));
        }
        if any(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
            return Err(Failure::transient(Failure::THROTTLED, chain(error)));
        }
        if any(&["TransactionConflict"]) {
            return Ok(Found::BeingWritten);
        }
        if any(&["ItemCollectionSizeLimitExceeded"]) {
            return Err(Failure::permanent("stream_too_large", chain(error)));
        }
        if reasons.iter().any(|reason| reason.message().is_some_and(is_about_the_data)) {
            return Err(Failure::permanent("unstorable", chain(error)));
        }
    }
    if service.is_some_and(is_unstorable) {
        return Err(Failure::permanent("unstorable", chain(error)));
    }
    Err(Failure::aws("event_store", error))
}

/// Returns whether DynamoDB refuses the item itself.
///
/// A `ValidationException` alone does not prove that: it also occurs if the name is that of another
/// table.
fn is_unstorable(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationException") && error.message().is_some_and(is_about_the_data)
}

/// Checks that no commit is missing after `after`, nor between two of the commits.
///
/// The first commit may begin at or below `after`. For example, after version 2, commits of
/// versions 2–3 and 4–5 have no gap; commits of 3 and 5 have one.
///
/// # Errors
/// [`GAP`] (transient): a transaction wrote the missing commit, and the read does not see it yet.
fn without_gaps(
    stream: &StreamId,
    after: Version,
    commits: &[RecordedCommit],
) -> Result<(), Failure> {
    let mut last = after;
    for (place, commit) in commits.iter().enumerate() {
        let first = commit.first_version();
        if first > last.next() || place > 0 && first != last.next() {
            let what = format!(
                "{stream}: version {first} can be read, but not yet the version after {last}"
            );
            return Err(Failure::transient(GAP, what));
        }
        last = commit.last_version();
    }
    Ok(())
}

fn item_of(value: &impl Serialize) -> Result<Item, Failure> {
    to_item(value).map_err(|error| Failure::permanent("unencodable", chain(&error)))
}

fn parse<T: DeserializeOwned>(item: Item, stream: &StreamId) -> Result<T, Failure> {
    let version = item.get(SORT_KEY).and_then(|version| version.as_n().ok()?.parse().ok());
    item.check(stream.as_str(), version.map(Version::new))?;
    from_item(item).map_err(|error| {
        Failure::permanent("corrupt_commit", format!("{stream}: {}", chain(&error)))
    })
}
