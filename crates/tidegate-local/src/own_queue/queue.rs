//! One of the engine's own queues, and how it is called.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::activity::Activity;
use crate::pace::Pace;
use crate::sqs::{delete, hide, release};

/// A queue of the engine's own.
#[derive(Clone)]
pub(crate) struct OwnQueue {
    /// The client.
    pub(crate) sqs: Client,
    /// Its URL.
    pub(crate) url: String,
    /// For how long a received event is hidden at a time.
    pub(crate) hidden: Duration,
    /// How fast it is polled.
    pub(crate) pace: Pace,
    /// The engine's activity counter.
    pub(crate) activity: Arc<Activity>,
}

impl OwnQueue {
    /// Keeps an event hidden for the usual time from now on.
    pub(super) async fn extend(&self, receipt: String) -> Result<(), String> {
        hide(&self.sqs, &self.url, receipt, self.hidden).await
    }

    /// Hides an event until it is to come again: for whole seconds, and not less than this time.
    pub(super) async fn rest(&self, receipt: String, wait: Duration) -> Result<(), String> {
        let hidden = Duration::from_secs(wait.as_secs() + 1);
        hide(&self.sqs, &self.url, receipt, hidden).await
    }

    /// Makes events visible again.
    pub(super) async fn release(&self, receipts: &[String]) -> Result<(), String> {
        release(&self.sqs, &self.url, receipts).await
    }

    /// Deletes events that are done with.
    pub(super) async fn delete(&self, receipts: &[String]) -> Result<(), String> {
        delete(&self.sqs, &self.url, receipts).await
    }
}
