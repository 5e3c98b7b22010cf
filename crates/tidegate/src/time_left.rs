//! Computes the time that an invocation has left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time left until a deadline, given in milliseconds since 1970.
///
/// `cargo lambda watch` sends the duration of the invocation instead. As a point in time it would
/// lie on 1 January 1970, so a value below one day counts as a duration.
pub(crate) fn time_left(deadline_ms: u64, now: SystemTime) -> Duration {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let deadline = Duration::from_millis(deadline_ms);
    if deadline < A_DAY {
        return deadline;
    }
    deadline.saturating_sub(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_point_in_time_or_with_cargo_lambda_a_duration() {
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
        assert_eq!(time_left(1_700_000_030_000, now), Duration::from_secs(30));
        assert_eq!(time_left(1_699_999_999_000, now), Duration::ZERO, "it has passed");
        assert_eq!(time_left(600_000, now), Duration::from_secs(600));
        assert_eq!(
            time_left(86_399_999, now),
            Duration::from_millis(86_399_999),
            "a point in time is later"
        );
        assert_eq!(time_left(86_400_000, now), Duration::ZERO);
    }
}
