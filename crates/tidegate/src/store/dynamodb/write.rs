//! Writes commits to the event store's table.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use futures::future::{BoxFuture, FutureExt};

use super::table::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY, commit_of};
use crate::failure::{Failure, chain};
use crate::refusal::is_about_the_data;
use crate::statement::{Answer, Item, Statement};
use crate::store::commit::{Commit, CommitOutcome};
use crate::store::format::CommitFormat;
use crate::store::item::{CommitItem, to_item};
use crate::store::port::EventStore;

const NOT_RETURNED: &str = "DynamoDB did not return the item that holds this key";

impl DynamoDbEventStore {
    async fn write(&self, commit: &Commit) -> Result<CommitOutcome, Failure> {
        let (head, chunks) = CommitItem::items(&commit.record, &commit.attempt)?;
        let there = if chunks.is_empty() {
            self.put(&head, commit).await?
        } else {
            self.put_split(commit).await?
        };
        let there = match there {
            Found::Nothing => return Ok(CommitOutcome::Stored),
            Found::BeingWritten => return Ok(CommitOutcome::Conflict),
            Found::Item(there) => commit_of(there, &commit.record.stream)?,
        };
        there.judge(commit)
    }

    /// Puts the item if its key is free. Otherwise returns the item at that key.
    ///
    /// The write shares a request with those that wait at the same moment.
    async fn put(&self, head: &CommitItem, commit: &Commit) -> Result<Found, Failure> {
        let item: Item = to_item(head, self.format)?.into();
        let keys = [PARTITION_KEY, SORT_KEY];
        let key: Item = keys
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
            .collect();
        let place = format!("{} {}", commit.record.stream, head.version());
        let statement = Statement::insert("event_store", &self.table, place, item);
        let statement = statement.bytes(head.bytes());
        match self.dynamodb.writer.write(statement).await {
            Answer::Written => Ok(Found::Nothing),
            Answer::Refused(_) => {
                let there = self.dynamodb.reader.read("event_store", &self.table, key).await?;
                let there = there.map(Found::Item);
                there.ok_or_else(|| Failure::transient("event_store", NOT_RETURNED))
            }
            Answer::BeingWritten => Ok(Found::BeingWritten),
            Answer::Failed(failure) => Err(failure),
            Answer::Alone(statement) => self.put_alone(statement.into_item()).await,
            Answer::Singly => self.put_alone(Some(to_item(head, self.format)?.into())).await,
        }
    }

    async fn put_alone(&self, item: Option<Item>) -> Result<Found, Failure> {
        let _turn = self.dynamodb.turn().await;
        let put = self
            .dynamodb
            .put_item()
            .table_name(&*self.table)
            .set_item(item)
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

    async fn put_split(&self, commit: &Commit) -> Result<Found, Failure> {
        let actions = self.actions(commit)?;
        let _turn = self.dynamodb.turn().await;
        let written = self
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(actions))
            .client_request_token(token(commit))
            .send()
            .await;
        match written {
            Ok(_) => Ok(Found::Nothing),
            Err(error) => head_in_the_way(&error),
        }
    }

    /// Returns the write of a commit of one item, as an action of a transaction that changes
    /// something else too.
    pub(crate) fn action(&self, commit: &Commit) -> Result<TransactWriteItem, Failure> {
        let (head, _) = CommitItem::items(&commit.record, &commit.attempt)?;
        self.put_action(to_item(&head, self.format)?.into())
    }

    /// Returns the write of a commit as actions of a transaction: its head first, then its chunks.
    pub(super) fn actions(&self, commit: &Commit) -> Result<Vec<TransactWriteItem>, Failure> {
        let (head, chunks) = CommitItem::items(&commit.record, &commit.attempt)?;
        let mut actions = vec![self.put_action(to_item(&head, self.format)?.into())?];
        for chunk in chunks {
            let chunk = serde_dynamo::aws_sdk_dynamodb_1::to_item(chunk)
                .map_err(|error| Failure::permanent("unencodable", chain(&error)))?;
            actions.push(self.put_action(chunk)?);
        }
        Ok(actions)
    }

    fn put_action(&self, item: Item) -> Result<TransactWriteItem, Failure> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#stream)")
            .expression_attribute_names("#stream", PARTITION_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl EventStore for DynamoDbEventStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.write(commit).boxed()
    }

    fn takes_several_decisions(&self) -> bool {
        self.format > CommitFormat::One
    }
}

/// Returns the token of a transaction that stores a commit.
///
/// A repeated request is the same transaction. A new decision in the same attempt has another time,
/// so it is another transaction.
pub(super) fn token(commit: &Commit) -> String {
    crate::ids::content_id(&[
        &commit.attempt,
        commit.record.stream.as_str(),
        &commit.record.first_version().to_string(),
        &commit.record.written_at.to_string(),
    ])
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
