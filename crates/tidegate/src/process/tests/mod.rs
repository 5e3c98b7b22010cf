//! Tests of process managers, on the double of the event store.

mod deadlines;
mod hostile;
mod operators;
mod scripted;
mod steps;
mod stored;
mod versions;
mod world;

use jiff::{SignedDuration, Timestamp};

/// Returns the time this many seconds after the tests begin.
fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}
