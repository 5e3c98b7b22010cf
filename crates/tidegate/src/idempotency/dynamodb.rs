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
use super::record::{Claim, Claimed, HeldEffect, IdempotencyStore, Repeat, Status, Stored};
use crate::failure::{Failure, chain};

/// Partition key of the table, a text.
pub const PARTITION_KEY: &str = "key";
/// The attribute that holds a record's time to live.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// Largest event that is kept with a claim, in bytes.
const REPEAT_LIMIT: usize = 300 * 1024;
/// The record is in progress and belongs to the caller.
const OWNED: &str = "#status = :in_progress AND #owner = :owner";
/// The effect is held, or released and not run since, or its owner is gone.
const WAITS_FOR_OPERATOR: &str =
    "#status IN (:held, :released) OR (#status = :in_progress AND #lease_until < :now)";

/// Idempotency records in a DynamoDB table with partition key `key` (string) and time to live `expires_at`.
///
/// The time to live only collects garbage, days late; expiry is part of the condition of every claim.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// Seconds since 1970, as the time to live wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// JSON of a [`Repeat`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeat: Option<String>,
}

impl DynamoDbIdempotency {
    /// The records in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoDbIdempotency { client, table: table.into() }
    }

    async fn put_claim(&self, claim: &Claim) -> Result<Claimed, Failure> {
        let repeat = serde_json::to_string(&claim.repeat)?;
        let record = Record {
            key: claim.key.to_string(),
            status: Status::InProgress,
            owner: claim.owner.clone(),
            lease_until: claim.lease_until.as_millisecond(),
            payload_hash: claim.payload_hash.clone(),
            result: None,
            expires_at: None,
            reason: None,
            repeat: (repeat.len() <= REPEAT_LIMIT).then_some(repeat),
        };
        let item: HashMap<String, AttributeValue> = to_item(&record)?;
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
                error => return Err(Failure::transient("idempotency_store", chain(&error))),
            },
        };
        let there = there.ok_or_else(|| {
            Failure::transient("idempotency_store", "the record in the way was not returned")
        })?;
        let there: Record = parse(there)?;
        if there.owner == claim.owner {
            return Ok(Claimed::Yes);
        }
        Ok(Claimed::No(Stored {
            status: there.status,
            owner: there.owner,
            lease_until: Timestamp::from_millisecond(there.lease_until)?,
            payload_hash: there.payload_hash,
            result: there.result,
        }))
    }

    /// Updates the record if `condition` holds; false if it does not.
    async fn update(
        &self,
        key: &str,
        condition: &str,
        update: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<bool, Failure> {
        let names = ["status", "owner", "lease_until", "result", "expires_at", "reason"]
            .into_iter()
            .filter(|name| names_in(condition).chain(names_in(update)).any(|used| used == *name))
            .map(|name| (format!("#{name}"), name.to_owned()))
            .collect();
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(key))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(_) => Ok(false),
                error => Err(Failure::transient("idempotency_store", chain(&error))),
            },
        }
    }

    async fn complete_claim(
        &self,
        key: &EffectKey,
        owner: &str,
        result: Option<&str>,
        expires_at: Timestamp,
    ) -> Result<bool, Failure> {
        let mut update = "SET #status = :completed, #expires_at = :expires_at".to_owned();
        let mut values = owned(owner);
        values.push((":completed", text("completed")));
        values.push((":expires_at", number(expires_at.as_second())));
        if let Some(result) = result {
            update.push_str(", #result = :result");
            values.push((":result", text(result)));
        }
        if self.update(key.as_str(), OWNED, &update, values).await? {
            return Ok(true);
        }
        // The first answer may have been lost: one's own completion is success.
        self.update(
            key.as_str(),
            "#status = :completed AND #owner = :owner",
            "SET #expires_at = :expires_at",
            [
                (":completed", text("completed")),
                (":owner", text(owner)),
                (":expires_at", number(expires_at.as_second())),
            ],
        )
        .await
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
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                DeleteItemError::ConditionalCheckFailedException(_) => Ok(false),
                error => Err(Failure::transient("idempotency_store", chain(&error))),
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
            let record: Record =
                parse(item.map_err(|error| Failure::transient("idempotency_store", chain(&error)))?)?;
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

fn owned(owner: &str) -> Vec<(&'static str, AttributeValue)> {
    vec![(":in_progress", text("in_progress")), (":owner", text(owner))]
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

fn parse(item: HashMap<String, AttributeValue>) -> Result<Record, Failure> {
    from_item(item).map_err(|error| {
        Failure::permanent("corrupt_record", format!("idempotency record: {}", chain(&error)))
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
        result: Option<&'a str>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.complete_claim(key, owner, result, expires_at).boxed()
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
        let mut values = owned(owner);
        values.push((":lease_until", number(lease_until.as_millisecond())));
        self.update(key.as_str(), OWNED, "SET #lease_until = :lease_until", values).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let mut values = owned(owner);
        values.extend([(":held", text("held")), (":reason", text(reason))]);
        self.update(key.as_str(), OWNED, "SET #status = :held, #reason = :reason", values).boxed()
    }

    fn held(&self) -> BoxFuture<'_, Result<Vec<HeldEffect>, Failure>> {
        self.scan_held().boxed()
    }

    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let values = [
            (":held", text("held")),
            (":in_progress", text("in_progress")),
            (":now", number(Timestamp::now().as_millisecond())),
            (":released", text("released")),
        ];
        self.update(key, WAITS_FOR_OPERATOR, "SET #status = :released", values).boxed()
    }
}
