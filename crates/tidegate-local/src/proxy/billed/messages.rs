//! Billed quantities of EventBridge, SQS, Kinesis, SES and S3.

use serde_json::Value;

use super::item::binary_bytes;
use super::meter::{
    EVENT_BYTES, EVENTS, FIFO_REQUESTS, GET_REQUESTS, MAILS, PUT_REQUESTS, PUT_UNITS,
    QUEUE_REQUESTS, Quantity, SCHEDULED,
};
use super::reply::BilledReply;
use super::units::units;

/// Bytes of a chunk, in which EventBridge and SQS count.
const CHUNK: usize = 64 << 10;
/// Bytes of a PUT payload unit.
const PAYLOAD_UNIT: usize = 25 << 10;
/// Bytes that EventBridge counts for an entry's time.
const TIME: usize = 14;

/// Returns the quantities of EventBridge: one event per chunk of each accepted entry.
pub(super) fn event_bridge(
    operation: &str,
    request: &Value,
    reply: BilledReply<'_>,
) -> Vec<Quantity> {
    if operation != "PutEvents" || reply.failed() {
        return Vec::new();
    }
    let answer = reply.json();
    let sizes: Vec<usize> = taken(request, &answer, "Entries").map(entry_bytes).collect();
    if sizes.is_empty() {
        return Vec::new();
    }
    let events = sizes.iter().map(|bytes| units(*bytes, CHUNK)).sum();
    vec![(EVENTS, events), (EVENT_BYTES, exact(sizes.iter().sum()))]
}

/// Returns a request's entries without the refused ones, which have an error code at the same index
/// of the answer.
fn taken<'a>(request: &'a Value, answer: &Value, field: &str) -> impl Iterator<Item = &'a Value> {
    let refused = move |n: usize| {
        let answered = answer.get(field).and_then(|entries| entries.get(n));
        answered.is_some_and(|entry| entry.get("ErrorCode").is_some_and(Value::is_string))
    };
    let entries = request.get(field).and_then(Value::as_array).into_iter().flatten();
    entries.enumerate().filter(move |(n, _)| !refused(*n)).map(|(_, entry)| entry)
}

fn entry_bytes(entry: &Value) -> usize {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map_or(0, str::len);
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    let time = if entry.get("Time").is_some() { TIME } else { 0 };
    text("Source") + text("DetailType") + text("Detail") + resources + time
}

/// Returns the quantities of SQS. Every request is billed, including failed ones and empty polls.
pub(super) fn sqs(request: &Value, reply: BilledReply<'_>) -> Vec<Quantity> {
    let sent = message_bytes(request) + entries(request, "Entries");
    let received = entries(&reply.json(), "Messages");
    let queue = request.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
    let meter = if queue.ends_with(".fifo") { FIFO_REQUESTS } else { QUEUE_REQUESTS };
    vec![(meter, units(sent.max(received), CHUNK))]
}

/// Returns the quantities of Scheduler: a schedule that a function creates fires once.
///
/// AWS bills the invocation, not the call. A schedule that is cancelled costs nothing, and one that
/// recurs costs more.
pub(super) fn scheduler(operation: &str, reply: BilledReply<'_>) -> Vec<Quantity> {
    let creates = operation == "CreateSchedule" && !reply.failed();
    creates.then_some((SCHEDULED, 1.0)).into_iter().collect()
}

fn entries(value: &Value, field: &str) -> usize {
    value.get(field).and_then(Value::as_array).into_iter().flatten().map(message_bytes).sum()
}

/// Returns the bytes of body and attributes. Senders write `MessageBody`; receivers get `Body`.
fn message_bytes(message: &Value) -> usize {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map_or(0, str::len);
    let attributes =
        message.get("MessageAttributes").and_then(Value::as_object).into_iter().flatten();
    let attributes: usize = attributes
        .map(|(name, value)| {
            let binary = value.get("BinaryValue").and_then(Value::as_str).map_or(0, binary_bytes);
            name.len() + text(value, "DataType") + text(value, "StringValue") + binary
        })
        .sum();
    text(message, "MessageBody") + text(message, "Body") + attributes
}

