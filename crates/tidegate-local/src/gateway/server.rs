//! A port that answers for one HTTP API or one function URL.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use topology::route::{PathParameters, RouteKey};
use uuid::Uuid;

use super::answer;
use super::authorizer::Caller;
use super::check::Check;
use super::counts::{Counts, GatewayStatus};
use super::event::{Context, event};
use super::keys::KeySet;
use super::limits::EVENT_BYTES;
use super::refusal::Refusal;
use super::request::Incoming;
use super::service::Service;
use super::throttle::Bucket;
use crate::activity::Activity;
use crate::guard::{Audience, refused};
use crate::invocation::{InvocationResult, Invoker, Request};
use crate::whole_body::{self, BodyError};

/// A route, ready to serve.
#[derive(Debug)]
pub(crate) struct ServedRoute {
    /// The key as it is declared.
    pub(crate) text: String,
    pub(crate) key: RouteKey,
    pub(crate) function: String,
    pub(crate) check: Check,
}

/// What a gateway serves.
pub(crate) struct Served {
    pub(crate) service: Service,
    /// Declared name of the API, or of the function with the URL.
    pub(crate) name: String,
    pub(crate) routes: Vec<ServedRoute>,
    /// Throttling of the stage. A function URL has none.
    pub(crate) bucket: Option<Bucket>,
    pub(crate) keys: Arc<KeySet>,
    /// Invokes each function that a route names.
    pub(crate) invokers: BTreeMap<String, Arc<dyn Invoker>>,
    pub(crate) activity: Arc<Activity>,
}

