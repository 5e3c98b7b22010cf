//! How the time of an invocation is divided.

use std::time::Duration;

use tokio::time::Instant;

/// Time reserved at the end of an invocation for dead letters and the response.
const RESERVE: Duration = Duration::from_millis(1000);
/// Part of [`RESERVE`] for the response.
const ANSWER: Duration = Duration::from_millis(200);
/// Part of [`RESERVE`] in which a handler may still return outcomes after the deadline.
///
/// Without it, records that are dropped at the deadline would lose the outcomes of the whole batch.
/// Applied records would then come again, or become dead letters.
const HANDOVER: Duration = Duration::from_millis(100);

/// The points in time at which parts of an invocation end:
///
/// ```text
/// now ── records are handled ── deadline ─ handover ── letters ── end ── answer ── killed
/// ```
///
/// A short invocation keeps back less: parts of its time instead of the constants.
pub(super) struct Timetable {
    /// No record is started any more, and running ones are given up.
    pub(super) deadline: Instant,
    /// A handler that still runs is given up, with all of its records.
    pub(super) handover: Instant,
    /// No letter is written any more.
    pub(super) end: Instant,
}

impl Timetable {
    /// The timetable of an invocation with this much time left.
    pub(super) fn new(remaining: Duration) -> Self {
        let now = Instant::now();
        let deadline = now + remaining.saturating_sub(RESERVE.min(remaining / 10));
        Self {
            deadline,
            handover: deadline + HANDOVER.min(remaining / 40),
            end: now + remaining.saturating_sub(ANSWER.min(remaining / 20)),
        }
    }
}
