//! Tests of publishing, on doubles of targets.

mod batches;
mod messages;
mod order;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::publisher::RETRY;
use super::{Events, Publisher};
use crate::batch::{BatchContext, BatchHandler, Handled, Item, NotRun, Outcome};
use crate::envelope::DataSchema;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent, Retry};
use crate::test::MemoryTarget;

const APPLIED: Outcome = Outcome::Done(Handled::Applied);

/// Creates a commit of a stream with these events: id and data.
pub(super) fn commit(stream: &str, first: u64, events: &[(&str, &str)]) -> RecordedCommit {
    let time = "2010-12-01T08:26:00Z".parse().unwrap();
    let events = events.iter().zip(first..).map(|((id, data), version)| {
        let schema = DataSchema::new("OrderPlaced", 1);
        RecordedEvent::new(*id, Version::new(version), schema, time, *data)
    });
    let (stream, cause) = (stream.parse().unwrap(), Cause::new("import", "c1"));
    let written_at = "2026-01-01T00:00:00Z".parse().unwrap();
    RecordedCommit::new(stream, "shop.orders", cause, written_at, events.collect())
}

fn item(record: CommitChange) -> Item<CommitChange> {
    Item::new("lane", record)
}

fn whole(events: &[(&str, &str)]) -> Item<CommitChange> {
    item(CommitChange::Commit(commit("order#536365", 1, events)))
}

fn split(stream: &str, version: u64) -> Item<CommitChange> {
    let (stream, version) = (stream.parse().unwrap(), Version::new(version));
    let last_event_id = "e1".to_owned();
    item(CommitChange::Split { stream, version, last_version: version, last_event_id })
}

type Reads = BoxFuture<'static, Result<Vec<RecordedCommit>, Failure>>;

/// An event store that returns the same commits for each read.
struct Store<F>(F);

impl<F: Fn(&StreamId) -> Reads + Send + Sync> EventReader for Store<F> {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        _: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        (self.0)(stream)
    }
}

/// Creates a publisher that reads split commits from this store, and sends again at once.
fn publisher(store: impl Fn(&StreamId) -> Reads + Send + Sync + 'static) -> Publisher {
    Publisher::new(Store(store))
}

/// Makes the pauses between attempts short.
fn hasty(publisher: Publisher) -> Publisher {
    paced(publisher, Duration::from_millis(1))
}

fn paced(mut publisher: Publisher, pause: Duration) -> Publisher {
    publisher.routes.iter_mut().for_each(|route| route.sender.retry = Retry { pause, ..RETRY });
    publisher
}

/// Creates a publisher that never reads from the store.
fn without_store() -> Publisher {
    publisher(|_| std::future::ready(Err(Failure::permanent("read", ""))).boxed())
}

/// Creates a publisher of all events to this target.
fn to(target: &MemoryTarget) -> Publisher {
    hasty(without_store().route(Events::all(), target.clone()))
}

async fn run(publisher: &Publisher, items: &[Item<CommitChange>]) -> Vec<Outcome> {
    publisher.handle_batch(items, &BatchContext::new(Duration::from_secs(60))).await
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(failure) => failure.code(),
        Outcome::NotRun(NotRun::OutOfTime) => "not run",
        Outcome::NotRun(NotRun::Blocked) => "blocked",
        Outcome::Done(Handled::Filtered) => "filtered",
        Outcome::Done(_) => "done",
    }
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(code).collect()
}

fn throttled() -> Failure {
    Failure::transient(Failure::THROTTLED, "slow down")
}

fn down() -> Failure {
    Failure::transient("event_bus", "not now")
}

fn refused() -> Failure {
    Failure::permanent("event_refused", "MalformedDetail")
}

/// A target that several tests share.
fn bus() -> MemoryTarget {
    MemoryTarget::new("bus shop")
}

fn shared<T>(value: T) -> Arc<T> {
    Arc::new(value)
}
