//! `tidegate dlq`: what is listed, replayed and left.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tidegate::ids::content_id;

use crate::command::{json, said, stderr, stdout};
use crate::emulator::System;
use crate::functions::{Answer, SUCCESS};

const PARTIAL: Answer = Answer(200, false, r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#);
const ERROR: Answer = Answer(200, true, r#"{"errorType":"transient.ses","errorMessage":"down"}"#);
const THROTTLED: Answer = Answer(429, false, r#"{"message":"Rate Exceeded."}"#);

pub(crate) fn own(id: &str, payload: &Value) -> String {
    own_of("order-processor", id, payload)
}

pub(crate) fn own_of(function: &str, id: &str, payload: &Value) -> String {
    json!({
        "kind": "tidegate.dead-letter.v1", "id": id, "function": function, "source": "kinesis",
        "position": "shardId-000000000000:1", "ordering_key": "order#1", "class": "permanent", "code": "not_json",
        "reason": "expected value at line 1", "arrived_at": "2026-01-01T00:00:00Z", "failed_at": "2026-01-01T00:00:01Z",
        "payload": payload
    })
    .to_string()
}

pub(crate) fn record(text: &str) -> Value {
    json!({"eventID": "shardId-000000000000:1", "kinesis": {"sequenceNumber": "1", "data": STANDARD.encode(text)}})
}

fn asynchronous(subject: &str) -> String {
    asynchronous_of("notification:$LATEST", subject)
}

pub(crate) fn asynchronous_of(function: &str, subject: &str) -> String {
    json!({
        "version": "1.0", "timestamp": "2026-01-01T00:00:00.000Z",
        "requestContext": {"requestId": "r", "functionArn": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
            "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": {"id": "e", "detail": {"subject": subject}},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "transient.ses", "errorMessage": "down"}
    })
    .to_string()
}

pub(crate) fn pointer(
    info: &str,
    function: &str,
    shard: &str,
    arn: &str,
    range: (&str, &str),
) -> String {
    json!({
        "requestContext": {"requestId": "r", "functionArn": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
            "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3},
        "version": "1.0", "timestamp": jiff::Timestamp::now().to_string(),
        info: {"shardId": shard, "startSequenceNumber": range.0, "endSequenceNumber": range.1,
            "approximateArrivalOfFirstRecord": jiff::Timestamp::now().to_string(),
            "approximateArrivalOfLastRecord": jiff::Timestamp::now().to_string(), "batchSize": 2, "streamArn": arn}
    })
    .to_string()
}

fn ids(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_shows_every_message_once_and_leaves_the_queues_as_they_were() {
    let Some(system) = System::start().await else { return };
    for number in 0..25 {
        system
            .send(
                "dead-letters",
                &own(&format!("letter-{number:02}"), &json!({"record": record("hello")})),
                &[],
            )
            .await;
    }
    system.send("async-failures", &asynchronous("order#7"), &[]).await;
    let target = [
        ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/shop/order-placed-notification"),
        ("TARGET_ARN", "arn:aws:lambda:us-east-1:000000000000:function:notification"),
    ];
    system.send("rule-failures", r#"{"id":"e","detail":{"subject":"order#8"}}"#, &target).await;
    let odd = system.send("stream-failures", "what is this", &[]).await;

    for _ in 0..2 {
        let listed = json(&system.tidegate(&["dlq", "--json"]).await);
        let all = listed.as_array().unwrap();
        assert_eq!(all.len(), 28);
        let mut own = ids(&listed, "id");
        own.retain(|id| id.starts_with("letter-"));
        own.sort();
        own.dedup();
        assert_eq!(own.len(), 25);
        let of = |kind: &str| all.iter().find(|letter| letter["kind"] == kind).unwrap();
        assert_eq!(
            (of("letter")["payload"].as_str(), of("letter")["condition"].as_str()),
            (Some("hello"), Some("permanent/not_json"))
        );
        assert_eq!(
            (of("async")["subject"].as_str(), of("rule")["subject"].as_str()),
            (Some("order#7"), Some("order#8"))
        );
        assert_eq!(
            (of("unknown")["message_id"].as_str(), of("unknown")["body"].as_str()),
            (Some(odd.as_str()), Some("what is this"))
        );
    }
    for (queue, messages) in
        [("dead-letters", 25), ("async-failures", 1), ("rule-failures", 1), ("stream-failures", 1)]
    {
        assert_eq!(system.count(queue).await, (messages, 0), "{queue}");
    }
    assert!(system.functions.seen().is_empty());
    let table = stdout(&system.tidegate(&["dlq", "--queue", "async-failures"]).await);
    assert!(table.contains("RetriesExhausted") && table.contains("1 dead letter;"), "{table}");
    let one = json(&system.tidegate(&["dlq", "--json", "--id", "letter-03"]).await);
    assert_eq!(ids(&one, "id"), ["letter-03"]);
    let notification =
        json(&system.tidegate(&["dlq", "--json", "--function", "notification"]).await);
    assert_eq!(ids(&notification, "kind"), ["async", "rule"]);
    said(&system.tidegate(&["dlq", "--queue", "orders"]).await, 2);
    said(&system.tidegate(&["dlq", "--function", "nobody"]).await, 2);
    said(&system.tidegate(&["dlq", "--id", "zzz"]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_deletes_what_the_function_took_and_nothing_else() {
    let Some(system) = System::start().await else { return };
    system.send("async-failures", &asynchronous("order#1"), &[]).await;
    system.send("dead-letters", &own("good", &json!({"record": record("a")})), &[]).await;
    system.send("stream-failures", "unknown", &[]).await;
    // By queue, so the asynchronous failure comes first. A throttled invocation did not run and is
    // retried.
    system.functions.will(&[THROTTLED, ERROR, PARTIAL]);
    let output = system.tidegate(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text} {}", stderr(&output));
    assert!(text.contains("0 replayed, 2 failed, 1 skipped"), "{text}");
    assert!(
        text.contains("transient.ses: down") && text.contains("could not apply record 1"),
        "{text}"
    );
    for queue in ["async-failures", "dead-letters", "stream-failures"] {
        assert_eq!(system.count(queue).await, (1, 0), "{queue}");
    }
    let seen = system.functions.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(seen[0].event, json!({"id": "e", "detail": {"subject": "order#1"}}));
    assert_eq!(seen[2].event, json!({"Records": [record("a")]}));
    // The record of the asynchronous failure names the invocation that is repeated.
    for (invocation, occasion) in seen.iter().zip([Some("r"), Some("r"), None]) {
        let mut custom = json!({"tidegate-replay": "true"});
        if let Some(occasion) = occasion {
            custom["tidegate-occasion"] = json!(occasion);
        }
        assert_eq!(invocation.context, Some(json!({ "custom": custom })));
    }

    let summary = json(&system.tidegate(&["dlq", "--yes", "--json"]).await);
    assert_eq!(
        (
            summary["replayed"].as_array().unwrap().len(),
            summary["failed"].as_array().unwrap().len()
        ),
        (2, 0)
    );
    assert_eq!(system.count("async-failures").await, (0, 0));
    assert_eq!(system.count("dead-letters").await, (0, 0));
    assert_eq!(system.count("stream-failures").await, (1, 0), "what is unknown is left alone");
    let seen = system.functions.seen();
    let functions: Vec<(&str, &str)> =
        seen.iter().map(|seen| (seen.function.as_str(), seen.qualifier.as_str())).collect();
    assert_eq!(functions, [("notification", "live"), ("order-processor", "live")]);
}

/// Stores a record in the bucket and returns its dead letter, both as the toolkit writes them.
async fn in_bucket(system: &System) -> String {
    let id = content_id(&["dead-letter", "order-processor", "kinesis", "shardId-000000000000:1"]);
    let key = format!("order-processor/{id}.json");
    let put = system.clients.s3.put_object().bucket("dead-letters").key(&key);
    put.body(ByteStream::from(record("big").to_string().into_bytes())).send().await.unwrap();
    own(&id, &json!({"object": {"bucket": "dead-letters", "key": key}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_letter_that_names_the_payload_of_another_leaves_it_there() {
    let Some(system) = System::start().await else { return };
    let letter = in_bucket(&system).await;
    let objects = async || {
        system
            .clients
            .s3
            .list_objects_v2()
            .bucket("dead-letters")
            .send()
            .await
            .unwrap()
            .contents()
            .len()
    };
    // The function takes the record for an event, and may find nothing in it.
    let forged = letter.replace(r#""source":"kinesis""#, r#""source":"eventbridge""#);
    assert_ne!(forged, letter);
    system.send("dead-letters", &forged, &[]).await;
    assert!(system.tidegate(&["dlq", "--yes"]).await.status.success());
    assert_eq!(system.functions.seen()[0].event, record("big"));
    assert_eq!(objects().await, 1, "the other letter's payload");

    system.send("dead-letters", &letter, &[]).await;
    assert!(system.tidegate(&["dlq", "--yes"]).await.status.success());
    assert_eq!(system.functions.seen()[0].event, json!({"Records": [record("big")]}));
    assert_eq!(objects().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_payload_is_in_the_bucket_is_replayed_once_and_its_object_deleted_with_it() {
    let Some(system) = System::start().await else { return };
    let letter = in_bucket(&system).await;
    system.send("dead-letters", &letter, &[]).await;
    system.send("dead-letters", &letter, &[]).await;
    let objects = async || {
        system
            .clients
            .s3
            .list_objects_v2()
            .bucket("dead-letters")
            .send()
            .await
            .unwrap()
            .contents()
            .len()
    };

    system.functions.will(&[ERROR, ERROR]);
    assert_eq!(system.tidegate(&["dlq", "--yes"]).await.status.code(), Some(1));
    assert_eq!((objects().await, system.count("dead-letters").await), (1, (2, 0)));
    system.functions.seen();

    let output = system.tidegate(&["dlq", "--yes"]).await;
    assert!(output.status.success(), "{}", stdout(&output));
    assert_eq!((objects().await, system.count("dead-letters").await), (0, (0, 0)));
    let seen = system.functions.seen();
    assert_eq!(seen.len(), 1, "sent twice, replayed once");
    assert_eq!(seen[0].event, json!({"Records": [record("big")]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_stops_at_its_limit_and_after_ten_failures_in_a_row() {
    let Some(system) = System::start().await else { return };
    for number in 0..14 {
        system
            .send(
                "dead-letters",
                &own(&format!("letter-{number:02}"), &json!({"record": record("a")})),
                &[],
            )
            .await;
    }
    system.functions.will(&vec![ERROR; 10]);
    let summary = json(&system.tidegate(&["dlq", "--yes", "--json"]).await);
    assert_eq!(
        (ids(&summary["failed"], "id").len(), ids(&summary["skipped"], "id").len()),
        (10, 4)
    );
    system.functions.will(&vec![ERROR; 13]);
    let summary = json(&system.tidegate(&["dlq", "--yes", "--json", "--keep-going"]).await);
    assert_eq!(
        (ids(&summary["failed"], "id").len(), ids(&summary["replayed"], "id").len()),
        (13, 1)
    );
    let summary = json(&system.tidegate(&["dlq", "--yes", "--json", "--limit", "5"]).await);
    assert_eq!(
        (ids(&summary["replayed"], "id").len(), ids(&summary["skipped"], "id").len()),
        (5, 8)
    );
    assert_eq!(system.count("dead-letters").await, (8, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_into_kinesis_is_replayed_in_batches_from_the_stream_itself() {
    let Some(system) = System::start().await else { return };
    let mut sequences = Vec::new();
    for number in 0..250 {
        let put = system.clients.kinesis.put_record().stream_name("orders").partition_key("k");
        let put = put.data(Blob::new(format!("record {number}"))).send().await.unwrap();
        sequences.push((put.shard_id, put.sequence_number));
    }
    let arn = &system.provisioned.streams["orders"];
    let body = |from: usize, to: usize| {
        pointer(
            "KinesisBatchInfo",
            "order-processor",
            &sequences[0].0,
            arn,
            (&sequences[from].1, &sequences[to].1),
        )
    };
    system.send("stream-failures", &body(10, 214), &[]).await;

    system.functions.will(&[SUCCESS, PARTIAL]);
    let output = system.tidegate(&["dlq", "--yes"]).await;
    assert!(stdout(&output).contains("batch 2 of 3: "), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(system.count("stream-failures").await, (1, 0));
    assert_eq!(system.functions.seen().len(), 2, "what follows a failed batch may build on it");

    let output = system.tidegate(&["dlq", "--yes"]).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(system.count("stream-failures").await, (0, 0));
    let seen = system.functions.seen();
    let records: Vec<&Value> =
        seen.iter().flat_map(|seen| seen.event["Records"].as_array().unwrap()).collect();
    assert_eq!(
        seen.iter().map(|seen| seen.event["Records"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [100, 100, 5]
    );
    for invocation in &seen {
        assert_eq!(
            invocation.context, None,
            "what fails for good is to become a letter with its payload"
        );
    }
    for (offset, record) in records.iter().enumerate() {
        let (shard, sequence) = &sequences[10 + offset];
        assert_eq!(record["eventID"], format!("{shard}:{sequence}"));
        assert_eq!(record["eventSourceARN"], arn.as_str());
        assert_eq!(record["kinesis"]["data"], STANDARD.encode(format!("record {}", 10 + offset)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_of_a_shard_are_replayed_in_the_order_of_the_stream_and_one_that_expired_is_refused()
 {
    let Some(system) = System::start().await else { return };
    let mut sequences = Vec::new();
    for number in 0..4 {
        let put = system.clients.kinesis.put_record().stream_name("orders").partition_key("k");
        let put = put.data(Blob::new(format!("record {number}"))).send().await.unwrap();
        sequences.push((put.shard_id, put.sequence_number));
    }
    let arn = &system.provisioned.streams["orders"];
    let body = |number: usize| {
        let sequence = sequences[number].1.as_str();
        pointer("KinesisBatchInfo", "order-processor", &sequences[0].0, arn, (sequence, sequence))
    };
    let mut expired: Value = serde_json::from_str(&body(3)).unwrap();
    expired["KinesisBatchInfo"]["approximateArrivalOfFirstRecord"] = json!("2020-01-01T00:00:00Z");
    for body in [body(2), body(0), body(1), expired.to_string()] {
        system.send("stream-failures", &body, &[]).await;
    }
    let output = system.tidegate(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert!(
        text.contains("3 replayed, 1 failed") && text.contains("its records are gone"),
        "{text}{}",
        stderr(&output)
    );
    let data: Vec<Value> = system
        .functions
        .seen()
        .iter()
        .map(|seen| seen.event["Records"][0]["kinesis"]["data"].clone())
        .collect();
    assert_eq!(data, [0, 1, 2].map(|number| json!(STANDARD.encode(format!("record {number}")))));
    assert_eq!(system.count("stream-failures").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_into_a_tables_stream_is_replayed_and_one_into_nothing_is_said() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let Some(system) = System::start().await else { return };
    for version in 1..=5 {
        let put = system.clients.dynamodb.put_item().table_name("event-store");
        let put = put.item("stream", AttributeValue::S("order#1".to_owned()));
        put.item("version", AttributeValue::N(version.to_string())).send().await.unwrap();
    }
    let arn = system.provisioned.tables["event-store"].stream_arn.clone().unwrap();
    let described = system.clients.streams.describe_stream().stream_arn(&arn).send().await.unwrap();
    let shard = described.stream_description.unwrap().shards.unwrap()[0].shard_id.clone().unwrap();
    let iterator = system.clients.streams.get_shard_iterator().stream_arn(&arn).shard_id(&shard);
    let iterator = iterator
        .shard_iterator_type("TRIM_HORIZON".into())
        .send()
        .await
        .unwrap()
        .shard_iterator
        .unwrap();
    let records = system
        .clients
        .streams
        .get_records()
        .shard_iterator(iterator)
        .send()
        .await
        .unwrap()
        .records
        .unwrap();
    let sequence =
        |at: usize| records[at].dynamodb.as_ref().unwrap().sequence_number.clone().unwrap();
    let range = (sequence(1), sequence(3));
    let good =
        pointer("DDBStreamBatchInfo", "order-projection", &shard, &arn, (&range.0, &range.1));
    let beyond = "9".repeat(range.1.len());
    let gone = pointer("DDBStreamBatchInfo", "order-projection", &shard, &arn, (&beyond, &beyond));
    system.send("stream-failures", &good, &[]).await;
    system.send("stream-failures", &gone, &[]).await;

    let output = system.tidegate(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert!(text.contains("1 replayed, 1 failed"), "{text}{}", stderr(&output));
    assert!(text.contains(&format!("record {beyond} is no longer in event-store")), "{text}");
    let seen = system.functions.seen();
    let versions: Vec<&str> = seen[0].event["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["dynamodb"]["NewImage"]["version"]["N"].as_str().unwrap())
        .collect();
    assert_eq!((seen.len(), &seen[0].context, versions), (1, &None, vec!["2", "3", "4"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_pointer_that_the_filter_of_its_source_drops_stay_away_from_the_function() {
    let Some(system) = System::start().await else { return };
    let declared = std::fs::read_to_string(crate::emulator::file()).unwrap();
    let on_failure = "on_failure                 = { queue = \"stream-failures\" }";
    let filter = r#"filter_criteria = [{ pattern = "{\"data\": {\"kind\": [\"placed\"]}}" }]"#;
    let filtered = declared.replacen(on_failure, &format!("{on_failure}\n        {filter}"), 1);
    assert_ne!(filtered, declared);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, filtered).unwrap();
    let mut sequences = Vec::new();
    for data in [r#"{"kind":"placed"}"#, r#"{"kind":"other"}"#, "not JSON", r#"{"kind":"placed"}"#]
    {
        let put = system.clients.kinesis.put_record().stream_name("orders").partition_key("k");
        let put = put.data(Blob::new(data)).send().await.unwrap();
        sequences.push((put.shard_id, put.sequence_number));
    }
    let range = (sequences[0].1.as_str(), sequences[3].1.as_str());
    let arn = &system.provisioned.streams["orders"];
    let body = pointer("KinesisBatchInfo", "order-processor", &sequences[0].0, arn, range);
    system.send("stream-failures", &body, &[]).await;

    let output =
        system.tidegate(&["dlq", "--yes", "--topology", file.path().to_str().unwrap()]).await;
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.contains("the filter of the source drops 2 records"), "{text}");
    let seen = system.functions.seen();
    let records = seen[0].event["Records"].as_array().unwrap();
    let placed = json!(STANDARD.encode(r#"{"kind":"placed"}"#));
    assert_eq!((seen.len(), records.len()), (1, 2));
    assert!(records.iter().all(|record| record["kinesis"]["data"] == placed), "{records:?}");
    assert_eq!(system.count("stream-failures").await, (0, 0));
}
