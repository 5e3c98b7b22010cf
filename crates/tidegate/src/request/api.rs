//! An API: routes with their handlers, and the checks in front of them.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::call::{Call, Request};
use super::caller::Caller;
use super::correlation;
use super::decode;
use super::event::Event;
use super::headers::Headers;
use super::key::RequestKey;
use super::media::{check_accept, check_content_type};
use super::once;
use super::path;
use super::problem::{Place, Problem};
use super::route::{KeyPolicy, Route};
use super::router::{Found, Router};
use crate::batch::isolate;
use crate::idempotency::Lease;

/// Decodes a request for its handler, and returns the handler's work.
type Prepare<S> = dyn Fn(&Arc<S>, Request) -> Result<Work, Problem> + Send + Sync;
type Work = BoxFuture<'static, Result<Answer, Problem>>;

/// An API: routes with their handlers, over a state that they share.
///
/// A handler is an async function of the state and a [`Call`]. It returns an [`Answer`] or a
/// [`Problem`]. Run it with [`Function::serve`](crate::function::Function::serve).
///
/// ```
/// use std::sync::Arc;
/// use serde::Deserialize;
/// use tidegate::request::{Answer, Api, Call, Problem, Route};
///
/// #[derive(Deserialize)]
/// struct Place { order: String }
///
/// async fn read(shop: Arc<&'static str>, call: Call<(), Place>) -> Result<Answer, Problem> {
///     Answer::ok(&serde_json::json!({ "shop": *shop, "order": call.path.order }))
/// }
///
/// let api = Api::new("shop.api", "cups").route(Route::get("/orders/{order}"), read);
/// assert_eq!(api.mistakes(), [""; 0]);
/// ```
pub struct Api<S> {
    source: Arc<str>,
    state: Arc<S>,
    router: Router<Endpoint<S>>,
    mistakes: Vec<String>,
    pub(super) types: Option<String>,
}

struct Endpoint<S> {
    route: Route,
    name: Arc<str>,
    prepare: Box<Prepare<S>>,
    reads_body: bool,
}

/// What a request was answered, and by which route.
pub(super) struct Answered {
    /// Name of the route. `None`: no route fits.
    pub(super) route: Option<Arc<str>>,
    pub(super) answer: Result<Answer, Problem>,
}

/// What is known about a request before it is routed.
pub(super) struct Arrival {
    pub(super) request_id: String,
    pub(super) correlation_id: String,
    pub(super) traceparent: Option<String>,
    pub(super) headers: Headers,
    pub(super) lease: Lease,
}

impl Arrival {
    /// Reads the ids and takes the headers out of an event.
    pub(super) fn new(event: &mut Event, request_id: &str, lease: Lease) -> Self {
        let headers = event.take_headers();
        let given = event.request_context.request_id.take();
        let given = given.filter(|id| correlation::is_safe(id));
        let correlation_id = correlation::correlation_id(&headers).map(str::to_owned);
        Self {
            request_id: request_id.to_owned(),
            correlation_id: correlation_id.or(given).unwrap_or_else(|| request_id.to_owned()),
            traceparent: correlation::traceparent(&headers).map(str::to_owned),
            headers,
            lease,
        }
    }
}

