//! Finds out what a call has written to, of what the engine polls.
//!
//! It reads only the names. A call that cannot be read has written to nothing: its source is found
//! by the next poll of an idle source. A call that is large, or in a format that is not read here,
//! counts for every source of its kind.

mod dynamodb;
mod messages;
mod target;

use http::header;
use serde::Deserialize;

use target::resource;

use super::hook::Call;
use crate::wake::Polled;

pub(super) use target::Written;

/// Largest body that is read, in bytes. Reading this much takes two milliseconds.
const READ: usize = 1 << 20;

/// Returns what a call has written to, if it was successful.
pub(super) fn written(call: &Call) -> Vec<Written> {
    let Some(kind) = kind(&call.operation) else { return Vec::new() };
    if call.operation.starts_with("SNS.") {
        // The emulator knows the subscriptions.
        return vec![Written::AnyQueue];
    }
    let content_type = call.head.headers.get(header::CONTENT_TYPE);
    let is = |part: &str| {
        content_type.is_some_and(|value| value.to_str().is_ok_and(|value| value.contains(part)))
    };
    if call.body.len() > READ || is("cbor") {
        return vec![Written::any(kind)];
    }
    let found = match call.operation.as_str() {
        "Kinesis.PutRecord" | "Kinesis.PutRecords" => stream(&call.body),
        "EventBridge.PutEvents" => buses(&call.body),
        operation if kind == Polled::Table => dynamodb::tables(operation, &call.body),
        operation if is("x-www-form-urlencoded") => {
            messages::in_form(operation, call.head.uri.path(), &call.body)
        }
        operation => messages::in_json(operation, &call.body),
    };
    let mut found = found.unwrap_or_default();
    found.sort();
    found.dedup();
    found
}

/// Returns the kind of source that an operation writes to.
fn kind(operation: &str) -> Option<Polled> {
    Some(match operation {
        "Kinesis.PutRecord" | "Kinesis.PutRecords" => Polled::Stream,
        "DynamoDB.PutItem"
        | "DynamoDB.UpdateItem"
        | "DynamoDB.DeleteItem"
        | "DynamoDB.BatchWriteItem"
        | "DynamoDB.TransactWriteItems"
        | "DynamoDB.ExecuteStatement"
        | "DynamoDB.BatchExecuteStatement"
        | "DynamoDB.ExecuteTransaction" => Polled::Table,
        "SQS.SendMessage"
        | "SQS.SendMessageBatch"
        | "SQS.ChangeMessageVisibility"
        | "SQS.ChangeMessageVisibilityBatch"
        | "SNS.Publish"
        | "SNS.PublishBatch" => Polled::Queue,
        "EventBridge.PutEvents" => Polled::Bus,
        _ => return None,
    })
}

fn stream(body: &[u8]) -> Option<Vec<Written>> {
    #[derive(Deserialize)]
    struct Put {
        #[serde(rename = "StreamName")]
        name: Option<String>,
        #[serde(rename = "StreamARN")]
        arn: Option<String>,
    }
    let put: Put = serde_json::from_slice(body).ok()?;
    Some(vec![Written::Stream(resource(&put.name.or(put.arn)?).to_owned())])
}

