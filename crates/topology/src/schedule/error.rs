//! Why a text is not an expression of Scheduler.

/// Why a text is not an expression of Scheduler, and what is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(pub(super) String);

impl From<String> for ExpressionError {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for ExpressionError {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}
