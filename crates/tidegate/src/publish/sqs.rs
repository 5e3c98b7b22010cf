//! An SQS queue as a target.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::future::{BoxFuture, FutureExt};

use super::answer::Codes;
use super::group::token;
use super::{Entry, Limits, RefusedRequest, Target};
use crate::failure::Failure;

/// Most messages in one SendMessageBatch request, and its largest size in bytes (AWS docs:
/// SendMessageBatch).
const MESSAGES: usize = 10;
const REQUEST_BYTES: usize = 1024 * 1024;
/// Largest message unless another size is set, in bytes.
const MESSAGE_BYTES: usize = 256 * 1024;

const CODES: Codes = Codes {
    service: "SQS",
    failure: "queue",
    for_good: &["InvalidMessageContents", "InvalidParameterValue", "RequestEntityTooLarge"],
    by_entry: &[
        "BatchRequestTooLong",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "RequestEntityTooLarge",
    ],
};

/// An SQS queue, standard or FIFO.
///
/// The body of a message is its envelope. A FIFO queue keeps the order of each stream: the stream's
/// id is the message group, and the event's id the deduplication id. Names that SQS does not take
/// become hashes. A standard queue keeps no order.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
    name: String,
    message_bytes: usize,
}

impl Queue {
    /// Creates the target for the queue with this URL, with messages of up to 256 KiB. The queue is
    /// FIFO if the URL ends with `.fifo`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        let url = url.into();
        let name = format!("queue {}", url.rsplit('/').next().unwrap_or_default());
        Self { client, name, url, message_bytes: MESSAGE_BYTES }
    }

    /// Sets the queue's largest message, in bytes: its `MaximumMessageSize`, 1 MiB at most.
    #[must_use]
    pub fn message_bytes(mut self, limit: usize) -> Self {
        self.message_bytes = limit.min(REQUEST_BYTES);
        self
    }

    fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }
}

impl Target for Queue {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits::new(MESSAGES, REQUEST_BYTES, self.message_bytes)
    }

    fn size(&self, entry: &Entry) -> usize {
        entry.body.len()
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
                let mut message = SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_body(&entry.body);
                if self.is_fifo() {
                    message = message
                        .message_group_id(token(&entry.group))
                        .message_deduplication_id(token(&entry.id));
                }
                messages.push(message.build().map_err(Failure::from)?);
            }
            let send = self.client.send_message_batch().queue_url(&self.url);
            let answer = send.set_entries(Some(messages)).send().await;
            let answer = answer.map_err(|error| CODES.request(&error))?;
            let taken = answer.successful().iter().map(|taken| Some(taken.id()));
            let failed = answer.failed().iter();
            let failed = failed.map(|failed| (failed.id(), failed.code(), failed.message()));
            Ok(CODES.numbered(request, taken, failed))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_sqs_does_not_take_becomes_a_hash() {
        assert_eq!(token("order#536365"), "order#536365");
        let long = format!("order#{}", "x".repeat(200));
        for name in ["order#ä", "order#a b", "", &long] {
            let taken = token(name);
            assert!(taken.len() <= 128 && taken.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(taken, token(name));
            assert_ne!(taken, token(&format!("{name}1")));
        }
    }
}