/// Returns the quantities of Kinesis. Each accepted record is rounded up on its own. A body that is
/// not JSON counts as a single record.
pub(super) fn kinesis(operation: &str, body: &[u8], reply: BilledReply<'_>) -> Vec<Quantity> {
    if !matches!(operation, "PutRecord" | "PutRecords") || reply.failed() {
        return Vec::new();
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return vec![(PUT_UNITS, units(body.len(), PAYLOAD_UNIT))];
    };
    let of = |record: &Value| {
        let data = record.get("Data").and_then(Value::as_str).map_or(0, binary_bytes);
        let key = record.get("PartitionKey").and_then(Value::as_str).map_or(0, str::len);
        units(data + key, PAYLOAD_UNIT)
    };
    let units = if request.get("Records").is_some() {
        taken(&request, &reply.json(), "Records").map(of).sum()
    } else {
        of(&request)
    };
    if units > 0.0 { vec![(PUT_UNITS, units)] } else { Vec::new() }
}

/// Returns the quantities of SES, which bills mail per recipient.
pub(super) fn ses(operation: &str, body: &[u8], reply: BilledReply<'_>) -> Vec<Quantity> {
    if !matches!(operation, "SendEmail" | "SendRawEmail" | "SendTemplatedEmail") || reply.failed() {
        return Vec::new();
    }
    let form = String::from_utf8_lossy(body);
    let addressed = |name: &str| {
        name.starts_with("Destinations.member.")
            || (name.starts_with("Destination.") && name.contains("Addresses.member."))
    };
    let recipients = form
        .split('&')
        .filter(|pair| addressed(pair.split('=').next().unwrap_or_default()))
        .count();
    vec![(MAILS, exact(recipients.max(1)))]
}

/// Returns the quantities of S3, by its two classes of requests.
pub(super) fn s3(operation: &str) -> Vec<Quantity> {
    let meter = if operation.starts_with("Get") || operation.starts_with("Head") {
        GET_REQUESTS
    } else if operation.starts_with("Delete") || operation.starts_with("Abort") {
        return Vec::new();
    } else {
        PUT_REQUESTS
    };
    vec![(meter, 1.0)]
}

