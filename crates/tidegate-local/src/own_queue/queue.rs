//! One of the engine's own queues, with the calls to it.

use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::pace::{Pace, Signals};
use crate::sqs::{delete, hide, release};

/// One of the engine's own queues.
#[derive(Clone)]
pub(crate) struct OwnQueue {
    /// Client of SQS.
    pub(crate) sqs: Client,
    /// URL of the queue.
    pub(crate) url: String,
    /// Visibility timeout of a received event.
    pub(crate) hidden: Duration,
    /// How often the queue is polled.
    pub(crate) pace: Pace,
    /// What brings the next poll forward.
    pub(crate) signals: Signals,
}

impl OwnQueue {
    /// Extends the visibility timeout of an event: hides it for the usual time from now on.
    pub(super) async fn extend(&self, receipt: String) -> Result<(), String> {
        hide(&self.sqs, &self.url, receipt, self.hidden).await
    }

    /// Hides an event for at least this time. SQS counts whole seconds, so the time is rounded up.
    pub(super) async fn rest(&self, receipt: String, wait: Duration) -> Result<(), String> {
        let hidden = Duration::from_secs(wait.as_secs() + 1);
        let result = hide(&self.sqs, &self.url, receipt, hidden).await;
        // Nobody writes the message again when it becomes visible.
        self.signals.wake.later(hidden);
        result
    }

    /// Makes events visible again.
    pub(super) async fn release(&self, receipts: &[String]) -> Result<(), String> {
        release(&self.sqs, &self.url, receipts).await
    }

    /// Deletes events that are done.
    pub(super) async fn delete(&self, receipts: &[String]) -> Result<(), String> {
        delete(&self.sqs, &self.url, receipts).await
    }
}
