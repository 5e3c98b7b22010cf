//! Replaces spans if the feature `otel` is off.

use crate::failure::Failure;
use crate::idempotency::Lease;
use crate::request::api::Arrival;

/// Destination of spans: none.
pub(in crate::request) type Traced = ();

/// Replaces the span of a request.
pub(in crate::request) struct RequestSpan;

impl RequestSpan {
    pub(in crate::request) fn begin(_: &Traced, _: &str, _: &Arrival) -> Self {
        Self
    }

    pub(in crate::request) fn within<F: Future>(&self, run: F) -> F {
        run
    }

    pub(in crate::request) async fn end(self, _: &str, _: u16, _: Option<&Failure>, _: Lease) {}
}
