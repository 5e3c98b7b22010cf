//! A request that was checked, as a handler gets it.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::caller::Caller;
use super::headers::Headers;
use super::key::RequestKey;
use super::problem::Problem;
use crate::idempotency::{EffectKey, Lease};
use crate::ids::{Cause, content_id};
use crate::message::MessageSet;
use crate::store::{Content, Origin};

/// A call of a route: the request with its body, path and query in the types of the handler.
///
/// `()` for a type ignores that part. `Option<T>` or `#[serde(default)]` make a parameter optional.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<B = (), P = (), Q = ()> {
    /// Body, from JSON.
    pub body: B,
    /// Parameters of the path, by their names in the route.
    pub path: P,
    /// Parameters of the query.
    pub query: Q,
    /// Everything else.
    pub request: Request,
}

/// A request that was routed and checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Method and pattern of the route, such as `POST /orders/{order}`.
    pub route: Arc<str>,
    /// Who sent the request.
    pub caller: Caller,
    /// `Idempotency-Key` of the request, on a route that takes one.
    pub key: Option<RequestKey>,
    /// Headers.
    pub headers: Headers,
    /// Body as it came.
    pub body: Vec<u8>,
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// Id that all messages of this business request share: the client's `X-Correlation-Id`, or the
    /// id that API Gateway gave to the request.
    pub correlation_id: String,
    /// W3C trace context of the client.
    pub traceparent: Option<String>,
    /// Time at which the function received the request.
    pub received_at: Timestamp,
    /// How long the invocation may take. Pass it to [`Effects::run`](crate::idempotency::Effects).
    pub lease: Lease,
    /// Key of the effect, on a route that runs [once](super::Route::once). Pass it to a remote
    /// party that deduplicates by a key.
    pub effect: Option<EffectKey>,
    pub(super) source: Arc<str>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) query: String,
}

impl Request {
    /// Returns the cause of what follows from the request: the API's source, and an id that is
    /// derived from caller, route and key.
    ///
    /// The same request again has the same cause. A request without a key has a new one each time.
    /// If the request creates something, derive its id from that of the cause: a random one would
    /// create another thing each time.
    pub fn cause(&self) -> Cause {
        let key = self.key.as_ref().zip(self.caller.identity());
        let id = match key {
            Some((key, identity)) => content_id(&["request", &identity, &self.route, key.as_str()]),
            None => content_id(&["request", &self.request_id, &Uuid::new_v4().to_string()]),
        };
        Cause::new(&*self.source, id)
    }

    /// Returns the origin of the command that the request leads to, for
    /// [`execute`](crate::store::execute()).
    ///
    /// The commit itself then is the deduplication: the same key and command find the first
    /// decision, and the same key with another command is refused with a 422. Nothing else is
    /// written. Call it once for a request.
    ///
    /// # Errors
    /// A 500 if the command cannot be written as JSON.
    pub fn origin<C: MessageSet>(&self, command: &C) -> Result<Origin, Problem> {
        let (kind, version) = command.schema();
        let mut origin = Origin::new(self.cause(), self.received_at);
        origin.correlation_id.clone_from(&self.correlation_id);
        origin.traceparent.clone_from(&self.traceparent);
        origin.arrived_at = Some(self.received_at);
        origin.content = Content::new(kind, version, &command.encode()?);
        Ok(origin)
    }

    /// Returns the query as it came.
    pub fn raw_query(&self) -> &str {
        &self.query
    }
}
