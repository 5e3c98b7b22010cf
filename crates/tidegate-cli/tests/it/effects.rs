//! `tidegate effects`: held effects are listed, completed and released.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tidegate::idempotency::{
    Claim, Claimed, DynamoDbIdempotency, EffectKey, IdempotencyStore as _, Kept, Status,
};
use tidegate::ids::{Version, content_id};
use tidegate::store::{DynamoDbEventStore, EventReader as _};

use crate::command::{json, said, stderr, stdout};
use crate::dead_letters::record;
use crate::emulator::System;
use crate::functions::Answer;

pub(crate) const ERROR: Answer =
    Answer(200, true, r#"{"errorType":"transient.ses","errorMessage":"down"}"#);

pub(crate) async fn hold(system: &System, key: &str, repeat: Option<&str>) {
    hold_in(system, "idempotency", key, repeat).await;
}

pub(crate) async fn hold_in(system: &System, table: &str, key: &str, repeat: Option<&str>) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut item = HashMap::from([
        ("key".to_owned(), text(key)),
        ("status".to_owned(), text("held")),
        ("owner".to_owned(), text("o")),
        ("lease_until".to_owned(), AttributeValue::N("1767225600000".to_owned())),
        ("payload_hash".to_owned(), text("h")),
        ("reason".to_owned(), text("its run ended without an answer")),
    ]);
    if let Some(repeat) = repeat {
        item.insert("repeat".to_owned(), text(repeat));
    }
    system.clients.dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

async fn status(system: &System, key: &str) -> String {
    let get = system
        .clients
        .dynamodb
        .get_item()
        .table_name("idempotency")
        .key("key", AttributeValue::S(key.to_owned()));
    get.send().await.unwrap().item.unwrap()["status"].as_s().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_effect_runs_again_at_once_and_what_fails_becomes_a_dead_letter() {
    let Some(system) = System::start().await else { return };
    assert_eq!(json(&system.tidegate(&["effects", "ls", "--json"]).await), json!([]));
    for key in ["mail#1", "mail#2", "mail#4"] {
        let repeat = json!({"function": "notification", "event": {"effect": key}}).to_string();
        hold(&system, key, Some(&repeat)).await;
    }
    hold(&system, "mail#3", None).await;
    hold(&system, "mail#5", Some(r#"{"function":"notification","event":{"effect":null}}"#)).await;
    let listed = json(&system.tidegate(&["effects", "ls", "--json"]).await);
    assert_eq!(listed.as_array().unwrap().len(), 5);
    assert!(stdout(&system.tidegate(&["effects", "ls"]).await).contains("mail#2"));

    let output = system.tidegate(&["effects", "release", "mail#1", "mail#9"]).await;
    assert_eq!(output.status.code(), Some(1), "an unknown key");
    let text = stdout(&output);
    assert!(
        text.contains("mail#1: released; notification ran and succeeded"),
        "{text}{}",
        stderr(&output)
    );
    assert!(text.contains("mail#9: no effect of this key is held"), "{text}");
    let seen = system.functions.seen();
    assert_eq!(
        (seen.len(), &seen[0].event, &seen[0].context),
        (1, &json!({"effect": "mail#1"}), &None)
    );
    assert_eq!(
        (status(&system, "mail#1").await, status(&system, "mail#2").await),
        ("completed".to_owned(), "held".to_owned())
    );

    system.functions.will(&[ERROR, ERROR, ERROR]);
    let output = system.tidegate(&["effects", "release", "mail#2"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("in queue async-failures"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let letters = json(&system.tidegate(&["dlq", "--json"]).await);
    assert_eq!(
        (letters[0]["kind"].as_str(), letters[0]["payload"].as_str()),
        (Some("async"), Some(r#"{"effect":"mail#2"}"#))
    );
    let replayed = system.tidegate(&["dlq", "--yes"]).await;
    assert!(replayed.status.success(), "{}", stdout(&replayed));

    let output = system.tidegate(&["effects", "release", "--all", "--json"]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let outcomes: Vec<_> = json(&output)
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["key"].clone(), one["outcome"].clone()))
        .collect();
    let expected = [("mail#3", "released"), ("mail#4", "ran"), ("mail#5", "released")];
    assert_eq!(outcomes, expected.map(|(key, outcome)| (json!(key), json!(outcome))));
    let listed = json(&system.tidegate(&["effects", "ls", "--json"]).await);
    let listed: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (&one["key"], &one["status"])).collect();
    let waiting = [(&json!("mail#3"), &json!("released")), (&json!("mail#5"), &json!("released"))];
    assert_eq!(listed, waiting, "what has not run stays in sight");
    assert!(
        stdout(&system.tidegate(&["effects", "ls"]).await).contains("released, and not run since")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_event_of_a_stream_that_fails_is_a_letter_of_its_function_and_can_be_replayed() {
    let Some(system) = System::start().await else { return };
    let mut record = record("a");
    record["eventSource"] = json!("aws:kinesis");
    let event = json!({"Records": [record]});
    let hold_for = async |key: &str, function: &str| {
        hold(&system, key, Some(&json!({"function": function, "event": event}).to_string())).await;
    };
    hold_for("of#nobody", "undeclared").await;
    let output = system.tidegate(&["effects", "release", "of#nobody"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("of#nobody: refused, and not released: `undeclared` is not a function"),
        "{text}"
    );
    assert!(system.functions.seen().is_empty(), "nothing ran");
    assert_eq!(status(&system, "of#nobody").await, "held");

    // The function has no on-failure queue, because it is not invoked asynchronously.
    hold_for("stream#1", "order-processor").await;
    system.functions.will(&[ERROR, ERROR, ERROR]);
    let output = system.tidegate(&["effects", "release", "stream#1"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("in queue dead-letters"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    assert!(system.functions.seen().iter().all(|seen| seen.event == event));
    let letters = json(&system.tidegate(&["dlq", "--json"]).await);
    assert_eq!(
        (
            letters[0]["kind"].as_str(),
            letters[0]["function"].as_str(),
            letters[0]["reason"].as_str()
        ),
        (Some("letter"), Some("order-processor"), Some("the function failed: transient.ses: down"))
    );
    let replayed = system.tidegate(&["dlq", "--yes"]).await;
    assert!(replayed.status.success(), "{}", stdout(&replayed));
    let seen: Vec<_> =
        system.functions.seen().into_iter().map(|seen| (seen.function, seen.event)).collect();
    assert_eq!(seen, [("order-processor".to_owned(), event.clone())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_an_operator_completes_is_a_duplicate_from_then_on_and_does_not_run() {
    let Some(system) = System::start().await else { return };
    for key in ["test#mail#1", "test#mail#2"] {
        let repeat = json!({"function": "notification", "event": {"effect": key}}).to_string();
        hold(&system, key, Some(&repeat)).await;
    }
    let output =
        system.tidegate(&["effects", "complete", "test#mail#1", "--result", "\"m1\""]).await;
    let text = stdout(&output);
    assert!(
        text.contains("test#mail#1: recorded that it took place, for 31 days"),
        "{text}{}",
        stderr(&output)
    );
    let output =
        system.tidegate(&["effects", "complete", "test#mail#2", "--json", "--days", "15"]).await;
    assert_eq!(json(&output)["outcome"], "completed");
    assert_eq!(json(&system.tidegate(&["effects", "ls", "--json"]).await), json!([]));

    let store = DynamoDbIdempotency::new(system.clients.dynamodb.clone(), "idempotency");
    for (number, kept) in [("1", Kept::Result("\"m1\"".to_owned())), ("2", Kept::Unknown)] {
        let claim = Claim {
            key: EffectKey::new("test", "mail", number).unwrap(),
            owner: "later".to_owned(),
            lease_until: jiff::Timestamp::now(),
            payload_hash: "h".into(),
            take_over: true,
        };
        let Ok(Claimed::No(stored)) = store.claim(&claim).await else {
            panic!("it would run again")
        };
        assert_eq!(
            (stored.status, stored.result, stored.payload_hash),
            (Status::Completed, kept, "h".into())
        );
    }
    for key in ["test#mail#1", "test#mail#9"] {
        let output = system.tidegate(&["effects", "complete", key]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("no effect of this key is held"), "{}", stdout(&output));
    }
    assert!(system.functions.seen().is_empty(), "nothing ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_listed_as_that_and_hides_no_other() {
    let Some(system) = System::start().await else { return };
    hold(&system, "mail#1", Some("no JSON")).await;
    hold(&system, "mail#2", None).await;
    hold(&system, "mail#3", None).await;
    let listed = json(&system.tidegate(&["effects", "ls", "--json"]).await);
    let of = |key: &str| {
        listed.as_array().unwrap().iter().find(|one| one["key"] == key).unwrap().clone()
    };
    assert_eq!(
        (of("mail#1")["status"].clone(), of("mail#2")["status"].clone()),
        (json!("unreadable"), json!("held"))
    );
    let text = stdout(&system.tidegate(&["effects", "ls"]).await);
    assert!(
        text.contains("unreadable: idempotency record mail#1: its event cannot be read"),
        "{text}"
    );
    let output = system.tidegate(&["effects", "ls", "--limit", "2", "--json"]).await;
    assert_eq!(json(&output).as_array().unwrap().len(), 2);
    assert!(stderr(&output).contains("2 are listed, and there may be more"), "{}", stderr(&output));
    let output = system.tidegate(&["effects", "release", "mail#1", "mail#2"]).await;
    assert_eq!((output.status.code(), status(&system, "mail#1").await.as_str()), (Some(1), "held"));
    let text = stdout(&output);
    assert!(text.contains("mail#2: released; it has no event. The next delivery"), "{text}");
    assert!(text.contains("look for the event in the source and among the dead letters"), "{text}");
    assert!(!text.contains("nothing acknowledged"), "nobody knows that");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_a_bucket_runs_from_there_and_one_that_is_gone_is_not_released() {
    let Some(system) = System::start().await else { return };
    let event = r#"{"effect":"there"}"#;
    // An older version of the toolkit named the object of `done`.
    let name = |key: &str| {
        let below = if key == "done" { "" } else { "notification/" };
        format!("held/{below}{}.json", content_id(&["held-effect", key, event]))
    };
    for key in ["there", "gone", "done"] {
        let object = json!({"bucket": "dead-letters", "key": name(key)});
        hold(
            &system,
            key,
            Some(&json!({"function": "notification", "object": object}).to_string()),
        )
        .await;
    }
    for key in ["there", "done", "other"] {
        let put = system.clients.s3.put_object().bucket("dead-letters").key(name(key));
        put.body(event.as_bytes().to_vec().into()).send().await.unwrap();
    }
    let listed = stdout(&system.tidegate(&["effects", "ls"]).await);
    assert!(listed.contains(&format!("s3://dead-letters/{}", name("there"))), "{listed}");
    let output = system.tidegate(&["effects", "release", "there", "gone"]).await;
    let text = stdout(&output);
    assert!(
        text.contains("there: released; notification ran and succeeded"),
        "{text}{}",
        stderr(&output)
    );
    let gone = format!("gone: not released: its event s3://dead-letters/{}", name("gone"));
    assert!(text.contains(&gone), "{text}");
    assert_eq!(status(&system, "gone").await, "held");
    assert_eq!(system.functions.seen()[0].event, json!({"effect": "there"}));
    assert!(system.tidegate(&["effects", "complete", "done"]).await.status.success());
    let left = system.clients.s3.list_objects_v2().bucket("dead-letters").send().await.unwrap();
    let left: Vec<_> = left.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(left, [name("other")], "the event of an effect that took place is deleted");
}

pub(crate) async fn put_commit(system: &System, table: &str, version: u32) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let event = HashMap::from([
        ("id".to_owned(), text(&format!("e{version}"))),
        ("type".to_owned(), text("OrderPlaced")),
        ("dataversion".to_owned(), AttributeValue::N("1".to_owned())),
        ("data".to_owned(), text(r#"{"lines":[]}"#)),
        ("time".to_owned(), text("2010-12-01T08:26:00Z")),
    ]);
    let cause =
        HashMap::from([("source".to_owned(), text("shop.import")), ("id".to_owned(), text("c1"))]);
    let item = HashMap::from([
        ("stream".to_owned(), text("order#1")),
        ("version".to_owned(), AttributeValue::N(version.to_string())),
        ("attempt".to_owned(), text("a")),
        ("source".to_owned(), text("shop.orders")),
        ("events".to_owned(), AttributeValue::L(vec![AttributeValue::M(event)])),
        ("cause".to_owned(), AttributeValue::M(cause)),
        ("correlation".to_owned(), text("k1")),
        ("written_at".to_owned(), text("2026-01-01T00:00:00Z")),
    ]);
    system.clients.dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streams_events_are_shown_in_order_and_an_unknown_stream_is_said() {
    let Some(system) = System::start().await else { return };
    for version in [2, 1] {
        put_commit(&system, "event-store", version).await;
    }
    let store = DynamoDbEventStore::new(system.clients.dynamodb.clone(), "event-store");
    assert_eq!(
        store.read(&"order#1".parse().unwrap(), Version::NONE).await.unwrap().len(),
        2,
        "the items are commits"
    );
    let shown = json(&system.tidegate(&["events", "show", "order#1", "--json"]).await);
    let shown: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["sequence"].clone(), event["id"].clone()))
        .collect();
    assert_eq!(shown, [(json!("1"), json!("e1")), (json!("2"), json!("e2"))]);
    let text = stdout(&system.tidegate(&["events", "show", "order#1"]).await);
    assert!(text.contains("2  OrderPlaced v1") && text.contains("\"lines\": []"), "{text}");
    assert!(
        said(&system.tidegate(&["events", "show", "order#2"]).await, 1)
            .contains("no stream order#2")
    );
}
