//! Claims an effect.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::store::DynamoDbIdempotency;
use crate::failure::Failure;
use crate::idempotency::item::{Item, PARTITION_KEY, Record, TTL_ATTRIBUTE};
use crate::idempotency::protocol::{Request, Transition, decide};
use crate::idempotency::record::{Claim, Claimed, Status};
use crate::idempotency::update::{number, text};
use crate::statement::{Answer, Statement};

impl DynamoDbIdempotency {
    /// Writes a claim, together with the writes that wait at the same moment.
    ///
    /// Nearly all claims are new, and a batch can only insert. If there is a record already, a read
    /// shows whether the claim may replace it.
    pub(super) async fn put_claim(&self, claim: &Claim) -> Result<Claimed, Failure> {
        let code = "idempotency_store";
        let item = item_of(claim)?;
        let statement = Statement::insert(code, &self.table, claim.key.to_string(), item);
        let item = match self.dynamodb.writer.write(statement).await {
            Answer::Written => return Ok(Claimed::Yes),
            Answer::Failed(failure) => return Err(failure),
            Answer::Refused(_) => {
                let key = [(PARTITION_KEY.to_owned(), text(claim.key.as_str()))].into();
                if let Some(there) = self.dynamodb.reader.read(code, &self.table, key).await?
                    && let Some(claimed) = prevented(claim, there, Timestamp::now())?
                {
                    return Ok(claimed);
                }
                None
            }
            Answer::Alone(statement) => statement.into_item(),
            Answer::BeingWritten | Answer::Singly => None,
        };
        let item = item.map_or_else(|| item_of(claim), Ok)?;
        self.put_claim_alone(claim, item).await
    }

    /// Writes a claim where there is no record, or one that it may replace.
    async fn put_claim_alone(&self, claim: &Claim, item: Item) -> Result<Claimed, Failure> {
        let _turn = self.dynamodb.turn().await;
        let now = Timestamp::now();
        let mut condition =
            "attribute_not_exists(#key) OR #status = :released OR (#status = :completed AND #expires_at < :now_seconds)".to_owned();
        let mut request = self
            .dynamodb
            .put_item()
            .table_name(&*self.table)
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
                let replaced = put.attributes.map(Record::parse).transpose()?;
                let released = replaced.is_some_and(|replaced| replaced.status == Status::Released);
                return Ok(if released { Claimed::AfterRelease } else { Claimed::Yes });
            }
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(failed) => failed.item,
                error => return Err(Failure::aws("idempotency_store", &error)),
            },
        };
        let there = there.ok_or_else(|| {
            Failure::transient(
                "idempotency_store",
                "DynamoDB did not return the record that holds this key",
            )
        })?;
        match prevented(claim, there.clone(), now)? {
            Some(claimed) => Ok(claimed),
            // It expired between the request and its answer. The next attempt replaces it.
            None => Record::parse(there)?.stored().map(Claimed::No),
        }
    }
}

fn item_of(claim: &Claim) -> Result<Item, Failure> {
    let record = Record {
        key: claim.key.to_string(),
        status: Status::InProgress,
        owner: claim.owner.clone(),
        lease_until: claim.lease_until.as_millisecond(),
        payload_hash: claim.payload_hash.written.clone(),
        canonical_hash: claim.payload_hash.canonical.clone(),
        result: None,
        result_bytes: None,
        expires_at: None,
        reason: None,
        repeat: None,
    };
    Ok(to_item(&record)?)
}

/// Returns the result of a claim that an existing record prevents, or that was its own. Returns
/// `None` if the claim may replace the record.
fn prevented(claim: &Claim, there: Item, now: Timestamp) -> Result<Option<Claimed>, Failure> {
    let there = Record::parse(there)?;
    let request = Request::Claim {
        owner: &claim.owner,
        lease_until: claim.lease_until,
        take_over: claim.take_over,
    };
    match decide(Some(&there.state()?), request, now) {
        Transition::AlreadyDone => Ok(Some(Claimed::Yes)),
        Transition::Refused => there.stored().map(Claimed::No).map(Some),
        Transition::To(_) | Transition::Removed => Ok(None),
    }
}
