//! The payment provider: what it is asked for, what it answers, and how it is reached.

mod answer;
mod http;
mod operation;
#[cfg(test)]
mod tests;
mod url;

use std::future::Future;

use tidegate::failure::Failure;
use tidegate::idempotency::EffectError;
use tokio::time::Instant;

pub(crate) use answer::Answer;
#[cfg(test)]
pub(crate) use answer::Authorisation;
pub(crate) use http::HttpProvider;
pub(crate) use operation::{Operation, Request};

/// A provider that recognises the key of an operation, and carries it out once.
pub(crate) trait Provider: Send + Sync {
    /// Asks for an operation, once. Waits for the answer until `until`.
    ///
    /// Fails with [`EffectError::Unknown`] if the provider may have carried it out.
    fn request(
        &self,
        operation: &Operation,
        until: Instant,
    ) -> impl Future<Output = Result<Answer, EffectError>> + Send;

    /// Asks what became of an operation, and changes nothing. `None`: the provider has not got it.
    fn look_up(
        &self,
        operation: &Operation,
        until: Instant,
    ) -> impl Future<Output = Result<Option<Answer>, Failure>> + Send;
}
