//! Tells final failures of a send from those after which sending again may succeed.
//!
//! Queues, topics, buckets, buses and functions refuse for the same reasons. A final reason ends a
//! hand-over, as it does in Lambda (`DestinationDeliveryFailures`) and in EventBridge ("no retry"
//! without permission or target).

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why a receiver did not accept a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// Kind of reason.
    pub reason: Reason,
    /// Explanation for people: the receiver, and its answer.
    pub message: String,
}

/// Kind of reason for a failed send.
///
/// `Missing`, `Forbidden` and `Refused` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The queue, topic, bucket, bus or function does not exist.
    Missing,
    /// The sender has no permission to send to the receiver.
    Forbidden,
    /// The receiver does not accept this content: it is too large, or the request is invalid.
    Refused,
    /// The receiver gets too many requests.
    Throttled,
    /// The receiver did not answer in time.
    TimedOut,
    /// The receiver cannot be reached.
    Unreachable,
    /// The receiver failed.
    Failed,
}

impl Reason {
    /// Returns whether sending again can never succeed.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Missing | Self::Forbidden | Self::Refused)
    }

    /// Returns the reason for which an AWS call failed.
    ///
    /// An unknown failure counts as [`Reason::Failed`], which may pass.
    pub fn from_error<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        match error {
            SdkError::ConstructionFailure(_) => Self::Refused,
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => Self::Unreachable,
            SdkError::ServiceError(answer) => {
                Self::said(answer.err().code().unwrap_or_default(), answer.raw().status().as_u16())
            }
            _ => Self::Failed,
        }
    }

    /// Returns the reason that a service's error code and HTTP status stand for.
    ///
    /// SQS and EventBridge sometimes write a prefix before the code, such as
    /// `AWS.SimpleQueueService.NonExistentQueue`. The prefix is ignored.
    #[must_use]
    pub fn said(code: &str, status: u16) -> Self {
        match code.rsplit(['.', '#']).next().unwrap_or_default() {
            "NonExistentQueue"
            | "QueueDoesNotExist"
            | "NoSuchBucket"
            | "NotFound"
            | "NotFoundException"
            | "ResourceNotFoundException" => Self::Missing,
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "InvalidSecurity"
            | "KMSAccessDenied"
            | "KmsAccessDenied"
            | "NotAuthorizedForSourceException" => Self::Forbidden,
            "KMSThrottling"
            | "KmsThrottled"
            | "LimitExceededException"
            | "OverLimit"
            | "RequestThrottled"
            | "SlowDown"
            | "Throttled"
            | "ThrottledException"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException" => Self::Throttled,
            "RequestTimeout" => Self::TimedOut,
            // A wrong clock or an expired session can be corrected.
            "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "RequestTimeTooSkewed" => Self::Failed,
            _ => match status {
                401 | 403 => Self::Forbidden,
                404 => Self::Missing,
                408 => Self::TimedOut,
                // The receiver is busy with another operation on the same object.
                409 | 425 => Self::Failed,
                429 => Self::Throttled,
                400..=499 => Self::Refused,
                _ => Self::Failed,
            },
        }
    }
}

impl SendError {
    /// Creates the error of a failed AWS call that sent `what` to the receiver `to`.
    pub fn from_call<E>(what: &str, to: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let reason = Reason::from_error(&error);
        Self {
            reason,
            message: format!("{what} cannot be sent to {to}: {}", DisplayErrorContext(error)),
        }
    }

    /// Creates the error of content that is larger than its receiver accepts.
    pub fn too_large(what: &str, to: &str, bytes: usize, limit: usize) -> Self {
        let message =
            format!("{what} cannot be sent to {to}: it has {bytes} bytes; the limit is {limit}");
        Self { reason: Reason::Refused, message }
    }

    /// Returns whether sending again can never succeed.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.reason.is_final()
    }
}

/// Creates an error with [`Reason::Failed`]: sending again may succeed.
impl From<String> for SendError {
    fn from(message: String) -> Self {
        Self { reason: Reason::Failed, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;
    use crate::tests::stand_in::answering;

    #[test]
    fn what_no_repetition_mends_is_final_and_everything_else_is_sent_again() {
        for (code, status, reason) in [
            ("AWS.SimpleQueueService.NonExistentQueue", 400, Reason::Missing),
            ("com.amazonaws.sqs#QueueDoesNotExist", 400, Reason::Missing),
            ("NotFound", 404, Reason::Missing),
            ("NoSuchBucket", 404, Reason::Missing),
            ("ResourceNotFoundException", 400, Reason::Missing),
            ("AccessDenied", 403, Reason::Forbidden),
            ("AuthorizationError", 403, Reason::Forbidden),
            ("InvalidMessageContents", 400, Reason::Refused),
            ("MessageTooLong", 400, Reason::Refused),
            ("InvalidParameterValue", 400, Reason::Refused),
            ("InvalidParameter", 400, Reason::Refused),
            ("ValidationException", 400, Reason::Refused),
            ("EntityTooLarge", 400, Reason::Refused),
            ("", 418, Reason::Refused),
        ] {
            assert_eq!(
                (Reason::said(code, status), reason.is_final()),
                (reason, true),
                "{code} {status}"
            );
        }
        for (code, status, reason) in [
            ("RequestThrottled", 403, Reason::Throttled),
            ("ThrottlingException", 400, Reason::Throttled),
            ("OverLimit", 403, Reason::Throttled),
            ("SlowDown", 503, Reason::Throttled),
            ("", 429, Reason::Throttled),
            ("RequestTimeout", 400, Reason::TimedOut),
            ("OperationAborted", 409, Reason::Failed),
            ("RequestExpired", 400, Reason::Failed),
            ("InternalFailure", 500, Reason::Failed),
            ("", 503, Reason::Failed),
        ] {
            assert_eq!(
                (Reason::said(code, status), reason.is_final()),
                (reason, false),
                "{code} {status}"
            );
        }
    }

    #[tokio::test]
    async fn every_services_refusal_is_read_from_its_answer() {
        let refused = |code: &str| {
            format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
            )
        };
        let endpoint = answering(403, refused("AuthorizationError")).await;
        let error =
            Clients::new(&endpoint).sns.publish().topic_arn("arn:t").message("m").send().await;
        assert_eq!(Reason::from_error(&error.unwrap_err()), Reason::Forbidden);

        let body = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>".to_owned();
        let endpoint = answering(404, body).await;
        let error = Clients::new(&endpoint).s3.put_object().bucket("b").key("k").send().await;
        assert_eq!(Reason::from_error(&error.unwrap_err()), Reason::Missing);

        let endpoint = answering(400, r#"{"__type":"ValidationException"}"#.to_owned()).await;
        let entry =
            aws_sdk_eventbridge::types::PutEventsRequestEntry::builder().source("s").build();
        let error = Clients::new(&endpoint).events.put_events().entries(entry).send().await;
        assert_eq!(Reason::from_error(&error.unwrap_err()), Reason::Refused);

        let endpoint = answering(500, String::new()).await;
        let error = Clients::new(&endpoint)
            .sqs
            .send_message()
            .queue_url("q")
            .message_body("m")
            .send()
            .await;
        assert_eq!(Reason::from_error(&error.unwrap_err()), Reason::Failed);
    }

    #[tokio::test]
    async fn a_receiver_that_nobody_serves_is_tried_again() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sqs = Clients::new(&format!("http://{nobody}")).sqs;
        let send = sqs.send_message().queue_url(format!("http://{nobody}/0/q")).message_body("m");
        assert_eq!(Reason::from_error(&send.send().await.unwrap_err()), Reason::Unreachable);
    }
}
