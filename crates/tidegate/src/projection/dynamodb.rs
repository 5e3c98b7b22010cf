use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem, Update};
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

use super::Transaction;
use super::change::{Increment, RowUpdate, Value};
use super::expression::Expression;
use super::guard::{Advance, Guard, Position};
use super::read_model::{ApplyError, ReadModel};
use crate::failure::{Failure, chain};
use crate::ids::{StreamId, Version};
use crate::store::Retry;

/// Partition key of the table of rows, a text; there is no sort key.
pub const ROW_KEY: &str = "stream";
/// Partition key of the table of counters, a text.
pub const COUNTER_PARTITION_KEY: &str = "key";
/// Sort key of the table of counters, a number.
pub const COUNTER_SORT_KEY: &str = "slice";

/// Most keys in one BatchGetItem.
const BATCH_GET_KEYS: usize = 100;

/// The tables of a read model.
#[derive(Clone, Debug)]
pub struct ReadModelTables {
    /// Rows of the source aggregates, with the guards. Its key is [`ROW_KEY`].
    pub rows: String,
    /// Counters. Its keys are [`COUNTER_PARTITION_KEY`] and [`COUNTER_SORT_KEY`].
    pub counters: String,
    /// The slice in which this environment counts. A counter's value is the sum over its slices.
    pub slice: u32,
}

/// A read model in two DynamoDB tables.
#[derive(Clone, Debug)]
pub struct DynamoDbReadModel {
    client: Client,
    tables: ReadModelTables,
    retry: Retry,
}

impl DynamoDbReadModel {
    /// The read model in these tables.
    pub fn new(client: Client, tables: ReadModelTables) -> Self {
        DynamoDbReadModel { client, tables, retry: Retry::default() }
    }

    async fn read_guards(&self, streams: &[StreamId]) -> Result<HashMap<StreamId, Guard>, Failure> {
        let mut guards = HashMap::with_capacity(streams.len());
        for streams in streams.chunks(BATCH_GET_KEYS) {
            let mut keys: Vec<_> = streams.iter().map(row_key).collect();
            for attempt in 0.. {
                let (rows, left) = self.get(keys).await?;
                for row in rows {
                    let (stream, guard) = guard_of(&row)?;
                    guards.insert(stream, guard);
                }
                if left.is_empty() {
                    break;
                }
                if attempt == self.retry.attempts {
                    return Err(Failure::transient(
                        "throttled",
                        "DynamoDB kept leaving keys of a BatchGetItem unprocessed",
                    ));
                }
                keys = left;
                tokio::time::sleep(self.retry.pause_after(attempt)).await;
            }
        }
        Ok(guards)
    }

    async fn get(&self, keys: Vec<Key>) -> Result<(Vec<Key>, Vec<Key>), Failure> {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .projection_expression("#stream, #version, #event_id, #part, #parked")
            .set_expression_attribute_names(Some(
                [ROW_KEY, "version", "event_id", "part", "parked"]
                    .into_iter()
                    .map(|name| (format!("#{name}"), name.to_owned()))
                    .collect(),
            ))
            .build()
            .map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(&self.tables.rows, wanted)
            .send()
            .await
            .map_err(|error| Failure::aws("read_model", &error))?;
        let rows = answer.responses.unwrap_or_default().remove(&self.tables.rows).unwrap_or_default();
        let left =
            answer.unprocessed_keys.unwrap_or_default().remove(&self.tables.rows).map(|left| left.keys);
        Ok((rows, left.unwrap_or_default()))
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), ApplyError> {
        transaction.storable().map_err(ApplyError::Failed)?;
        let now = Timestamp::now().as_millisecond();
        let mut actions = Vec::with_capacity(transaction.guards.len() + transaction.counters.len());
        for (advance, row) in &transaction.guards {
            actions.push(self.guard_update(advance, row, now)?);
        }
        for counter in &transaction.counters {
            actions.push(self.counter_update(counter)?);
        }
        match self.client.transact_write_items().set_transact_items(Some(actions)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(apply_error(&error)),
        }
    }

    fn guard_update(
        &self,
        advance: &Advance,
        row: &RowUpdate,
        now: i64,
    ) -> Result<TransactWriteItem, ApplyError> {
        let mut expression = Expression::default();
        for (name, value) in &row.set {
            expression.set(name, attribute(value));
        }
        for (name, value) in &row.defaults {
            expression.set_if_absent(name, attribute(value), row.add.get(name).copied());
        }
        for (name, amount) in row.add.iter().filter(|(name, _)| !row.defaults.contains_key(*name)) {
            expression.add(name, *amount);
        }
        if let Some(event_id) = &advance.event_id {
            expression.set("event_id", AttributeValue::S(event_id.clone()));
        }
        if advance.to.version != advance.from.version {
            expression.set("version", number(advance.to.version.number()));
            expression.set("applied_at", number(now));
            expression.remove("parked");
            expression.remove("parked_reason");
        }
        if advance.to.part == 0 {
            expression.remove("part");
        } else {
            expression.set("part", number(advance.to.part));
        }
        require_position(&mut expression, advance.from);
        expression.require("parked", advance.parked.map(|parked| number(parked.number())));
        expression.into_update(&self.tables.rows, row_key(&advance.stream)).map(transact)
    }

