//! Exports OpenTelemetry spans over OTLP/HTTP (feature `otel`).
//!
//! Each invocation has a span, with a child span for each record. A record's span *links* to the
//! trace that its event came with. A link is used instead of a parent because a batch has events of
//! many traces.
//!
//! Spans of the function's own code (`tracing`) become children of the record's span if records are
//! handled one by one, otherwise of the invocation's span.
//!
//! OpenTelemetry's own environment variables configure the export. No spans are created without
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, with
//! `OTEL_SDK_DISABLED=true`, or with `OTEL_TRACES_EXPORTER=none`. `docs/concepts/observability.md`
//! in the repository lists every span and attribute.
//!
//! Spans are sent before the response, because Lambda freezes the process after it. For the same
//! reason there is no batch exporter with a thread of its own. Spans are dropped if the receiver
//! takes longer than `OTEL_EXPORTER_OTLP_TIMEOUT` milliseconds (1000 by default), or longer than
//! half of the invocation's remaining time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor,
};
use parking_lot::Mutex;
use tracing::{Metadata, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;

/// Spans sent in one request.
const SPANS_PER_REQUEST: usize = 512;
/// Largest number of spans that wait to be sent; further spans are dropped.
///
/// A batch has at most 10,000 records.
const MOST_SPANS: usize = 20_000;
/// Longest time for a receiver, unless `OTEL_EXPORTER_OTLP_TIMEOUT` sets another.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Shortest time for sending; with less time left, spans wait for the next invocation.
const LEAST_TIME: Duration = Duration::from_millis(20);
/// Targets whose spans are not exported: the toolkit's own, which only give log lines their ids,
/// and those of the Lambda runtime.
const OURS: [&str; 2] = ["tidegate::", "lambda_runtime"];

/// Creates spans and sends them to a receiver.
pub struct Traces {
    pub(crate) tracer: SdkTracer,
    ended: Ended,
    exporter: SpanExporter,
    patience: Duration,
    cold: AtomicBool,
}

impl Traces {
    /// Creates the traces of this function, as OpenTelemetry's environment variables configure
    /// them.
    ///
    /// Returns `None` if the variables disable tracing or name no endpoint.
    ///
    /// # Errors
    /// A permanent failure: `otlp_protocol` if the protocol is not `http/protobuf`; `otlp_exporter`
    /// if the endpoint is not valid.
    pub fn from_env(function: &str) -> Result<Option<Self>, Failure> {
        Self::configured(function, |name| std::env::var(name).ok())
    }

    fn configured(
        function: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Failure> {
        let read = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let of_all = || {
            let base = read("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}/v1/traces", base.trim_end_matches('/')))
        };
        let endpoint = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(of_all);
        let off = read("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || read("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let Some(endpoint) = endpoint.filter(|_| !off) else { return Ok(None) };
        let protocol = read("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            .or_else(|| read("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            let reason = format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is `{protocol}`; only `http/protobuf` is supported"
            );
            return Err(Failure::permanent("otlp_protocol", reason));
        }
        let patience = read("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
            .or_else(|| read("OTEL_EXPORTER_OTLP_TIMEOUT"));
        let patience = patience.and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        Self::open(function, &endpoint, patience.unwrap_or(PATIENCE)).map(Some)
    }

    /// Creates the traces of this function, sent to an OTLP receiver over HTTP, such as
    /// `http://127.0.0.1:4318/v1/traces`.
    ///
    /// # Errors
    /// `otlp_exporter` (permanent) if the endpoint is not valid.
    pub fn to(function: &str, endpoint: &str) -> Result<Self, Failure> {
        Self::open(function, endpoint, PATIENCE)
    }

    pub(crate) fn open(
        function: &str,
        endpoint: &str,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let builder = SpanExporter::builder().with_http().with_http_client(Client::to(endpoint));
        // A retry would block the only thread and so delay the response.
        let builder = builder.with_retry_policy(RetryPolicy::disabled()).with_endpoint(endpoint);
        let built = builder.build();
        let mut exporter =
            built.map_err(|error| Failure::permanent("otlp_exporter", error.to_string()))?;
        let resource = resource(function);
        exporter.set_resource(&resource);
        let ended = Ended::default();
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(ended.clone());
        let tracer = provider.build().tracer("tidegate");
        Ok(Self { tracer, ended, exporter, patience, cold: AtomicBool::new(true) })
    }

    /// Returns a layer for your own `tracing` subscriber that creates spans of the function's code.
    ///
    /// [`Function`](crate::function::Function) already installs it.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_work))
    }

    /// Sends the ended spans, within `limit` at most.
    ///
    /// If that fails, the spans are lost, and a warning gives their number.
    pub(crate) async fn flush(&self, limit: Duration) {
        let limit = limit.min(self.patience);
        if limit < LEAST_TIME.min(self.patience) {
            return;
        }
        let mut spans = self.ended.take();
        let mut unsent = spans.len();
        let sent = tokio::time::timeout(limit, async {
            while !spans.is_empty() {
                let rest = spans.split_off(spans.len().min(SPANS_PER_REQUEST));
                self.exporter.export(std::mem::replace(&mut spans, rest)).await?;
                unsent = spans.len();
            }
            Ok::<(), OTelSdkError>(())
        });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(reason = %error, unsent, "spans were not sent"),
            Err(_) => warn!(reason = "the receiver took too long", unsent, "spans were not sent"),
        }
    }

    /// Returns true for the first invocation only.
    pub(crate) fn is_cold(&self) -> bool {
        self.cold.swap(false, Ordering::Relaxed)
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

fn is_work(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && !OURS.iter().any(|target| metadata.target().starts_with(target))
}

/// Describes the function by the resource conventions.
///
/// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` override these attributes.
fn resource(function: &str) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", function.to_owned()),
        KeyValue::new("faas.name", function.to_owned()),
        KeyValue::new("cloud.provider", "aws"),
        KeyValue::new("cloud.platform", "aws_lambda"),
    ];
    for (name, variable) in [
        ("cloud.region", "AWS_REGION"),
        ("faas.version", "AWS_LAMBDA_FUNCTION_VERSION"),
        ("faas.instance", "AWS_LAMBDA_LOG_STREAM_NAME"),
    ] {
        attributes.extend(std::env::var(variable).ok().map(|value| KeyValue::new(name, value)));
    }
    let name = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attributes(name.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// Spans that have ended and are not sent yet.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl Ended {
    fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = self.0.lock();
        if span.span_context.is_sampled() && spans.len() < MOST_SPANS {
            spans.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The HTTP client that the AWS clients use as well.
#[derive(Debug)]
struct Client(Connector);

impl Client {
    fn to(endpoint: &str) -> Self {
        let builder = Connector::builder();
        // Plain HTTP does not need the system's certificates.
        Self(if endpoint.starts_with("http://") {
            builder.build_http()
        } else {
            builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
        })
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = HttpRequest::try_from(request.map(SdkBody::from))?;
        let response = self.0.call(request).await?.try_into_http1x()?;
        let (head, body) = response.into_parts();
        let body = ByteStream::new(body).collect().await?.into_bytes();
        Ok(Response::from_parts(head, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(variables: &[(&str, &str)]) -> Result<bool, Failure> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Traces::configured("probe", find).map(|traces| traces.is_some())
    }

    #[test]
    fn there_are_spans_only_where_somebody_takes_them() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");
        assert_eq!(configured(&[]), Ok(false));
        assert_eq!(configured(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), Ok(false));
        assert_eq!(configured(&[endpoint]), Ok(true));
        assert_eq!(
            configured(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/traces")]),
            Ok(true)
        );
        assert_eq!(configured(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(false));
        assert_eq!(configured(&[endpoint, ("OTEL_SDK_DISABLED", "false")]), Ok(true));
        assert_eq!(configured(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(false));
        assert_eq!(
            configured(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]),
            Ok(true)
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let failure = configured(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err();
        assert!(failure.reason().contains("`grpc`"), "{failure}");
        let failure = configured(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")]).unwrap_err();
        assert_eq!(failure.code(), "otlp_exporter");
    }
}
