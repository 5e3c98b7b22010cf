//! Sends records to an SNS topic, as messages.

use futures::future::BoxFuture;

use super::record::{Destination, Fields, RECORD};
use crate::send_error::SendError;
use lambda_shapes::message;

/// Largest message that SNS accepts, in bytes (AWS docs: Publish).
pub(super) const TOPIC_LIMIT: usize = 262_144;

/// A standard SNS topic: the message is the record, without message attributes.
#[derive(Clone, Debug)]
pub struct TopicDestination {
    sns: aws_sdk_sns::Client,
    arn: String,
}

impl TopicDestination {
    /// Creates a destination for the topic with this ARN.
    #[must_use]
    pub fn new(sns: aws_sdk_sns::Client, arn: &str) -> Self {
        Self { sns, arn: arn.to_owned() }
    }
}

impl Destination for TopicDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            // A queue may subscribe to the topic, so characters that SQS refuses are escaped; so in
            // the bus below.
            let mut message = message::sendable(&body);
            if message.len() > TOPIC_LIMIT
                && let Some(rest) = without_payloads(&body)
            {
                let (arn, bytes) = (&self.arn, message.len());
                tracing::warn!(
                    "a record of {bytes} bytes exceeds the SNS limit of {TOPIC_LIMIT} bytes; it is sent to {arn} without event and answer, as Lambda does"
                );
                message = rest.into();
            }
            if message.len() > TOPIC_LIMIT {
                return Err(SendError::too_large(RECORD, &self.arn, message.len(), TOPIC_LIMIT));
            }
            let sent = self.sns.publish().topic_arn(&self.arn).message(message).send().await;
            sent.map(drop).map_err(|error| SendError::from_call(RECORD, &self.arn, error))
        })
    }
}

/// Removes the event and the answer from the record of an asynchronous invocation.
///
/// Returns `None` if the record has neither (AWS docs: OnFailure, OnSuccess).
pub(super) fn without_payloads(body: &str) -> Option<String> {
    let mut record: Fields = serde_json::from_str(body).ok()?;
    let removed = ["requestPayload", "responsePayload"].map(|payload| record.remove(payload));
    if removed.iter().all(Option::is_none) {
        return None;
    }
    Some(message::sendable(&serde_json::to_string(&record).ok()?).into_owned())
}
