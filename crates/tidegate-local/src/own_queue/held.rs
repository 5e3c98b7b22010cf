//! Limits the number of events in memory: chooses those that go back to their queue.

use super::resting::SHORTEST_REST;
use lambda_shapes::moment::Moment;

/// Most events in memory that wait for a later attempt; further ones wait in their queue.
pub(crate) const HELD: usize = 1000;
/// Most events in memory altogether.
pub(crate) const HELD_AT_MOST: usize = 2 * HELD;
/// The visibility timeout of an event is extended once 1/`EXTEND_AFTER` of it has passed.
pub(crate) const EXTEND_AFTER: u32 = 2;

/// Phase of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It begins attempts.
    Running,
    /// It begins nothing new, and something is still in flight.
    Stopping,
    /// Nothing is in flight.
    Stopped,
}

/// Returns the waiting events that go back to their queue, so that at most [`HELD`] stay.
///
/// Those that wait longest go first. Each event comes with the moment of its next attempt. An event
/// whose attempt is due within [`SHORTEST_REST`] stays.
pub(crate) fn too_many(
    waiting: impl Iterator<Item = (Moment, u64)>,
    now: Moment,
) -> impl Iterator<Item = (Moment, u64)> {
    let soonest = now.after(SHORTEST_REST);
    let mut waiting: Vec<_> = waiting.filter(|(wakes, _)| *wakes >= soonest).collect();
    waiting.sort_unstable();
    let many = waiting.len().saturating_sub(HELD);
    waiting.into_iter().rev().take(many)
}
