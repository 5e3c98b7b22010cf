//! Events that wait in their queue for a later attempt.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::life::Life;
use super::step::Event;
use crate::mapping::moment::Moment;

/// How much later than expected an event may come back, in periods for which events are hidden.
const LOST_AFTER: u32 = 3;

/// What is known of the events that wait in their queue, by request id. Only the queue has their
/// payloads.
#[derive(Debug, Default)]
pub(super) struct Resting {
    events: HashMap<String, Rest>,
    /// When the first of them counts as lost, or earlier.
    lost: Option<Moment>,
}

#[derive(Debug)]
struct Rest {
    life: Life,
    /// When it counts as lost.
    lost: Moment,
}

impl Resting {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn add(&mut self, mut life: Life, wakes: Moment, hidden: Duration) {
        life.content.payload = Bytes::new();
        let lost = wakes.after(hidden * LOST_AFTER);
        self.lost = Some(self.lost.map_or(lost, |first| first.min(lost)));
        self.events.insert(life.content.request_id.clone(), Rest { life, lost });
    }

    /// Continues the life of an event that came back.
    ///
    /// # Errors
    /// The event, if it is a new one.
    pub(super) fn wake(&mut self, content: Event, extend: Moment) -> Result<Life, Event> {
        match self.events.remove(&content.request_id) {
            Some(Rest { life, .. }) => Ok(Life { content, extend, ..life }),
            None => Err(content),
        }
    }

    /// Forgets the events that did not come back, because somebody deleted them from the queue. Says
    /// when to look again.
    pub(super) fn forget_lost(&mut self, now: Moment) -> Option<Moment> {
        if self.lost.is_some_and(|lost| lost <= now) {
            self.events.retain(|_, rest| rest.lost > now);
            self.lost = self.events.values().map(|rest| rest.lost).min();
        }
        self.lost
    }
}
