//! Why a delivery could not be applied, and what follows from it.

use std::borrow::Cow;
use std::fmt;

/// The class of a failure decides what becomes of the delivery. The words are stable: they appear in logs, metrics and dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It cannot ever succeed: dead letter, then acknowledged.
    Permanent,
    /// It may succeed later: reported for redelivery.
    Transient,
    /// A twin is at work on the same effect: waited for, else redelivered.
    Busy,
}

impl Class {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Permanent => "permanent",
            Class::Transient => "transient",
            Class::Busy => "busy",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed delivery: its class, a stable code for programs, and a reason for people.
///
/// Any error turns into a *transient* failure with `?`: an unknown error must not cost the event. `Failure` is no
/// [`std::error::Error`] itself, for the same reason as `anyhow::Error`: the two conversions would overlap.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    class: Class,
    code: Cow<'static, str>,
    reason: String,
}

impl Failure {
    /// It cannot ever succeed.
    pub fn permanent(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Failure { class: Class::Permanent, code: code.into(), reason: reason.into() }
    }

    /// It may succeed later.
    pub fn transient(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Failure { class: Class::Transient, code: code.into(), reason: reason.into() }
    }

    /// A twin is at work on the same effect.
    pub fn busy(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Failure { class: Class::Busy, code: code.into(), reason: reason.into() }
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The stable code, such as `unknown_type`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The reason, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same failure with words in front of its reason that say where it happened.
    #[must_use]
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.reason = format!("{place}: {}", self.reason);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.class, self.code, self.reason)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::transient("unclassified", chain(&error))
    }
}

/// An error and its sources in one line: SDK errors print only "service error" by themselves.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_error_is_transient() {
        fn fails() -> Result<(), Failure> {
            let _number: u8 = "x".parse()?;
            Ok(())
        }
        let failure = fails().unwrap_err();
        assert_eq!(failure.class(), Class::Transient);
        assert_eq!(failure.code(), "unclassified");
        assert!(failure.reason().contains("invalid digit"), "{failure}");
    }

    #[test]
    fn context_goes_in_front_of_the_reason() {
        let failure = Failure::permanent("no_lines", "the order is empty").context("order 7");
        assert_eq!(failure.to_string(), "permanent (no_lines): order 7: the order is empty");
    }
}
