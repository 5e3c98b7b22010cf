//! Sends records to an SQS queue, as messages.

use futures::future::BoxFuture;

use super::record::{Destination, RECORD};
use crate::send_error::SendError;
use lambda_shapes::message;

/// A standard SQS queue: the message body is the record, without message attributes.
#[derive(Clone, Debug)]
pub struct QueueDestination {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl QueueDestination {
    /// Creates a destination for the queue at this URL.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { sqs, url: url.to_owned() }
    }
}

impl Destination for QueueDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let sent = message::send(&self.sqs, &self.url, &body, []).await;
            sent.map(drop).map_err(|error| SendError::from_call(RECORD, &self.url, error))
        })
    }
}
