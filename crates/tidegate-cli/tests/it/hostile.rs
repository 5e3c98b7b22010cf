//! Forged dead letters and records, which try to make an operator's command do something else.

use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use crate::any_project::{BY_HAND, Project, send};
use crate::command::{json, stderr, stdout};
use crate::dead_letters::{asynchronous_of, own_of, pointer, record};
use crate::effects::hold;
use crate::emulator::System;

/// Clears the screen, and reverses the reading direction.
pub(crate) const CONTROLS: &str = "\x1b[2J\u{202e}gone\nforged";
/// The same text as it is shown.
pub(crate) const SHOWN: &str = r"\u{1b}[2J\u{202e}gone";

/// Asserts that a text contains no control characters.
pub(crate) fn harmless(text: &str) {
    assert!(!text.contains(['\x1b', '\u{202e}', '\r', '\u{9b}']), "{text:?}");
}

fn of_account(account: &str, region: &str, function: &str) -> String {
    let body = asynchronous_of(function, "order#1");
    body.replace("us-east-1:000000000000", &format!("{region}:{account}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_names_what_is_not_declared_is_refused_and_stays_and_nothing_of_it_is_used() {
    let Some(system) = System::start().await else { return };
    for key in ["order-processor/mine.json", "notification/theirs.json"] {
        let put = system.clients.s3.put_object().bucket("dead-letters").key(key);
        put.body(ByteStream::from(record("a").to_string().into_bytes())).send().await.unwrap();
    }
    let object = |bucket: &str, key: &str| json!({"object": {"bucket": bucket, "key": key}});
    let own = |id: &str, payload: &Value| own_of("order-processor", id, payload);
    let in_stream = |function: &str, stream: &str| {
        let arn = format!("arn:aws:kinesis:us-east-1:{stream}");
        pointer("KinesisBatchInfo", function, "shardId-000000000000", &arn, ("1", "2"))
    };
    let hostile = [
        (
            "async-failures",
            asynchronous_of("delete-everything", "s"),
            "`delete-everything` is not a function",
        ),
        (
            "async-failures",
            of_account("999999999999", "us-east-1", "notification"),
            "account 999999999999",
        ),
        (
            "async-failures",
            of_account("000000000000", "eu-west-1", "notification"),
            "region eu-west-1",
        ),
        (
            "async-failures",
            asynchronous_of("notification:attacker", "s"),
            "an alias other than live",
        ),
        (
            "async-failures",
            asynchronous_of("notification/../x", "s"),
            "is not a function of the topology",
        ),
        (
            "dead-letters",
            own_of("delete-everything", "a", &json!({"record": record("a")})),
            "is not a function",
        ),
        (
            "dead-letters",
            own("b", &object("payroll", "order-processor/mine.json")),
            "bucket `payroll` is not",
        ),
        (
            "dead-letters",
            own("c", &object("dead-letters", "notification/theirs.json")),
            "is not `order-processor/c.json`",
        ),
        // The payload of another letter, which would be lost.
        (
            "dead-letters",
            own("e", &object("dead-letters", "order-processor/mine.json")),
            "is not `order-processor/e.json`",
        ),
        (
            "dead-letters",
            own("d", &object("dead-letters", "order-processor/../notification/theirs.json")),
            "is not `order-processor/d.json`",
        ),
        (
            "stream-failures",
            in_stream("order-processor", "000000000000:stream/payroll"),
            "is not a source of",
        ),
        (
            "stream-failures",
            in_stream("order-processor", "999999999999:stream/orders"),
            "account 999999999999",
        ),
        (
            "stream-failures",
            in_stream("notification", "000000000000:stream/orders"),
            "is not a source of",
        ),
    ];
    for (queue, body, _) in &hostile {
        system.send(queue, body, &[]).await;
    }
    let rule = "arn:aws:events:us-east-1:000000000000:rule/shop/order-placed-notification";
    let target = "arn:aws:lambda:us-east-1:000000000000:function:order-processor";
    system.send("rule-failures", "{}", &[("RULE_ARN", rule), ("TARGET_ARN", target)]).await;
    // A good letter with the same id as a forged one stays good.
    system.send("dead-letters", &own("c", &json!({"record": record("good")})), &[]).await;

    let listed = json(&system.tidegate(&["dlq", "--json"]).await);
    let refused =
        listed.as_array().unwrap().iter().filter(|letter| letter["refused"].is_string()).count();
    assert_eq!(refused, hostile.len() + 1, "{listed:#}");

    let output = system.tidegate(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    assert!(
        text.contains("1 replayed, 0 failed, 0 skipped, 14 refused"),
        "{text}{}",
        stderr(&output)
    );
    for (_, body, because) in &hostile {
        assert!(text.contains(because), "`{because}` is not in {text}\n{body}");
    }
    assert!(text.contains("order-processor is not the target of"), "{text}");
    let seen = system.functions.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (&seen[0].event, seen[0].qualifier.as_str()),
        (&json!({"Records": [record("good")]}), "live")
    );
    for (queue, messages) in
        [("async-failures", 5), ("dead-letters", 5), ("stream-failures", 3), ("rule-failures", 1)]
    {
        assert_eq!(system.count(queue).await, (messages, 0), "{queue}");
    }
    let objects = system.clients.s3.list_objects_v2().bucket("dead-letters").send().await.unwrap();
    assert_eq!(objects.contents().len(), 2, "none was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_names_a_version_is_replayed_by_the_alias_or_by_what_the_operator_names() {
    let Some(system) = System::start().await else { return };
    for (letter, options, qualifier) in [
        ("notification:7", &[][..], "live"),
        ("notification:live", &[], "live"),
        ("notification:7", &["--qualifier", "$LATEST"], "$LATEST"),
        ("notification:beta", &["--qualifier", "beta"], "beta"),
    ] {
        system.send("async-failures", &asynchronous_of(letter, "order#1"), &[]).await;
        let output = system.tidegate(&[&["dlq", "--yes"], options].concat()).await;
        assert!(output.status.success(), "{letter}: {}{}", stdout(&output), stderr(&output));
        let seen = system.functions.seen();
        assert_eq!(
            (seen[0].function.as_str(), seen[0].qualifier.as_str()),
            ("notification", qualifier)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_in_a_queue_that_takes_both_is_not_replayed() {
    let Some(system) = System::start().await else { return };
    let body =
        asynchronous_of("notification:$LATEST", "order#1").replace("RetriesExhausted", "Success");
    system.send("async-failures", &body, &[]).await;
    let output = system.tidegate(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.contains("the invocation succeeded") && text.contains("1 skipped"), "{text}");
    assert!(system.functions.seen().is_empty());
    assert_eq!(system.count("async-failures").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_move_no_cursor_and_forge_no_line() {
    let Some(system) = System::start().await else { return };
    let mut letter: Value =
        serde_json::from_str(&own_of("order-processor", CONTROLS, &json!({"record": record("a")})))
            .unwrap();
    for field in ["reason", "ordering_key", "code"] {
        letter[field] = json!(CONTROLS);
    }
    system.send("dead-letters", &letter.to_string(), &[]).await;
    letter["function"] = json!(CONTROLS);
    system.send("dead-letters", &letter.to_string(), &[]).await;
    system.send("stream-failures", &json!({"kind": CONTROLS}).to_string(), &[]).await;
    for arguments in [&["dlq"][..], &["dlq", "--json"], &["dlq", "--yes"]] {
        let output = system.tidegate(arguments).await;
        let text = stdout(&output) + &stderr(&output);
        harmless(&text);
        let shown = if arguments.contains(&"--json") { r"\u001b[2J\u202egone" } else { SHOWN };
        assert!(text.contains(shown), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_runs_only_a_declared_function_with_an_event_of_a_held_effect() {
    let Some(system) = System::start().await else { return };
    for key in [
        "order-processor/letter.json",
        "held/order-processor/theirs.json",
        "held/notification/theirs.json",
    ] {
        let put = system.clients.s3.put_object().bucket("dead-letters").key(key);
        put.body(ByteStream::from_static(b"{}")).send().await.unwrap();
    }
    let effect = |function: &str, bucket: &str, key: &str| {
        json!({"function": function, "object": {"bucket": bucket, "key": key}}).to_string()
    };
    for (key, repeat, because) in [
        ("function", json!({"function": "admin", "event": {}}).to_string(), "`admin` is not a function"),
        (
            "arn",
            json!({"function": "arn:aws:lambda:us-east-1:999999999999:function:notification", "event": {}})
                .to_string(),
            "is not a function",
        ),
        ("bucket", effect("notification", "payroll", "held/x.json"), "bucket `payroll` is not"),
        (
            "key",
            effect("notification", "dead-letters", "order-processor/letter.json"),
            "is not that of a held effect",
        ),
        (
            "path",
            effect("notification", "dead-letters", "held/../order-processor/letter.json"),
            "is not that of a held effect",
        ),
        (
            "theirs",
            effect("notification", "dead-letters", "held/order-processor/theirs.json"),
            "is not that of a held effect of notification",
        ),
        (
            "effect",
            effect("notification", "dead-letters", "held/notification/theirs.json"),
            "is not the event of this effect",
        ),
    ] {
        hold(&system, key, Some(&repeat)).await;
        let output = system.tidegate(&["effects", "release", key]).await;
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
        assert!(text.contains("refused, and not released") && text.contains(because), "{text}");
    }
    assert!(system.functions.seen().is_empty());
    for (key, because) in [
        ("key", "is not that of a held effect"),
        ("theirs", "is not that of a held effect"),
        ("effect", "is not the event of this effect"),
    ] {
        let output = system.tidegate(&["effects", "complete", key]).await;
        let text = stderr(&output);
        assert!(output.status.success() && text.contains(because), "{text}");
    }
    let objects = system.clients.s3.list_objects_v2().bucket("dead-letters").send().await.unwrap();
    assert_eq!(objects.contents().len(), 3, "no other object is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_move_no_cursor_and_forge_no_line() {
    let Some(system) = System::start().await else { return };
    hold(&system, CONTROLS, Some(&json!({"function": CONTROLS, "event": {}}).to_string())).await;
    for arguments in [
        &["effects", "ls"][..],
        &["effects", "release", "--all"],
        &["effects", "complete", CONTROLS],
    ] {
        let output = system.tidegate(arguments).await;
        let text = stdout(&output) + &stderr(&output);
        harmless(&text);
        assert!(text.contains(SHOWN), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_runs_what_a_replay_hands_to_the_alias_and_refused_letters_stay() {
    let topology = "queues = { dead = {} }\nfunctions = { worker = {\n  command = [\"python3\", \"loop.py\"]\n  \
                    asynchronous = { on_failure = { queue = \"dead\" } }\n} }\n";
    let project = Project::new(&[("topology.hcl", topology), ("loop.py", BY_HAND)], None);
    project.up(&[]).await;
    let letter = |function: &str| {
        let mut letter: Value = serde_json::from_str(&asynchronous_of(function, "s")).unwrap();
        letter["requestPayload"] = json!({"Records": [{"body": "again"}]});
        letter.to_string()
    };
    let bodies = [letter("worker:$LATEST"), letter("other")];
    send(&project.clients().await, "dead", &bodies.each_ref().map(String::as_str)).await;
    let output = project.run(&["dlq", "--yes"]).await;
    let text = stdout(&output);
    assert!(
        text.contains("1 replayed, 0 failed, 0 skipped, 1 refused"),
        "{text}{}",
        stderr(&output)
    );
    assert!(text.contains("`other` is not a function of the topology"), "{text}");
    assert_eq!(
        project.log("worker").matches("by hand: ['again']").count(),
        1,
        "{}",
        project.log("worker")
    );
    project.down().await;
}
