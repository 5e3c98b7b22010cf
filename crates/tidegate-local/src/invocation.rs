//! One invocation of a function, as the Lambda service sees it from outside.

use bytes::Bytes;
use futures::future::BoxFuture;

/// What is handed to a function.
#[derive(Clone, Debug)]
pub struct Request {
    /// The event, JSON.
    pub payload: Bytes,
    /// `Lambda-Runtime-Client-Context`, JSON, not base64.
    pub client_context: Option<String>,
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
