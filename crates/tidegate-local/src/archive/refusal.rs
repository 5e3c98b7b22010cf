//! Errors of the calls about archives and replays, with EventBridge's codes and words.

use std::fmt::Display;

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct Refusal {
    /// EventBridge's error code.
    pub(super) code: &'static str,
    /// Explanation for people.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn missing(what: &str, name: &str) -> Self {
        let message = format!("{what} {name} does not exist.");
        Self { code: "ResourceNotFoundException", message }
    }

    pub(super) fn exists(what: &str, name: &str) -> Self {
        let message = format!("{what} {name} already exists.");
        Self { code: "ResourceAlreadyExistsException", message }
    }

    pub(super) fn parameter(name: &str, reason: &dyn Display) -> Self {
        Self::invalid(format!("Parameter {name} is not valid. Reason: {reason}"))
    }

    pub(super) fn invalid(message: String) -> Self {
        Self { code: "ValidationException", message }
    }

    /// Creates the error of a file that cannot be read or written.
    pub(super) fn internal(error: &dyn Display) -> Self {
        Self { code: "InternalException", message: error.to_string() }
    }
}
