//! What AWS would bill for a call: its quantities, computed from the request and the answer by AWS's documented rules.
//!
//! Nothing is asked of the backend for it: emulators answer `ConsumedCapacity` differently, and a request that asked for it would be another
//! request than the one the function signed.

mod dynamodb;
mod item;
mod items;
mod messages;

use serde_json::Value;

pub use item::item_bytes;
pub(super) use items::Items;
pub use items::TableKeys;

use super::hook::Call;

/// DynamoDB write request units; a transactional write counts two per KB.
pub const WRITE_UNITS: &str = "dynamodb_write_units";
/// DynamoDB read request units, halves included.
pub const READ_UNITS: &str = "dynamodb_read_units";
/// Custom events put on a bus, in chunks of 64 KB.
pub const EVENTS: &str = "eventbridge_events";
/// Bytes of these events: what an archive stores.
pub const EVENT_BYTES: &str = "eventbridge_event_bytes";
/// SQS requests at standard queues, in chunks of 64 KB.
pub const QUEUE_REQUESTS: &str = "sqs_requests";
/// SQS requests at FIFO queues, in chunks of 64 KB.
pub const FIFO_REQUESTS: &str = "sqs_fifo_requests";
/// Kinesis PUT payload units of 25 KB.
pub const PUT_UNITS: &str = "kinesis_put_units";
/// S3 requests of the dearer class: PUT, COPY, POST, LIST.
pub const PUT_REQUESTS: &str = "s3_put_requests";
/// S3 requests of the cheaper class: GET and the like. DELETE is free.
pub const GET_REQUESTS: &str = "s3_get_requests";
/// E-mails, one per recipient.
pub const MAILS: &str = "ses_messages";

/// A quantity that is billed, and how much of it.
pub(super) type Quantity = (&'static str, f64);

/// What came of a call, as far as the bill is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<'a> {
    /// The error code, if it failed.
    pub(super) error: Option<&'a str>,
    /// The answer's body.
    pub(super) body: &'a [u8],
}

impl Outcome<'_> {
    fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or(Value::Null)
    }

    fn failed(&self) -> bool {
        self.error.is_some()
    }
}

/// The quantities of a call.
pub(super) fn quantities(call: &Call, outcome: Outcome<'_>, items: &Items) -> Vec<Quantity> {
    let Some((service, operation)) = call.operation.split_once('.') else { return Vec::new() };
    match service {
        "DynamoDB" => dynamodb::quantities(operation, &json(call), outcome, items),
        "EventBridge" => messages::event_bridge(operation, &json(call), outcome),
        "SQS" => messages::sqs(&json(call), outcome),
        "Kinesis" => messages::kinesis(operation, &call.body, outcome),
        "SES" => messages::ses(operation, &call.body, outcome),
        "S3" => messages::s3(operation),
        _ => Vec::new(),
    }
}

fn json(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or(Value::Null)
}

/// Bytes in whole units of this size, at least one.
#[expect(clippy::cast_precision_loss, reason = "requests have at most 16 MB")]
fn units(bytes: usize, size: usize) -> f64 {
    bytes.div_ceil(size).max(1) as f64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn call(operation: &str, body: &str) -> Call {
        let head = http::Request::new(()).into_parts().0;
        let body = Bytes::copy_from_slice(body.as_bytes());
        Call { number: 0, caller: "f".to_owned(), operation: operation.to_owned(), head, body }
    }

    #[test]
    fn each_service_is_billed_in_its_own_quantities() {
        let done = Outcome { error: None, body: b"{}" };
        for (operation, body, billed) in [
            ("DynamoDB.PutItem", r#"{"Item":{"k":{"S":"v"}}}"#, vec![(WRITE_UNITS, 1.0)]),
            (
                "EventBridge.PutEvents",
                r#"{"Entries":[{"Source":"s","Detail":"{}"}]}"#,
                vec![(EVENTS, 1.0), (EVENT_BYTES, 3.0)],
            ),
            ("SQS.SendMessage", r#"{"MessageBody":"b"}"#, vec![(QUEUE_REQUESTS, 1.0)]),
            ("Kinesis.PutRecord", r#"{"Data":"AAAA","PartitionKey":"k"}"#, vec![(PUT_UNITS, 1.0)]),
            ("S3.GetObject", "", vec![(GET_REQUESTS, 1.0)]),
            ("SES.SendEmail", "Destination.ToAddresses.member.1=a", vec![(MAILS, 1.0)]),
            ("STS.GetCallerIdentity", "", vec![]),
        ] {
            assert_eq!(quantities(&call(operation, body), done, &Items::default()), billed, "{operation}");
        }
    }

    #[test]
    fn a_part_of_a_unit_counts_as_a_whole_one() {
        assert_eq!([0, 1, 1024, 1025].map(|bytes| units(bytes, 1024)), [1.0, 1.0, 1.0, 2.0]);
    }
}
