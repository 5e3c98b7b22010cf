//! Hooks between a function and AWS.

use std::fmt::{self, Debug};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use http::request::Parts;

use super::body::Body;

/// A call on its way.
#[derive(Clone, Debug)]
pub struct Call {
    /// Number of the call, unique within the proxy.
    pub number: u64,
    /// Name of the calling function.
    pub caller: String,
    /// Operation, such as `DynamoDB.PutItem`.
    pub operation: String,
    /// Head of the request.
    pub head: Parts,
    /// Body of the request. Empty if the operation does not depend on it: such a body is streamed.
    pub body: Bytes,
}

/// An answer.
pub type Reply = Response<Body>;

/// Another body for a call, and what makes of its answer the answer to the call.
pub struct Change {
    /// Body that is forwarded.
    pub body: Bytes,
    /// Returns the answer to the call, from the answer to that body.
    pub answer: Box<dyn FnOnce(Reply) -> Reply + Send>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("body", &self.body).finish_non_exhaustive()
    }
}

/// Acts before a call is forwarded and after it was answered.
///
/// Its answers are counted like any other.
pub trait Hook: Debug + Send + Sync {
    /// May answer in place of AWS, which then never sees the call.
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let _ = call;
        Box::pin(async { None })
    }

    /// May forward another body than that of the call.
    ///
    /// The bill is that of the call and its final answer. The call keeps its signature, which then
    /// no longer fits: emulators do not check it.
    fn change(&self, call: &Call) -> Option<Change> {
        let _ = call;
        None
    }

    /// May change or replace AWS's answer. The call has already had its effect.
    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        let _ = call;
        Box::pin(async { reply })
    }
}
