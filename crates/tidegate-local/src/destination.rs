//! Where records go of what was given up, and of asynchronous invocations that succeeded.

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::mapping::moment::Moment;
use crate::message;

/// Takes records of failures, or of successes.
pub trait Destination: Send + Sync {
    /// Sends one record.
    ///
    /// # Errors
    /// A message for people. The caller tries again: a record counts as finished only once it has arrived.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>>;

    /// Sends the record of a range of a stream, with the event of that range, which a bucket alone takes.
    ///
    /// # Errors
    /// As [`Destination::send`].
    fn send_range<'a>(
        &'a self,
        body: String,
        _shard: &'a str,
        _event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), String>> {
        self.send(body)
    }
}

fn failed(to: &str, error: impl std::error::Error) -> String {
    format!("the record cannot be sent to {to}: {}", DisplayErrorContext(error))
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
            let sent = message::send(&self.sqs, &self.url, &body, []).await;
            sent.map(|_| ()).map_err(|error| failed(&self.url, error))
        })
    }
}

/// A standard SNS topic: the message is the record, without message attributes.
#[derive(Clone, Debug)]
pub struct TopicDestination {
    sns: aws_sdk_sns::Client,
    arn: String,
}

impl TopicDestination {
    /// The topic with this ARN.
    #[must_use]
    pub fn new(sns: aws_sdk_sns::Client, arn: &str) -> Self {
        Self { sns, arn: arn.to_owned() }
    }
}

impl Destination for TopicDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // A queue may subscribe to the topic, or to the bus below.
            let message = message::sendable(&body);
            let sent = self.sns.publish().topic_arn(&self.arn).message(message).send().await;
            sent.map(|_| ()).map_err(|error| failed(&self.arn, error))
        })
    }
}

/// An S3 bucket: each record is an object, and that of a stream has the event beside it as `payload`.
#[derive(Clone, Debug)]
pub struct BucketDestination {
    s3: aws_sdk_s3::Client,
    bucket: String,
    prefix: String,
}

impl BucketDestination {
    /// For a stream mapping: keys are `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<uuid>`.
    #[must_use]
    pub fn of_mapping(s3: aws_sdk_s3::Client, bucket: &str, mapping: Uuid) -> Self {
        Self { s3, bucket: bucket.to_owned(), prefix: format!("aws/lambda/{mapping}") }
    }

    /// For the asynchronous invocation of a function: keys are `aws/lambda/async/<function>/YYYY/MM/DD/<time>-<uuid>`.
    #[must_use]
    pub fn of_function(s3: aws_sdk_s3::Client, bucket: &str, function: &str) -> Self {
        Self { s3, bucket: bucket.to_owned(), prefix: format!("aws/lambda/async/{function}") }
    }

    async fn put(&self, prefix: &str, body: String) -> Result<(), String> {
        let key = key(prefix, jiff::Timestamp::now().into(), Uuid::new_v4());
        let put = self.s3.put_object().bucket(&self.bucket).key(&key).content_type("application/json");
        let sent = put.body(ByteStream::from(body.into_bytes())).send().await;
        sent.map(|_| ()).map_err(|error| failed(&format!("{}/{key}", self.bucket), error))
    }
}

fn key(prefix: &str, at: Moment, id: Uuid) -> String {
    let time = at.whole_seconds().replace(':', ".");
    let time = time.trim_end_matches('Z');
    let day = time.split('T').next().unwrap_or_default().replace('-', "/");
    format!("{prefix}/{day}/{time}-{id}")
}

/// The record with the event as its `payload`, which is documented as text and was seen as an object (`delivery-semantics.md`).
fn with_payload(body: &str, event: &Bytes) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct WithPayload<'a> {
        #[serde(flatten)]
        record: serde_json::Map<String, serde_json::Value>,
        payload: &'a RawValue,
    }
    let (record, payload) = (serde_json::from_str(body)?, serde_json::from_slice(event)?);
    serde_json::to_string(&WithPayload { record, payload })
}

impl Destination for BucketDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.put(&self.prefix, body).await })
    }

    fn send_range<'a>(
        &'a self,
        body: String,
        shard: &'a str,
        event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let body = with_payload(&body, event).unwrap_or(body);
            self.put(&format!("{}/{shard}", self.prefix), body).await
        })
    }
}

/// An EventBridge bus: the record of an asynchronous invocation is the `detail` of an event from source `lambda`.
#[derive(Clone, Debug)]
pub struct BusDestination {
    events: aws_sdk_eventbridge::Client,
    bus_arn: String,
    function_arn: String,
    detail_type: &'static str,
}

impl BusDestination {
    /// The bus with this ARN, for failures of the function with this one.
    #[must_use]
    pub fn on_failure(events: aws_sdk_eventbridge::Client, bus_arn: &str, function_arn: &str) -> Self {
        let detail_type = "Lambda Function Invocation Result - Failure";
        Self { events, bus_arn: bus_arn.to_owned(), function_arn: function_arn.to_owned(), detail_type }
    }

    /// The same, for its successes.
    #[must_use]
    pub fn on_success(events: aws_sdk_eventbridge::Client, bus_arn: &str, function_arn: &str) -> Self {
        let detail_type = "Lambda Function Invocation Result - Success";
        Self { detail_type, ..Self::on_failure(events, bus_arn, function_arn) }
    }
}

impl Destination for BusDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus_arn)
                .source("lambda")
                .detail_type(self.detail_type)
                .resources(format!("{}:$LATEST", self.function_arn))
                .resources(&self.bus_arn)
                .detail(message::sendable(&body))
                .build();
            let sent = self.events.put_events().entries(entry).send().await;
            let answer = sent.map_err(|error| failed(&self.bus_arn, error))?;
            // A refused entry comes in an answer of status 200.
            if answer.failed_entry_count == 0 {
                return Ok(());
            }
            let refused = answer.entries().first().and_then(|entry| entry.error_message.as_deref());
            Err(format!(
                "the record cannot be sent to {}: {}",
                self.bus_arn,
                refused.unwrap_or("the event was refused")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::message::stand_in::StandIn;

    #[test]
    fn an_objects_key_has_lambdas_shape() {
        let key =
            key("aws/lambda/m/shardId-000000000000", Moment::from_millis(1_573_691_890_999), Uuid::nil());
        assert_eq!(
            key,
            "aws/lambda/m/shardId-000000000000/2019/11/14/2019-11-14T00.38.10-00000000-0000-0000-0000-000000000000"
        );
    }

    #[tokio::test]
    async fn a_record_that_quotes_what_sqs_does_not_take_arrives() {
        let queue = StandIn::start([]).await;
        let destination = QueueDestination::new(queue.sqs(), &queue.url("failures"));
        let body = json!({"requestPayload": {"n": "\u{FFFE}"}});
        destination.send(body.to_string()).await.unwrap();
        let taken: Value = serde_json::from_str(&queue.bodies("failures")[0]).unwrap();
        assert_eq!(taken, body);
    }

    #[test]
    fn the_payload_of_an_object_is_the_event_as_it_was() {
        let event = Bytes::from_static(br#"{"Records":[{"n":1.10}]}"#);
        let text = with_payload(r#"{"version":"1.0","KinesisBatchInfo":{"batchSize":1}}"#, &event).unwrap();
        assert!(text.contains(r#""payload":{"Records":[{"n":1.10}]}"#), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["version"], &value["KinesisBatchInfo"]),
            (&json!("1.0"), &json!({"batchSize": 1}))
        );
    }
}
