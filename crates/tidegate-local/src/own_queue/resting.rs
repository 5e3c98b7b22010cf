//! Remembers events that wait in their queue, not in memory, for a later attempt.
//!
//! An event is either here or in memory, never in both. [`Resting::add`] moves its state here when
//! the event goes back to its queue. [`Resting::wake`] moves the state out again when the event is
//! received, and [`Resting::forget_lost`] when it has vanished from the queue.

use std::collections::HashMap;
use std::time::Duration;

use lambda_shapes::moment::Moment;

/// Shortest wait for which an event goes back to its queue, which counts whole seconds.
pub(crate) const SHORTEST_REST: Duration = Duration::from_secs(2);
/// How late an event may come back, in multiples of the time for which events are hidden.
const LOST_AFTER: u32 = 3;

/// The state of resting events, by message id; only the queue holds their content.
#[derive(Debug)]
pub(crate) struct Resting<L> {
    events: HashMap<String, Rest<L>>,
}

#[derive(Debug)]
struct Rest<L> {
    life: L,
    /// A receive that begins at this moment or later and finds the queue empty proves the event
    /// lost.
    lost: Moment,
}

impl<L> Default for Resting<L> {
    fn default() -> Self {
        Self { events: HashMap::new() }
    }
}

impl<L> Resting<L> {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.events.contains_key(id)
    }

    /// Adds an event that should come back at `wakes`.
    pub(crate) fn add(&mut self, id: String, life: L, wakes: Moment, hidden: Duration) {
        let lost = wakes.after(hidden * LOST_AFTER);
        self.events.insert(id, Rest { life, lost });
    }

    /// Removes and returns the state of an event that came back; `None` for a new event.
    pub(crate) fn wake(&mut self, id: &str) -> Option<L> {
        self.events.remove(id).map(|rest| rest.life)
    }

    /// Removes and returns the events that were deleted from the queue from outside.
    ///
    /// `empty` is when a receive began that found the queue empty. An event that should have come
    /// back well before then is lost.
    pub(crate) fn forget_lost(&mut self, empty: Moment) -> Vec<L> {
        self.events.extract_if(|_, rest| rest.lost <= empty).map(|(_, rest)| rest.life).collect()
    }
}
