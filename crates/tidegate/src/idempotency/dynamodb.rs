use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use super::EffectKey;
use super::protocol::{Request, State, Transition, decide};
use super::record::{Claim, Claimed, HeldEffect, IdempotencyStore, Kept, Repeat, Status, Stored};
use crate::failure::{Failure, chain};

type Item = HashMap<String, AttributeValue>;

/// Partition key of the table, a text.
pub const PARTITION_KEY: &str = "key";
/// The attribute that holds a record's time to live.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// Largest event that is kept with a claim, in bytes.
const REPEAT_LIMIT: usize = 300 * 1024;
/// The record is in progress and belongs to the caller.
const OWNED: &str = "#status = :in_progress AND #owner = :owner";
/// The token is the caller's, so that nobody has claimed since.
const COMPLETABLE: &str = "#owner = :owner AND #status IN (:in_progress, :held, :released)";
/// The record is in progress and its owner is gone.
const ORPHAN: &str = "#status = :in_progress AND #owner = :owner AND #lease_until < :now";
/// The effect is held, or released and not run since, or its owner is gone.
const WAITS_FOR_OPERATOR: &str =
    "#status IN (:held, :released) OR (#status = :in_progress AND #lease_until < :now)";

/// Idempotency records in a DynamoDB table with partition key `key` (string) and time to live `expires_at`.
///
/// The time to live only collects garbage, days late; expiry is part of the condition of every claim. A write whose condition fails is answered with
/// the record that is there (`ALL_OLD`), so that one's own write after a lost answer is told from another's without a further request.
#[derive(Clone, Debug)]
pub struct DynamoDbIdempotency {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    status: Status,
    owner: String,
    /// Milliseconds since 1970.
    lease_until: i64,
    payload_hash: String,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// Size of a result that was too large to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result_bytes: Option<usize>,
    /// Seconds since 1970, as the time to live wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// JSON of a [`Repeat`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeat: Option<String>,
}

impl Record {
    fn state(&self) -> Result<State, Failure> {
        Ok(State {
            status: self.status,
            owner: self.owner.clone(),
            lease_until: Timestamp::from_millisecond(self.lease_until)?,
            expires_at: self.expires_at.map(Timestamp::from_second).transpose()?,
        })
    }
}

/// A conditional update: its condition, its expression, the values of both.
struct Update {
    condition: &'static str,
    expression: String,
    values: Vec<(&'static str, AttributeValue)>,
}

impl DynamoDbIdempotency {
    /// The records in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoDbIdempotency { client, table: table.into() }
    }

    async fn put_claim(&self, claim: &Claim) -> Result<Claimed, Failure> {
        let repeat = claim.repeat.as_ref().map(serde_json::to_string).transpose()?;
        let record = Record {
            key: claim.key.to_string(),
            status: Status::InProgress,
            owner: claim.owner.clone(),
            lease_until: claim.lease_until.as_millisecond(),
            payload_hash: claim.payload_hash.clone(),
            result: None,
            result_bytes: None,
            expires_at: None,
            reason: None,
            repeat: repeat.filter(|repeat| repeat.len() <= REPEAT_LIMIT),
        };
        let item: Item = to_item(&record)?;
        let now = Timestamp::now();
        let mut condition =
            "attribute_not_exists(#key) OR #status = :released OR (#status = :completed AND #expires_at < :now_seconds)".to_owned();
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .expression_attribute_names("#key", PARTITION_KEY)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#expires_at", TTL_ATTRIBUTE)
            .expression_attribute_values(":released", text("released"))
            .expression_attribute_values(":completed", text("completed"))
            .expression_attribute_values(":now_seconds", number(now.as_second()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if claim.take_over {
            condition.push_str(" OR (#status = :in_progress AND #lease_until < :now)");
            request = request
                .expression_attribute_names("#lease_until", "lease_until")
                .expression_attribute_values(":in_progress", text("in_progress"))
                .expression_attribute_values(":now", number(now.as_millisecond()));
        }
        let there = match request.condition_expression(condition).send().await {
            Ok(put) => {
                let replaced = put.attributes.map(parse).transpose()?;
                let released = replaced.is_some_and(|replaced| replaced.status == Status::Released);
                return Ok(if released { Claimed::AfterRelease } else { Claimed::Yes });
            }
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(failed) => failed.item,
                error => return Err(Failure::aws("idempotency_store", &error)),
            },
        };
        let there = there.ok_or_else(|| {
            Failure::transient("idempotency_store", "the record in the way was not returned")
        })?;
        let there: Record = parse(there)?;
        let state = there.state()?;
        let request = Request::Claim {
            owner: &claim.owner,
            lease_until: claim.lease_until,
            take_over: claim.take_over,
        };
        if decide(Some(&state), request, now) == Transition::AlreadyDone {
            return Ok(Claimed::Yes);
        }
        Ok(Claimed::No(Stored {
            status: there.status,
            owner: there.owner,
            lease_until: state.lease_until,
            payload_hash: there.payload_hash,
            result: match (there.result, there.result_bytes) {
                (Some(result), _) => Kept::Result(result),
                (None, Some(bytes)) => Kept::TooLarge { bytes },
                (None, None) => Kept::Unknown,
            },
            expires_at: state.expires_at,
        }))
    }

    /// Updates the record if the condition of `request` holds.
    async fn update(&self, key: &str, request: Request<'_>, update: Update) -> Result<bool, Failure> {
        let used: Vec<&str> = names_in(update.condition).chain(names_in(&update.expression)).collect();
        let names = used.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect();
        let values = update.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(key))
            .condition_expression(update.condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(failed) => is_done(failed.item, request),
                error => Err(Failure::aws("idempotency_store", &error)),
            },
        }
    }

    async fn delete_claim(&self, key: &EffectKey, owner: &str) -> Result<bool, Failure> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
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

    async fn scan_held(&self) -> Result<Vec<HeldEffect>, Failure> {
        let mut items = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression(WAITS_FOR_OPERATOR)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#lease_until", "lease_until")
            .expression_attribute_values(":held", text("held"))
            .expression_attribute_values(":released", text("released"))
            .expression_attribute_values(":in_progress", text("in_progress"))
            .expression_attribute_values(":now", number(Timestamp::now().as_millisecond()))
            .into_paginator()
            .items()
            .send();
        let mut held = Vec::new();
        while let Some(item) = items.next().await {
            let record: Record = parse(item.map_err(|error| Failure::aws("idempotency_store", &error))?)?;
            held.push(HeldEffect {
                key: record.key,
                status: record.status,
                lease_until: Timestamp::from_millisecond(record.lease_until)?,
                reason: record.reason,
                repeat: record.repeat.as_deref().map(serde_json::from_str::<Repeat>).transpose()?,
            });
        }
        held.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(held)
    }
}