#[expect(clippy::cast_precision_loss, reason = "requests have at most 16 MB")]
fn exact(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    const DONE: BilledReply<'static> = BilledReply { error: None, body: b"{}" };
    const FAILED: BilledReply<'static> =
        BilledReply { error: Some("ThrottlingException"), body: b"{}" };

    #[test]
    fn an_event_is_billed_per_chunk_if_it_was_taken() {
        let entry = |bytes: usize| json!({"Source": "s", "DetailType": "t", "Detail": "d".repeat(bytes - 2)});
        let request = json!({"Entries": [entry(10), entry(CHUNK), entry(CHUNK + 1), entry(20)]});
        let answer = br#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"EventId":"2"},{"EventId":"3"},{"ErrorCode":"InternalFailure"}]}"#;
        let billed = event_bridge("PutEvents", &request, BilledReply { error: None, body: answer });
        assert_eq!(billed, [(EVENTS, 4.0), (EVENT_BYTES, exact(10 + CHUNK + CHUNK + 1))]);
        assert!(event_bridge("PutEvents", &request, FAILED).is_empty());
        assert_eq!(
            entry_bytes(&json!({"Source": "s", "Time": 1, "Resources": ["abc"]})),
            1 + TIME + 3
        );
    }

    #[test]
    fn a_queue_request_is_billed_per_chunk_of_its_whole_payload() {
        let body =
            |bytes: usize| json!({"MessageBody": "b".repeat(bytes), "QueueUrl": "http://h/0/q"});
        assert_eq!(sqs(&body(CHUNK), DONE), [(QUEUE_REQUESTS, 1.0)]);
        assert_eq!(sqs(&body(CHUNK + 1), DONE), [(QUEUE_REQUESTS, 2.0)]);
        assert_eq!(sqs(&json!({"QueueUrl": "http://h/0/q.fifo"}), FAILED), [(FIFO_REQUESTS, 1.0)]);
        let batch = json!({"Entries": [body(CHUNK / 2), body(CHUNK / 2), {"MessageBody": "b", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v"}}}]});
        assert_eq!(sqs(&batch, DONE), [(QUEUE_REQUESTS, 2.0)]);
        let answer = json!({"Messages": [{"Body": "b".repeat(CHUNK * 2 + 1)}]}).to_string();
        assert_eq!(
            sqs(&json!({}), BilledReply { error: None, body: answer.as_bytes() }),
            [(QUEUE_REQUESTS, 3.0)]
        );
    }

    #[test]
    fn a_record_is_billed_per_payload_unit() {
        let record = |bytes: usize| json!({"Data": STANDARD.encode(vec![0; bytes - 1]), "PartitionKey": "k"});
        let records =
            json!({"Records": [record(10), record(PAYLOAD_UNIT), record(PAYLOAD_UNIT + 1)]});
        assert_eq!(kinesis("PutRecords", records.to_string().as_bytes(), DONE), [(PUT_UNITS, 4.0)]);
        assert_eq!(
            kinesis("PutRecord", record(30_000).to_string().as_bytes(), DONE),
            [(PUT_UNITS, 2.0)]
        );
        assert!(kinesis("PutRecords", records.to_string().as_bytes(), FAILED).is_empty());
        assert!(kinesis("GetRecords", b"{}", DONE).is_empty());
    }

    #[test]
    fn a_record_that_was_refused_is_not_billed() {
        let record =
            |bytes: usize| json!({"Data": STANDARD.encode(vec![0; bytes]), "PartitionKey": "k"});
        let request =
            json!({"Records": [record(10), record(PAYLOAD_UNIT), record(20)]}).to_string();
        let billed = |answered: Value| {
            let answer = json!({"Records": answered}).to_string();
            kinesis(
                "PutRecords",
                request.as_bytes(),
                BilledReply { error: None, body: answer.as_bytes() },
            )
        };
        let done = json!({"SequenceNumber": "1", "ShardId": "s"});
        let refused =
            json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "m"});
        assert_eq!(billed(json!([done, refused, done])), [(PUT_UNITS, 2.0)]);
        assert_eq!(billed(json!([refused, done, {"ErrorCode": null}])), [(PUT_UNITS, 3.0)]);
        assert!(billed(json!([refused, refused, refused])).is_empty());
    }

    #[test]
    fn a_mail_is_billed_per_recipient() {
        let form = b"Action=SendEmail&Source=a&Destination.ToAddresses.member.1=b&Destination.CcAddresses.member.1=c";
        assert_eq!(ses("SendEmail", form, DONE), [(MAILS, 2.0)]);
        assert_eq!(
            ses("SendRawEmail", b"RawMessage.Data=x&Destinations.member.1=b", DONE),
            [(MAILS, 1.0)]
        );
        assert!(ses("SendEmail", form, FAILED).is_empty());
        assert!(ses("GetSendQuota", b"", DONE).is_empty());
    }

    #[test]
    fn objects_are_billed_by_class_of_request() {
        for (operation, billed) in [
            ("PutObject", vec![(PUT_REQUESTS, 1.0)]),
            ("ListObjectsV2", vec![(PUT_REQUESTS, 1.0)]),
            ("HeadObject", vec![(GET_REQUESTS, 1.0)]),
            ("DeleteObject", vec![]),
        ] {
            assert_eq!(s3(operation), billed, "{operation}");
        }
    }
}
