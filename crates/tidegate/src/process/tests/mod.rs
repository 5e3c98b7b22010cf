//! Tests of process managers, on the double of the event store.

mod contract;
mod deadlines;
mod hostile;
mod operators;
mod rollout;
mod scripted;
mod steps;
mod stored;
mod versions;
mod view;
mod world;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::test::MemoryEventStore;

/// Returns the time this many seconds after the tests begin.
fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn a_process_on_the_double_keeps_the_contract() {
    contract::contract(Arc::new(MemoryEventStore::default())).await;
}
