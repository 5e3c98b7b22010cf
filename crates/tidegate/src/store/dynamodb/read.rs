//! Reads streams from the event store's table.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::{BoxFuture, FutureExt};

use super::table::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY, chunk_of, commit_of};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::statement::Item;
use crate::store::commit::RecordedCommit;
use crate::store::item::chunk_key;
use crate::store::patience::{GAP, patiently};
use crate::store::port::{EventReader, holding};

impl DynamoDbEventStore {
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
        let head = commit_of(head, stream)?;
        let mut chunks = Vec::new();
        if head.chunks.is_some() {
            for chunk in self.query(&chunk_key(stream, head.version()), Version::NONE).await? {
                chunks.push(chunk_of(chunk, stream)?);
            }
        }
        head.into_commit(chunks)
    }

    async fn last_at_or_below(
        &self,
        stream: &StreamId,
        version: Version,
    ) -> Result<Vec<Item>, Failure> {
        let _turn = self.dynamodb.turn().await;
        let page = self
            .dynamodb
            .query()
            .table_name(&*self.table)
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
        let _turn = self.dynamodb.turn().await;
        let mut pages = self
            .dynamodb
            .query()
            .table_name(&*self.table)
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