/// Whether a request whose condition failed had taken effect before, its answer lost.
fn is_done(there: Option<Item>, request: Request<'_>) -> Result<bool, Failure> {
    let there = there.filter(|item| !item.is_empty()).map(parse).transpose()?;
    let state = there.map(|there| there.state()).transpose()?;
    Ok(decide(state.as_ref(), request, Timestamp::now()) == Transition::AlreadyDone)
}

fn completion(
    condition: &'static str,
    result: &Kept<String>,
    expires_at: Timestamp,
    mut values: Vec<(&'static str, AttributeValue)>,
) -> Update {
    let mut expression = "SET #status = :completed, #expires_at = :expires_at".to_owned();
    values.push((":completed", text("completed")));
    values.push((":expires_at", number(expires_at.as_second())));
    match result {
        Kept::Result(result) => {
            expression.push_str(", #result = :result");
            values.push((":result", text(result)));
        }
        Kept::TooLarge { bytes } => {
            expression.push_str(", #result_bytes = :result_bytes");
            values.push((":result_bytes", AttributeValue::N(bytes.to_string())));
        }
        Kept::Unknown => {}
    }
    Update { condition, expression, values }
}

fn owned(owner: &str) -> Vec<(&'static str, AttributeValue)> {
    vec![(":in_progress", text("in_progress")), (":owner", text(owner))]
}

fn waiting() -> Vec<(&'static str, AttributeValue)> {
    vec![
        (":held", text("held")),
        (":in_progress", text("in_progress")),
        (":released", text("released")),
        (":now", number(Timestamp::now().as_millisecond())),
    ]
}

/// Names of the attributes in an expression. DynamoDB refuses a declared name that is not used.
fn names_in(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split('#')
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn parse(item: Item) -> Result<Record, Failure> {
    let key = item.get(PARTITION_KEY).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
    from_item(item).map_err(|error| {
        Failure::permanent("corrupt_record", format!("idempotency record {key}: {}", chain(&error)))
    })
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
        let mut values = owned(owner);
        values.extend([(":held", text("held")), (":released", text("released"))]);
        let mut update = completion(COMPLETABLE, result, expires_at, values);
        update.expression.push_str(" REMOVE #repeat, #reason");
        self.update(key.as_str(), Request::Complete { owner, expires_at }, update).boxed()
    }

    fn release<'a>(&'a self, key: &'a EffectKey, owner: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        self.delete_claim(key, owner).boxed()
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        // As exact as it is kept, or one's own write would look earlier than what was asked for.
        let lease_until = Timestamp::from_millisecond(lease_until.as_millisecond()).unwrap_or(lease_until);
        let mut values = owned(owner);
        values.push((":lease_until", number(lease_until.as_millisecond())));
        let update = Update {
            condition: "#status = :in_progress AND #owner = :owner AND #lease_until < :lease_until",
            expression: "SET #lease_until = :lease_until".to_owned(),
            values,
        };
        self.update(key.as_str(), Request::Extend { owner, lease_until }, update).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.update(key.as_str(), Request::Hold { owner }, holding(OWNED, owned(owner), reason)).boxed()
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let mut values = owned(owner);
        values.push((":now", number(Timestamp::now().as_millisecond())));
        self.update(key.as_str(), Request::HoldOrphan { owner }, holding(ORPHAN, values, reason)).boxed()
    }

    fn held(&self) -> BoxFuture<'_, Result<Vec<HeldEffect>, Failure>> {
        self.scan_held().boxed()
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
            condition: WAITS_FOR_OPERATOR,
            expression: "SET #status = :released".to_owned(),
            values: waiting(),
        };
        self.update(key, Request::ReleaseHeld, update).boxed()
    }
}

fn holding(condition: &'static str, mut values: Vec<(&'static str, AttributeValue)>, reason: &str) -> Update {
    values.extend([(":held", text("held")), (":reason", text(reason))]);
    Update { condition, expression: "SET #status = :held, #reason = :reason".to_owned(), values }
}
