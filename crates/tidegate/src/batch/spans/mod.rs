//! What the runner says to OpenTelemetry. Without the feature `otel` it is nothing, and costs nothing.

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;

#[cfg(not(feature = "otel"))]
pub(super) use off::{RecordSpan, Spans, Traced};
#[cfg(feature = "otel")]
pub(super) use on::{RecordSpan, Spans, Traced};
