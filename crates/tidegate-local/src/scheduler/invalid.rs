//! A request that AWS refuses.

use std::fmt::Display;

/// A request that AWS answers with a `ValidationException`: its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(super) String);

impl Invalid {
    /// Creates the error of a value, in the words of AWS's services.
    pub(super) fn member(value: impl Display, at: &str, constraint: &str) -> Self {
        let count = "1 validation error detected";
        Self(format!(
            "{count}: Value '{value}' at '{at}' failed to satisfy constraint: {constraint}"
        ))
    }

    pub(super) fn pattern(value: &str, at: &str, pattern: &str) -> Self {
        let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
        Self::member(value, at, &constraint)
    }
}
