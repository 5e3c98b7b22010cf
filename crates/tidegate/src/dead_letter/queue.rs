use aws_sdk_s3::primitives::ByteStream;
use futures::future::{BoxFuture, FutureExt};

use super::{DeadLetter, DeadLetters, Payload};
use crate::failure::{Failure, chain};

/// Dead letters in an SQS queue; a record too large for a message goes to a bucket, and the letter names it.
#[derive(Clone, Debug)]
pub struct QueueDeadLetters {
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    queue_url: String,
    bucket: String,
    message_limit: usize,
}

impl QueueDeadLetters {
    /// Dead letters in this queue and this bucket. A letter above `message_limit` bytes goes to the bucket: what a queue takes is a setting of it.
    pub fn new(
        sqs: aws_sdk_sqs::Client,
        s3: aws_sdk_s3::Client,
        queue_url: impl Into<String>,
        bucket: impl Into<String>,
        message_limit: usize,
    ) -> Self {
        QueueDeadLetters { sqs, s3, queue_url: queue_url.into(), bucket: bucket.into(), message_limit }
    }

    async fn send(&self, letter: &DeadLetter) -> Result<(), Failure> {
        let mut body = serde_json::to_string(letter)?;
        if body.len() > self.message_limit {
            body = serde_json::to_string(&self.move_to_bucket(letter).await?)?;
        }
        self.sqs
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body)
            .send()
            .await
            .map_err(|error| Failure::transient("dead_letter_queue", chain(&error)))?;
        Ok(())
    }

    async fn move_to_bucket(&self, letter: &DeadLetter) -> Result<DeadLetter, Failure> {
        let Payload::Record(record) = &letter.payload else { return Ok(letter.clone()) };
        let key = format!("{}/{}.json", letter.function, letter.id);
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .content_type("application/json")
            .body(ByteStream::from(record.get().as_bytes().to_vec()))
            .send()
            .await
            .map_err(|error| Failure::transient("dead_letter_bucket", chain(&error)))?;
        Ok(DeadLetter { payload: Payload::Object { bucket: self.bucket.clone(), key }, ..letter.clone() })
    }
}

impl DeadLetters for QueueDeadLetters {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        self.send(letter).boxed()
    }
}
