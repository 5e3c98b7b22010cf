//! Services that answer calls in place of the endpoint.

use std::fmt::Debug;

use futures::future::BoxFuture;
use http::{Request, Response};

use super::body::Body;

/// A service of the engine itself, which answers calls in place of AWS.
pub(crate) trait Service: Debug + Send + Sync {
    /// Answers one call. Never fails: an error is an answer.
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>>;
}
