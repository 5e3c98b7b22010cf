//! Creates the runner's OpenTelemetry spans.
//!
//! Without the feature `otel` the types here are empty and cost nothing.

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;

#[cfg(not(feature = "otel"))]
pub(super) use off::{RecordSpan, Spans, Traced};
#[cfg(all(feature = "http", feature = "otel"))]
pub(crate) use on::remote_parent;
#[cfg(feature = "otel")]
pub(super) use on::{RecordSpan, Spans, Traced};
