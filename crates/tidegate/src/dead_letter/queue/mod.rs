//! Writes dead letters to an SQS queue, or to a bucket if the queue refuses them.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message::SendMessageError;
use futures::future::{BoxFuture, FutureExt};

use super::keep::{Post, Refusal, keep};
use super::{DeadLetter, DeadLetters};
use crate::failure::{Failure, chain};

/// Dead letters in an SQS queue, or in a bucket if the queue refuses them.
///
/// If a letter is too large, or the queue refuses it for good because of its content or size, its
/// record becomes an object of the bucket, and the letter names the object. If the queue refuses
/// that letter as well, the whole letter becomes the object `<function>/<id>.letter.json`, and an
/// ERROR line names it, because no queue shows it.
#[derive(Clone, Debug)]
pub struct QueueDeadLetters {
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    queue_url: String,
    bucket: String,
    message_limit: usize,
}

impl QueueDeadLetters {
    /// Keeps dead letters in this queue and this bucket.
    ///
    /// The record of a letter above `message_limit` bytes goes to the bucket. Set it to the queue's
    /// own limit or less.
    pub fn new(
        sqs: aws_sdk_sqs::Client,
        s3: aws_sdk_s3::Client,
        queue_url: impl Into<String>,
        bucket: impl Into<String>,
        message_limit: usize,
    ) -> Self {
        Self { sqs, s3, queue_url: queue_url.into(), bucket: bucket.into(), message_limit }
    }
}

impl DeadLetters for QueueDeadLetters {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        keep(self, letter, self.message_limit).boxed()
    }
}

impl Post for QueueDeadLetters {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), Refusal>> {
        async move {
            let sent =
                self.sqs.send_message().queue_url(&self.queue_url).message_body(body).send().await;
            sent.map(|_| ()).map_err(|error| refusal(&error))
        }
        .boxed()
    }

    fn store<'a>(&'a self, key: &'a str, json: String) -> BoxFuture<'a, Result<(), Failure>> {
        let put = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(json.into_bytes()));
        async {
            put.send().await.map(|_| ()).map_err(|error| Failure::aws("dead_letter_bucket", &error))
        }
        .boxed()
    }

    fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// Classifies SQS's error.
///
/// A message that breaks a rule of SQS is refused for good. Problems of the queue (its name, policy
/// or key) or of the service can be repaired, so the record waits.
fn refusal(error: &SdkError<SendMessageError>) -> Refusal {
    let code = error.code().unwrap_or_default();
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let too_large = error.raw_response().is_some_and(|response| response.status().as_u16() == 413);
    if too_large || FOR_GOOD.contains(&code) {
        Refusal::ForGood(chain(error))
    } else {
        Refusal::ForNow(Failure::aws("dead_letter_queue", error))
    }
}

/// SQS's error codes for a message with a forbidden character, and for a message that is too long.
const FOR_GOOD: [&str; 3] =
    ["InvalidMessageContents", "InvalidParameterValue", "RequestEntityTooLarge"];

#[cfg(test)]
mod tests;
