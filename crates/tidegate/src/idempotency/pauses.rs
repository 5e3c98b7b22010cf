//! Pauses between reads of another run's claim, and between attempts to record a completion.

use std::time::Duration;

/// First pause. Each further pause is twice as long, up to [`LONGEST_PAUSE`].
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(500);
