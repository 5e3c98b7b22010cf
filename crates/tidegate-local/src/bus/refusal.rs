//! Explains why a hand-over failed, with EventBridge's codes (`eb-rule-dlq` of its User Guide).

use crate::exhausted::Exhausted;
use crate::send_error::{Reason, SendError};

/// A failed try of a hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// EventBridge's error code.
    pub code: &'static str,
    /// Explanation for people.
    pub message: String,
    /// Another try may succeed. Without a target or a permission none can, and none is made.
    pub is_transient: bool,
}

/// A hand-over that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Why the last try failed.
    pub refusal: Refusal,
    /// Tries after the first.
    pub retry_attempts: u32,
    /// The limit that ended the tries; `None` if the hand-over was tried once.
    pub exhausted: Option<Exhausted>,
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
