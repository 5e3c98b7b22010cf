//! Where records go of what was given up, and of asynchronous invocations that succeeded.

mod hand_over;

use std::collections::BTreeMap;

use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::send_error::{Reason, SendError};
use lambda_shapes::message;
use lambda_shapes::moment::Moment;

pub use hand_over::DeliveryFailures;
pub(crate) use hand_over::{lost, until_sent};

/// What is sent.
const RECORD: &str = "the record";
/// The largest message that SNS takes, in bytes (AWS docs: Publish).
const TOPIC_LIMIT: usize = 262_144;
/// The largest request that PutEvents takes, in bytes (AWS docs: PutEvents).
const BUS_LIMIT: usize = 1 << 20;

/// Takes records of failures, or of successes.
pub trait Destination: Send + Sync {
    /// Sends one record.
    ///
    /// # Errors
    /// Why it was not taken. The caller tries again unless the error is final: a record counts as
    /// finished once it has arrived, or once it never can.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>>;

    /// Sends the record of a range of a stream, with the event of that range, which a bucket alone takes.
    ///
    /// # Errors
    /// As [`Destination::send`].
    fn send_range<'a>(
        &'a self,
        body: String,
        _shard: &'a str,
        _event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        self.send(body)
    }
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
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let sent = message::send(&self.sqs, &self.url, &body, []).await;
            sent.map(drop).map_err(|error| SendError::of(RECORD, &self.url, error))
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
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            // A queue may subscribe to the topic, or to the bus below.
            let mut message = message::sendable(&body);
            if message.len() > TOPIC_LIMIT
                && let Some(rest) = without_payloads(&body)
            {
                let (arn, bytes) = (&self.arn, message.len());
                tracing::warn!(
                    "a record of {bytes} bytes is sent to {arn} without its payloads, as Lambda does it: SNS takes {TOPIC_LIMIT}"
                );
                message = rest.into();
            }
            if message.len() > TOPIC_LIMIT {
                return Err(SendError::too_large(RECORD, &self.arn, message.len(), TOPIC_LIMIT));
            }
            let sent = self.sns.publish().topic_arn(&self.arn).message(message).send().await;
            sent.map(drop).map_err(|error| SendError::of(RECORD, &self.arn, error))
        })
    }
}

/// The fields of a record as they are written. What a function was given, and what it answered,
/// need not be anything that a strict reader takes.
type Fields = BTreeMap<String, Box<RawValue>>;

/// A record of an asynchronous invocation without the event and the answer (AWS docs: OnFailure, OnSuccess).
fn without_payloads(body: &str) -> Option<String> {
    let mut record: Fields = serde_json::from_str(body).ok()?;
    let removed = ["requestPayload", "responsePayload"].map(|payload| record.remove(payload));
    if removed.iter().all(Option::is_none) {
        return None;
    }
    Some(message::sendable(&serde_json::to_string(&record).ok()?).into_owned())
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

    async fn put(&self, prefix: &str, body: String) -> Result<(), SendError> {
        let key = key(prefix, jiff::Timestamp::now().into(), Uuid::new_v4());
        let put = self.s3.put_object().bucket(&self.bucket).key(&key).content_type("application/json");
        let sent = put.body(ByteStream::from(body.into_bytes())).send().await;
        sent.map(drop).map_err(|error| SendError::of(RECORD, &format!("{}/{key}", self.bucket), error))
    }
}

fn key(prefix: &str, at: Moment, id: Uuid) -> String {
    let time = at.whole_seconds().replace(':', ".");
    let time = time.trim_end_matches('Z');
    let day = time.split('T').next().unwrap_or_default().replace('-', "/");
    format!("{prefix}/{day}/{time}-{id}")
}

/// The record with the event as its `payload`.
///
/// AWS's documentation describes a text, but objects were observed. So the payload is an object here.
fn with_payload(body: &str, event: &Bytes) -> serde_json::Result<String> {
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

/// Where events of Lambda's destinations come from.
const SOURCE: &str = "lambda";

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
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let function = format!("{}:$LATEST", self.function_arn);
            let detail = message::sendable(&body);
            // As PutEvents counts it (AWS docs: "Calculating PutEvents event entry size").
            let parts = [SOURCE, self.detail_type, &function, &self.bus_arn, &detail];
            let bytes = parts.iter().map(|part| part.len()).sum();
            if bytes > BUS_LIMIT {
                return Err(SendError::too_large(RECORD, &self.bus_arn, bytes, BUS_LIMIT));
            }
            let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus_arn)
                .source(SOURCE)
                .detail_type(self.detail_type)
                .resources(function)
                .resources(&self.bus_arn)
                .detail(detail)
                .build();
            let sent = self.events.put_events().entries(entry).send().await;
            let answer = sent.map_err(|error| SendError::of(RECORD, &self.bus_arn, error))?;
            // A refused entry comes in an answer of status 200.
            if answer.failed_entry_count == 0 {
                return Ok(());
            }
            let entry = answer.entries().first();
            let code = entry.and_then(|entry| entry.error_code.as_deref()).unwrap_or_default();
            let said = entry.and_then(|entry| entry.error_message.as_deref());
            let said = said.unwrap_or("the event was refused");
            let message = format!("{RECORD} cannot be sent to {}: {code}: {said}", self.bus_arn);
            Err(SendError { reason: of_entry(code), message })
        })
    }
}

