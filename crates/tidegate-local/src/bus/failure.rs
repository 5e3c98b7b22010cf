//! Why a hand-over failed, in EventBridge's words (`eb-rule-dlq` of its User Guide).

use std::fmt::Debug;

use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// EventBridge's error code for a message that its target refuses.
const INVALID: &str = "INVALID_PARAMETER";

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// EventBridge's word for it.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Another try may succeed. Where the target or the permission is missing none can, and none is made.
    pub is_transient: bool,
}

/// A hand-over that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// How the last try failed.
    pub failure: Failure,
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

impl Failure {
    /// A failure that may pass.
    pub(super) fn transient(code: &'static str, message: String) -> Self {
        Self { code, message, is_transient: true }
    }

    /// Whether every queue refuses the message, however often it is sent.
    pub(super) fn is_of_content(&self) -> bool {
        self.code == INVALID
    }

    /// What a call of SQS says.
    pub(super) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        let (code, is_transient) = match &error {
            SdkError::TimeoutError(_) => ("TIMEOUT", true),
            SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => ("CONNECTION_FAILURE", true),
            SdkError::ServiceError(service) => classified(service.err().code().unwrap_or_default()),
            _ => ("SDK_CLIENT_ERROR", true),
        };
        Self { code, message: DisplayErrorContext(error).to_string(), is_transient }
    }
}

/// The code of SQS, with or without the prefix of its older protocol.
fn classified(code: &str) -> (&'static str, bool) {
    match code.rsplit(['.', '#']).next().unwrap_or_default() {
        "QueueDoesNotExist" | "NonExistentQueue" => ("NO_RESOURCE", false),
        "AccessDenied" | "AccessDeniedException" | "KmsAccessDenied" => ("NO_PERMISSIONS", false),
        "InvalidMessageContents" | "InvalidParameterValue" | "InvalidParameterValueException" => {
            (INVALID, false)
        }
        "RequestThrottled" | "ThrottlingException" | "Throttling" | "OverLimit" => ("THROTTLING", true),
        _ => ("ERROR_FROM_TARGET", true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;

    #[test]
    fn a_missing_target_or_permission_is_not_tried_again_and_a_throttle_is() {
        assert_eq!(classified("AWS.SimpleQueueService.NonExistentQueue"), ("NO_RESOURCE", false));
        assert_eq!(classified("com.amazonaws.sqs#QueueDoesNotExist"), ("NO_RESOURCE", false));
        assert_eq!(classified("AccessDenied"), ("NO_PERMISSIONS", false));
        assert_eq!(classified("InvalidParameterValue"), ("INVALID_PARAMETER", false));
        assert_eq!(classified("RequestThrottled"), ("THROTTLING", true));
        assert_eq!(classified("InternalFailure"), ("ERROR_FROM_TARGET", true));
    }

    #[tokio::test]
    async fn a_target_that_nobody_serves_is_tried_again() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sqs = Clients::new(&format!("http://{nobody}")).sqs;
        let send = sqs.send_message().queue_url(format!("http://{nobody}/0/q")).message_body("m");
        let failure = Failure::of(send.send().await.unwrap_err());
        assert_eq!((failure.code, failure.is_transient), ("CONNECTION_FAILURE", true), "{failure:?}");
    }
}
