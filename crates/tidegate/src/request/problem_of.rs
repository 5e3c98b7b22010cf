//! Turns failures into problems: the class decides the status.

use std::time::Duration;

use http::StatusCode;

use super::problem::Problem;
use crate::failure::{Class, Failure, chain};
use crate::idempotency::EffectError;

/// Time after which a client may try again, unless the failure names another.
const SOON: Duration = Duration::from_secs(1);

/// Codes of permanent failures that are no fault of the request: what is stored, or what the
/// function itself made, is wrong.
const OURS: [&str; 15] = [
    "corrupt_commit",
    "corrupt_guard",
    "corrupt_record",
    "data_by_reference",
    "history_rewritten",
    "invalid_attribute",
    "invalid_commit",
    "invalid_data",
    "not_a_commit",
    "stream_too_large",
    "unencodable",
    "unreadable_record",
    "unreadable_result",
    "unstorable",
    "unusable_snapshot",
];

/// Sorts a failure by its class.
///
/// | class | status | the client sees |
/// |---|---|---|
/// | permanent | 422 | code and reason |
/// | permanent, a key or cause was used with other content | 422 | `key_reused` |
/// | permanent, no fault of the request | 500 | nothing of it |
/// | transient | 503 with `Retry-After` | nothing of it |
/// | transient, `panic` | 500 | nothing of it |
/// | busy | 409 with `Retry-After` | that the first request is in progress |
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let after = failure.retry_delay().unwrap_or(SOON);
        match (failure.class(), failure.code()) {
            (Class::Permanent, "payload_mismatch" | "cause_reused") => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "the Idempotency-Key was used with another request; give a new request a new key",
            )
            .caused_by(failure),
            (Class::Permanent, code) if OURS.contains(&code) => Self::internal(failure),
            (Class::Permanent, code) => {
                let (code, reason) = (code.to_owned(), failure.reason().to_owned());
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, reason).caused_by(failure)
            }
            (Class::Busy, _) => Self::new(
                StatusCode::CONFLICT,
                "in_progress",
                "the first request with this key is still in progress; send this one again later",
            )
            .retry_after(after)
            .caused_by(failure),
            (Class::Transient, "panic") => Self::internal(failure),
            (Class::Transient, _) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the service cannot answer now; send the request again later, with the same key",
            )
            .retry_after(after)
            .caused_by(failure),
        }
    }
}

/// An effect whose outcome is unknown is held, or runs again, as the route declares.
impl From<EffectError> for Problem {
    fn from(error: EffectError) -> Self {
        match error {
            EffectError::NotDone(failure) => Self::from(failure),
            EffectError::Unknown(failure) => Self::from(failure).unknown(),
        }
    }
}

/// An error of no known class is the service's own.
impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::internal(Failure::transient("unclassified", chain(&error)))
    }
}