fn buses(body: &[u8]) -> Option<Vec<Written>> {
    #[derive(Deserialize)]
    struct Put {
        #[serde(rename = "Entries")]
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(rename = "EventBusName")]
        bus: Option<String>,
    }
    let put: Put = serde_json::from_slice(body).ok()?;
    let buses = put.entries.into_iter().map(|entry| match entry.bus {
        Some(bus) => Written::Bus(resource(&bus).to_owned()),
        None => Written::Bus(topology::DEFAULT_BUS.to_owned()),
    });
    Some(buses.collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn call(operation: &str, path: &str, content_type: &str, body: impl Into<Bytes>) -> Call {
        let request = http::Request::post(path).header("content-type", content_type);
        let head = request.body(()).unwrap().into_parts().0;
        let (caller, operation) = ("f".to_owned(), operation.to_owned());
        Call { number: 0, caller, operation, head, body: body.into() }
    }

    fn by(operation: &str, body: serde_json::Value) -> Vec<Written> {
        written(&call(operation, "/", "application/x-amz-json-1.0", body.to_string()))
    }

    fn table(name: &str) -> Written {
        Written::Table(name.to_owned())
    }

    fn queue(seconds: u64) -> Written {
        Written::Queue("work".to_owned(), seconds)
    }

    #[test]
    fn records_are_written_to_the_named_stream() {
        let orders = [Written::Stream("orders".to_owned())];
        let record = json!({"StreamName": "orders", "PartitionKey": "StreamName", "Data": "eA=="});
        assert_eq!(by("Kinesis.PutRecord", record), orders);
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
        let records = json!({"Records": [{"Data": "eA=="}], "StreamARN": arn});
        assert_eq!(by("Kinesis.PutRecords", records), orders);
    }

    #[test]
    fn items_are_written_to_every_table_that_the_call_names() {
        let item = json!({"Item": {"TableName": {"S": "other"}}, "TableName": "t"});
        for operation in ["PutItem", "UpdateItem", "DeleteItem"] {
            assert_eq!(by(&format!("DynamoDB.{operation}"), item.clone()), [table("t")]);
        }
        let arn = json!({"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/t"});
        assert_eq!(by("DynamoDB.PutItem", arn), [table("t")]);
        let batch = json!({"RequestItems": {"t": [{"PutRequest": {}}], "u": []}});
        assert_eq!(by("DynamoDB.BatchWriteItem", batch), [table("t"), table("u")]);
        let transaction = json!({"TransactItems": [
            {"ConditionCheck": {"TableName": "read"}},
            {"Put": {"TableName": "t", "Item": {}}},
            {"Update": {"TableName": "u"}},
            {"Delete": {"TableName": "t"}},
        ]});
        assert_eq!(by("DynamoDB.TransactWriteItems", transaction), [table("t"), table("u")]);
    }

    #[test]
    fn statements_are_written_to_the_tables_in_their_text() {
        let insert = r#"INSERT INTO "t" VALUE {'id': ?}"#;
        let one = json!({"Statement": insert, "Parameters": [{"S": "UPDATE x"}]});
        assert_eq!(by("DynamoDB.ExecuteStatement", one), [table("t")]);
        let several = json!([
            {"Statement": insert},
            {"Statement": "UPDATE u SET n = n + ? WHERE id = ?"},
            {"Statement": insert},
        ]);
        let batch = json!({"Statements": several.clone()});
        assert_eq!(by("DynamoDB.BatchExecuteStatement", batch), [table("t"), table("u")]);
        let transaction = json!({"TransactStatements": several});
        assert_eq!(by("DynamoDB.ExecuteTransaction", transaction), [table("t"), table("u")]);
        let read = json!({"Statement": r#"SELECT * FROM "t""#});
        assert_eq!(by("DynamoDB.ExecuteStatement", read), []);
    }

    #[test]
    fn messages_are_written_to_their_queue_at_once_or_later() {
        let url = "http://127.0.0.1:4566/000000000000/work";
        let sent = json!({"QueueUrl": url, "MessageBody": "\"QueueUrl\":\"other\""});
        assert_eq!(by("SQS.SendMessage", sent), [queue(0)]);
        let delayed = json!({"QueueUrl": url, "MessageBody": "", "DelaySeconds": 5});
        assert_eq!(by("SQS.SendMessage", delayed), [queue(5)]);
        let batch =
            json!({"QueueUrl": url, "Entries": [{"DelaySeconds": 7}, {"DelaySeconds": 0}, {}]});
        assert_eq!(by("SQS.SendMessageBatch", batch), [queue(0), queue(7)]);
        let change = |seconds| json!({"QueueUrl": url, "VisibilityTimeout": seconds});
        assert_eq!(by("SQS.ChangeMessageVisibility", change(0)), [queue(0)]);
        assert_eq!(by("SQS.ChangeMessageVisibility", change(30)), [queue(30)]);
        let changes = json!({"QueueUrl": url, "Entries": [{"VisibilityTimeout": 9}, {"VisibilityTimeout": 9}]});
        assert_eq!(by("SQS.ChangeMessageVisibilityBatch", changes), [queue(9)]);
    }

    #[test]
    fn the_older_protocol_of_queues_is_read_too() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let by = |operation: &str, path: &str, body: &'static str| {
            written(&call(operation, path, form, body))
        };
        let url = "QueueUrl=http%3A%2F%2Fh%2F0%2Fwork&";
        for (path, body) in [
            ("/", format!("Action=SendMessage&{url}MessageBody=a%26DelaySeconds%3D9")),
            ("/000000000000/work", "Action=SendMessage&MessageBody=a".to_owned()),
        ] {
            assert_eq!(written(&call("SQS.SendMessage", path, form, body)), [queue(0)]);
        }
        let batch =
            "SendMessageBatchRequestEntry.1.DelaySeconds=3&SendMessageBatchRequestEntry.2.Id=b";
        assert_eq!(by("SQS.SendMessageBatch", "/0/work", batch), [queue(0), queue(3)]);
        let change = "VisibilityTimeout=4";
        assert_eq!(by("SQS.ChangeMessageVisibility", "/0/work", change), [queue(4)]);
        let publish = "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A0%3At&Message=m";
        assert_eq!(by("SNS.Publish", "/", publish), [Written::AnyQueue]);
    }

    #[test]
    fn events_are_put_on_their_buses() {
        let bus = |name: &str| Written::Bus(name.to_owned());
        let arn = "arn:aws:events:us-east-1:000000000000:event-bus/shop";
        let entries = json!({"Entries": [
            {"Source": "s", "EventBusName": "other"}, {"EventBusName": arn}, {"Source": "s"},
        ]});
        assert_eq!(
            by("EventBridge.PutEvents", entries),
            [bus("default"), bus("other"), bus("shop")]
        );
    }

    #[test]
    fn reads_and_what_cannot_be_read_write_nothing() {
        assert_eq!(by("DynamoDB.GetItem", json!({"TableName": "t"})), []);
        assert_eq!(by("SQS.ReceiveMessage", json!({"QueueUrl": "http://h/0/work"})), []);
        let operations = [
            "Kinesis.PutRecords",
            "DynamoDB.PutItem",
            "DynamoDB.BatchWriteItem",
            "DynamoDB.TransactWriteItems",
            "DynamoDB.ExecuteStatement",
            "DynamoDB.BatchExecuteStatement",
            "SQS.SendMessage",
            "SQS.SendMessageBatch",
            "SQS.ChangeMessageVisibility",
            "EventBridge.PutEvents",
        ];
        let bodies: [&[u8]; 7] = [
            b"",
            b"{",
            b"[]",
            b"{}",
            b"\xff\xfe",
            br#"{"TableName":7,"StreamName":{},"Entries":"x","Statements":[7],"QueueUrl":[]}"#,
            br#"{"TransactItems":[{"Put":7}],"RequestItems":[],"Statement":"INSERT INTO"}"#,
        ];
        for operation in operations {
            for body in bodies {
                for content_type in
                    ["application/x-amz-json-1.0", "application/x-www-form-urlencoded"]
                {
                    let call = call(operation, "/", content_type, body);
                    assert_eq!(written(&call), [], "{operation} {body:?}");
                }
            }
        }
    }

    #[test]
    fn a_large_body_and_one_in_another_format_count_for_all_of_their_kind() {
        let large = json!({"StreamName": "orders", "Records": [{"Data": "x".repeat(READ)}]});
        assert_eq!(by("Kinesis.PutRecords", large), [Written::AnyStream]);
        let cbor =
            |operation| written(&call(operation, "/", "application/x-amz-cbor-1.1", "\u{1}"));
        assert_eq!(cbor("Kinesis.PutRecord"), [Written::AnyStream]);
        assert_eq!(cbor("DynamoDB.PutItem"), [Written::AnyTable]);
        assert_eq!(cbor("SQS.SendMessage"), [Written::AnyQueue]);
        assert_eq!(cbor("EventBridge.PutEvents"), [Written::AnyBus]);
    }
}
