//! A read model in two DynamoDB tables.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

use super::super::answer::failure;
use super::super::apply_error::ApplyError;
use super::super::delta::{Added, Addition, Aside, COUNTED, Delta, Head, PARKED_LIST_KEY};
use super::super::expression::Expression;
use super::super::guard::Guard;
use super::super::read_model::{Guards, ReadModel};
use super::super::row::{Key, LISTED, ROW_KEY, guard_of, stream_of};
use super::super::transaction::Transaction;
use super::guard::{PARKED, require_position, require_version};
use super::names::{
    COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, REASON_CHARACTERS, key, number, row_key, transact,
};
use super::table::Counters;
use crate::aws::DynamoDb;
use crate::failure::Failure;
use crate::ids::{StreamId, Version, content_uuid};
use crate::store::Retry;

/// Largest number of keys in one BatchGetItem.
const BATCH_GET_KEYS: usize = 100;
/// Attributes of a row that are read.
const READ: [&str; 10] = [
    ROW_KEY,
    "version",
    "event_id",
    COUNTED,
    "part",
    "cut",
    "parked",
    "parked_code",
    "parked_reason",
    LISTED,
];
/// Attribute of an entry of that list: the aggregate.
const LIST_STREAM: &str = "parked_stream";

/// The tables of a read model.
///
/// The table of counters also holds the list of parked aggregates, and deltas whose amounts are not
/// in the counters yet. Skip what is not [a counter](crate::projection::is_counter) when you read
/// the whole table, and add what is [pending](crate::projection::Pending).
///
/// The function needs to read and write both tables (`access = "read-write"` in a topology).
#[derive(Clone, Debug)]
pub struct ReadModelTables {
    /// Table of rows of the source aggregates, with the guards. Its key is [`ROW_KEY`].
    pub rows: String,
    /// Table of counters. Its keys are [`COUNTER_PARTITION_KEY`] and [`COUNTER_SORT_KEY`].
    pub counters: String,
    /// Slice in which this environment counts. The value of a counter is the sum over its slices.
    ///
    /// Environments may share a slice, but then they wait for each other.
    pub slice: u32,
}

/// A read model in two DynamoDB tables, or three if it has entries.
#[derive(Clone, Debug)]
pub struct DynamoDbReadModel {
    client: DynamoDb,
    pub(super) tables: ReadModelTables,
    pub(super) entries: Option<String>,
    pub(super) counters: Counters,
    retry: Retry,
}

impl DynamoDbReadModel {
    /// Creates the read model in these tables.
    pub fn new(client: impl Into<DynamoDb>, tables: ReadModelTables) -> Self {
        let client = client.into();
        let counters = Counters::new(client.clone(), &tables.counters);
        Self { client, tables, entries: None, counters, retry: Retry::default() }
    }

    /// Keeps entries in this table, which the function needs to read and write. Its keys are
    /// [`ENTRY_PARTITION_KEY`](crate::projection::ENTRY_PARTITION_KEY) and
    /// [`ENTRY_SORT_KEY`](crate::projection::ENTRY_SORT_KEY).
    ///
    /// Without it, an event that changes an entry fails with the code `no_entries_table`
    /// (transient), which parks nothing.
    #[must_use]
    pub fn with_entries(self, table: impl Into<String>) -> Self {
        Self { entries: Some(table.into()), ..self }
    }

