//! Creates the spans of each invocation and each record.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use futures::future::Either;
use opentelemetry::trace::{
    FutureExt, Link, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt,
    TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use tokio::time::Instant;

use crate::batch::invocation::Invocation;
use crate::batch::outcome::{Handled, Outcome};
use crate::failure::Failure;
use crate::source::{Body, Delivery, Response, Source};
use crate::trace::Traces;

/// Destination of spans, if tracing is on.
pub(in crate::batch) type Traced = Option<Arc<Traces>>;

/// The spans of one invocation, if tracing is on.
pub(in crate::batch) struct Spans<'r>(Option<Wanted<'r>>);

struct Wanted<'r> {
    traces: &'r Traces,
    source: Source,
    context: Context,
    end: Instant,
    records: OnceLock<Vec<Arc<Record>>>,
}

/// The span of one invocation.
pub(in crate::batch) struct InvocationSpan(Option<Context>);

/// The span of one record. It begins with the work on the record.
#[derive(Debug, Default)]
pub(in crate::batch) struct RecordSpan(Option<Arc<Record>>);

#[derive(Debug)]
struct Record {
    tracer: SdkTracer,
    invocation: Context,
    builder: SpanBuilder,
    opened: SystemTime,
    begun: OnceLock<(SystemTime, Context)>,
}

impl<'r> Spans<'r> {
    pub(in crate::batch) fn begin(
        traces: &'r Traced,
        source: Source,
        function: &str,
        invocation: &Invocation<'_>,
    ) -> Self {
        Spans(traces.as_deref().map(|traces| {
            let mut attributes = operation(source);
            attributes.extend([
                KeyValue::new("faas.invocation_id", invocation.request_id.to_owned()),
                KeyValue::new("faas.trigger", trigger(source)),
                KeyValue::new("faas.coldstart", traces.is_cold()),
            ]);
            let builder = SpanBuilder::from_name(function.to_owned())
                .with_kind(SpanKind::Consumer)
                .with_attributes(attributes);
            let parent = Context::current();
            let span = traces.tracer.build_with_context(builder, &parent);
            Wanted {
                traces,
                source,
                context: parent.with_span(span),
                end: Instant::now() + invocation.remaining,
                records: OnceLock::new(),
            }
        }))
    }

    pub(in crate::batch) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the span of the invocation itself.
    pub(in crate::batch) fn invocation(&self) -> InvocationSpan {
        InvocationSpan(self.0.as_ref().map(|wanted| wanted.context.clone()))
    }

    /// Prepares a span for each delivery of the invocation.
    pub(in crate::batch) fn open(&self, deliveries: &[Delivery<'_>]) {
        let Some(wanted) = &self.0 else { return };
        let span = wanted.context.span();
        let count = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
        span.set_attribute(KeyValue::new("messaging.batch.message_count", count));
        let opened = SystemTime::now();
        let records = deliveries.iter().map(|delivery| {
            Arc::new(Record {
                tracer: wanted.traces.tracer.clone(),
                invocation: wanted.context.clone(),
                builder: describe(wanted.source, delivery),
                opened,
                begun: OnceLock::new(),
            })
        });
        let _ = wanted.records.set(records.collect());
    }

    /// Returns the span of the delivery at this place.
    pub(in crate::batch) fn record(&self, place: usize) -> RecordSpan {
        RecordSpan(self.records().get(place).cloned())
    }

    fn records(&self) -> &[Arc<Record>] {
        self.0.as_ref().and_then(|wanted| wanted.records.get()).map_or(&[], Vec::as_slice)
    }

    /// Ends the span of each delivery, with its outcome.
    pub(in crate::batch) fn close<'a>(
        &self,
        decided: impl Iterator<Item = (&'a Outcome, Option<&'a Failure>, Option<Duration>)>,
    ) {
        for (record, (outcome, failure, took)) in self.records().iter().zip(decided) {
            record.end(word(outcome), failure, took);
        }
    }

    /// Ends the invocation's span and sends all ended spans.
    ///
    /// This must precede the response, after which Lambda freezes the process.
    pub(in crate::batch) async fn end(self, response: &Result<Response, Failure>) {
        let Some(wanted) = self.0 else { return };
        let span = wanted.context.span();
        if let Err(failure) = response {
            fail(&wanted.context, failure);
        }
        span.end();
        let left = wanted.end.saturating_duration_since(Instant::now());
        wanted.traces.flush(left / 2).await;
    }
}

impl InvocationSpan {
    /// Runs a future within the invocation's span.
    pub(in crate::batch) fn within<F: Future>(self, run: F) -> impl Future<Output = F::Output> {
        match self.0 {
            Some(context) => Either::Left(run.with_context(context)),
            None => Either::Right(run),
        }
    }
}

impl RecordSpan {
    /// Runs the work on the record.
    ///
    /// Spans of the function's code become children of the record's span.
    pub(in crate::batch) fn within<F: Future>(&self, run: F) -> impl Future<Output = F::Output> {
        match &self.0 {
            Some(record) => {
                Either::Left(run.with_context(record.begin(SystemTime::now()).1.clone()))
            }
            None => Either::Right(run),
        }
    }
}

impl Record {
    fn begin(&self, at: SystemTime) -> &(SystemTime, Context) {
        self.begun.get_or_init(|| {
            let builder = self.builder.clone().with_start_time(at);
            let span = self.tracer.build_with_context(builder, &self.invocation);
            (at, self.invocation.with_span(span))
        })
    }

