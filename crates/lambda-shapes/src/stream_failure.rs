//! The record of a range of a stream that was given up, for the on-failure destination (AWS docs:
//! "Retain discarded batch records for a Kinesis Data Streams event source in Lambda", and the same
//! of DynamoDB).

use serde::Serialize;
use uuid::Uuid;

use crate::moment::Moment;
use crate::record::Entry;
use crate::stream_kind::StreamKind;

/// Why a range was given up, in the words of event source mappings of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// The function failed in every allowed attempt.
    RetryAttemptsExhausted,
    /// The records are older than the maximum age.
    RecordAgeExceeded,
}

/// The invocations with a range.
#[derive(Clone, Debug)]
pub struct Invocations<'a> {
    /// Request id of the last invocation; empty if there was none.
    pub request_id: &'a str,
    /// Unqualified ARN of the function.
    pub function_arn: &'a str,
    /// Number of invocations. Lambda writes 1 if there was none.
    pub count: u32,
    /// Whether the last one ended with a function error, not with a partial response.
    pub function_error: bool,
}

/// The range that was given up.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    /// The kind of stream.
    pub kind: StreamKind,
    /// ARN of the stream.
    pub stream_arn: &'a str,
    /// Id of the shard.
    pub shard: &'a str,
    /// The records, at least one.
    pub entries: &'a [Entry],
}

