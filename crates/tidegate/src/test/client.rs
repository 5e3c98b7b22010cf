//! Sends requests to an API in memory, as API Gateway does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::{Either, join_all, select};
use lambda_runtime::{Context, LambdaEvent, Service};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::HttpEvent;
use crate::request::{Api, ApiService};

/// A client that sends requests to an API in memory.
///
/// Each request is an invocation with a request id and a deadline of its own. Clones send to the
/// same function.
///
/// ```
/// use std::sync::Arc;
/// use tidegate::request::{Answer, Api, Call, Problem, Route};
/// use tidegate::test::{ApiClient, HttpEvent};
///
/// async fn hello(_: Arc<()>, _: Call) -> Result<Answer, Problem> {
///     Answer::ok(&"hello")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let api = Api::new("test", ()).route(Route::get("/hello").anonymous(), hello);
/// let client = ApiClient::new(api);
/// assert_eq!(client.send(HttpEvent::url("GET", "/hello")).await.json(), "hello");
/// assert_eq!(client.send(HttpEvent::url("GET", "/other")).await.status, 404);
/// # }
/// ```
#[derive(Debug)]
pub struct ApiClient<S> {
    service: ApiService<S>,
    time: Duration,
    requests: Arc<AtomicU32>,
}

/// The answer that a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpAnswer {
    /// Status. 502 if the invocation failed, as API Gateway answers then.
    pub status: u16,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Values of `set-cookie`.
    pub cookies: Vec<String>,
    /// Body.
    pub body: Vec<u8>,
}

impl<S> Clone for ApiClient<S> {
    fn clone(&self) -> Self {
        let (service, requests) = (self.service.clone(), Arc::clone(&self.requests));
        Self { service, time: self.time, requests }
    }
}

impl<S: Send + Sync + 'static> ApiClient<S> {
    /// Creates a client of this API. Each invocation has 30 seconds.
    pub fn new(api: Api<S>) -> Self {
        Self::of(ApiService::new(api, "api"))
    }

    /// Creates a client of this service, which may have metrics and traces.
    pub fn of(service: ApiService<S>) -> Self {
        Self { service, time: Duration::from_secs(30), requests: Arc::default() }
    }

    /// Sets the time that each invocation has.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sends a request and waits for its answer.
    pub async fn send(&self, request: HttpEvent) -> HttpAnswer {
        self.send_raw(request.build()).await
    }

    /// Sends these requests at the same moment, and returns their answers in the same order.
    pub async fn send_together(&self, requests: Vec<HttpEvent>) -> Vec<HttpAnswer> {
        join_all(requests.into_iter().map(|request| self.send(request))).await
    }

    /// Sends a request whose invocation dies as soon as `death` is ready: its work is dropped, and
    /// the client gets no answer.
    ///
    /// Returns the answer if it was there before.
    pub async fn send_until(
        &self,
        request: HttpEvent,
        death: impl Future<Output = ()>,
    ) -> Option<HttpAnswer> {
        let (work, death) = (Box::pin(self.send(request)), Box::pin(death));
        match select(work, death).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    /// Sends this event, whatever it is.
    pub async fn send_raw(&self, event: Box<RawValue>) -> HttpAnswer {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut context = Context::default();
        context.request_id = format!("invocation-{number}");
        let end = SystemTime::now() + self.time;
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        context.deadline = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
        match self.service.clone().call(LambdaEvent::new(event, context)).await {
            Ok(response) => HttpAnswer::read(&response),
            Err(failed) => HttpAnswer::bad_gateway(format!("{failed:?}")),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl HttpAnswer {
    /// Returns the body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn read(response: &RawValue) -> Self {
        let response: Response = match serde_json::from_str(response.get()) {
            Ok(response) => response,
            Err(error) => return Self::bad_gateway(error.to_string()),
        };
        let body = if response.is_base64_encoded {
            STANDARD.decode(&response.body).unwrap_or_default()
        } else {
            response.body.into_bytes()
        };
        let (headers, cookies) = (response.headers, response.cookies);
        Self { status: response.status_code, headers, cookies, body }
    }

    fn bad_gateway(reason: String) -> Self {
        let (headers, cookies) = (BTreeMap::new(), Vec::new());
        Self { status: 502, headers, cookies, body: reason.into_bytes() }
    }
}
