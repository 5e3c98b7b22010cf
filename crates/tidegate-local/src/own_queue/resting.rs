//! Events that wait for a later attempt in their queue, and not in memory.

use std::collections::HashMap;
use std::time::Duration;

use lambda_shapes::moment::Moment;

/// The shortest wait for which an event goes back to its queue, which counts in whole seconds.
pub(crate) const SHORTEST_REST: Duration = Duration::from_secs(2);
/// How much later than expected an event may come back, in periods for which events are hidden.
const LOST_AFTER: u32 = 3;

/// What became so far of the events that wait in their queue, by message id. Only the queue has
/// their content.
#[derive(Debug)]
pub(crate) struct Resting<L> {
    events: HashMap<String, Rest<L>>,
}

#[derive(Debug)]
struct Rest<L> {
    life: L,
    /// It counts as lost if a receive that begins later finds the queue empty.
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

    /// An event that is to come back at `wakes`.
    pub(crate) fn add(&mut self, id: String, life: L, wakes: Moment, hidden: Duration) {
        let lost = wakes.after(hidden * LOST_AFTER);
        self.events.insert(id, Rest { life, lost });
    }

    /// What became of an event that came back; `None` for a new one.
    pub(crate) fn wake(&mut self, id: &str) -> Option<L> {
        self.events.remove(id).map(|rest| rest.life)
    }

    /// Forgets the events that did not come back although the queue was found empty by a receive
    /// that began at this moment: somebody deleted them. Gives them.
    pub(crate) fn forget_lost(&mut self, empty: Moment) -> Vec<L> {
        self.events.extract_if(|_, rest| rest.lost <= empty).map(|(_, rest)| rest.life).collect()
    }
}
