//! Shortens the waits that AWS fixes by the factor of `--time-scale`.
//!
//! The factor divides the length of a wait, not the number of attempts. Ages count from real
//! moments, so they stay long enough for polls and invocations: at least one second. Times that
//! services count in whole seconds are rounded up.

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Divides a wait that AWS fixes by the factor.
///
/// A factor that is not a positive number counts as 1.
#[must_use]
pub fn scale(duration: Duration, time_scale: f64) -> Duration {
    if time_scale.is_finite() && time_scale > 0.0 {
        Duration::try_from_secs_f64(duration.as_secs_f64() / time_scale).unwrap_or(duration)
    } else {
        duration
    }
}

/// Divides the age at which a record or event is given up by the factor.
///
/// The result is at least one second, or the age itself if that is less.
#[must_use]
pub fn scale_age(age: Duration, time_scale: f64) -> Duration {
    scale(age, time_scale).max(age.min(SECOND))
}

/// Divides a time in whole seconds, such as a visibility timeout or a tumbling window.
///
/// The result is in whole seconds again, rounded up.
#[must_use]
pub fn scale_seconds(duration: Duration, time_scale: f64) -> Duration {
    let scaled = scale_age(duration, time_scale);
    // Less than a microsecond above a whole second counts as that second: division is not exact.
    let hair = scaled.saturating_sub(Duration::from_micros(1));
    if scaled.is_zero() { scaled } else { Duration::from_secs(hair.as_secs() + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_visibilities_are_divided_and_keep_what_the_engine_needs() {
        let of = |scaled: fn(Duration, f64) -> Duration, seconds: u64, by: f64| {
            scaled(Duration::from_secs(seconds), by).as_secs_f64()
        };
        assert_eq!(of(scale_age, 21_600, 60.0), 360.0);
        assert_eq!(of(scale_age, 60, 1000.0), 1.0);
        assert_eq!(of(scale_age, 0, 60.0), 0.0);
        assert_eq!(of(scale_age, 60, 0.5), 120.0);
        for (seconds, by, scaled) in [
            (180, 60.0, 3.0),
            (181, 60.0, 4.0),
            (30, 100.0, 1.0),
            (30, 1.0, 30.0),
            (0, 60.0, 0.0),
            (7, 0.1, 70.0),
        ] {
            assert_eq!(of(scale_seconds, seconds, by), scaled, "{seconds} by {by}");
        }
    }

    #[test]
    fn a_scale_that_is_no_positive_number_changes_nothing() {
        for by in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(scale(SECOND, by), SECOND);
        }
    }
}
