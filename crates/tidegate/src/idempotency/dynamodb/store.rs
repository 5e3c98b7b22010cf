//! Keeps idempotency records in a DynamoDB table.

use std::sync::Arc;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

use crate::aws::DynamoDb;
use crate::failure::Failure;
use crate::idempotency::item::{Item, LOOKED_AT, PARTITION_KEY, Record, key_of};
use crate::idempotency::key::EffectKey;
use crate::idempotency::protocol::{Request, State, Transition, decide};
use crate::idempotency::record::{
    Claim, Claimed, HeldEffect, HeldPage, IdempotencyStore, Kept, Stored, UnreadableRecord,
};
use crate::idempotency::repeat::Repeat;
use crate::idempotency::update::{
    EXTENDABLE, HELD_WITHOUT, ORPHAN, OWNED, UNREADABLE, Update, WAITS_FOR_OPERATOR, WAITS_WITHOUT,
    completion, holding, names_in, number, owned, text, waiting,
};

/// Stores idempotency records in a DynamoDB table.
///
/// The table has the partition key `key` (string) and the time-to-live attribute `expires_at`. The
/// time to live only removes old records, often days late, so the condition of every claim also
/// checks the expiry.
///
/// After a lost answer, the caller recognises its own write by its token. A single write whose
/// condition fails returns the existing record (`ALL_OLD`). A claim that shared a request with
/// others reads the record instead.
#[derive(Clone, Debug)]
pub struct DynamoDbIdempotency {
    pub(super) dynamodb: DynamoDb,
    pub(super) table: Arc<str>,
}

impl DynamoDbIdempotency {
    /// Uses the records in this table.
    pub fn new(dynamodb: impl Into<DynamoDb>, table: impl Into<Arc<str>>) -> Self {
        Self { dynamodb: dynamodb.into(), table: table.into() }
    }

    async fn read(&self, key: &EffectKey) -> Result<Option<Stored>, Failure> {
        let names = LOOKED_AT.map(|name| (format!("#{name}"), name.to_owned()));
        let _turn = self.dynamodb.turn().await;
        let read = self
            .dynamodb
            .get_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(key.as_str()))
            .consistent_read(true)
            .projection_expression(LOOKED_AT.map(|name| format!("#{name}")).join(", "))
            .set_expression_attribute_names(Some(names.into()))
            .send()
            .await
            .map_err(|error| Failure::aws("idempotency_store", &error))?;
        read.item.map(|item| Record::parse(item)?.stored()).transpose()
    }

    /// Updates the record if the condition of `request` holds.
    pub(super) async fn update(
        &self,
        key: &str,
        request: Request<'_>,
        update: Update,
    ) -> Result<bool, Failure> {
        let used: Vec<&str> =
            names_in(&update.condition).chain(names_in(&update.expression)).collect();
        let names = used.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect();
        let values =
            update.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let _turn = self.dynamodb.turn().await;
        let updated = self
            .dynamodb
            .update_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(key))
            .condition_expression(update.condition.clone())
            .update_expression(update.expression.clone())
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    is_done(failed.item, request)
                }
                error => Err(Failure::aws("idempotency_store", &error)),
            },
        }
    }

    async fn hold_with(
        &self,
        key: &EffectKey,
        request: Request<'_>,
        update: Result<Update, Failure>,
    ) -> Result<bool, Failure> {
        self.update(key.as_str(), request, update?).await
    }

    async fn delete_claim(&self, key: &EffectKey, owner: &str) -> Result<bool, Failure> {
        let deleted = self
            .dynamodb
            .delete_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(key.as_str()))
            .condition_expression(OWNED)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":in_progress", text("in_progress"))
            .expression_attribute_values(":owner", text(owner))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                DeleteItemError::ConditionalCheckFailedException(failed) => {
                    is_done(failed.item, Request::Release { owner })
                }
                error => Err(Failure::aws("idempotency_store", &error)),
            },
        }
    }

    async fn scan_held(&self, from: Option<&str>) -> Result<HeldPage, Failure> {
        let mut request = self
            .dynamodb
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .filter_expression(format!("({WAITS_FOR_OPERATOR}) OR {UNREADABLE}"))
            .expression_attribute_values(":completed", text("completed"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#lease_until", "lease_until");
        for (name, value) in waiting() {
            request = request.expression_attribute_values(name, value);
        }
        if let Some(from) = from {
            request = request.exclusive_start_key(PARTITION_KEY, text(from));
        }
        let read =
            request.send().await.map_err(|error| Failure::aws("idempotency_store", &error))?;
        let mut page = HeldPage {
            records: usize::try_from(read.scanned_count()).unwrap_or_default(),
            next: read.last_evaluated_key.as_ref().map(|key| key_of(key).to_owned()),
            ..HeldPage::default()
        };
        for item in read.items.unwrap_or_default() {
            let key = key_of(&item).to_owned();
            match Record::parse(item).and_then(Record::held) {
                Ok(effect) => page.effects.push(effect),
                Err(failure) => page.unreadable.push(UnreadableRecord::new(key, failure.reason())),
            }
        }
        Ok(page)
    }

    async fn read_waiting(&self, key: &str) -> Result<Option<HeldEffect>, Failure> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, text(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Failure::aws("idempotency_store", &error))?;
        let Some(record) = read.item.map(Record::parse).transpose()? else { return Ok(None) };
        let waits = record.state()?.waits_for_operator(Timestamp::now());
        if waits { record.held().map(Some) } else { Ok(None) }
    }
}

