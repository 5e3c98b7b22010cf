//! Creates the span of each request.

use std::sync::Arc;

use futures::future::Either;
use opentelemetry::trace::{FutureExt, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use crate::batch::remote_parent;
use crate::failure::Failure;
use crate::idempotency::Lease;
use crate::request::api::Arrival;
use crate::trace::Traces;

/// Destination of spans, if tracing is on.
pub(in crate::request) type Traced = Option<Arc<Traces>>;

/// The span of one request, if tracing is on.
pub(in crate::request) struct RequestSpan(Option<(Arc<Traces>, Context)>);

impl RequestSpan {
    /// Begins the span, as a child of the client's span: one request has one parent, unlike a
    /// batch.
    pub(in crate::request) fn begin(traces: &Traced, method: &str, arrival: &Arrival) -> Self {
        Self(traces.as_ref().map(|traces| {
            let builder = SpanBuilder::from_name(method.to_owned())
                .with_kind(SpanKind::Server)
                .with_attributes([
                    KeyValue::new("http.request.method", method.to_owned()),
                    KeyValue::new("faas.trigger", "http"),
                    KeyValue::new("faas.invocation_id", arrival.request_id.clone()),
                    KeyValue::new("faas.coldstart", traces.is_cold()),
                    KeyValue::new("tidegate.correlation_id", arrival.correlation_id.clone()),
                ]);
            let parent = arrival.traceparent.as_deref().and_then(remote_parent);
            let parent = parent.map_or_else(Context::current, |parent| {
                Context::current().with_remote_span_context(parent)
            });
            let span = traces.tracer.build_with_context(builder, &parent);
            (Arc::clone(traces), parent.with_span(span))
        }))
    }

    /// Runs the handler within the span.
    pub(in crate::request) fn within<F: Future>(&self, run: F) -> impl Future<Output = F::Output> {
        match &self.0 {
            Some((_, context)) => Either::Left(run.with_context(context.clone())),
            None => Either::Right(run),
        }
    }

    /// Ends the span and sends all ended spans, before Lambda freezes the process.
    pub(in crate::request) async fn end(
        self,
        route: &str,
        status: u16,
        failure: Option<&Failure>,
        lease: Lease,
    ) {
        let Some((traces, context)) = self.0 else { return };
        let span = context.span();
        span.update_name(route.to_owned());
        span.set_attribute(KeyValue::new("http.route", route.to_owned()));
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            let code = failure.map_or("", Failure::code);
            span.set_attribute(KeyValue::new("error.type", code.to_owned()));
            span.set_status(Status::error(failure.map_or("", Failure::reason).to_owned()));
        }
        span.end();
        let left = lease.deadline.saturating_duration_since(Instant::now());
        traces.flush(left / 2).await;
    }
}
