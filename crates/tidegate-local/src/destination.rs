//! Where on-failure records go.

use aws_sdk_sqs::error::DisplayErrorContext;
use futures::future::BoxFuture;

/// Takes on-failure records.
pub trait Destination: Send + Sync {
    /// Sends one record.
    ///
    /// # Errors
    /// A message for people. The caller tries again: a record counts as finished only once it has arrived.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>>;
}

/// A standard SQS queue: the body is the record, without message attributes.
#[derive(Clone, Debug)]
pub struct QueueDestination {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl QueueDestination {
    /// The queue at this URL.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { sqs, url: url.to_owned() }
    }
}

impl Destination for QueueDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let sent = self.sqs.send_message().queue_url(&self.url).message_body(body).send().await;
            sent.map(|_| ()).map_err(|error| {
                format!(
                    "the on-failure record cannot be sent to {}: {}",
                    self.url,
                    DisplayErrorContext(error)
                )
            })
        })
    }
}
