//! An SNS topic as a target.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use futures::future::{BoxFuture, FutureExt};

use super::answer::Codes;
use super::group::token;
use super::{Entry, Limits, RefusedRequest, Target};
use crate::failure::Failure;

/// Most messages in one PublishBatch request (AWS docs: PublishBatch).
const MESSAGES: usize = 10;
/// Largest message and request of a topic that was not given a larger one, in bytes.
const MESSAGE_BYTES: usize = 256 * 1024;
const MOST_BYTES: usize = 1024 * 1024;

const CODES: Codes = Codes {
    service: "SNS",
    failure: "topic",
    for_good: &["InvalidParameter", "InvalidParameterValue"],
    by_entry: &[
        "BatchRequestTooLong",
        "InvalidParameter",
        "InvalidParameterValue",
        "ValidationError",
    ],
};

/// An SNS topic, standard or FIFO.
///
/// The message is the envelope. Its attributes `type` and `source` let a subscription filter
/// without a look into the body. A FIFO topic keeps the order of each stream: the stream's id is
/// the message group, and the event's id the deduplication id. A standard topic keeps no order.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: String,
    name: String,
    message_bytes: usize,
}

impl Topic {
    /// Creates the target for the topic with this ARN, with messages of up to 256 KiB. The topic is
    /// FIFO if the ARN ends with `.fifo`.
    ///
    /// SNS writes a message into a JSON string for a queue that has no raw message delivery. Switch
    /// that on, or set [`Topic::message_bytes`] so that the string fits into the queue.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        let arn = arn.into();
        let name = format!("topic {}", arn.rsplit(':').next().unwrap_or_default());
        Self { client, name, arn, message_bytes: MESSAGE_BYTES }
    }

    /// Sets the largest message of the topic, and of a request to it, in bytes: its
    /// `MaximumMessageSize`, 1 MiB at most.
    #[must_use]
    pub fn message_bytes(mut self, limit: usize) -> Self {
        self.message_bytes = limit.min(MOST_BYTES);
        self
    }

    fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

/// Type of the message attributes.
const TEXT: &str = "String";

/// Returns the attributes of a message: names and values.
fn attributes(entry: &Entry) -> [(&'static str, &str); 2] {
    [("type", &entry.kind), ("source", &entry.source)]
}

impl Target for Topic {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits::new(MESSAGES, self.message_bytes, self.message_bytes)
    }

    /// Counts the message, and name, type and value of its attributes.
    fn size(&self, entry: &Entry) -> usize {
        let attribute = |(name, value): (&str, &str)| name.len() + TEXT.len() + value.len();
        entry.body.len() + attributes(entry).into_iter().map(attribute).sum::<usize>()
    }

    fn keeps_order(&self) -> bool {
        self.is_fifo()
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            let mut messages = Vec::with_capacity(request.len());
            for (number, entry) in request.iter().enumerate() {
                let mut message =
                    PublishBatchRequestEntry::builder().id(number.to_string()).message(&entry.body);
                for (name, value) in attributes(entry) {
                    let value =
                        MessageAttributeValue::builder().data_type(TEXT).string_value(value);
                    message =
                        message.message_attributes(name, value.build().map_err(Failure::from)?);
                }
                if self.is_fifo() {
                    message = message
                        .message_group_id(token(&entry.group))
                        .message_deduplication_id(token(&entry.id));
                }
                messages.push(message.build().map_err(Failure::from)?);
            }
            let publish = self.client.publish_batch().topic_arn(&self.arn);
            let answer = publish.set_publish_batch_request_entries(Some(messages)).send().await;
            let answer = answer.map_err(|error| CODES.request(&error))?;
            let taken = answer.successful().iter().map(|taken| taken.id());
            let failed = answer.failed().iter();
            let failed = failed.map(|failed| (failed.id(), failed.code(), failed.message()));
            Ok(CODES.numbered(request, taken, failed))
        }
        .boxed()
    }
}
