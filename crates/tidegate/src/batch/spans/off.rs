//! Replaces spans if the feature `otel` is off.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use crate::batch::invocation::Invocation;
use crate::batch::outcome::Outcome;
use crate::failure::Failure;
use crate::source::{Delivery, Response, Source};

/// Destination of spans: none.
pub(in crate::batch) type Traced = ();

/// Replaces the spans of an invocation.
pub(in crate::batch) struct Spans<'r>(PhantomData<&'r ()>);

/// Replaces the span of an invocation.
pub(in crate::batch) struct InvocationSpan;

/// Replaces the span of a record.
#[derive(Debug, Default)]
pub(in crate::batch) struct RecordSpan;

impl<'r> Spans<'r> {
    pub(in crate::batch) fn begin(_: &'r Traced, _: Source, _: &str, _: &Invocation<'_>) -> Self {
        Spans(PhantomData)
    }

    pub(in crate::batch) fn are_wanted(&self) -> bool {
        false
    }

    pub(in crate::batch) fn invocation(&self) -> InvocationSpan {
        InvocationSpan
    }

    pub(in crate::batch) fn open(&self, _: &[Delivery<'_>]) {}

    pub(in crate::batch) fn record(&self, _: usize) -> RecordSpan {
        RecordSpan
    }

    pub(in crate::batch) fn close<'a>(
        &self,
        _: impl Iterator<Item = (&'a Outcome, Option<&'a Failure>, Option<Duration>)>,
    ) {
    }

    pub(in crate::batch) async fn end(self, _: &Result<Response, Failure>) {}
}

impl InvocationSpan {
    pub(in crate::batch) fn within<F: Future>(self, run: F) -> F {
        run
    }
}

impl RecordSpan {
    pub(in crate::batch) fn within<F: Future>(&self, run: F) -> F {
        run
    }
}
