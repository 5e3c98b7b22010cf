//! Mistakes in topics and subscriptions.

use super::super::super::{Mistake, Severity, check_text};
use super::parse;

const TOPICS: &str = r#"topics = {
  alerts = {}
  steps  = { fifo = true, content_based_deduplication = true }
}
queues = {
  work       = {}
  work-fifo  = { fifo = true }
  failures   = { retention_seconds = 1209600 }
  failed-fifo = { fifo = true, retention_seconds = 1209600 }
}
subscriptions = {
  billing = {
    topic             = "alerts"
    queue             = "work"
    filter_policy     = { kind = ["invoice"], price = [{ numeric = [">=", 100] }] }
    raw_message_delivery = true
    dead_letter_queue = "failures"
  }
  audit = {
    topic               = "alerts"
    function            = "mailer"
    filter_policy       = { order = { state = ["paid"] } }
    filter_policy_scope = "body"
    dead_letter_queue   = "failures"
  }
  ordered = {
    topic             = "steps"
    queue             = "work-fifo"
    dead_letter_queue = "failed-fifo"
  }
}
functions = {
  mailer = {
    uses = { ALERTS_TOPIC_ARN = { topic = "alerts", access = "write" } }
    asynchronous = { on_failure = { queue = "failures" } }
  }
}
"#;

/// Asserts that a change of the text leads to one mistake, in the line of `at`.
#[track_caller]
fn slip(from: &str, to: &str, at: &str, severity: Severity, says: &str) {
    assert_eq!(TOPICS.matches(from).count(), 1, "{from} must occur once");
    let text = TOPICS.replacen(from, to, 1);
    let found = check_text(&text).map_or_else(|mistakes| mistakes, |checked| checked.warnings);
    let [Mistake { position, message, severity: is }] = found.as_slice() else {
        panic!("one mistake expected: {found:?}")
    };
    let line = text[..text.find(at).expect("the place")].matches('\n').count() + 1;
    assert_eq!((position.line, *is), (line, severity), "{message}");
    assert!(message.contains(says), "{message}");
}

#[test]
fn topics_with_subscriptions_have_no_mistake() {
    let topology = parse(TOPICS).expect("no mistake");
    let of_alerts: Vec<&str> = topology.subscriptions_of("alerts").map(|(name, _)| name).collect();
    assert_eq!(of_alerts, ["audit", "billing"]);
    assert_eq!(topology.function_subscriptions().collect::<Vec<_>>(), [("audit", "mailer")]);
    assert_eq!(topology.subscribed_topics().into_iter().collect::<Vec<_>>(), ["alerts", "steps"]);
    assert_eq!(topology.topics["steps"].physical_name("steps"), "steps.fifo");
    let letters: Vec<&str> = topology.dead_letter_queues().into_iter().collect();
    assert_eq!(letters, ["failed-fifo", "failures"]);
}

#[test]
fn names_and_receivers_are_declared_and_one_each() {
    let error = Severity::Error;
    let at = "topic             = \"alerts\"";
    slip(at, "topic = \"x\"", "topic = \"x\"", error, "declared topics: alerts, steps");
    slip("\"work\"\n", "\"x\"\n", "queue             = \"x\"", error, "declared queues");
    let both = "queue             = \"work\"\n    function = \"mailer\"\n";
    let says = "needs exactly one of queue and function";
    slip("queue             = \"work\"\n", both, "billing = {", error, says);
    slip("function            = \"mailer\"\n", "", "audit = {", error, says);
    let twice = "queue               = \"work\"\n";
    let says = "subscribes the same receiver to alerts as audit";
    slip("function            = \"mailer\"\n", twice, "billing = {", error, says);
    let says =
        "needs exactly one of table, queue, bucket, bus, stream, topic, email and schedule_group";
    slip("topic = \"alerts\", access", "access", "uses = {", error, says);
    let says = "must be write for a bus, a topic or a sender address";
    slip("access = \"write\"", "access = \"read\"", "uses = {", error, says);
    slip(
        "topic = \"alerts\", access",
        "topic = \"x\", access",
        "uses = {",
        error,
        "declared topics",
    );
}

