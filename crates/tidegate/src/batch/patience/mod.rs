//! Decides when a delivery that keeps failing becomes a dead letter.
//!
//! A delivery without a permanent failure becomes a letter by age *and* repetition. Age alone
//! proves nothing: after a pause every record is old, and its first throttle would end it.
//!
//! Two rules give up a delivery. Both count failures that *this* execution environment saw, because
//! neither streams nor asynchronous invocations report how often they tried:
//!
//! 1. **Repeated.** The record is older than `dead_letter_after`, and since then it failed
//!    [`REPEATED`] times, each time at least `spacing` after the last one that was counted.
//!    Failures that come from load or from a race ([`Failure::is_passing`]) are not counted. For a
//!    queue the receive count of the message counts too, if its first receive is two spacings ago:
//!    each receive may go to another environment.
//! 2. **Last chance.** The source soon discards the record: at most a [`LAST`]th of its maximum
//!    record age is left. Then any failure counts, and the second one gives up the delivery. The
//!    two are `spacing` apart, unless less than two spacings are left.
//!
//! `spacing` is the smaller of [`SPACING`] and a [`SHARE`]th of `dead_letter_after`. With
//! `dead_letter_after` = 3 hours, `spacing` is 1 minute. A record that arrived at 0:00 and fails
//! with each attempt becomes a letter at the third failure after 3:00, at 3:02 at the earliest.
//!
//! The age of a record without an arrival time is the time since its first failure in this
//! environment; rule 2 does not apply to it. Rule 2 also does not apply to a record that is more
//! than a [`LAST`]th older than the maximum record age: its mapping has another limit. A function
//! with several sources uses the largest limit of them. With a smaller one a throttle would become
//! a letter while another source still delivers the record.
//!
//! Neither rule applies if every environment is replaced before it sees the record fail often
//! enough. Then the source ends the record by its own limit, and the on-failure destination or the
//! dead-letter queue receives it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use uuid::Uuid;

use super::recent::Recent;
use crate::failure::Failure;
use crate::ids::content_uuid;
use crate::source::{Delivery, Source};

/// Number of counted failures after which a record is given up.
pub(super) const REPEATED: u32 = 3;
/// Number of counted failures after which a record is given up if its source is about to discard
/// it.
const LAST_CHANCES: u32 = 2;
/// Upper limit of the spacing, the time between two failures that count.
const SPACING: Duration = Duration::from_secs(60);
/// Divisor of `dead_letter_after` that gives the spacing for short ages.
const SHARE: u32 = 10;
/// Divisor of the maximum record age: the last chance begins with this part of it.
const LAST: i32 = 12;
/// Largest number of failing records that are counted at a time: the size of the largest batch.
const CAPACITY: usize = 10_000;

/// Returns the time of the environment's clock.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Counts the failures of records and decides when to give one up.
pub(super) struct Patience {
    /// Age from which repeated failures give up a record. `None`: no record is given up.
    pub(super) after: Option<Duration>,
    /// Age at which the source discards a record.
    pub(super) record_age: Option<Duration>,
    pub(super) clock: Clock,
    failing: Mutex<Recent<Failing>>,
}

/// The failures of one record.
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
    /// Counts a failure, unless it follows too soon after the last one. Returns the count.
    fn add(&mut self, now: Timestamp, spacing: SignedDuration) -> u32 {
        if self.last.is_none_or(|last| now.duration_since(last) >= spacing) {
            *self = Self { failures: self.failures.saturating_add(1), last: Some(now) };
        }
        self.failures
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            after: None,
            record_age: None,
            clock: Arc::new(Timestamp::now),
            failing: Mutex::new(Recent::new(CAPACITY)),
        }
    }
}

impl Patience {
    /// Counts a failure that is not permanent. Returns whether the delivery is given up.
    pub(super) fn ends(&self, source: Source, delivery: &Delivery<'_>, failure: &Failure) -> bool {
        let Some(after) = self.after else { return false };
        let (now, spacing) = ((self.clock)(), SignedDuration::try_from(SPACING.min(after / SHARE)));
        let (Ok(spacing), Ok(after)) = (spacing, SignedDuration::try_from(after)) else {
            return false;
        };
        let new =
            || Failing { first: now, repeated: Count::default(), last_chance: Count::default() };
        let mut failing = self.failing();
        let Some(failing) = failing.admit(place(delivery), now, new) else { return false };
        let since =
            delivery.arrived_at.map_or(failing.first, |arrived_at| arrived_at.min(failing.first));
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

    /// Returns the time until the source discards the record, if the record is in the last part of
    /// its age.
    fn left(&self, delivery: &Delivery<'_>, now: Timestamp) -> Option<SignedDuration> {
        let most = SignedDuration::try_from(self.record_age?).ok()?;
        let left = most.checked_sub(now.duration_since(delivery.arrived_at?))?;
        (left.abs() <= most / LAST).then_some(left)
    }

    /// Forgets a delivery that did not fail, or whose letter is written.
    pub(super) fn forget(&self, delivery: &Delivery<'_>) {
        let mut failing = self.failing();
        if !failing.is_empty() {
            failing.forget(place(delivery));
        }
    }

    /// Sets the record at this position of a source without an ARN to one failure short of
    /// repeated.
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
        self.failing.lock()
    }
}

/// Returns the id of a record's place. Two table streams may have records at the same position.
pub(super) fn place(delivery: &Delivery<'_>) -> Uuid {
    place_id(delivery.source_arn.as_deref().unwrap_or_default(), &delivery.position)
}

fn place_id(source_arn: &str, position: &str) -> Uuid {
    content_uuid(&["place", source_arn, position])
}

/// Returns whether the queue has delivered the message often enough, with enough time between
/// receives.
fn is_received_repeatedly(
    delivery: &Delivery<'_>,
    now: Timestamp,
    spacing: SignedDuration,
) -> bool {
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
