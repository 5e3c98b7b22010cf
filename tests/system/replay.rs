//! Tests `scripts/replay-dlq` on the running system.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::mail::confirmations;
use crate::programs::{directory, repository, shown};
use crate::world::World;

async fn replay(world: &World, arguments: &[&str]) -> std::process::Output {
    Command::new(repository().join("scripts/replay-dlq"))
        .args(arguments)
        .env("TIDEGATE_BIN", directory().join("tidegate"))
        .env("TIDEGATE_STATE", world.state.path())
        .current_dir(world.state.path())
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .await
        .expect("a start")
}

async fn letters(world: &World) -> Vec<Value> {
    let listed = replay(world, &["--json"]).await;
    assert!(listed.status.success(), "{}", shown(&listed));
    serde_json::from_slice(&listed.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", shown(&listed)))
}

fn order_placed(order: &str) -> Value {
    json!({
        "version": "0", "id": format!("event-{order}"), "detail-type": "OrderPlaced", "source": "shop.orders",
        "account": "000000000000", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "specversion": "1.0", "id": format!("e-{order}"), "source": "shop.orders", "type": "OrderPlaced",
            "subject": format!("order#{order}"), "time": jiff::Timestamp::now(), "sequence": 1,
            "dataschema": "urn:tidegate:schema:OrderPlaced:1", "correlationid": "c",
            "data": {
                "order_id": order, "customer_id": "7", "country": "France", "ordered_at": "2026-01-01T00:00:00Z",
                "units": 1, "total": { "minor": 100, "currency": "GBP" },
                "lines": [{ "stock_code": "A", "quantity": 1, "unit_price": 100 }],
            },
        },
    })
}

async fn put(world: &World, queue: &str, body: &Value) {
    let sqs = &world.clients().sqs;
    let url = sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(url).message_body(body.to_string()).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_failure_is_listed_unchanged_and_replayed_once() {
    let world = World::start().await;
    let mut event = order_placed("901");
    event["time"] = json!(jiff::Timestamp::now());
    let failure = json!({
        "version": "1.0", "timestamp": "2026-01-01T00:00:00.000Z",
        "requestContext": {
            "requestId": "r", "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:notification:$LATEST",
            "condition": "RetriesExhausted", "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorType": "Runtime.ExitError", "errorMessage": "signal: killed" },
    });
    put(&world, "async-failures", &failure).await;
    put(&world, "async-failures", &json!({ "somebody": "else's" })).await;

    for _ in 0..2 {
        assert_eq!(letters(&world).await.len(), 2, "listing changes nothing");
    }
    assert!(confirmations(&world).await.is_empty());

    let replayed = replay(&world, &["--yes"]).await;
    assert!(replayed.status.success(), "{}", shown(&replayed));
    assert_eq!(confirmations(&world).await.get("901"), Some(&1));
    let left = letters(&world).await;
    assert_eq!(left.len(), 1, "what nobody knows is never deleted: {left:#?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_into_a_stream_is_followed_while_its_records_are_there() {
    let world = World::start().await;
    let command = json!({
        "specversion": "1.0", "id": "c-902", "source": "test", "type": "PlaceOrder", "subject": "order#902",
        "time": "2026-01-01T00:00:00Z", "dataschema": "urn:tidegate:schema:PlaceOrder:1", "correlationid": "c-902",
        "data": {
            "order_id": "902", "country": "France", "currency": "GBP", "ordered_at": "2026-01-01T00:00:00Z",
            "lines": [{ "stock_code": "A", "quantity": 1, "unit_price": 100 }],
        },
    });
    let kinesis = &world.clients().kinesis;
    let blob = aws_sdk_kinesis::primitives::Blob::new(command.to_string());
    let put_record = kinesis
        .put_record()
        .stream_name("orders")
        .partition_key("order#902")
        .data(blob)
        .send()
        .await
        .unwrap();
    world.settle().await;
    let before = world.metric("order-processor", "Duplicate").await;

    let now = jiff::Timestamp::now();
    let pointer = json!({
        "requestContext": {
            "requestId": "r", "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:order-processor",
            "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": null },
        "version": "1.0", "timestamp": now,
        "KinesisBatchInfo": {
            "shardId": put_record.shard_id, "startSequenceNumber": put_record.sequence_number,
            "endSequenceNumber": put_record.sequence_number, "approximateArrivalOfFirstRecord": now,
            "approximateArrivalOfLastRecord": now, "batchSize": 1,
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
        },
    });
    put(&world, "stream-failures", &pointer).await;
    let mut expired = pointer.clone();
    expired["KinesisBatchInfo"]["approximateArrivalOfFirstRecord"] = json!("2020-01-01T00:00:00Z");
    put(&world, "stream-failures", &expired).await;

    let replayed = replay(&world, &["--yes"]).await;
    assert_eq!(replayed.status.code(), Some(1), "the expired one cannot be: {}", shown(&replayed));
    assert_eq!(
        world.metric("order-processor", "Duplicate").await,
        before + 1,
        "its effect was there already"
    );
    assert_eq!(letters(&world).await.len(), 1);
    world.end().await;
}