#[test]
fn a_fifo_topic_and_a_standard_topic_have_receivers_of_their_own() {
    let error = Severity::Error;
    let fifo = "queue             = \"work-fifo\"\n    dead_letter_queue = \"failed-fifo\"";
    let at = "queue             = \"work-fifo\"";
    slip(
        "queue             = \"work\"\n",
        "queue             = \"work-fifo\"\n",
        at,
        error,
        "is work-fifo, a FIFO queue, and alerts is a standard topic",
    );
    let standard = fifo.replace("\"work-fifo\"", "\"work\"");
    let says = "it keeps neither the order nor the deduplication of the FIFO topic steps";
    slip(fifo, &standard, "queue             = \"work\"\n    dead", Severity::Warning, says);
    let function = fifo.replace("queue             = \"work-fifo\"", "function = \"mailer\"");
    let says = "is a function, and steps is a FIFO topic";
    slip(fifo, &function, "function = \"mailer\"\n    dead", error, says);
    let says = "is failures, a standard queue; the dead-letter queue of a subscription to a FIFO topic \
                is a FIFO queue";
    let wrong = fifo.replace("failed-fifo", "failures");
    slip(fifo, &wrong, "dead_letter_queue = \"failures\"\n  }\n}", error, says);
    let says = "is for a FIFO topic; add fifo = true";
    let topic = "alerts = { content_based_deduplication = true }";
    slip("alerts = {}", topic, "alerts = {", error, says);
    let says = "is steps, a FIFO topic; use a standard topic";
    slip("{ queue = \"failures\" }", "{ topic = \"steps\" }", "asynchronous", error, says);
}

#[test]
fn a_filter_policy_keeps_snss_limits() {
    let error = Severity::Error;
    let at = "filter_policy     = ";
    let policy =
        "filter_policy     = { kind = [\"invoice\"], price = [{ numeric = [\">=\", 100] }] }";
    for (changed, says) in [
        ("filter_policy     = { kind = \"invoice\" }", "filter_policy.kind is not a list"),
        (
            "filter_policy     = { kind = { of = [\"invoice\"] } }",
            "filter_policy.kind is nested, and message attributes are not",
        ),
        (
            "filter_policy     = { a = [1], b = [1], c = [1], d = [1], e = [1], f = [1] }",
            "filter_policy has 6 keys; at most 5 are allowed",
        ),
    ] {
        slip(policy, changed, at, error, says);
    }
    let huge = format!("filter_policy     = {{ kind = [\"{}\"] }}", "x".repeat(262_144));
    slip(policy, &huge, at, error, "bytes; at most 262144 are allowed");
    let scope = "filter_policy_scope = \"body\"";
    let says = "unknown variant `text`, expected `attributes` or `body`";
    slip("\"body\"", "\"text\"", "filter_policy_scope", error, says);
    let without = "filter_policy       = { order = { state = [\"paid\"] } }\n";
    let says = "is set without a filter_policy, so every message is delivered";
    slip(without, "", scope, Severity::Warning, says);
}

#[test]
fn what_may_lose_messages_is_a_warning_and_raw_delivery_is_for_queues() {
    let warning = Severity::Warning;
    let letters = "    raw_message_delivery = true\n    dead_letter_queue = \"failures\"\n";
    let says = "is not set; messages that SNS cannot deliver would be lost";
    slip(letters, "    raw_message_delivery = true\n", "billing = {", warning, says);
    let itself = letters.replace("failures", "work");
    let says = "is the subscribed queue itself";
    slip(letters, &itself, "dead_letter_queue = \"work\"", warning, says);
    let events = "    asynchronous = { on_failure = { queue = \"failures\" } }\n";
    let says = "is mailer, which declares no asynchronous with an on_failure";
    slip(events, "", "function            = \"mailer\"", warning, says);
    let raw = "filter_policy_scope = \"body\"\n    raw_message_delivery = true";
    let says = "is for queues: a function gets the notification in any case";
    let at = "raw_message_delivery = true\n    dead_letter_queue   =";
    slip("filter_policy_scope = \"body\"", raw, at, Severity::Error, says);
}

#[test]
fn a_topic_has_a_quota_of_subscriptions() {
    let subscribed = |count: usize, fifo: bool| {
        let (mut queues, mut of) = (String::new(), String::new());
        for n in 0..count {
            queues += &format!("q{n:03} = {{ fifo = {fifo} }}\n");
            of += &format!(
                "s{n:03} = {{ topic = \"one\", queue = \"q{n:03}\", dead_letter_queue = \"dead\"{} }}\n",
                if fifo { "" } else { ", filter_policy = { a = [1] }" }
            );
        }
        let text = format!(
            "topics = {{ one = {{ fifo = {fifo} }} }}\nqueues = {{\ndead = {{ fifo = {fifo} }}\n\
             {queues}}}\nsubscriptions = {{\n{of}}}\nfunctions = {{ idle = {{}} }}\n"
        );
        check_text(&text).map_or_else(|mistakes| mistakes, |checked| checked.warnings)
    };
    assert_eq!(subscribed(100, true), []);
    let found = subscribed(101, true);
    assert!(found[0].message.contains("has 101 subscriptions; a FIFO topic takes at most 100"));
    assert_eq!(subscribed(200, false), []);
    assert!(subscribed(201, false)[0].message.contains("SNS takes 200 of a topic"));
}