impl<S: Send + Sync + 'static> Api<S> {
    /// Creates an API without routes.
    ///
    /// `source` is the `source` of the causes of its requests, such as `shop.api`. Do not change
    /// it: a request that is repeated across the change would run again.
    pub fn new(source: impl Into<Arc<str>>, state: S) -> Self {
        Self::sharing(source, Arc::new(state))
    }

    /// Creates an API whose state others hold too, such as a test.
    pub fn sharing(source: impl Into<Arc<str>>, state: Arc<S>) -> Self {
        Self {
            source: source.into(),
            state,
            router: Router::new(),
            mistakes: Vec::new(),
            types: None,
        }
    }

    /// Adds a route with its handler.
    #[must_use]
    pub fn route<B, P, Q, H, F>(mut self, route: Route, handler: H) -> Self
    where
        B: DeserializeOwned + Send + 'static,
        P: DeserializeOwned + Send + 'static,
        Q: DeserializeOwned + Send + 'static,
        H: Fn(Arc<S>, Call<B, P, Q>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        self.mistakes.extend(route.mistakes());
        let prepare = move |state: &Arc<S>, request: Request| {
            let body = decode::body(&request.body)?;
            let path = decode::path(&request.parameters)?;
            let query = decode::query(&request.query)?;
            Ok(handler(Arc::clone(state), Call { body, path, query, request }).boxed())
        };
        let (method, path) = (route.method.clone(), route.path.clone());
        let endpoint = Endpoint {
            name: route.name().into(),
            route,
            prepare: Box::new(prepare),
            reads_body: !is_unit::<B>(),
        };
        self.mistakes.extend(self.router.insert(method, &path, endpoint).err());
        self
    }

    /// Sets the URI that is put in front of a problem's code as its `type`, such as
    /// `https://shop.example/problems/`. Without it, the type is `about:blank`.
    #[must_use]
    pub fn problem_types(mut self, base: impl Into<String>) -> Self {
        self.types = Some(base.into());
        self
    }

    /// Returns what is wrong with the declared routes. With a mistake, the function does not start.
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    /// Routes, checks and handles a request, until its deadline.
    pub(super) async fn answer(&self, event: Event, arrival: Arrival) -> Answered {
        let found = match self.find(&event) {
            Ok(found) => found,
            Err(problem) => return Answered { route: None, answer: Err(problem) },
        };
        let route = Some(Arc::clone(&found.value.name));
        let deadline = arrival.lease.deadline;
        let answer = isolate(deadline, self.handle(found, event, arrival)).await;
        let answer = answer.unwrap_or_else(|failure| Err(Problem::from(failure)));
        Answered { route, answer }
    }

    fn find(&self, event: &Event) -> Result<Found<'_, Endpoint<S>>, Problem> {
        let (raw, encoded) = event.path();
        let decoded = path::decode(raw, encoded)?;
        let method = Method::from_bytes(event.method().as_bytes()).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_method", "the method is not one of HTTP")
        })?;
        let found = self.router.find(&method, &decoded);
        // An HTTP API puts the stage in front of the path, unless a domain of its own leads to it.
        let inner = event.stage().and_then(|stage| {
            let rest = decoded.strip_prefix('/')?.strip_prefix(stage)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        });
        match (found, inner) {
            (Err(problem), Some(rest)) if problem.status() == StatusCode::NOT_FOUND => {
                self.router.find(&method, if rest.is_empty() { "/" } else { rest })
            }
            (found, _) => found,
        }
    }

    async fn handle(
        &self,
        found: Found<'_, Endpoint<S>>,
        mut event: Event,
        arrival: Arrival,
    ) -> Result<Answer, Problem> {
        let Endpoint { route, name, prepare, reads_body } = found.value;
        let authorizer = event.request_context.authorizer.take();
        let caller = authorizer.map_or(Caller::None, |authorizer| authorizer.caller());
        check_caller(route, &caller)?;
        check_accept(&arrival.headers, &route.produces)?;
        path::check_query(event.query())?;
        let key = check_key(route, &caller, &arrival.headers)?;
        let query = event.query().to_owned();
        let body = event.take_body()?;
        if body.len() > route.body_limit {
            let (bytes, limit) = (body.len(), route.body_limit);
            let detail = format!("the body has {bytes} bytes; this route takes {limit}");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
        }
        if *reads_body && !body.is_empty() {
            check_content_type(&arrival.headers)?;
        }
        let mut request = Request {
            route: Arc::clone(name),
            caller,
            key,
            headers: arrival.headers,
            body,
            request_id: arrival.request_id,
            correlation_id: arrival.correlation_id,
            traceparent: arrival.traceparent,
            received_at: Timestamp::now(),
            lease: arrival.lease,
            effect: None,
            source: Arc::clone(&self.source),
            parameters: found.parameters,
            query,
        };
        let Some(settings) = &route.once else { return prepare(&self.state, request)?.await };
        let Some(key) = once::effect_key(&settings.effects, &request)? else {
            return prepare(&self.state, request)?.await;
        };
        request.effect = Some(key.clone());
        let same = once::Same::of(&request);
        let work = prepare(&self.state, request)?;
        once::run(settings, &key, &same, arrival.lease, work).await
    }
}

impl<S> fmt::Debug for Api<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("source", &self.source)
            .field("mistakes", &self.mistakes)
            .finish_non_exhaustive()
    }
}

fn is_unit<T: 'static>() -> bool {
    std::any::TypeId::of::<T>() == std::any::TypeId::of::<()>()
}

/// Refuses a caller whom nobody checked, and one without the scopes of the route.
fn check_caller(route: &Route, caller: &Caller) -> Result<(), Problem> {
    if caller.is_none() {
        if route.anonymous {
            return Ok(());
        }
        let detail = "nobody checked who sends this request; send a token, or sign the request";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "no_caller", detail)
            .header("www-authenticate", "Bearer".to_owned()));
    }
    if caller.iam().is_some() {
        return Ok(());
    }
    match route.scopes.iter().find(|scope| !caller.has_scope(scope)) {
        Some(scope) => Err(Problem::forbidden(format!("the token lacks the scope `{scope}`"))),
        None => Ok(()),
    }
}

/// Reads the key, if the route takes one.
fn check_key(
    route: &Route,
    caller: &Caller,
    headers: &Headers,
) -> Result<Option<RequestKey>, Problem> {
    if route.key == KeyPolicy::Ignored {
        return Ok(None);
    }
    let key = RequestKey::from_headers(headers)?;
    match &key {
        Some(_) if caller.identity().is_none() => Err(Problem::forbidden(
            "the token has no subject (`sub`), so its keys cannot be told from those of others",
        )),
        None if route.key == KeyPolicy::Required => {
            let detail =
                "this route needs an Idempotency-Key; send a new one with each new request";
            let place = Place::Header("Idempotency-Key".to_owned());
            Err(Problem::new(StatusCode::BAD_REQUEST, "key_missing", detail)
                .mistake_at(place, "it is missing"))
        }
        _ => Ok(key),
    }
}
