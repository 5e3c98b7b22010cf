//! Makes an API the tower service that Lambda's runtime calls: one request for each invocation.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt};
use lambda_runtime::{Diagnostic, LambdaEvent, Service};
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::{Instrument, error, info, info_span};

use super::api::{Answered, Api, Arrival};
use super::event::Event;
use super::metrics::{UNMATCHED, line};
use super::response::{Frame, Written};
use super::spans::{RequestSpan, Traced};
use crate::batch::Metrics;
use crate::failure::Failure;
use crate::idempotency::Lease;

/// An [`Api`] as a tower service, for `lambda_runtime`'s `Runtime` and for layers around it.
///
/// A request that fails, panics or runs out of time gets a problem document. The invocation fails
/// only if its event is not a request.
pub struct ApiService<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    api: Api<S>,
    function: String,
    metrics: Option<Metrics>,
    traces: Traced,
}

impl<S> ApiService<S> {
    /// Creates the service of this API in the function of this name.
    pub fn new(api: Api<S>, function: impl Into<String>) -> Self {
        let (function, traces) = (function.into(), Traced::default());
        Self { inner: Arc::new(Inner { api, function, metrics: None, traces }) }
    }

    /// Writes metrics of each request.
    #[must_use]
    pub fn metrics(self, metrics: Metrics) -> Self {
        self.with(|inner| inner.metrics = Some(metrics))
    }

    /// Creates a span for each request, and sends it before the response.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn traces(self, traces: Arc<crate::trace::Traces>) -> Self {
        self.with(|inner| inner.traces = Some(traces))
    }

    /// Changes a service that has no clones yet.
    fn with(mut self, change: impl FnOnce(&mut Inner<S>)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            change(inner);
        }
        self
    }
}

impl<S> Clone for ApiService<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S> fmt::Debug for ApiService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiService").field("api", &self.inner.api).finish_non_exhaustive()
    }
}

impl<S: Send + Sync + 'static> Service<LambdaEvent<Box<RawValue>>> for ApiService<S> {
    type Response = Box<RawValue>;
    type Error = Diagnostic;
    type Future = BoxFuture<'static, Result<Box<RawValue>, Diagnostic>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Box<RawValue>>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        async move { inner.respond(event).await.map_err(diagnostic) }.boxed()
    }
}

impl<S: Send + Sync + 'static> Inner<S> {
    async fn respond(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Failure> {
        let (begun, (event, context)) = (Instant::now(), event.into_parts());
        let mut event = Event::parse(&event)?;
        let lease = Lease::from(&context);
        let arrival = Arrival::new(&mut event, &context.request_id, lease);
        let method = event.method().to_owned();
        let correlation_id = arrival.correlation_id.clone();
        let frame = Frame {
            types: self.api.types.as_deref(),
            request_id: &context.request_id,
            correlation_id: &correlation_id,
            head: method == "HEAD",
        };
        let traced = RequestSpan::begin(&self.traces, &method, &arrival);
        let span = info_span!("request", request_id = context.request_id, correlation_id);
        let work = traced.within(self.api.answer(event, arrival));
        let Answered { route, answer } = work.instrument(span.clone()).await;
        let written = frame.write(answer);
        let route = route.as_deref().unwrap_or(UNMATCHED);
        let took = begun.elapsed();
        span.in_scope(|| log(&method, route, &written, took));
        if let Some(metrics) = &self.metrics {
            let line = line(
                metrics.namespace(),
                &self.function,
                route,
                written.status,
                written.replayed,
                took,
            );
            metrics.write(&line);
        }
        traced.end(route, written.status, written.failure.as_ref(), lease).await;
        Ok(written.json)
    }
}

/// Writes the one line of a request. It has the route, not the path: a path is the client's text.
fn log(method: &str, route: &str, written: &Written, took: std::time::Duration) {
    let Written { status, replayed, code, failure, .. } = written;
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // A method of HTTP is short; another text is the client's.
    let method = method.get(..method.len().min(16)).unwrap_or_default();
    let reason = failure.as_ref().map(tracing::field::display);
    let code = code.as_deref();
    if *status >= 500 {
        error!(method, route, status, duration_ms, code, reason, "request failed");
    } else {
        info!(method, route, status, duration_ms, replayed, code, reason, "request");
    }
}

/// Uses class and code as the error type, as for records.
fn diagnostic(failure: Failure) -> Diagnostic {
    error!(reason = failure.reason(), "the invocation failed");
    Diagnostic {
        error_type: format!("{}.{}", failure.class(), failure.code()),
        error_message: failure.reason().to_owned(),
    }
}
