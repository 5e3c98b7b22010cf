//! How many events are in memory, and which of them go back to their queue.

use super::resting::SHORTEST_REST;
use lambda_shapes::moment::Moment;

/// Most events in memory that wait for a later attempt; further ones wait in their queue.
pub(crate) const HELD: usize = 1000;
/// Most events in memory altogether.
pub(crate) const HELD_AT_MOST: usize = 2 * HELD;
/// The visibility timeout of an event is extended once 1/`EXTEND_AFTER` of it has passed.
pub(crate) const EXTEND_AFTER: u32 = 2;

/// Whether events are begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They are.
    Running,
    /// Nothing new is begun; something is in flight.
    Stopping,
    /// Nothing is in flight any more.
    Stopped,
}

/// Those of the waiting events that go back to their queue, so that no more than [`HELD`] stay: the
/// ones that wait longest. Each has the moment at which something is to be done about it.
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
