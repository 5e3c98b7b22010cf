//! Divides the time of an invocation.

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

/// Times at which the parts of an invocation end.
///
/// ```text
/// now ── records are handled ── deadline ─ handover ── letters ── end ── answer ── killed
/// ```
///
/// A short invocation reserves fractions of its time instead of the constants.
pub(super) struct Timetable {
    /// From here on no record is started, and running records are dropped.
    pub(super) deadline: Instant,
    /// From here on a handler that still runs is dropped, with the outcomes of all its records.
    pub(super) handover: Instant,
    /// From here on no letter is written.
    pub(super) end: Instant,
}

impl Timetable {
    /// Creates the timetable of an invocation with this much time left.
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
