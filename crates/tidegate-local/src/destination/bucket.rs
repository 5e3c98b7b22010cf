//! Sends records to an S3 bucket, as objects.

use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::record::{Destination, Fields, RECORD};
use crate::send_error::SendError;
use lambda_shapes::moment::Moment;

/// An S3 bucket: each record becomes an object.
///
/// The object of a stream range also holds the event, as `payload`.
#[derive(Clone, Debug)]
pub struct BucketDestination {
    s3: aws_sdk_s3::Client,
    bucket: String,
    prefix: String,
}

impl BucketDestination {
    /// Creates the destination of a stream mapping.
    ///
    /// Keys are `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<uuid>`.
    #[must_use]
    pub fn for_mapping(s3: aws_sdk_s3::Client, bucket: &str, mapping: Uuid) -> Self {
        Self { s3, bucket: bucket.to_owned(), prefix: format!("aws/lambda/{mapping}") }
    }

    /// Creates the destination of a function's asynchronous invocations.
    ///
    /// Keys are `aws/lambda/async/<function>/YYYY/MM/DD/<time>-<uuid>`.
    #[must_use]
    pub fn for_function(s3: aws_sdk_s3::Client, bucket: &str, function: &str) -> Self {
        Self { s3, bucket: bucket.to_owned(), prefix: format!("aws/lambda/async/{function}") }
    }

    async fn put(&self, prefix: &str, body: String) -> Result<(), SendError> {
        let key = key(prefix, jiff::Timestamp::now().into(), Uuid::new_v4());
        let put =
            self.s3.put_object().bucket(&self.bucket).key(&key).content_type("application/json");
        let sent = put.body(ByteStream::from(body.into_bytes())).send().await;
        sent.map(drop)
            .map_err(|error| SendError::from_call(RECORD, &format!("{}/{key}", self.bucket), error))
    }
}

pub(super) fn key(prefix: &str, at: Moment, id: Uuid) -> String {
    let time = at.whole_seconds().replace(':', ".");
    let time = time.trim_end_matches('Z');
    let day = time.split('T').next().unwrap_or_default().replace('-', "/");
    format!("{prefix}/{day}/{time}-{id}")
}

/// Adds the event to a record, as its `payload`.
///
/// The payload is an object, as recorded against AWS. AWS's documentation shows a text.
pub(super) fn with_payload(body: &str, event: &Bytes) -> serde_json::Result<String> {
    let mut record: Fields = serde_json::from_str(body)?;
    record.insert("payload".to_owned(), serde_json::from_slice(event)?);
    serde_json::to_string(&record)
}

impl Destination for BucketDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move { self.put(&self.prefix, body).await })
    }

    fn send_range<'a>(
        &'a self,
        body: String,
        shard: &'a str,
        event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = with_payload(&body, event).unwrap_or(body);
            self.put(&format!("{}/{shard}", self.prefix), body).await
        })
    }
}
