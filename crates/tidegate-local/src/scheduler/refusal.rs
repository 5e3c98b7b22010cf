//! Why a target was not reached, as Scheduler's dead letters say it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::exhausted::Exhausted;
use crate::send_error::{Reason, SendError};

/// Code of errors that are not an answer of the target (AWS docs: "Configuring a schedule's
/// dead-letter queue").
const INTERNAL: &str = "AWS.Scheduler.InternalServerError";

/// A failed try of a hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Error code of the target's service.
    pub code: String,
    /// Explanation for people.
    pub message: String,
    /// Another try may succeed.
    pub is_transient: bool,
}

/// A firing that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Why the last try failed.
    pub refusal: Refusal,
    /// Tries after the first.
    pub retry_attempts: u32,
    /// The limit that ended the tries; `None` if no further try could succeed.
    pub exhausted: Option<Exhausted>,
}

impl Refusal {
    /// Reads the error of a call to the target's service.
    pub(super) fn from_call<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let is_transient = !Reason::from_error(error).is_final();
        let said = match error {
            SdkError::ServiceError(answer) => answer.err().code(),
            _ => None,
        };
        let code = match said.map(|code| code.rsplit('#').next().unwrap_or(code)) {
            Some("QueueDoesNotExist") => "AWS.SimpleQueueService.NonExistentQueue",
            Some(code) => code,
            None => INTERNAL,
        };
        let message = match error {
            SdkError::ServiceError(answer) => answer.err().message().map(str::to_owned),
            _ => None,
        };
        let message = message.unwrap_or_else(|| DisplayErrorContext(error).to_string());
        Self { code: code.to_owned(), message, is_transient }
    }

    /// Creates the refusal of a target that is not there.
    pub(super) fn missing(message: String) -> Self {
        Self { code: "ResourceNotFoundException".to_owned(), message, is_transient: false }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let is_transient = !error.is_final();
        Self { code: INTERNAL.to_owned(), message: error.message, is_transient }
    }
}
