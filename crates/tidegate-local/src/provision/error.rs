//! Errors of provisioning.

use std::error::Error;

use aws_sdk_dynamodb::error::DisplayErrorContext;

/// A call that failed while a resource was set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up {resource}: {call} failed: {reason}")]
pub struct ProvisionError {
    /// The resource, such as `table event-store`.
    pub resource: String,
    /// The AWS call, such as `CreateTable`.
    pub call: &'static str,
    /// Message of the backend.
    pub reason: String,
}

impl ProvisionError {
    pub(super) fn new(resource: &str, call: &'static str, reason: impl Into<String>) -> Self {
        Self { resource: resource.to_owned(), call, reason: reason.into() }
    }

    /// Returns a function for `map_err` of an SDK call.
    pub(super) fn from_call<E: Error>(resource: &str, call: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::new(resource, call, DisplayErrorContext(error).to_string())
    }
}
