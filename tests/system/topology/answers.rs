//! Tests that partial batch responses are declared exactly where a function returns them.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_client::client::EngineClient;
use jiff::Timestamp;
use serde_json::{Value, json};
use topology::{Access, SourceKind};

use super::{declared, samples};
use crate::world::{Part, Setup, World};

/// Identifier of the single record of a batch in the response.
const ITEM: &str = "49590338271490256608559692538361571095921575989136588898";
/// A type version that no function of this build can read, as a newer writer would use.
const NEWER: u32 = 999;

/// The sample messages, each in a future version.
fn newer() -> Vec<Value> {
    let newer = samples().into_iter().map(|(kind, mut sample)| {
        sample["dataschema"] = format!("urn:tidegate:schema:{kind}:{NEWER}").into();
        sample
    });
    newer.collect()
}

fn seconds_now() -> f64 {
    Timestamp::now().as_second() as f64
}

/// Batches of a source with a single record that cannot be applied now, but may be later.
fn transient_batches(kind: SourceKind<'_>) -> Vec<Value> {
    let records: Vec<Value> = match kind {
        SourceKind::Stream(stream) => {
            newer().iter().map(|message| from_stream(stream, message)).collect()
        }
        SourceKind::Queue(queue) => {
            newer().iter().map(|message| from_queue(queue, message)).collect()
        }
        SourceKind::Table(table) => vec![from_table(table)],
    };
    records.into_iter().map(|record| json!({ "Records": [record] })).collect()
}

fn from_stream(stream: &str, message: &Value) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": message["subject"], "sequenceNumber": ITEM,
            "data": STANDARD.encode(message.to_string()), "approximateArrivalTimestamp": seconds_now(),
        },
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": format!("shardId-000000000000:{ITEM}"),
        "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::000000000000:role/role",
        "awsRegion": "us-east-1", "eventSourceARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}"),
    })
}

fn from_queue(queue: &str, message: &Value) -> Value {
    let sent = Timestamp::now().as_millisecond().to_string();
    json!({
        "messageId": ITEM, "receiptHandle": "r", "body": message.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1", "SentTimestamp": sent, "SenderId": "s", "ApproximateFirstReceiveTimestamp": sent,
        },
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"), "awsRegion": "us-east-1",
    })
}

/// The head of a split commit whose data must be read from the store, which does not show them yet.
fn from_table(table: &str) -> Value {
    let key = json!({ "stream": { "S": "order#unseen" }, "version": { "N": "1" } });
    let mut image = key.clone();
    let rest = json!({
        "events": { "L": [{ "M": {
            "id": { "S": "e1" }, "type": { "S": "OrderPlaced" }, "dataversion": { "N": "1" },
            "time": { "S": "2026-01-01T00:00:00Z" },
        } }] },
        "source": { "S": "shop.orders" }, "cause": { "M": { "source": { "S": "test" }, "id": { "S": "c1" } } },
        "correlation": { "S": "c1" }, "written_at": { "S": Timestamp::now().to_string() }, "attempt": { "S": "a" },
        "chunks": { "N": "1" },
    });
    image.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({
        "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": seconds_now(), "Keys": key, "NewImage": image, "SequenceNumber": ITEM,
            "SizeBytes": 100, "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2026-01-01T00:00:00.000"),
    })
}

/// An event of a bus, as in an asynchronous invocation.
fn from_bus(message: &Value) -> Value {
    json!({
        "version": "0", "id": "delivery", "detail-type": message["type"], "source": message["source"], "account": "000000000000",
        "time": Timestamp::now(), "region": "us-east-1", "resources": [], "detail": message,
    })
}

/// The response of a function.
struct Answer {
    failed: bool,
    /// Records that must be delivered again.
    items: Vec<String>,
    text: String,
}

async fn answer(world: &World, function: &str, event: &Value) -> Answer {
    let client = EngineClient::new(world.engine.file().clone());
    let invoked = client.invoke(function, event.to_string().into(), None).await;
    let invoked = invoked.unwrap_or_else(|error| panic!("{function}: {error}"));
    let payload: Value = serde_json::from_slice(&invoked.payload).unwrap();
    let listed = payload["batchItemFailures"].as_array().into_iter().flatten();
    let items = listed.map(|item| item["itemIdentifier"].as_str().unwrap().to_owned()).collect();
    Answer { failed: invoked.function_error, items, text: payload.to_string() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_declares_partial_responses_exactly_where_its_function_gives_them() {
    let world = World::start_as(Setup { part: Part::Whole, ..Setup::default() }).await;
    let topology = declared();
    for (function, name, source) in topology.sources() {
        // Messages only tell a projection to look, and the store of this test holds nothing.
        let store = topology.functions[function].uses.get("EVENT_STORE_TABLE");
        if source.queue.is_some() && store.is_some_and(|used| used.access == Access::Read) {
            continue;
        }
        let mut partial = false;
        for batch in transient_batches(source.kind().unwrap()) {
            let answer = answer(&world, function, &batch).await;
            assert!(!answer.failed, "{function} fails as a whole for one record: {}", answer.text);
            // A type that the function does not know is a permanent failure: it becomes a dead
            // letter, and is acknowledged.
            if !answer.items.is_empty() {
                assert_eq!(answer.items, [ITEM], "{function}: {}", answer.text);
                partial = true;
            }
        }
        assert_eq!(partial, source.report_batch_item_failures, "source {name} of {function}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_a_rule_invokes_fails_as_a_whole_and_lists_nothing() {
    let world = World::start_as(Setup { part: Part::Whole, ..Setup::default() }).await;
    let topology = declared();
    let targets =
        topology.rules.values().filter_map(|rule| rule.target.as_ref()?.function.as_ref());
    let functions: BTreeSet<&String> = targets.collect();
    assert!(!functions.is_empty(), "no rule has a function as its target");
    for function in functions {
        let mut failures = 0;
        for message in newer() {
            let answer = answer(&world, function, &from_bus(&message)).await;
            assert!(answer.items.is_empty(), "Lambda ignores a list: {}", answer.text);
            failures += usize::from(answer.failed);
        }
        assert!(
            failures > 0,
            "{function} takes a version that it cannot read: nothing would be invoked again"
        );
    }
    world.end().await;
}
