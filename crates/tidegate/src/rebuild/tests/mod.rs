//! Tests rebuilds in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use crate::envelope::DataSchema;
use crate::failure::{Class, Failure};
use crate::generation::{Generations, Pointer, PointerReader, Pointers};
use crate::ids::{Cause, StreamId, Version};
use crate::projection::memory::MemoryReadModel;
use crate::projection::{EntryKey, Increment, Projected, Projection, RowUpdate};
use crate::store::{Commit, CommitChange, EventStore, RecordedCommit, RecordedEvent};
use crate::test::MemoryGenerations;

mod fence;
mod fold;
mod proof;
mod property;
mod verify;

/// Counts products. The data of an event is a product.
#[derive(Clone, Copy, Debug, Default)]
struct Products {
    /// Added to what an event counts: other rules.
    more: i64,
    /// What every entry says.
    marks: bool,
    /// An event that cannot be applied.
    refuses: Option<&'static str>,
}

impl Projection for Products {
    fn concerns(&self, stream: &StreamId) -> bool {
        stream.kind() == "order"
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        if self.refuses == Some(event.data.as_str()) {
            return Err(Failure::permanent("refused", "these rules do not know it"));
        }
        let units = 1 + self.more;
        let (of, stream) = (|data: &str| format!("by#{data}"), commit.stream.as_str());
        let row = RowUpdate::default().set("marked", self.marks).add("times", 1);
        let mut entries = vec![EntryKey::new(of(&event.data), stream).write(row)];
        if event.data == "c" {
            entries.push(EntryKey::new(of("a"), stream).delete());
        }
        Ok(Projected {
            row: RowUpdate::default().set("last", event.data.as_str()).add("units", units),
            counters: vec![Increment {
                key: format!("product#{}", event.data),
                add: BTreeMap::from([("units", units)]),
            }],
            entries,
        })
    }
}

fn commit(stream: &str, version: u64, data: &str) -> RecordedCommit {
    let (id, schema) = (format!("{stream} {version}"), DataSchema::new("Counted", 1));
    let event = RecordedEvent::new(&id, Version::new(version), schema, Timestamp::UNIX_EPOCH, data);
    let (stream, cause) = (stream.parse().unwrap(), Cause::new("test", id));
    RecordedCommit::new(stream, "test", cause, Timestamp::UNIX_EPOCH, vec![event])
}

fn tables() -> MemoryGenerations {
    MemoryGenerations::new(Generations::new("order-view", [1, 2]).unwrap())
}

/// Stores these commits.
async fn store(tables: &MemoryGenerations, commits: &[RecordedCommit]) {
    for record in commits {
        let commit = Commit::new(record.clone(), record.decisions[0].cause.id.clone());
        tables.store().commit(&commit).await.unwrap();
    }
}

/// Stores commits of some orders, and of a stream that is of no interest.
async fn some_orders(tables: &MemoryGenerations) -> Vec<RecordedCommit> {
    let mut commits = vec![commit("other#1", 1, "a")];
    for order in 1..=6 {
        let stream = format!("order#{order}");
        let data = ["a", "b", "c"];
        commits.extend((1..=order % 3 + 1).zip(data).map(|(v, data)| commit(&stream, v, data)));
    }
    store(tables, &commits).await;
    commits
}

fn context() -> BatchContext {
    BatchContext::new(Duration::from_secs(30))
}

/// Delivers these commits.
async fn deliver(projectors: &Projectors, commits: &[RecordedCommit]) -> Vec<Outcome> {
    let item = |commit: &RecordedCommit| {
        Item::new(commit.stream.as_str(), CommitChange::Commit(commit.clone()))
    };
    let items: Vec<_> = commits.iter().map(item).collect();
    projectors.handle_batch(&items, &context()).await
}

fn request(generation: u32, work: Work) -> Request {
    Request::new("order-view", generation, work, "anna")
}

/// Returns rows and counters, as text that can be compared.
fn content(model: &MemoryReadModel) -> (Vec<String>, String) {
    let entries = model.entries();
    let row = |row: crate::projection::memory::MemoryRow| {
        let guard = (row.guard.position.version, row.guard.event_id, row.guard.parked);
        format!("{} {guard:?} {:?}", row.stream, row.attributes)
    };
    let rows = model.rows().into_iter().map(row).collect();
    (rows, format!("{:?} {entries:?}", model.counters()))
}

/// Returns what an independent fold of these commits leads to.
async fn folded(rules: Products, commits: &[RecordedCommit]) -> (Vec<String>, String) {
    let alone = MemoryGenerations::new(Generations::new("order-view", [1]).unwrap());
    store(&alone, commits).await;
    deliver(&alone.projectors(rules), commits).await;
    content(&alone.model(1))
}

/// Has a work done to its end, a page of `limit` items at a time.
async fn ask_all(
    tables: &MemoryGenerations,
    projectors: &Projectors,
    request: Request,
    limit: u32,
) -> Answer {
    let mut all = Answer::default();
    let mut request = request.limit(limit);
    loop {
        let answer = tables.ask(projectors, &request).await.unwrap();
        let next = answer.next.clone();
        all.merge(answer);
        match next {
            Some(next) => request = request.from(Some(next)),
            None => return all,
        }
    }
}
