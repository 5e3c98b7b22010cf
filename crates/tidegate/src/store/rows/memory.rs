//! Keeps an event store and rows in memory, for tests.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use serde_dynamo::{AttributeValue, Item};

use super::port::{RowOutcome, RowStore};
use super::row_change::{RowChange, check};
use super::turns::Turns;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::memory::{Attributes, change};
use crate::projection::{Value, attribute};
use crate::store::commit::{Commit, CommitOutcome, RecordedCommit};
use crate::store::item::CommitItem;
use crate::store::memory::MemoryEventStore;
use crate::store::port::{EventReader, EventStore};

/// Name of the key attribute of all rows in memory.
const KEY: &str = "key";

/// An event store and rows in memory, for tests. It passes the same contract tests as
/// [`DynamoDbRowStore`](crate::store::DynamoDbRowStore). It refuses a sum out of the range of
/// `i64`, which DynamoDB stores.
///
/// By default a request takes no time. With [`Self::requests_take`], a transaction that meets
/// another one at a row or in a stream is [`RowOutcome::Busy`] or [`RowOutcome::Conflict`], as in
/// DynamoDB, and rows may change between their reading and the transaction.
#[derive(Debug, Default)]
pub struct MemoryRowStore {
    events: MemoryEventStore,
    rows: Mutex<BTreeMap<String, Attributes>>,
    running: Turns,
    takes: Duration,
    attempts: Mutex<HashMap<RowOutcome, u32>>,
}

impl MemoryRowStore {
    /// Makes every transaction, and every reading of rows, take this time. Use it under tokio's
    /// paused clock.
    #[must_use]
    pub fn requests_take(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// Returns all commits of all streams.
    pub fn commits(&self) -> Vec<RecordedCommit> {
        self.events.commits()
    }

    /// Returns the attributes of all rows, by key.
    pub fn all_rows(&self) -> BTreeMap<String, BTreeMap<&'static str, Value>> {
        self.rows.lock().clone()
    }

    /// Returns how many transactions had this outcome.
    pub fn transactions(&self, outcome: RowOutcome) -> u32 {
        self.attempts.lock().get(&outcome).copied().unwrap_or_default()
    }

    async fn transact(
        &self,
        commit: &Commit,
        changes: &[RowChange],
    ) -> Result<RowOutcome, Failure> {
        let (_, chunks) = CommitItem::items(&commit.record, &commit.attempt)?;
        check(changes, KEY, 1 + chunks.len())?;
        let place = (&commit.record.stream, commit.record.first_version());
        let place = [format!("{} {}", place.0, place.1)];
        // Streams and rows are different tables: no key of a row has this form.
        let keys: Vec<String> = changes.iter().map(|change| format!("#{}", change.key)).collect();
        let _turns = if self.takes == Duration::ZERO {
            None
        } else {
            let Some(first) = self.running.try_at(&place) else { return Ok(RowOutcome::Conflict) };
            let Some(rest) = self.running.try_at(&keys) else { return Ok(RowOutcome::Busy) };
            tokio::time::sleep(self.takes).await;
            Some((first, rest))
        };
        let mut rows = self.rows.lock();
        let changed = changed(&rows, changes);
        let mut refused = None;
        let outcome = self.events.commit_if(commit, || match changed {
            Ok(changed) => {
                rows.extend(changed);
                true
            }
            Err(why) => {
                refused = Some(why);
                false
            }
        })?;
        match (refused, outcome) {
            (Some(Refused::Moved), _) => Ok(RowOutcome::Moved),
            (Some(Refused::Unstorable(reason)), _) => Err(Failure::permanent("unstorable", reason)),
            (None, outcome) => Ok(outcome.into()),
        }
    }
}

impl EventReader for MemoryRowStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.events.read(stream, after)
    }
}

impl EventStore for MemoryRowStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.events.commit(commit)
    }
}

impl RowStore for MemoryRowStore {
    fn rows<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<Vec<Option<Item>>, Failure>> {
        let rows = self.rows.lock();
        let read = keys.iter().map(|key| rows.get(key).map(|row| item(key, row))).collect();
        drop(rows);
        if self.takes == Duration::ZERO {
            return ready(Ok(read)).boxed();
        }
        // The answer is on its way while others write.
        tokio::time::sleep(self.takes).map(move |()| Ok(read)).boxed()
    }

    fn commit_with_rows<'a>(
        &'a self,
        commit: &'a Commit,
        changes: &'a [RowChange],
    ) -> BoxFuture<'a, Result<RowOutcome, Failure>> {
        async move {
            let outcome = self.transact(commit, changes).await?;
            *self.attempts.lock().entry(outcome).or_default() += 1;
            Ok(outcome)
        }
        .boxed()
    }
}

enum Refused {
    Moved,
    Unstorable(String),
}

/// Returns the rows after these changes.
fn changed(
    rows: &BTreeMap<String, Attributes>,
    changes: &[RowChange],
) -> Result<Vec<(String, Attributes)>, Refused> {
    let holds = |change: &RowChange| {
        let row = rows.get(&change.key);
        let number = |name: &str| match row?.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        };
        let least = change
            .at_least
            .iter()
            .all(|(name, least)| number(name).is_some_and(|number| number >= *least));
        let most = change
            .at_most
            .iter()
            .all(|(name, most)| number(name).is_some_and(|number| number <= *most));
        (row.is_none() || !change.absent) && least && most
    };
    if !changes.iter().all(holds) {
        return Err(Refused::Moved);
    }
    let mut changed = Vec::with_capacity(changes.len());
    for one in changes {
        let mut row = rows.get(&one.key).cloned().unwrap_or_default();
        change(&mut row, &one.update).map_err(Refused::Unstorable)?;
        changed.push((one.key.clone(), row));
    }
    Ok(changed)
}

fn item(key: &str, row: &Attributes) -> Item {
    let mut item: HashMap<String, AttributeValue> = row
        .iter()
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::from(attribute(value))))
        .collect();
    item.insert(KEY.to_owned(), AttributeValue::S(key.to_owned()));
    Item::from(item)
}
