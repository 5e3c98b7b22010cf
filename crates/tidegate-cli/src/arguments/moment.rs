//! Moments on the command line: a time, or how long ago.

use jiff::{SignedDuration, Timestamp};

/// Reads a moment.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago: Option<SignedDuration> =
        text.parse().ok().filter(|ago: &SignedDuration| !ago.is_negative());
    ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok()).ok_or_else(|| {
        "expected a time such as 2026-11-21T22:30:00Z, or how long ago, such as 90s, 10m or 2h"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        assert_eq!(moment("2026-11-21T22:30:00Z").unwrap().to_string(), "2026-11-21T22:30:00Z");
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("1h 30m", 5400)] {
            let ago = Timestamp::now().as_second() - moment(text).unwrap().as_second();
            assert!((seconds..seconds + 5).contains(&ago), "{text} is {ago} s ago");
        }
        for wrong in ["", "soon", "10", "-5m", "25:00"] {
            assert!(moment(wrong).unwrap_err().contains("10m"), "{wrong}");
        }
    }
}
