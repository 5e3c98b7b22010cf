//! Waits between the tries of a delivery (SNS Developer Guide: `sns-message-delivery-retries`).
//!
//! For queues and functions SNS tries again three times without a delay, twice after a second, ten
//! times with waits that grow from 1 to 20 seconds, and 100,000 times every 20 seconds: 100,015
//! times within 23 days.

use std::time::Duration;

/// Tries of a delivery after the first.
pub(super) const TRIES: u32 = 100_015;

const IMMEDIATE: u32 = 3;
const BEFORE_BACKOFF: u32 = 2;
const BACKOFF: u32 = 10;
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 20.0;

/// Returns the wait after a number of failed tries; `None` after the last one.
pub(super) fn wait(failed: u32) -> Option<Duration> {
    let seconds = match failed {
        0 => return Some(Duration::ZERO),
        failed if failed > TRIES => return None,
        failed if failed <= IMMEDIATE => 0.0,
        failed if failed <= IMMEDIATE + BEFORE_BACKOFF => SHORTEST,
        failed => {
            let step = (failed - IMMEDIATE - BEFORE_BACKOFF).min(BACKOFF) - 1;
            SHORTEST * (LONGEST / SHORTEST).powf(f64::from(step) / f64::from(BACKOFF - 1))
        }
    };
    Some(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_again_100_015_times_within_23_days() {
        let seconds =
            |failed| wait(failed).map(|wait| (wait.as_secs_f64() * 10.0).round() / 10.0).unwrap();
        let first: Vec<f64> = (1..=16).map(seconds).collect();
        let expected = [0., 0., 0., 1., 1., 1., 1.4, 1.9, 2.7, 3.8, 5.3, 7.4, 10.3, 14.3, 20., 20.];
        assert_eq!(first, expected);
        assert_eq!(wait(TRIES + 1), None);
        let all: Duration = (1..=TRIES).filter_map(wait).sum();
        let days = all.as_secs_f64() / 86_400.0;
        assert!((23.0..23.5).contains(&days), "{days} days");
    }
}
