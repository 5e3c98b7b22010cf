//! Stores commits and changes rows of another table in one transaction.

use std::sync::Arc;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use futures::future::{BoxFuture, FutureExt, try_join_all};

use super::table::{DynamoDbEventStore, commit_of};
use super::write::token;
use crate::failure::{Failure, chain};
use crate::ids::{StreamId, Version};
use crate::projection::{Expression, set_row};
use crate::refusal::{self, Cancelled};
use crate::statement::Item;
use crate::store::commit::{Commit, CommitOutcome, RecordedCommit};
use crate::store::port::{EventReader, EventStore};
use crate::store::rows::{RowChange, RowOutcome, RowStore, Turns, check};

/// Code of all failures that have no code of their own.
const CODE: &str = "row_store";

/// An event store in DynamoDB whose commits change rows of another table in the same transaction.
///
/// The table of rows has a partition key, a string, and no sort key. The role of the function needs
/// `dynamodb:GetItem`, `BatchGetItem` and `UpdateItem` on it.
#[derive(Clone, Debug)]
pub struct DynamoDbRowStore {
    events: DynamoDbEventStore,
    table: Arc<str>,
    key: &'static str,
    turns: Turns,
}

impl DynamoDbRowStore {
    /// Creates the store with the rows of this table. `key` is the table's partition key.
    ///
    /// Clones share their turns: while one changes a row, the others wait.
    pub fn new(events: DynamoDbEventStore, table: impl Into<Arc<str>>, key: &'static str) -> Self {
        Self { events, table: table.into(), key, turns: Turns::default() }
    }

    async fn write(&self, commit: &Commit, changes: &[RowChange]) -> Result<RowOutcome, Failure> {
        let mut actions = self.events.actions(commit)?;
        check(changes, self.key, actions.len())
            .map_err(|failure| failure.context(&commit.record.stream))?;
        for change in changes {
            actions.push(self.action(change)?);
        }
        let keys = changes.iter().map(|change| change.key.clone()).collect();
        let _at_rows = self.turns.at(keys).await;
        let _turn = self.events.dynamodb.turn().await;
        let written = self
            .events
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(actions))
            .client_request_token(token(commit))
            .send()
            .await;
        match written {
            Ok(_) => Ok(RowOutcome::Stored),
            Err(error) => cancelled(&error, commit),
        }
    }

    fn action(&self, change: &RowChange) -> Result<TransactWriteItem, Failure> {
        let mut expression = Expression::default();
        set_row(&mut expression, &change.update);
        if change.absent {
            expression.require(self.key, None);
        }
        let number = |value: &i64| AttributeValue::N(value.to_string());
        for (name, least) in &change.at_least {
            expression.require_number(name);
            expression.require_at_least(name, number(least));
        }
        for (name, most) in &change.at_most {
            expression.require_number(name);
            expression.require_at_most(name, number(most));
        }
        let key = Item::from([(self.key.to_owned(), AttributeValue::S(change.key.clone()))]);
        let update = expression.into_update(&self.table, key).map_err(|error| {
            let failure = error.failure().cloned();
            failure.unwrap_or_else(|| Failure::permanent("invalid_rows", change.key.clone()))
        })?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    async fn row(&self, key: &str) -> Result<Option<serde_dynamo::Item>, Failure> {
        let key = Item::from([(self.key.to_owned(), AttributeValue::S(key.to_owned()))]);
        let item = self.events.dynamodb.reader.read(CODE, &self.table, key).await?;
        Ok(item.map(serde_dynamo::Item::from))
    }
}

impl EventReader for DynamoDbRowStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.events.read(stream, after)
    }

    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        self.events.read_at(stream, version)
    }
}

impl EventStore for DynamoDbRowStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.events.commit(commit)
    }

    fn takes_several_decisions(&self) -> bool {
        self.events.takes_several_decisions()
    }
}

impl RowStore for DynamoDbRowStore {
    /// Rows that are wanted at the same moment share requests, 25 in each.
    fn rows<'a>(
        &'a self,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<serde_dynamo::Item>>, Failure>> {
        try_join_all(keys.iter().map(|key| self.row(key))).boxed()
    }

    fn commit_with_rows<'a>(
        &'a self,
        commit: &'a Commit,
        changes: &'a [RowChange],
    ) -> BoxFuture<'a, Result<RowOutcome, Failure>> {
        self.write(commit, changes).boxed()
    }
}

/// Explains why a transaction was cancelled.
///
/// The head of the commit is its first item. If the head's place is taken, that alone counts: the
/// item there tells whether this very write succeeded before, and then its own changes may be the
/// reason why a row's condition does not hold any more.
fn cancelled(
    error: &SdkError<TransactWriteItemsError>,
    commit: &Commit,
) -> Result<RowOutcome, Failure> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        // The same transaction is still being carried out: an answer was lost.
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return Ok(RowOutcome::Busy);
        }
        _ => return Err(failed(error)),
    };
    let head = reasons.first();
    match head.and_then(|head| head.code()) {
        Some("ConditionalCheckFailed") => {
            let Some(there) = head.and_then(|head| head.item().cloned()) else {
                let what = "DynamoDB did not return the item that holds the commit's key";
                return Err(Failure::transient(CODE, what));
            };
            let there = commit_of(there, &commit.record.stream)?;
            return there.judge(commit).map(RowOutcome::from);
        }
        Some("TransactionConflict") => return Ok(RowOutcome::Conflict),
        _ => {}
    }
    match refusal::cancelled(reasons) {
        Cancelled::ConditionFailed => Ok(RowOutcome::Moved),
        Cancelled::Conflict => Ok(RowOutcome::Busy),
        Cancelled::Throttled => Err(Failure::transient(Failure::THROTTLED, chain(error))),
        Cancelled::Unstorable { message, .. } | Cancelled::Invalid { message } => {
            Err(refusal::validation(CODE, Some(&message), chain(error)))
        }
        Cancelled::Other => Err(Failure::aws(CODE, error)),
    }
}

fn failed(error: &SdkError<TransactWriteItemsError>) -> Failure {
    match error.code() {
        Some("ValidationException") => refusal::validation(CODE, error.message(), chain(error)),
        _ => Failure::aws(CODE, error),
    }
}