/// Writes the record as JSON. It is a pointer into the stream and has no payload. `None` if the
/// range is empty.
#[must_use]
pub fn record(
    condition: Condition,
    invocations: &Invocations<'_>,
    range: &Range<'_>,
    now: Moment,
) -> Option<String> {
    let (first, last) = (range.entries.first()?, range.entries.last()?);
    let arrivals = range.entries.iter().map(|entry| entry.record.arrived);
    let arrived = |moment: Moment| match range.kind {
        StreamKind::Kinesis => moment.with_millis(),
        StreamKind::DynamoDb => moment.whole_seconds(),
    };
    let batch = BatchInfo {
        shard_id: range.shard,
        start_sequence_number: first.record.sequence.as_str(),
        end_sequence_number: last.record.sequence.as_str(),
        approximate_arrival_of_first_record: arrived(arrivals.clone().min()?),
        approximate_arrival_of_last_record: arrived(arrivals.max()?),
        batch_size: range.entries.len(),
        stream_arn: range.stream_arn,
    };
    let (kinesis, dynamodb) = match range.kind {
        StreamKind::Kinesis => (Some(batch), None),
        StreamKind::DynamoDb => (None, Some(batch)),
    };
    // Records that were too old from the beginning get a request id too, although no invocation had
    // it.
    let request_id = match invocations.request_id {
        "" => Uuid::new_v5(
            &Uuid::NAMESPACE_URL,
            format!("{} {}", range.stream_arn, first.record.sequence).as_bytes(),
        )
        .to_string(),
        id => id.to_owned(),
    };
    let body = Body {
        request_context: RequestContext {
            request_id,
            function_arn: invocations.function_arn,
            condition,
            approximate_invoke_count: invocations.count.max(1),
        },
        response_context: (condition == Condition::RetryAttemptsExhausted).then_some(
            ResponseContext {
                status_code: 200,
                executed_version: "$LATEST",
                function_error: invocations.function_error.then_some("Unhandled"),
            },
        ),
        version: "1.0",
        timestamp: now.with_millis(),
        kinesis_batch_info: kinesis,
        dynamodb_batch_info: dynamodb,
    };
    serde_json::to_string(&body).ok()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KinesisBatchInfo", skip_serializing_if = "Option::is_none")]
    kinesis_batch_info: Option<BatchInfo<'a>>,
    #[serde(rename = "DDBStreamBatchInfo", skip_serializing_if = "Option::is_none")]
    dynamodb_batch_info: Option<BatchInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: String,
    function_arn: &'a str,
    condition: Condition,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    function_error: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    shard_id: &'a str,
    start_sequence_number: &'a str,
    end_sequence_number: &'a str,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'a str,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::record::{OrderingKey, Record};
    use crate::sequence::SequenceNumber;

    const ID: &str = "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5";

    fn written(kind: StreamKind, condition: Condition, function_error: bool) -> Value {
        written_after(kind, condition, (ID, 3), function_error)
    }

    fn written_after(
        kind: StreamKind,
        condition: Condition,
        (request_id, count): (&str, u32),
        function_error: bool,
    ) -> Value {
        let entry = |ordinal: u64, sequence: &str, millis: i64| Entry {
            ordinal,
            read: Moment::from_millis(0),
            record: Record {
                sequence: SequenceNumber::new(sequence),
                key: OrderingKey::new(b"k"),
                arrived: Moment::from_millis(millis),
                json: Bytes::new(),
            },
        };
        let entries = [entry(0, "41", 1_573_691_884_835), entry(1, "42", 1_573_691_885_001)];
        let invocations = Invocations {
            request_id,
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f",
            count,
            function_error,
        };
        let range = Range {
            kind,
            stream_arn: "arn:stream",
            shard: "shardId-000000000000",
            entries: &entries,
        };
        let now = Moment::from_millis(1_573_691_890_000);
        let text = record(condition, &invocations, &range, now).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_kinesis_range_is_written_in_lambdas_shape() {
        let response =
            json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
        assert_eq!(
            written(StreamKind::Kinesis, Condition::RetryAttemptsExhausted, true),
            kinesis(request(ID, "RetryAttemptsExhausted", 3), Some(response))
        );
    }

    /// Returns the recorded on-failure record of a Kinesis range, with other contexts.
    fn kinesis(request: Value, response: Option<Value>) -> Value {
        let mut record = json!({
            "requestContext": request,
            "version": "1.0",
            "timestamp": "2019-11-14T00:38:10.000Z",
            "KinesisBatchInfo": {
                "shardId": "shardId-000000000000",
                "startSequenceNumber": "41",
                "endSequenceNumber": "42",
                "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
                "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.001Z",
                "batchSize": 2,
                "streamArn": "arn:stream"
            }
        });
        if let Some(response) = response {
            record["responseContext"] = response;
        }
        record
    }

    fn request(id: &str, condition: &str, count: u32) -> Value {
        json!({
            "requestId": id,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "condition": condition,
            "approximateInvokeCount": count
        })
    }

    #[test]
    fn a_dynamodb_range_is_written_in_lambdas_shape() {
        assert_eq!(
            written(StreamKind::DynamoDb, Condition::RetryAttemptsExhausted, true),
            json!({
                "requestContext": request(ID, "RetryAttemptsExhausted", 3),
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": "2019-11-14T00:38:10.000Z",
                "DDBStreamBatchInfo": {
                    "shardId": "shardId-000000000000",
                    "startSequenceNumber": "41",
                    "endSequenceNumber": "42",
                    "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04Z",
                    "approximateArrivalOfLastRecord": "2019-11-14T00:38:05Z",
                    "batchSize": 2,
                    "streamArn": "arn:stream"
                }
            })
        );
    }

    #[test]
    fn the_function_error_is_null_when_the_batch_failed_by_a_partial_response() {
        let response =
            json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": null});
        assert_eq!(
            written(StreamKind::Kinesis, Condition::RetryAttemptsExhausted, false),
            kinesis(request(ID, "RetryAttemptsExhausted", 3), Some(response))
        );
    }

    #[test]
    fn an_exceeded_age_has_no_response_context() {
        assert_eq!(
            written(StreamKind::Kinesis, Condition::RecordAgeExceeded, true),
            kinesis(request(ID, "RecordAgeExceeded", 3), None)
        );
    }

    #[test]
    fn a_range_that_never_ran_has_an_id_and_a_count_of_one() {
        let body = written_after(StreamKind::Kinesis, Condition::RecordAgeExceeded, ("", 0), false);
        let id = body["requestContext"]["requestId"].as_str().unwrap().to_owned();
        assert!(Uuid::parse_str(&id).is_ok_and(|id| !id.is_nil()), "{id}");
        assert_eq!(body, kinesis(request(&id, "RecordAgeExceeded", 1), None));
    }
}
