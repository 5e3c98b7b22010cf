//! Classifies failures of deliveries and decides what follows from them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;

/// Class of a failure; decides what happens to the delivery.
///
/// The names are stable: they appear in logs, metrics and dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The delivery can never succeed. It becomes a dead letter and is acknowledged.
    Permanent,
    /// The delivery may succeed later. It is reported for redelivery.
    Transient,
    /// A twin is at work on the same effect. The run waits for it; if it takes too long, the
    /// delivery is reported for redelivery.
    Busy,
}

impl Class {
    /// Returns the stable name: `permanent`, `transient` or `busy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Busy => "busy",
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
/// The `?` operator turns any error into a *transient* failure, because an unknown error must not
/// lose the event. `Failure` does not implement [`std::error::Error`], for the same reason as
/// `anyhow::Error`: the two conversions would overlap.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    class: Class,
    code: Cow<'static, str>,
    reason: String,
    retry_after: Option<Duration>,
}

impl Failure {
    /// Code of the failure of a call that a dependency throttled.
    ///
    /// The batch then runs fewer records at a time; see [`EachRecord`](crate::batch::EachRecord).
    pub const THROTTLED: &'static str = "throttled";
    /// Code of the failure to write to a read model whose fence is closed, because two generations
    /// of it are compared; see [`rebuild`](crate::rebuild).
    pub const FENCED: &'static str = "fenced";
    /// Code of the failure to read stored content whose type, version or format this reader does
    /// not know.
    ///
    /// In your own event store such content can only be newer than the reader, as in every rolling
    /// deployment. The failure is therefore transient.
    pub const NEWER: &'static str = "newer_version";

    fn new(class: Class, code: Cow<'static, str>, reason: String) -> Self {
        Self { class, code, reason, retry_after: None }
    }

    /// Creates a permanent failure: the delivery can never succeed.
    pub fn permanent(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::new(Class::Permanent, code.into(), reason.into())
    }

    /// Creates a transient failure: the delivery may succeed later.
    pub fn transient(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::new(Class::Transient, code.into(), reason.into())
    }

    /// Creates a transient failure from a failed AWS call.
    ///
    /// The code is [`THROTTLED`](Self::THROTTLED) instead of `code` if the service throttled the
    /// call.
    pub fn aws<E>(code: &'static str, error: &E) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata,
    {
        let throttled = error.code().is_some_and(|code| THROTTLING.contains(&code));
        Self::transient(if throttled { Self::THROTTLED } else { code }, chain(error))
    }

    /// Creates a busy failure: a twin is at work on the same effect.
    pub fn busy(code: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::new(Class::Busy, code.into(), reason.into())
    }

    /// Returns the class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Returns the stable code, such as `unknown_type`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the reason, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Sets the shortest time until the next attempt.
    ///
    /// The message of a queue stays hidden for `delay`, in whole seconds rounded up and at most
    /// [`MAX_DELAY`](crate::batch::MAX_DELAY). It then comes again after `delay` instead of after
    /// the queue's visibility timeout, and each receive counts. The delay has no effect on streams
    /// and asynchronous invocations, which keep their own pace of retries. It has none on a
    /// permanent failure either, which does not come again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Returns whether the failure comes from load, from a race or from an open breaker, and so
    /// does not speak against the record.
    ///
    /// True for the class `busy` and for the codes `throttled`, `deadline`, `out_of_time`,
    /// `blocked`, `fenced`, `version_conflict`, `transaction_conflict`, `guard_moved`, `claim_lost`
    /// and `breaker_open`. Such a failure becomes a dead letter only when the source is about to
    /// discard the record; see
    /// [`Runner::maximum_record_age`](crate::batch::Runner::maximum_record_age).
    pub fn is_passing(&self) -> bool {
        self.class == Class::Busy
            || (self.class == Class::Transient && PASSING.contains(&self.code()))
    }

    /// Returns the delay that the handler set with [`Self::retry_after`].
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Prefixes the reason with the place of the failure.
    #[must_use]
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.reason = format!("{place}: {}", self.reason);
        self
    }
}

/// Codes of failures that come from load, from a race, or from a call that was not made.
const PASSING: [&str; 10] = [
    Failure::THROTTLED,
    Failure::FENCED,
    "deadline",
    "out_of_time",
    "blocked",
    "version_conflict",
    "transaction_conflict",
    "guard_moved",
    "claim_lost",
    "breaker_open",
];

/// Error codes by which AWS services report throttling: those after which the SDK slows down.
const THROTTLING: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

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
        Self::transient("unclassified", chain(&error))
    }
}

/// Joins an error and its sources into one line.
///
/// The `Display` of an SDK error alone prints only "service error".
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
    fn an_aws_call_that_was_throttled_has_a_code_of_its_own() {
        use aws_sdk_dynamodb::error::ErrorMetadata;
        use aws_sdk_dynamodb::operation::put_item::PutItemError;
        let error = |code: &str| {
            PutItemError::generic(ErrorMetadata::builder().code(code).message("m").build())
        };
        let failure = Failure::aws("event_store", &error("ThrottlingException"));
        assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::THROTTLED));
        let failure = Failure::aws("event_store", &error("InternalServerError"));
        assert_eq!((failure.class(), failure.code()), (Class::Transient, "event_store"));
    }

    #[test]
    fn load_and_lost_races_pass_and_say_nothing_about_the_record() {
        for code in PASSING {
            assert!(Failure::transient(code, "").is_passing(), "{code}");
            assert!(!Failure::permanent(code, "").is_passing(), "{code}");
        }
        assert!(Failure::busy("twin", "").is_passing());
        for code in ["later", "panic", "unclassified", Failure::NEWER] {
            assert!(!Failure::transient(code, "").is_passing(), "{code}");
        }
    }

    #[test]
    fn context_goes_in_front_of_the_reason() {
        let failure = Failure::permanent("no_lines", "the order is empty").context("order 7");
        assert_eq!(failure.to_string(), "permanent (no_lines): order 7: the order is empty");
    }
}
