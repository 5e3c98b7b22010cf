//! One invocation of a function, as callers of the Lambda service see it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::log_tail::LogTail;
use crate::trial::{Fate, Trial};

/// Request of an invocation.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The event, as JSON.
    pub payload: Bytes,
    /// `Lambda-Runtime-Client-Context` as JSON, not base64.
    pub client_context: Option<String>,
    /// Request id, which all attempts of an asynchronous event share. `None` creates one.
    pub request_id: Option<String>,
    /// Version or alias in the request. The function sees it at the end of its ARN.
    pub qualifier: Option<String>,
    /// Time that the caller waits in line while all execution environments are busy; at most the
    /// function's timeout.
    ///
    /// With zero the caller is throttled at once, or after two seconds if others already wait in
    /// line.
    pub patience: Duration,
    /// Collects what the function prints during the invocation.
    pub log: Option<Arc<LogTail>>,
    /// Faults of the invocation.
    pub trial: Option<Arc<Trial>>,
}

impl Request {
    /// Creates a request with this event and nothing else.
    #[must_use]
    pub fn new(payload: Bytes) -> Self {
        Self { payload, ..Self::default() }
    }

    /// Sets the time that the caller waits in line while all execution environments are busy.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Returns what faults do to the environment that gets the invocation.
    pub(crate) fn fate(&self) -> Fate {
        self.trial.as_ref().map(|trial| trial.fate()).unwrap_or_default()
    }
}

/// Answer of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The invocation's request id.
    pub request_id: String,
    /// The result.
    pub result: InvocationResult,
}

/// Result of an invocation.
///
/// Only `Throttled` means that the function did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationResult {
    /// The function answered.
    Success(Bytes),
    /// The function reported an error, its process ended, or it ran out of time.
    ///
    /// The payload is the error object (`errorType`, `errorMessage`) that Lambda would return with
    /// `FunctionError`.
    FunctionError(Bytes),
    /// All allowed execution environments were busy.
    Throttled,
}

/// Runs invocations.
///
/// Mappings and asynchronous queues reach functions only through this trait.
pub trait Invoker: Send + Sync {
    /// Invokes a function by its declared name and waits for the result. Never fails: an error is a
    /// result.
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer>;
}

impl<T: Invoker + ?Sized> Invoker for Arc<T> {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        (**self).invoke(function, request)
    }
}