/// Why PutEvents refused an entry. A failure of EventBridge's own may pass.
fn of_entry(code: &str) -> Reason {
    match code {
        "" | "InternalException" | "InternalFailure" | "ServiceUnavailable" => Reason::Failed,
        code => Reason::said(code, 400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clients::Clients;
    use crate::stand_in::{StandIn, answering};

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

    /// A topic that takes everything, and a record for it with a payload of so many bytes.
    async fn published(payload: usize) -> Result<(), SendError> {
        let taken =
            "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";
        let topic =
            TopicDestination::new(Clients::new(&answering(200, taken.to_owned()).await).sns, "arn:topic");
        topic.send(json!({"version": "1.0", "requestContext": "r".repeat(payload)}).to_string()).await
    }

    #[tokio::test]
    async fn a_record_that_is_too_large_for_a_topic_or_a_bus_is_refused_for_good() {
        let around = json!({"version": "1.0", "requestContext": ""}).to_string().len();
        published(TOPIC_LIMIT - around).await.unwrap();
        let error = published(TOPIC_LIMIT - around + 1).await.unwrap_err();
        assert!(error.is_final(), "{error}");
        assert_eq!(
            error.message,
            "the record cannot be sent to arn:topic: it has 262145 bytes, of which 262144 are taken"
        );

        let taken = answering(200, json!({"FailedEntryCount": 0, "Entries": []}).to_string()).await;
        let bus = BusDestination::on_failure(Clients::new(&taken).events, "arn:bus", "arn:f");
        let around = "lambda".len() + bus.detail_type.len() + "arn:f:$LATEST".len() + "arn:bus".len();
        bus.send("1".repeat(BUS_LIMIT - around)).await.unwrap();
        assert!(bus.send("1".repeat(BUS_LIMIT - around + 1)).await.unwrap_err().is_final());
    }

    #[tokio::test]
    async fn an_entry_that_a_bus_refuses_is_final_unless_it_failed_itself() {
        for (code, is_final) in
            [("MalformedDetail", true), ("InternalFailure", false), ("ThrottlingException", false)]
        {
            let entry = json!({"ErrorCode": code, "ErrorMessage": "no"});
            let answer = json!({"FailedEntryCount": 1, "Entries": [entry]}).to_string();
            let events = Clients::new(&answering(200, answer).await).events;
            let bus = BusDestination::on_failure(events, "arn:bus", "arn:f");
            let error = bus.send("{}".to_owned()).await.unwrap_err();
            assert_eq!(error.is_final(), is_final, "{code}");
            assert!(error.message.ends_with(&format!("{code}: no")), "{error}");
        }
    }

    #[test]
    fn a_topics_record_loses_event_and_answer_alone() {
        let context = json!({"requestId": "r"});
        let record =
            json!({"version": "1.0", "requestContext": context, "requestPayload": 1, "responsePayload": 2});
        let rest: Value = serde_json::from_str(&without_payloads(&record.to_string()).unwrap()).unwrap();
        assert_eq!(rest, json!({"version": "1.0", "requestContext": context}));
        assert_eq!(without_payloads(&rest.to_string()), None, "there is nothing to leave out");
    }

    #[test]
    fn a_payload_that_a_strict_reader_refuses_is_left_out_like_any_other() {
        let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
        for payload in [r#"{"note":"thanks \ud83d"}"#, "1e999", &deep] {
            let record =
                format!(r#"{{"version":"1.0","responseContext":{{"n":1.10}},"requestPayload":{payload}}}"#);
            let rest = without_payloads(&record).unwrap_or_else(|| panic!("{payload}"));
            assert_eq!(rest, r#"{"responseContext":{"n":1.10},"version":"1.0"}"#);
            // What is left is as it was written, too.
            let record = format!(r#"{{"requestPayload":1,"kept":{payload}}}"#);
            assert_eq!(without_payloads(&record), Some(format!(r#"{{"kept":{payload}}}"#)));
        }
    }

    #[test]
    fn the_payload_of_an_object_is_the_event_as_it_was() {
        let event = Bytes::from_static(br#"{"Records":[{"n":1.10}]}"#);
        let text = with_payload(r#"{"version":"1.0","KinesisBatchInfo":{"batchSize":1}}"#, &event).unwrap();
        assert!(text.contains(r#""payload":{"Records":[{"n":1.10}]}"#), "{text}");
        let foreign = Bytes::from_static(br#"{"Records":[{"body":"\ud83d","n":1e999}]}"#);
        let with_it = with_payload(r#"{"version":"1.0"}"#, &foreign).unwrap();
        assert!(with_it.contains(r#""payload":{"Records":[{"body":"\ud83d","n":1e999}]}"#), "{with_it}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["version"], &value["KinesisBatchInfo"]),
            (&json!("1.0"), &json!({"batchSize": 1}))
        );
    }
}