    /// Ends the record's span, which it begins if the record was not handled alone.
    ///
    /// Such a record was at work with the whole batch for `took`. A record that was not started
    /// has a span without duration.
    fn end(&self, outcome: &'static str, failure: Option<&Failure>, took: Option<Duration>) {
        let (begun, context) = self.begin(self.opened);
        context.span().set_attribute(KeyValue::new("tidegate.outcome", outcome));
        if let Some(failure) = failure {
            fail(context, failure);
        }
        context.span().end_with_timestamp(*begun + took.unwrap_or_default());
    }
}

fn fail(context: &Context, failure: &Failure) {
    let span = context.span();
    span.set_attribute(KeyValue::new("error.type", failure.code().to_owned()));
    span.set_attribute(KeyValue::new("tidegate.failure.class", failure.class().as_str()));
    span.set_status(Status::error(failure.reason().to_owned()));
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(Handled::Applied) => "applied",
        Outcome::Done(Handled::Duplicate) => "duplicate",
        Outcome::Done(Handled::Filtered) => "filtered",
        Outcome::Done(Handled::Parked) => "parked",
        Outcome::Done(Handled::Held) => "held",
        Outcome::Done(Handled::DeadLettered) => "dead_lettered",
        Outcome::Failed(_) => "failed",
        Outcome::NotRun(_) => "not_run",
    }
}

/// Returns attributes by the messaging conventions.
///
/// Of these sources they name only SQS; the other names follow its form.
fn operation(source: Source) -> Vec<KeyValue> {
    let system = match source {
        Source::Kinesis => "aws_kinesis",
        Source::DynamoDb => "aws_dynamodb_streams",
        Source::Sqs => "aws_sqs",
        Source::EventBridge => "aws_eventbridge",
        Source::Sns => "aws_sns",
        Source::S3 => "aws_s3",
    };
    vec![
        KeyValue::new("messaging.system", system),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.operation.name", "process"),
    ]
}

fn trigger(source: Source) -> &'static str {
    if matches!(source, Source::DynamoDb | Source::S3) { "datasource" } else { "pubsub" }
}

/// Fields of a record that are read besides its body.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outside {
    #[serde(rename = "eventSourceARN")]
    arn: Option<String>,
    #[serde(default)]
    message_attributes: HashMap<String, MessageAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute {
    string_value: Option<String>,
}

/// Attributes of the envelope. An event without an envelope has some of them at most.
#[derive(Default, Deserialize)]
struct Inside<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "correlationid")]
    correlation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
}

impl<'a> Inside<'a> {
    fn read(delivery: &'a Delivery<'_>) -> Self {
        match &delivery.body {
            Ok(Body::Bytes(bytes)) => serde_json::from_slice(bytes).unwrap_or_default(),
            Ok(Body::Change(change)) => {
                let text = |name: &str| match change.new_image.get(name) {
                    Some(AttributeValue::S(text)) => Some(Cow::Borrowed(text.as_str())),
                    _ => None,
                };
                // A commit of the event store.
                Inside {
                    subject: text("stream"),
                    correlation: text("correlation"),
                    traceparent: text("trace"),
                    ..Inside::default()
                }
            }
            Err(_) => Inside::default(),
        }
    }
}

fn describe(source: Source, delivery: &Delivery<'_>) -> SpanBuilder {
    let outside: Outside = serde_json::from_str(delivery.record.get()).unwrap_or_default();
    let inside = Inside::read(delivery);
    let destination = outside.arn.as_deref().and_then(destination);
    let mut attributes = operation(source);
    let mut set = |name: &'static str, value: Option<&str>| {
        attributes.extend(value.map(|value| KeyValue::new(name, value.to_owned())));
    };
    set("messaging.destination.name", destination);
    set("messaging.message.id", Some(&delivery.position));
    set("messaging.message.conversation_id", inside.correlation.as_deref());
    set("cloudevents.event_id", inside.id.as_deref());
    set("cloudevents.event_source", inside.source.as_deref());
    set("cloudevents.event_type", inside.kind.as_deref());
    set("cloudevents.event_subject", inside.subject.as_deref());
    if let Some(attempts) = delivery.attempts {
        attributes.push(KeyValue::new("tidegate.attempts", Value::I64(attempts.into())));
    }
    let name =
        destination.map_or(Cow::Borrowed("process"), |name| format!("process {name}").into());
    let builder =
        SpanBuilder::from_name(name).with_kind(SpanKind::Consumer).with_attributes(attributes);
    let of_message = outside.message_attributes.get("traceparent");
    let of_message = of_message.and_then(|attribute| attribute.string_value.as_deref());
    match inside.traceparent.as_deref().or(of_message).and_then(remote_parent) {
        Some(context) => builder.with_links(vec![Link::with_context(context)]),
        None => builder,
    }
}

/// Returns the stream, table or queue of an ARN: `…:stream/orders`,
/// `…:table/event-store/stream/2026-…`, `…:orders`.
fn destination(arn: &str) -> Option<&str> {
    let resource = arn.splitn(6, ':').nth(5)?;
    let name = resource.split('/').nth(1).unwrap_or(resource);
    (!name.is_empty()).then_some(name)
}

/// Parses a `traceparent` of W3C Trace Context: version, trace, parent and flags, in lower-case
/// hexadecimal digits.
///
/// A later version may append more parts.
pub(crate) fn remote_parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        let hexadecimal = |part: &&str| {
            part.len() == digits
                && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        parts.next().filter(hexadecimal)
    };
    let (version, trace, parent, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
    let context = SpanContext::new(trace, parent, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}
