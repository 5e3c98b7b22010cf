//! What may step in between a function and AWS.

use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use http::request::Parts;

use super::body::Body;

/// A call on its way.
#[derive(Clone, Debug)]
pub struct Call {
    /// A number that no other call of the proxy has.
    pub number: u64,
    /// Who calls: a function's name.
    pub caller: String,
    /// What is called: `DynamoDB.PutItem`.
    pub operation: String,
    /// The request's head.
    pub head: Parts,
    /// The request's body. Empty where the operation is not in it: such a body is passed on as it
    /// comes.
    pub body: Bytes,
}

/// An answer.
pub type Reply = Response<Body>;

/// Steps in before a call is forwarded and after it was answered. What it answers is counted like any other answer.
pub trait Hook: Debug + Send + Sync {
    /// May answer in place of AWS, which then never sees the call.
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let _ = call;
        Box::pin(async { None })
    }

    /// May change or replace AWS's answer; the call has had its effect.
    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        let _ = call;
        Box::pin(async { reply })
    }
}
