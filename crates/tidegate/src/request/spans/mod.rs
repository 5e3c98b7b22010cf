//! Spans of requests: real ones with the feature `otel`, otherwise none.

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod on;

#[cfg(not(feature = "otel"))]
pub(super) use off::{RequestSpan, Traced};
#[cfg(feature = "otel")]
pub(super) use on::{RequestSpan, Traced};
