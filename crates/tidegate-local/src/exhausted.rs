//! The limit of a retry policy that ended the tries of a delivery.

/// A limit of the retry policy of a rule's target or of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// Limit of tries.
    MaximumRetryAttempts,
    /// Limit of the age.
    MaximumEventAgeInSeconds,
}

impl Exhausted {
    /// Returns the name of the limit in dead letters of EventBridge and of Scheduler.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaximumRetryAttempts => "MaximumRetryAttempts",
            Self::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}
