//! One invocation of a function, as the Lambda service sees it from outside.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::log_tail::LogTail;
use crate::trial::{Fate, Trial};

/// What is handed to a function.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The event, JSON.
    pub payload: Bytes,
    /// `Lambda-Runtime-Client-Context`, JSON, not base64.
    pub client_context: Option<String>,
    /// Its request id, which all attempts of an asynchronous event share; none for a new one.
    pub request_id: Option<String>,
    /// The version or alias it was invoked by. The function sees it at the end of its ARN.
    pub qualifier: Option<String>,
    /// How long the caller waits in line while all execution environments are busy, at most the
    /// function's timeout. With zero it is throttled at once, or after two seconds if others already
    /// wait in line.
    pub patience: Duration,
    /// Collects what the function prints meanwhile.
    pub log: Option<Arc<LogTail>>,
    /// The faults that it is subject to.
    pub trial: Option<Arc<Trial>>,
}

impl Request {
    /// A new invocation with this event and nothing else.
    #[must_use]
    pub fn new(payload: Bytes) -> Self {
        Self { payload, ..Self::default() }
    }

    /// Waits in line for so long while all execution environments are busy.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What is to happen to the environment that gets it.
    pub(crate) fn fate(&self) -> Fate {
        self.trial.as_ref().map(|trial| trial.fate()).unwrap_or_default()
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The invocation's request id.
    pub request_id: String,
    /// What happened.
    pub result: InvocationResult,
}

/// Result of an invocation. Only `Throttled` means that the function did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationResult {
    /// The function answered.
    Success(Bytes),
    /// The function reported an error, or its process ended, or it ran out of time. The payload is the error object
    /// (`errorType`, `errorMessage`) that Lambda would return beside `FunctionError`.
    FunctionError(Bytes),
    /// All execution environments allowed were busy.
    Throttled,
}

/// Runs one invocation. The mappings and the asynchronous queue know functions only through this.
pub trait Invoker: Send + Sync {
    /// Invokes a function by its declared name and waits for the result. Never fails: what goes wrong is a result.
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer>;
}

impl<T: Invoker + ?Sized> Invoker for Arc<T> {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        (**self).invoke(function, request)
    }
}