/// Returns whether a request whose condition failed took effect before, with its answer lost.
fn is_done(there: Option<Item>, request: Request<'_>) -> Result<bool, Failure> {
    let state = state_of(there)?;
    Ok(decide(state.as_ref(), request, Timestamp::now()) == Transition::AlreadyDone)
}

/// Reads the state of the record that a failed condition returned.
pub(super) fn state_of(there: Option<Item>) -> Result<Option<State>, Failure> {
    let there = there.filter(|item| !item.is_empty()).map(Record::parse).transpose()?;
    there.map(|there| there.state()).transpose()
}

impl IdempotencyStore for DynamoDbIdempotency {
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>> {
        self.put_claim(claim).boxed()
    }

    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.put_completion(key, owner, result, expires_at).boxed()
    }

    fn release<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.delete_claim(key, owner).boxed()
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        // Rounded to the stored precision. Otherwise the caller's own write would look earlier than
        // requested.
        let lease_until =
            Timestamp::from_millisecond(lease_until.as_millisecond()).unwrap_or(lease_until);
        let mut values = owned(owner);
        values.push((":lease_until", number(lease_until.as_millisecond())));
        let update = Update {
            condition: EXTENDABLE.into(),
            expression: "SET #lease_until = :lease_until".to_owned(),
            values,
        };
        self.update(key.as_str(), Request::Extend { owner, lease_until }, update).boxed()
    }

    fn look<'a>(&'a self, key: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>> {
        self.read(key).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let request = Request::Hold { owner, repeat: repeat.is_some() };
        let mut values = owned(owner);
        if repeat.is_some() {
            values.push((":released", text("released")));
        }
        self.hold_with(key, request, holding(OWNED, WAITS_WITHOUT, values, reason, repeat)).boxed()
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let request = Request::HoldOrphan { owner, repeat: repeat.is_some() };
        let mut values = owned(owner);
        values.push((":now", number(Timestamp::now().as_millisecond())));
        self.hold_with(key, request, holding(ORPHAN, HELD_WITHOUT, values, reason, repeat)).boxed()
    }

    fn held<'a>(&'a self, from: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>> {
        self.scan_held(from).boxed()
    }

    fn waiting<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>> {
        self.read_waiting(key).boxed()
    }

    fn complete_held<'a>(
        &'a self,
        key: &'a str,
        operator: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let mut values = waiting();
        values.push((":operator", text(operator)));
        let mut update = completion(WAITS_FOR_OPERATOR, result, expires_at, values);
        update.expression.push_str(", #owner = :operator REMOVE #repeat, #reason");
        self.update(key, Request::CompleteHeld { operator, expires_at }, update).boxed()
    }

    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let update = Update {
            condition: WAITS_FOR_OPERATOR.into(),
            expression: "SET #status = :released".to_owned(),
            values: waiting(),
        };
        self.update(key, Request::ReleaseHeld, update).boxed()
    }
}