    async fn read_guards(&self, streams: &[StreamId]) -> Result<Guards, Failure> {
        let mut guards = HashMap::with_capacity(streams.len());
        for streams in streams.chunks(BATCH_GET_KEYS) {
            let mut keys: Vec<_> = streams.iter().map(row_key).collect();
            for attempt in 0.. {
                let (rows, left) = self.get(keys).await?;
                for row in rows {
                    let stream = stream_of(&row)?;
                    let guard = guard_of(&row, &stream);
                    guards.insert(stream, guard);
                }
                if left.is_empty() {
                    break;
                }
                if attempt == self.retry.attempts {
                    return Err(Failure::transient(
                        Failure::THROTTLED,
                        "DynamoDB left keys of a BatchGetItem unprocessed in every attempt",
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
            .projection_expression(READ.map(|name| format!("#{name}")).join(", "))
            .set_expression_attribute_names(Some(
                READ.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect(),
            ))
            .build()
            .map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(&self.tables.rows, wanted)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let rows =
            answer.responses.unwrap_or_default().remove(&self.tables.rows).unwrap_or_default();
        let left = answer
            .unprocessed_keys
            .unwrap_or_default()
            .remove(&self.tables.rows)
            .map(|left| left.keys);
        Ok((rows, left.unwrap_or_default()))
    }

    async fn write_park(
        &self,
        stream: &StreamId,
        at: Version,
        failure: &Failure,
    ) -> Result<(), ApplyError> {
        let now = Timestamp::now().as_millisecond();
        let mut expression = Expression::default();
        expression.set("parked", number(at.number()));
        expression.set("parked_code", AttributeValue::S(failure.code().to_owned()));
        expression.set(
            "parked_reason",
            AttributeValue::S(failure.reason().chars().take(REASON_CHARACTERS).collect()),
        );
        expression.set(LISTED, number(now));
        let before = Version::new(at.number().saturating_sub(1));
        require_version(&mut expression, before);
        let update = expression.into_update(&self.tables.rows, row_key(stream))?;
        let mut entry = list_key(stream);
        entry.insert(LIST_STREAM.to_owned(), AttributeValue::S(stream.to_string()));
        let put = Put::builder().table_name(&self.tables.counters).set_item(Some(entry)).build();
        let put = put.map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        self.counters
            .transact(vec![transact(update), TransactWriteItem::builder().put(put).build()])
            .await
    }

    async fn read_list(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<StreamId>, Failure> {
        let after = after.map_or(-1, |stream| i128::from(list_number(stream)));
        let page = self
            .client
            .query()
            .table_name(&self.tables.counters)
            .consistent_read(true)
            .key_condition_expression("#key = :key AND #slice > :after")
            .expression_attribute_names("#key", COUNTER_PARTITION_KEY)
            .expression_attribute_names("#slice", COUNTER_SORT_KEY)
            .expression_attribute_values(":key", AttributeValue::S(PARKED_LIST_KEY.to_owned()))
            .expression_attribute_values(":after", number(after))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let items = page.items.unwrap_or_default();
        let stream = |item: &Key| item.get(LIST_STREAM)?.as_s().ok()?.parse().ok();
        Ok(items.iter().filter_map(stream).collect())
    }

    /// Requires that the guard is still the one that was read.
    fn require_guard(expression: &mut Expression, guard: &Guard) {
        require_position(expression, guard.position);
        expression.require("parked", guard.parked.map(|parked| number(parked.number())));
        expression.require(LISTED, guard.listed.map(number));
    }

    async fn write_unpark(&self, stream: &StreamId, guard: &Guard) -> Result<(), ApplyError> {
        let mut expression = Expression::default();
        PARKED.iter().for_each(|name| expression.remove(name));
        Self::require_guard(&mut expression, guard);
        let update = expression.into_update(&self.tables.rows, row_key(stream))?;
        self.counters.alone(update).await
    }

    async fn write_unlist(&self, stream: &StreamId, guard: &Guard) -> Result<(), ApplyError> {
        let mut expression = Expression::default();
        expression.remove(LISTED);
        Self::require_guard(&mut expression, &Guard { parked: None, ..guard.clone() });
        let update = expression.into_update(&self.tables.rows, row_key(stream))?;
        let delete = Delete::builder()
            .table_name(&self.tables.counters)
            .set_key(Some(list_key(stream)))
            .build();
        let delete =
            delete.map_err(|error| Failure::permanent("invalid_request", error.to_string()))?;
        self.counters
            .transact(vec![transact(update), TransactWriteItem::builder().delete(delete).build()])
            .await
    }
}

/// Returns the key of this aggregate's item in the list of parked aggregates.
fn list_key(stream: &StreamId) -> Key {
    key(PARKED_LIST_KEY, list_number(stream))
}

fn list_number(stream: &StreamId) -> u64 {
    content_uuid(&[stream.as_str()]).as_u64_pair().0
}

impl ReadModel for DynamoDbReadModel {
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        self.read_guards(streams).boxed()
    }

    fn slice(&self) -> u32 {
        self.tables.slice
    }

    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        self.counters.head(slice).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.counters.heads().boxed()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        self.counters.deltas(slice).boxed()
    }

    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        self.counters.add(slice, additions).boxed()
    }

    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>> {
        self.counters.confirm(slice, number).boxed()
    }

    fn set_aside<'a>(
        &'a self,
        slice: u32,
        addition: &'a Addition,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Added> {
        self.counters.set_aside(slice, addition, failure).boxed()
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        self.counters.aside().boxed()
    }

    fn restore<'a>(&'a self, aside: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.counters.restore(aside).boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(transaction).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write_park(stream, at, failure).boxed()
    }

    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        self.read_list(after, limit).boxed()
    }

    fn unpark<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write_unpark(stream, guard).boxed()
    }

    fn unlist<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write_unlist(stream, guard).boxed()
    }
}
