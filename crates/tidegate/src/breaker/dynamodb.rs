//! Keeps the rows of breakers in a DynamoDB table.

use std::sync::Arc;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update as UpdateAction,
};
use futures::future::{BoxFuture, FutureExt};
use tracing::warn;

use super::change::{Change, Count};
use super::event;
use super::item::{Item, PARTITION_KEY, state_of, text};
use super::port::{BreakerStore, Changed};
use super::state::BreakerState;
use super::update::{self, Update};
use crate::aws::DynamoDb;
use crate::failure::{Failure, chain};
use crate::store::DynamoDbEventStore;

/// Code of the failures of this store.
const CODE: &str = "breaker_store";
/// Attempts to count calls, between which another environment begins a window.
const ATTEMPTS: usize = 4;

/// Keeps the rows of breakers in a DynamoDB table.
///
/// The table has the partition key `breaker` (string). After a lost answer, the caller recognises
/// its own change by its token.
#[derive(Clone, Debug)]
pub struct DynamoDbBreakers {
    dynamodb: DynamoDb,
    table: Arc<str>,
    events: Option<DynamoDbEventStore>,
}

/// What became of an update.
enum Updated {
    Yes(Option<Item>),
    /// The condition failed. The row is as this item.
    No(Option<Item>),
    /// The place of the event is taken.
    EventTaken,
}

impl DynamoDbBreakers {
    /// Uses the rows in this table.
    pub fn new(dynamodb: impl Into<DynamoDb>, table: impl Into<Arc<str>>) -> Self {
        Self { dynamodb: dynamodb.into(), table: table.into(), events: None }
    }

    /// Stores a [`BreakerChanged`](super::BreakerChanged) about each change, in the transaction of
    /// the change.
    ///
    /// If the place of an event is taken, as after the restore of one of the tables, the change
    /// takes place without its event: a breaker that cannot open would be worse.
    #[must_use]
    pub fn events(self, store: DynamoDbEventStore) -> Self {
        Self { events: Some(store), ..self }
    }

    async fn read(&self, breaker: &str) -> Result<BreakerState, Failure> {
        let _turn = self.dynamodb.turn().await;
        let read = self
            .dynamodb
            .get_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(breaker))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Failure::aws(CODE, &error))?;
        state_of(breaker, read.item)
    }

    async fn add(&self, breaker: &str, count: &Count) -> Result<BreakerState, Failure> {
        let mut state = BreakerState::default();
        for _ in 0..ATTEMPTS {
            for update in [update::addition(count), update::beginning(count)] {
                match self.update(breaker, update).await? {
                    Updated::Yes(item) => return state_of(breaker, item),
                    Updated::No(item) => state = state_of(breaker, item)?,
                    Updated::EventTaken => {}
                }
                if state.counted(count).is_none() {
                    return Ok(state);
                }
            }
        }
        let reason = format!("breaker {breaker}: the windows of other environments were faster");
        Err(Failure::transient(CODE, reason))
    }

    async fn put(&self, breaker: &str, change: &Change) -> Result<Changed, Failure> {
        let stored = change.events.saturating_add(u64::from(self.events.is_some()));
        let mut updated = match &self.events {
            Some(events) => self.transact(breaker, change, events, stored).await?,
            None => self.update(breaker, update::change(change, stored)).await?,
        };
        if matches!(updated, Updated::EventTaken) {
            warn!(breaker, "the place of the event is taken; the breaker changes without it");
            updated = self.update(breaker, update::change(change, stored)).await?;
        }
        let item = match updated {
            Updated::Yes(_) => return Ok(Changed::Yes(BreakerState::after(change, stored))),
            Updated::No(item) => item,
            Updated::EventTaken => None,
        };
        // Not every backend returns the row when it cancels a transaction.
        let there = match item.filter(|item| !item.is_empty()) {
            Some(item) => state_of(breaker, Some(item))?,
            None => self.read(breaker).await?,
        };
        Ok(if there.is_after(change) { Changed::Yes(there) } else { Changed::No(there) })
    }

    async fn update(&self, breaker: &str, update: Update) -> Result<Updated, Failure> {
        let names = update.names();
        let _turn = self.dynamodb.turn().await;
        let updated = self
            .dynamodb
            .update_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(breaker))
            .condition_expression(update.condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(updated) => Ok(Updated::Yes(updated.attributes)),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    Ok(Updated::No(failed.item))
                }
                error => Err(Failure::aws(CODE, &error)),
            },
        }
    }

    /// Changes the row and stores the event, both or none of them.
    async fn transact(
        &self,
        breaker: &str,
        change: &Change,
        events: &DynamoDbEventStore,
        stored: u64,
    ) -> Result<Updated, Failure> {
        let update = update::change(change, stored);
        let names = update.names();
        let row = UpdateAction::builder()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(breaker))
            .condition_expression(update.condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| Failure::transient(CODE, error.to_string()))?;
        let row = TransactWriteItem::builder().update(row).build();
        let event = events.action(&event::commit(breaker, change)?)?;
        let _turn = self.dynamodb.turn().await;
        let written =
            self.dynamodb.transact_write_items().transact_items(row).transact_items(event);
        match written.send().await {
            Ok(_) => Ok(Updated::Yes(None)),
            Err(error) => cancelled(&error),
        }
    }
}

/// Explains why a transaction was cancelled.
fn cancelled(error: &SdkError<TransactWriteItemsError>) -> Result<Updated, Failure> {
    let service = error.as_service_error();
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = service {
        let reasons = cancelled.cancellation_reasons();
        let is = |reason: &CancellationReason, code: &str| reason.code() == Some(code);
        let failed = |reason: &&CancellationReason| is(reason, "ConditionalCheckFailed");
        if let Some(row) = reasons.first().filter(failed) {
            return Ok(Updated::No(row.item().cloned()));
        }
        if reasons.get(1).filter(failed).is_some() {
            return Ok(Updated::EventTaken);
        }
        if reasons.iter().any(|reason| is(reason, "TransactionConflict")) {
            return Err(Failure::transient("transaction_conflict", chain(error)));
        }
    }
    Err(Failure::aws(CODE, error))
}

impl BreakerStore for DynamoDbBreakers {
    fn look<'a>(&'a self, breaker: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        self.read(breaker).boxed()
    }

    fn count<'a>(
        &'a self,
        breaker: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        self.add(breaker, count).boxed()
    }

    fn change<'a>(
        &'a self,
        breaker: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>> {
        self.put(breaker, change).boxed()
    }
}
