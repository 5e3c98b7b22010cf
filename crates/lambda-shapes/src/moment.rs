//! A point in time, to the millisecond.

use std::time::Duration;

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// Smallest time that is taken for milliseconds since 1970. Smaller ones are seconds.
///
/// As seconds it is in the year 5138, as milliseconds in 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// A point in time: milliseconds since the Unix epoch, negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        Timestamp::now().into()
    }

    /// Creates a moment from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Reads the time at which a record arrived, to the nearest millisecond: a floating-point
    /// number may be .964999… for .965.
    ///
    /// AWS writes seconds (AWS docs: Kinesis `Record`, `ApproximateArrivalTimestamp`; DynamoDB
    /// `StreamRecord`, `ApproximateCreationDateTime`). Emulators may write milliseconds, or leave
    /// the time out: `None` without a time, and for 1970 itself, which they write in its place.
    #[must_use]
    pub fn arrival(time: Option<DateTime>) -> Option<Self> {
        let time = time?;
        if time.secs() >= MILLISECONDS_FROM {
            return Some(Self(time.secs()));
        }
        let up = i64::from(time.subsec_nanos() % 1_000_000 >= 500_000);
        time.to_millis()
            .ok()
            .filter(|millis| *millis != 0)
            .map(|millis| Self(millis.saturating_add(up)))
    }

    /// Returns the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the moment that is `duration` later, to the whole millisecond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time since `earlier`; zero if this is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the whole seconds since the Unix epoch, rounded down: the resolution of DynamoDB
    /// Streams.
    #[must_use]
    pub fn second(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Formats as RFC 3339 in UTC with milliseconds, such as `2019-11-14T00:38:04.835Z`.
    #[must_use]
    pub fn with_millis(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// Formats as RFC 3339 in UTC with whole seconds, such as `2019-11-14T00:38:04Z`.
    #[must_use]
    pub fn whole_seconds(self) -> String {
        format!("{:.0}", Self(self.0 - self.0.rem_euclid(1000)).timestamp())
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::Moment;

    #[test]
    fn an_arrival_time_is_read_in_every_form_in_which_streams_write_it() {
        for (time, expected) in [
            (DateTime::from_secs_f64(1_795_314_453.965), Some(1_795_314_453_965)),
            (DateTime::from_secs_f64(1_795_314_471.11), Some(1_795_314_471_110)),
            (DateTime::from_secs(1_795_314_471), Some(1_795_314_471_000)),
            // Milliseconds instead of seconds.
            (DateTime::from_secs(1_795_314_453_965), Some(1_795_314_453_965)),
            (DateTime::from_secs_f64(1_795_314_453_965.5), Some(1_795_314_453_965)),
            (DateTime::from_millis(-1), Some(-1)),
            (DateTime::from_secs(0), None),
        ] {
            assert_eq!(Moment::arrival(Some(time)).map(Moment::as_millis), expected, "{time:?}");
        }
        assert_eq!(Moment::arrival(None), None);
    }

    #[test]
    fn times_are_written_as_aws_writes_them() {
        let moment = Moment::from_millis(1_573_691_884_835);
        assert_eq!(moment.with_millis(), "2019-11-14T00:38:04.835Z");
        assert_eq!(moment.whole_seconds(), "2019-11-14T00:38:04Z");
        assert_eq!(
            Moment::from_millis(1_573_691_884_000).with_millis(),
            "2019-11-14T00:38:04.000Z"
        );
    }
}