/// A running gateway. Dropping it closes its port; requests in flight are still answered.
#[derive(Debug)]
pub(crate) struct Gateway {
    kind: Service,
    name: String,
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) async fn serve(served: Served) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (kind, name) = (served.service, served.name.clone());
        let handler = Arc::new(Handler { served, counts: Arc::default() });
        let counts = Arc::clone(&handler.counts);
        let router = Router::new().fallback(move |request: HttpRequest| {
            let handler = Arc::clone(&handler);
            async move { handler.respond(request).await }
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "a gateway ended");
            }
        });
        Ok(Self { kind, name, address, counts, task })
    }

    /// Returns the counts and the address.
    pub(crate) fn status(&self) -> GatewayStatus {
        let kind = match self.kind {
            Service::Api => "api",
            Service::FunctionUrl => "function-url",
        };
        let url = format!("http://{}", self.address);
        GatewayStatus {
            kind: kind.to_owned(),
            name: self.name.clone(),
            url,
            ..self.counts.status()
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Handler {
    served: Served,
    counts: Arc<Counts>,
}

impl Handler {
    async fn respond(&self, request: HttpRequest) -> Response {
        if let Some(why) = refused(Audience::Programs, request.method(), request.headers()) {
            return (StatusCode::FORBIDDEN, why).into_response();
        }
        let service = self.served.service;
        let id = Uuid::new_v4().to_string();
        let shown = format!("{} {}", request.method(), request.uri().path());
        let answered = self.answer(request, &id).await;
        let refusal = answered.as_ref().err().cloned();
        let mut response = answered.unwrap_or_else(|refusal| refusal.response(service));
        self.counts.answered(&shown, response.status().as_u16(), refusal.as_ref());
        if let Ok(id) = HeaderValue::try_from(id) {
            let name = HeaderName::from_static(service.request_id_header());
            response.headers_mut().insert(name, id);
        }
        response
    }

    async fn answer(&self, request: HttpRequest, id: &str) -> Result<Response, Refusal> {
        let service = self.served.service;
        let (parts, body) = request.into_parts();
        // The body is read in any case: a caller that is cut off while it writes never sees the
        // reason.
        let body = whole_body::read(body, service.body_bytes()).await;
        let mut incoming = Incoming::from_head(&parts, service)?;
        let (route, parameters) =
            self.route(&incoming.method, &incoming.path).ok_or(Refusal::NoRoute)?;
        if self.served.bucket.as_ref().is_some_and(|bucket| !bucket.take(Instant::now())) {
            return Err(Refusal::Throttled);
        }
        incoming.body = body.map_err(|error| match error {
            BodyError::TooLarge => Refusal::TooLarge,
            BodyError::Unread(_) => Refusal::Unread,
        })?;
        let at = Timestamp::now();
        let caller = Caller::check(&incoming, service, &route.check, &self.served.keys, at)?;
        let event = event(
            &incoming,
            &Context {
                service,
                name: &self.served.name,
                route: &route.text,
                parameters: &parameters,
                caller: &caller,
                request_id: id,
                at,
            },
        );
        let payload = Bytes::from(event.to_string());
        if payload.len() > EVENT_BYTES {
            return Err(Refusal::TooLarge);
        }
        let answer = self.invoke(route, payload, id).await?;
        answer::response(&answer, service).map_err(Refusal::FunctionFailed)
    }

    /// Returns the route that serves a request, and the values of its variables.
    fn route(&self, method: &str, path: &str) -> Option<(&ServedRoute, PathParameters)> {
        let routes = self.served.routes.iter();
        let serving = routes.filter_map(|route| Some((route, route.key.serves(method, path)?)));
        serving.min_by(|(one, _), (other, _)| one.key.precedence(&other.key))
    }

    /// Invokes the function of a route and returns its answer.
    async fn invoke(
        &self,
        route: &ServedRoute,
        payload: Bytes,
        id: &str,
    ) -> Result<Bytes, Refusal> {
        let function = route.function.clone();
        let Some(invoker) = self.served.invokers.get(&function).map(Arc::clone) else {
            return Err(Refusal::FunctionFailed(format!("{function} is not declared")));
        };
        let request = Request {
            payload,
            request_id: Some(id.to_owned()),
            patience: Duration::ZERO,
            ..Request::default()
        };
        let (counts, activity) = (Arc::clone(&self.counts), Arc::clone(&self.served.activity));
        // A task of its own: the invocation goes on when the client hangs up, or the service does
        // not wait any longer.
        let invocation = tokio::spawn(async move {
            let answer = invoker.invoke(&function, request).await;
            activity.bump();
            if answer.result != InvocationResult::Throttled {
                counts.invoked(&function);
            }
            answer.result
        });
        let limit = self.served.service.timeout().unwrap_or(Duration::MAX);
        match timeout(limit, invocation).await {
            Ok(Ok(InvocationResult::Success(answer))) => Ok(answer),
            Ok(Ok(InvocationResult::FunctionError(error))) => {
                let error = String::from_utf8_lossy(&error).into_owned();
                Err(Refusal::FunctionFailed(format!("the function failed: {error}")))
            }
            Ok(Ok(InvocationResult::Throttled)) => Err(Refusal::FunctionThrottled),
            Ok(Err(error)) => Err(Refusal::FunctionFailed(error.to_string())),
            Err(_) => Err(Refusal::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::future::BoxFuture;
    use http_body_util::BodyExt as _;
    use tokio::sync::Notify;
    use topology::Authorization;

    use super::*;
    use crate::invocation::Answer;

    /// Answers once it is told to.
    #[derive(Default)]
    struct Slow {
        go_on: Notify,
        ended: Notify,
    }

    impl Invoker for Slow {
        fn invoke<'a>(&'a self, _function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
            Box::pin(async move {
                self.go_on.notified().await;
                self.ended.notify_one();
                let result = InvocationResult::Success(Bytes::from_static(b"\"late\""));
                Answer { request_id: request.request_id.unwrap_or_default(), result }
            })
        }
    }

    fn handler(service: Service, slow: &Arc<Slow>) -> Handler {
        let invoker: Arc<dyn Invoker> = Arc::<Slow>::clone(slow);
        let route = ServedRoute {
            text: "$default".to_owned(),
            key: RouteKey::Default,
            function: "f".to_owned(),
            check: Authorization::None.into(),
        };
        let served = Served {
            service,
            name: "shop".to_owned(),
            routes: vec![route],
            bucket: None,
            keys: Arc::default(),
            invokers: BTreeMap::from([("f".to_owned(), invoker)]),
            activity: Arc::new(Activity::new()),
        };
        Handler { served, counts: Arc::default() }
    }

    fn get() -> HttpRequest {
        HttpRequest::builder().uri("/x").header("host", "127.0.0.1:1").body(Body::empty()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn api_gateway_waits_for_thirty_seconds_and_the_function_goes_on() {
        let slow = Arc::<Slow>::default();
        let handler = handler(Service::Api, &slow);
        let began = Instant::now();
        let response = handler.respond(get()).await;
        assert_eq!((response.status().as_u16(), began.elapsed()), (503, Duration::from_secs(30)));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], br#"{"message":"Service Unavailable"}"#);
        slow.go_on.notify_one();
        slow.ended.notified().await;
        let counts = handler.counts.status();
        assert_eq!((counts.requests, counts.server_errors), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_url_waits_as_long_as_the_function_may_take() {
        let slow = Arc::<Slow>::default();
        let handler = handler(Service::FunctionUrl, &slow);
        let later = async {
            tokio::time::sleep(Duration::from_secs(899)).await;
            slow.go_on.notify_one();
        };
        let (response, ()) = tokio::join!(handler.respond(get()), later);
        assert_eq!(response.status(), 200);
    }

    #[tokio::test]
    async fn an_invocation_goes_on_when_its_client_hangs_up() {
        let slow = Arc::<Slow>::default();
        let handler = handler(Service::Api, &slow);
        let mut request = Box::pin(handler.respond(get()));
        // Polled until it waits for the function.
        assert!(futures::poll!(&mut request).is_pending());
        drop(request);
        slow.go_on.notify_one();
        slow.ended.notified().await;
    }
}