    fn counter_update(&self, counter: &Increment) -> Result<TransactWriteItem, ApplyError> {
        let mut expression = Expression::default();
        for (name, amount) in &counter.add {
            expression.add(name, *amount);
        }
        let key = HashMap::from([
            (COUNTER_PARTITION_KEY.to_owned(), AttributeValue::S(counter.key.clone())),
            (COUNTER_SORT_KEY.to_owned(), number(self.tables.slice)),
        ]);
        expression.into_update(&self.tables.counters, key).map(transact)
    }

    async fn write_park(&self, stream: &StreamId, at: Version, reason: &str) -> Result<(), ApplyError> {
        let mut expression = Expression::default();
        expression.set("parked", number(at.number()));
        expression.set("parked_reason", AttributeValue::S(reason.to_owned()));
        let before = Version::new(at.number().saturating_sub(1));
        require_version(&mut expression, before);
        let update = expression.into_update(&self.tables.rows, row_key(stream))?;
        self.client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => ApplyError::GuardMoved,
                Some(UpdateItemError::TransactionConflictException(_)) => ApplyError::Conflict,
                _ => ApplyError::Failed(Failure::aws("read_model", &error)),
            })?;
        Ok(())
    }
}

type Key = HashMap<String, AttributeValue>;

fn row_key(stream: &StreamId) -> Key {
    HashMap::from([(ROW_KEY.to_owned(), AttributeValue::S(stream.to_string()))])
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(value) => number(value),
        Value::Texts(texts) => AttributeValue::L(texts.iter().cloned().map(AttributeValue::S).collect()),
    }
}

fn transact(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

/// The guard must be where it was read: an absent attribute stands for 0.
fn require_position(expression: &mut Expression, position: Position) {
    require_version(expression, position.version);
    expression.require("part", (position.part != 0).then(|| number(position.part)));
}

fn require_version(expression: &mut Expression, version: Version) {
    expression.require("version", (version != Version::NONE).then(|| number(version.number())));
}

fn guard_of(row: &Key) -> Result<(StreamId, Guard), Failure> {
    let corrupt =
        |what: &str| Failure::permanent("corrupt_guard", format!("{what} in the read model's row {row:?}"));
    let stream = row
        .get(ROW_KEY)
        .and_then(|value| value.as_s().ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| corrupt("no stream"))?;
    let read = |name: &str| match row.get(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_n().ok().and_then(|text| text.parse::<u64>().ok());
            number.map(Some).ok_or_else(|| corrupt(name))
        }
    };
    let guard = Guard {
        position: Position {
            version: read("version")?.map_or(Version::NONE, Version::new),
            part: read("part")?.map(u32::try_from).transpose().map_err(|_| corrupt("part"))?.unwrap_or(0),
        },
        event_id: row.get("event_id").and_then(|value| value.as_s().ok()).cloned(),
        parked: read("parked")?.map(Version::new),
    };
    Ok((stream, guard))
}

fn apply_error(error: &SdkError<TransactWriteItemsError>) -> ApplyError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let codes = || cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
            if codes().any(|code| code == "ConditionalCheckFailed") {
                ApplyError::GuardMoved
            } else if codes().any(|code| code == "TransactionConflict") {
                ApplyError::Conflict
            } else if codes().any(|code| code == "ValidationError") {
                unstorable(error)
            } else {
                ApplyError::Failed(Failure::aws("read_model", error))
            }
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => ApplyError::Conflict,
        Some(service) if service.code() == Some("ValidationException") => unstorable(error),
        _ => ApplyError::Failed(Failure::aws("read_model", error)),
    }
}

/// A key or a row beyond what DynamoDB stores: no repetition mends it.
fn unstorable(error: &SdkError<TransactWriteItemsError>) -> ApplyError {
    ApplyError::Failed(Failure::permanent("unstorable", chain(error)))
}

impl ReadModel for DynamoDbReadModel {
    fn guards<'a>(
        &'a self,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<HashMap<StreamId, Guard>, Failure>> {
        self.read_guards(streams).boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(transaction).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write_park(stream, at, reason).boxed()
    }
}
