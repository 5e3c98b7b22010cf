//! Why a hand-over failed, in EventBridge's words (`eb-rule-dlq` of its User Guide).

use crate::send_error::{Reason, SendError};

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// EventBridge's word for it.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Another try may succeed. Where the target or the permission is missing none can, and none is
    /// made.
    pub is_transient: bool,
}

/// A hand-over that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Why the last try failed.
    pub refusal: Refusal,
    /// Tries after the first.
    pub retry_attempts: u32,
    /// Which limit ended it, if it was tried again.
    pub exhausted: Option<Exhausted>,
}

/// A limit of a target's retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// Of tries.
    MaximumRetryAttempts,
    /// Of age.
    MaximumEventAgeInSeconds,
}

impl Exhausted {
    /// EventBridge's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaximumRetryAttempts => "MaximumRetryAttempts",
            Self::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let code = match error.reason {
            Reason::Missing => "NO_RESOURCE",
            Reason::Forbidden => "NO_PERMISSIONS",
            Reason::Refused => "INVALID_PARAMETER",
            Reason::Throttled => "THROTTLING",
            Reason::TimedOut => "TIMEOUT",
            Reason::Unreachable => "CONNECTION_FAILURE",
            Reason::Failed => "ERROR_FROM_TARGET",
        };
        Self { code, is_transient: !error.is_final(), message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_target_or_permission_is_not_tried_again_and_a_throttle_is() {
        let said = |code: &str, status| {
            let error = SendError { reason: Reason::said(code, status), message: String::new() };
            let refusal = Refusal::from(error);
            (refusal.code, refusal.is_transient)
        };
        assert_eq!(said("AWS.SimpleQueueService.NonExistentQueue", 400), ("NO_RESOURCE", false));
        assert_eq!(said("com.amazonaws.sqs#QueueDoesNotExist", 400), ("NO_RESOURCE", false));
        assert_eq!(said("AccessDenied", 403), ("NO_PERMISSIONS", false));
        assert_eq!(said("InvalidParameterValue", 400), ("INVALID_PARAMETER", false));
        assert_eq!(said("RequestThrottled", 403), ("THROTTLING", true));
        assert_eq!(said("InternalFailure", 500), ("ERROR_FROM_TARGET", true));
    }
}
