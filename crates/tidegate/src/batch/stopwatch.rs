//! Measures how long a record is at work.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use super::spans::RecordSpan;

/// Measures the time of one record. Does nothing if the runner is not observed.
#[derive(Debug, Default)]
pub struct Stopwatch {
    observed: bool,
    took: OnceLock<Duration>,
    span: RecordSpan,
}

impl Stopwatch {
    /// Creates a stopwatch that measures. The measured work runs within `span`.
    pub(super) fn running(span: RecordSpan) -> Self {
        Self { observed: true, took: OnceLock::new(), span }
    }

    /// Runs a future and, on the first call, stores how long it took.
    pub async fn time<T>(&self, run: impl Future<Output = T>) -> T {
        if !self.observed {
            return run.await;
        }
        let begun = Instant::now();
        let result = self.span.within(run).await;
        let _ = self.took.set(begun.elapsed());
        result
    }

    /// Notes that the work of `other` was the work of this record too.
    pub(super) async fn share(&self, other: &Self) {
        if let Some(took) = other.took().filter(|_| self.observed) {
            self.span.within(std::future::ready(())).await;
            let _ = self.took.set(took);
        }
    }

    pub(super) fn took(&self) -> Option<Duration> {
        self.took.get().copied()
    }
}
