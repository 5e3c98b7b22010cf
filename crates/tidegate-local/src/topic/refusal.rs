//! Explains why a delivery failed, as SNS's dead letters do.

use crate::send_error::{Reason, SendError};

/// A failed try of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Error code, as a dead letter names it.
    pub code: &'static str,
    /// Explanation for people.
    pub message: String,
    /// Another try may succeed: the failure is one of the receiver's side. SNS does not repeat a
    /// delivery after a failure of its own side, such as a missing queue or permission.
    pub is_transient: bool,
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let code = match error.reason {
            Reason::Missing => "NotFound",
            Reason::Forbidden => "AccessDenied",
            Reason::Refused => "InvalidParameter",
            Reason::Throttled => "Throttled",
            Reason::TimedOut => "RequestTimeout",
            Reason::Unreachable => "ConnectionFailure",
            Reason::Failed => "InternalFailure",
        };
        Self { code, is_transient: !error.is_final(), message: error.message }
    }
}
