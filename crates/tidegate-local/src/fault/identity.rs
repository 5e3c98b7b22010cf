//! Identity of a delivery that is the same in every run.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns a digest of what identifies the first record of an event.
///
/// Sequence numbers, message ids and times differ between runs, so they do not count. What counts
/// is:
///
/// - Kinesis: the partition key and the data
/// - DynamoDB Streams: the item's key, and the kind of change
/// - SQS: the body
/// - EventBridge: the detail
/// - HTTP: method, path, query, body, and the header `Idempotency-Key`
///
/// If data, body or detail is a message in the form of CloudEvents, only its type and id count.
pub(super) fn identity(payload: &[u8]) -> String {
    let event = aws_json::value(payload).unwrap_or(Value::Null);
    let digest = match event.pointer("/Records/0") {
        Some(record) => record_digest(record),
        None => match event.get("detail") {
            Some(detail) => content_digest(&detail.to_string()),
            None => request_digest(&event).unwrap_or_else(|| digest(&[payload])),
        },
    };
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn record_digest(record: &Value) -> Vec<u8> {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/eventSource") {
        "aws:kinesis" => {
            use base64::Engine;
            let data = base64::engine::general_purpose::STANDARD.decode(text("/kinesis/data"));
            let data = data.unwrap_or_default();
            let content =
                std::str::from_utf8(&data).map_or_else(|_| digest(&[&data]), content_digest);
            digest(&[text("/kinesis/partitionKey").as_bytes(), &content])
        }
        "aws:dynamodb" => {
            let keys = record.pointer("/dynamodb/Keys").unwrap_or(&Value::Null).to_string();
            digest(&[text("/eventName").as_bytes(), keys.as_bytes()])
        }
        "aws:sqs" => content_digest(text("/body")),
        _ => content_digest(&record.to_string()),
    }
}

/// Returns the digest of an HTTP request, without what differs each time: its id and its time.
fn request_digest(event: &Value) -> Option<Vec<u8>> {
    let method = event.pointer("/requestContext/http/method")?.as_str()?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let parts = ["/rawPath", "/rawQueryString", "/body", "/headers/idempotency-key"].map(text);
    let parts: Vec<&[u8]> = std::iter::once(method).chain(parts).map(str::as_bytes).collect();
    Some(digest(&parts))
}

fn content_digest(content: &str) -> Vec<u8> {
    let parsed = aws_json::value(content.as_bytes()).unwrap_or(Value::Null);
    // An event of a rule that arrives in a queue has its message under `detail`.
    let message = parsed.get("detail").unwrap_or(&parsed);
    let field = |name: &str| message.get(name).and_then(Value::as_str);
    match field("type").zip(field("id")) {
        Some((kind, id)) => digest(&[kind.as_bytes(), id.as_bytes()]),
        None => digest(&[content.as_bytes()]),
    }
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(event: &Value) -> String {
        identity(event.to_string().as_bytes())
    }

    fn kinesis(sequence: &str, key: &str, data: &str) -> Value {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(data);
        json!({"Records": [{"eventSource": "aws:kinesis", "eventID": sequence,
            "kinesis": {"sequenceNumber": sequence, "partitionKey": key, "data": data}}]})
    }

    #[test]
    fn a_kinesis_delivery_is_known_by_key_and_data_not_by_its_place_in_the_stream() {
        assert_eq!(of(&kinesis("41", "k", "d")), of(&kinesis("42", "k", "d")));
        assert_ne!(of(&kinesis("41", "k", "d")), of(&kinesis("41", "k", "e")));
        assert_ne!(of(&kinesis("41", "k", "d")), of(&kinesis("41", "l", "d")));
    }

    #[test]
    fn a_message_is_known_by_its_type_and_id_whatever_its_time() {
        let message = |id: &str, time: &str| json!({"type": "T", "id": id, "time": time});
        let queue = |message: Value| json!({"Records": [{"eventSource": "aws:sqs", "body": message.to_string()}]});
        let rule = |message: Value| json!({"id": "random", "detail-type": "T", "detail": message});
        assert_eq!(of(&queue(message("1", "a"))), of(&queue(message("1", "b"))));
        assert_ne!(of(&queue(message("1", "a"))), of(&queue(message("2", "a"))));
        assert_eq!(of(&rule(message("1", "a"))), of(&rule(message("1", "b"))));
        assert_ne!(of(&rule(message("1", "a"))), of(&rule(message("2", "a"))));
    }

    #[test]
    fn a_message_is_known_by_its_type_and_id_whatever_a_strict_reader_refuses_in_it() {
        let rule = |random: &str| {
            format!(
                r#"{{"id":"{random}","detail":{{"type":"T","id":"1","note":"\ud83d","total":1e999}}}}"#
            )
        };
        assert_eq!(identity(rule("a").as_bytes()), identity(rule("b").as_bytes()));
    }

    #[test]
    fn a_changed_item_is_known_by_its_key_and_change() {
        let change = |name: &str, key: &str, sequence: &str| {
            json!({"Records": [{"eventSource": "aws:dynamodb", "eventName": name,
                "dynamodb": {"Keys": {"stream": {"S": key}}, "SequenceNumber": sequence}}]})
        };
        assert_eq!(of(&change("INSERT", "a", "1")), of(&change("INSERT", "a", "2")));
        assert_ne!(of(&change("INSERT", "a", "1")), of(&change("MODIFY", "a", "1")));
        assert_ne!(of(&change("INSERT", "a", "1")), of(&change("INSERT", "b", "1")));
    }

    #[test]
    fn a_request_is_known_by_what_it_asks_not_by_its_id_and_time() {
        let request = |id: &str, path: &str, body: &str, key: &str| {
            json!({"rawPath": path, "rawQueryString": "", "body": body,
                "headers": {"idempotency-key": key, "x-amzn-trace-id": id},
                "requestContext": {"requestId": id, "http": {"method": "POST"}}})
        };
        let one = of(&request("1", "/orders", "{}", "k"));
        assert_eq!(one, of(&request("2", "/orders", "{}", "k")));
        assert_ne!(one, of(&request("1", "/order", "{}", "k")));
        assert_ne!(one, of(&request("1", "/orders", "{ }", "k")));
        assert_ne!(one, of(&request("1", "/orders", "{}", "l")));
    }

    #[test]
    fn anything_else_is_known_by_all_of_it() {
        assert_ne!(identity(b"{\"a\":1}"), identity(b"{\"a\":2}"));
        assert_eq!(identity(b"not json").len(), 16);
    }
}
