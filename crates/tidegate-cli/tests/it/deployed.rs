//! Commands on a system whose names begin with a prefix.

use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};

use crate::command::{json, said, stderr, stdout};
use crate::dead_letters::{asynchronous_of, own_of, pointer, record};
use crate::effects::{ERROR, hold_in, put_commit};
use crate::emulator::System;

const PREFIX: &str = "shop-dev-";

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_found_behind_the_prefix_and_replayed_to_the_functions_that_they_name() {
    let Some(system) = System::deployed(PREFIX).await else { return };
    let put = system.clients.kinesis.put_record().stream_name("shop-dev-orders").partition_key("k");
    let put = put.data(Blob::new("a record")).send().await.unwrap();
    let range = (put.sequence_number.as_str(), put.sequence_number.as_str());
    let arn = &system.provisioned.streams["shop-dev-orders"];
    let alias = "shop-dev-order-processor:live";
    let given_up = pointer("KinesisBatchInfo", alias, &put.shard_id, arn, range);
    let own = own_of("shop-dev-order-processor", "own", &json!({"record": record("a")}));
    let rule = [
        (
            "RULE_ARN",
            "arn:aws:events:us-east-1:000000000000:rule/shop-dev-shop/shop-dev-order-placed-notification",
        ),
        ("TARGET_ARN", "arn:aws:lambda:us-east-1:000000000000:function:shop-dev-notification:live"),
    ];
    for (queue, body, attributes) in [
        (
            "shop-dev-async-failures",
            asynchronous_of("shop-dev-notification:live", "order#1").as_str(),
            &[][..],
        ),
        ("shop-dev-dead-letters", &own, &[]),
        ("shop-dev-rule-failures", r#"{"detail":{"subject":"order#2"}}"#, &rule),
        ("shop-dev-stream-failures", &given_up, &[]),
    ] {
        system.send(queue, body, attributes).await;
    }

    for name in ["notification", "shop-dev-notification"] {
        let listed = json(&system.tidegate(&["dlq", "--json", "--function", name]).await);
        let kinds: Vec<&Value> =
            listed.as_array().unwrap().iter().map(|letter| &letter["kind"]).collect();
        assert_eq!(kinds, ["async", "rule"], "{name}");
    }
    said(&system.tidegate(&["dlq", "--function", "shop-prod-notification"]).await, 2);
    let one = json(&system.tidegate(&["dlq", "--json", "--queue", "dead-letters"]).await);
    assert_eq!((one.as_array().unwrap().len(), &one[0]["queue"]), (1, &json!("dead-letters")));

    let output = system.tidegate(&["dlq", "--yes"]).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let seen = system.functions.seen();
    let seen: Vec<(&str, &str)> =
        seen.iter().map(|seen| (seen.function.as_str(), seen.qualifier.as_str())).collect();
    let [mail, orders] =
        ["shop-dev-notification", "shop-dev-order-processor"].map(|name| (name, "live"));
    assert_eq!(seen, [mail, orders, mail, orders], "the alias, qualified or not in the letter");
    for queue in ["async-failures", "dead-letters", "rule-failures", "stream-failures"] {
        assert_eq!(system.count(&format!("{PREFIX}{queue}")).await, (0, 0), "{queue}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_found_behind_the_prefix_unless_they_are_named() {
    let Some(system) = System::deployed(PREFIX).await else { return };
    put_commit(&system, "shop-dev-event-store", 1).await;
    for table in [&[][..], &["--table", "shop-dev-event-store"]] {
        let shown =
            system.tidegate(&[&["events", "show", "order#1", "--json"], table].concat()).await;
        assert_eq!(json(&shown).as_array().unwrap().len(), 1, "{}", stderr(&shown));
    }

    let repeat =
        json!({"function": "shop-dev-notification", "event": {"effect": "mail#1"}}).to_string();
    hold_in(&system, "shop-dev-idempotency", "mail#1", Some(&repeat)).await;
    system.functions.will(&[ERROR, ERROR, ERROR]);
    let output = system.tidegate(&["effects", "release", "--all"]).await;
    assert!(
        stdout(&output).contains("in queue async-failures"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    assert_eq!(system.count("shop-dev-async-failures").await, (1, 0));
    system.functions.seen();
    assert!(system.tidegate(&["dlq", "--yes"]).await.status.success());
    let seen = system.functions.seen();
    assert_eq!(
        (seen.len(), seen[0].function.as_str(), &seen[0].event),
        (1, "shop-dev-notification", &json!({"effect": "mail#1"}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_with_its_physical_name_and_the_option_for_the_prefix() {
    let Some(system) = System::deployed(PREFIX).await else { return };
    for (arguments, missing) in [
        (
            &["events", "show", "order#1", "--name-prefix", "other-"][..],
            "there is no table `other-event-store`; is `other-`",
        ),
        (
            &["effects", "ls", "--name-prefix", ""],
            "there is no table `idempotency`; where names begin",
        ),
        (
            &["events", "show", "order#1", "--table", "event-store"],
            "there is no table `event-store`; this name was given",
        ),
        (
            &["dlq", "--queue", "dead-letters", "--name-prefix", "other-"],
            "there is no queue `other-dead-letters`; is `other-`",
        ),
    ] {
        let text = said(&system.tidegate(arguments).await, 1);
        assert!(text.contains(missing) && text.contains("--name-prefix"), "{text}");
    }
}
