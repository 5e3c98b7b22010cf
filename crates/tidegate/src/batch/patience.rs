//! How long a delivery that keeps failing is put up with.
//!
//! A delivery that does not fail for good becomes a letter by age *and* repetition. Age alone says
//! nothing: after a pause every record is old, and the first throttle would end it.
//!
//! Two rules give up a delivery. Both count failures that *this* execution environment saw, since
//! neither streams nor asynchronous invocations say how often they tried:
//!
//! 1. **Repeated.** The record is older than `dead_letter_after`, and since then it failed
//!    [`REPEATED`] times, each time at least `spacing` after the last one that was counted.
//!    Failures that come from load or from a race ([`Failure::is_passing`]) are not counted. A
//!    queue's own receive count replaces this environment's, if its first receive is two spacings
//!    ago: the next receive may go to any environment.
//! 2. **Last chance.** The source soon discards the record: at most a [`LAST`]th of its maximum
//!    record age is left. Any failure counts then, and the second gives up. The two are `spacing`
//!    apart, unless less than two spacings are left.
//!
//! `spacing` is the smaller of [`SPACING`] and a [`SHARE`]th of `dead_letter_after`.
//!
//! A record of unknown age is as old as this environment has known it to fail; rule 2 does not hold
//! for it. A record that comes although it passed the maximum record age by more than a [`LAST`]th
//! belongs to a mapping with another limit: rule 2 does not hold for it either. Of several sources
//! the largest limit is to be set: by a smaller one a throttle would become a letter while another
//! source goes on delivering the record.
//!
//! Neither rule can hold when no environment sees the record fail often enough, because each one is
//! replaced before. Then the source's own limit ends the record, and its on-failure destination or
//! redrive queue has what is left of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::recent::Recent;
use crate::failure::Failure;
use crate::ids::content_uuid;
use crate::source::{Delivery, Source};

/// Counted failures after which a record is given up.
pub(super) const REPEATED: u32 = 3;
/// Counted failures after which a record is given up that its source is about to discard.
const LAST_CHANCES: u32 = 2;
/// Longest time between two failures that count.
const SPACING: Duration = Duration::from_secs(60);
/// Shortest time between two failures that count, as a part of the age.
const SHARE: u32 = 10;
/// The last part of the maximum record age.
const LAST: i32 = 12;
/// Records that fail at a time and are counted: as many as a batch may have.
const CAPACITY: usize = 10_000;

/// Now, by the clock of the environment.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Counts the failures of records, and says when to give one up.
pub(super) struct Patience {
    /// Age from which repeated failures give up a record. None gives up nothing.
    pub(super) after: Option<Duration>,
    /// Age at which the source discards a record.
    pub(super) record_age: Option<Duration>,
    pub(super) clock: Clock,
    failing: Mutex<Recent<Failing>>,
}

/// What is known of a record that fails.
#[derive(Debug)]
struct Failing {
    first: Timestamp,
    repeated: Count,
    last_chance: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failures: u32,
    last: Option<Timestamp>,
}

impl Count {
    /// Counts a failure, unless it follows too soon on the last one. Answers how many there are.
    fn add(&mut self, now: Timestamp, spacing: SignedDuration) -> u32 {
        if self.last.is_none_or(|last| now.duration_since(last) >= spacing) {
            *self = Count { failures: self.failures.saturating_add(1), last: Some(now) };
        }
        self.failures
    }
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            after: None,
            record_age: None,
            clock: Arc::new(Timestamp::now),
            failing: Mutex::new(Recent::new(CAPACITY)),
        }
    }
}

impl Patience {
    /// Counts a failure that is not permanent. Answers whether the delivery is given up.
    pub(super) fn ends(&self, source: Source, delivery: &Delivery<'_>, failure: &Failure) -> bool {
        let Some(after) = self.after else { return false };
        let (now, spacing) = ((self.clock)(), SignedDuration::try_from(SPACING.min(after / SHARE)));
        let (Ok(spacing), Ok(after)) = (spacing, SignedDuration::try_from(after)) else { return false };
        let new = || Failing { first: now, repeated: Count::default(), last_chance: Count::default() };
        let mut failing = self.failing();
        let Some(failing) = failing.admit(place(delivery), now, new) else { return false };
        let since = delivery.arrived_at.map_or(failing.first, |arrived_at| arrived_at.min(failing.first));
        let old = now.duration_since(since) > after;
        let repeated = old
            && !failure.is_passing()
            && (failing.repeated.add(now, spacing) >= REPEATED
                || (source == Source::Sqs && is_received_repeatedly(delivery, now, spacing)));
        let last_chance = self.left(delivery, now).is_some_and(|left| {
            let spacing = if left < spacing * 2 { SignedDuration::ZERO } else { spacing };
            failing.last_chance.add(now, spacing) >= LAST_CHANCES
        });
        repeated || last_chance
    }

    /// The time until the source discards the record, if it is the last part of the time it had.
    fn left(&self, delivery: &Delivery<'_>, now: Timestamp) -> Option<SignedDuration> {
        let most = SignedDuration::try_from(self.record_age?).ok()?;
        let left = most.checked_sub(now.duration_since(delivery.arrived_at?))?;
        (left.abs() <= most / LAST).then_some(left)
    }

    /// The delivery did not fail, or its letter is written.
    pub(super) fn forget(&self, delivery: &Delivery<'_>) {
        let mut failing = self.failing();
        if !failing.is_empty() {
            failing.forget(place(delivery));
        }
    }

    /// As if the record at this position of a source without an ARN had failed repeatedly, but for
    /// once.
    #[cfg(test)]
    pub(super) fn assume_repeated(&self, position: &str) {
        let new = || Failing {
            first: Timestamp::UNIX_EPOCH,
            repeated: Count { failures: REPEATED - 1, last: None },
            last_chance: Count::default(),
        };
        self.failing().admit(place_id("", position), (self.clock)(), new);
    }

    fn failing(&self) -> MutexGuard<'_, Recent<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a record came from. Two streams of tables may have records at the same position.
pub(super) fn place(delivery: &Delivery<'_>) -> Uuid {
    place_id(delivery.source_arn.as_deref().unwrap_or_default(), &delivery.position)
}

fn place_id(source_arn: &str, position: &str) -> Uuid {
    content_uuid(&["place", source_arn, position])
}

/// The queue has handed the message out often enough, over a time in which those receives were
/// apart.
fn is_received_repeatedly(delivery: &Delivery<'_>, now: Timestamp, spacing: SignedDuration) -> bool {
    #[derive(Deserialize)]
    struct Message {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        /// Milliseconds since 1970.
        #[serde(rename = "ApproximateFirstReceiveTimestamp")]
        first_receive: String,
    }
    let first = || {
        let message: Message = serde_json::from_str(delivery.record.get()).ok()?;
        Timestamp::from_millisecond(message.attributes.first_receive.parse().ok()?).ok()
    };
    delivery.attempts.is_some_and(|attempts| attempts >= REPEATED)
        && first().is_some_and(|first| now.duration_since(first) >= spacing * 2)
}

#[cfg(test)]
mod tests;
