//! A point in time, as the state machines see it.

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment this much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The whole second that this is in: DynamoDB Streams tell time no finer.
    #[must_use]
    pub fn second(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// RFC 3339 in UTC with milliseconds, as AWS writes it.
    #[must_use]
    pub fn with_millis(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// RFC 3339 in UTC with whole seconds.
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
    use super::Moment;

    #[test]
    fn times_are_written_as_aws_writes_them() {
        let moment = Moment::from_millis(1_573_691_884_835);
        assert_eq!(moment.with_millis(), "2019-11-14T00:38:04.835Z");
        assert_eq!(moment.whole_seconds(), "2019-11-14T00:38:04Z");
        assert_eq!(Moment::from_millis(1_573_691_884_000).with_millis(), "2019-11-14T00:38:04.000Z");
    }
}
