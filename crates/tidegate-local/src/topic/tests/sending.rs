//! Tests of deliveries to queues and functions, and of dead letters.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::pace::Pace;
use crate::send_error::SendError;
use crate::tests::stand_in::StandIn;
use crate::topic::{Receiver, Subscription, TopicQueue, TopicStatus, start};
use crate::wake::{Polled, Wakes};
use topology::FilterPolicyScope;
use topology::filter_policy::FilterPolicy;

/// Accepts no event.
struct Refusing;

impl EventQueue for Refusing {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        _: Option<&'a str>,
        _: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        let reason = crate::send_error::Reason::Missing;
        Box::pin(
            async move { Err(SendError { reason, message: format!("no {function}\u{FFFF}") }) },
        )
    }
}

fn subscription(name: &str, receiver: Receiver, raw: bool, sqs: &StandIn) -> Subscription {
    Subscription {
        name: name.to_owned(),
        arn: format!("arn:of:{name}"),
        receiver,
        policy: None,
        raw,
        dead_letters: Some(sqs.url("letters")),
    }
}

fn published(message: &str, attributes: &Value) -> String {
    json!({
        "Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:us-east-1:0:alerts",
        "Message": message, "Timestamp": "2026-01-31T12:00:00.000Z", "MessageAttributes": attributes,
    })
    .to_string()
}

/// Delivers everything in the topic's queue, `count` messages.
async fn delivered(
    sqs: &StandIn,
    subscriptions: Vec<Subscription>,
    count: usize,
    wakes: &Arc<Wakes>,
) -> TopicStatus {
    let topic = start(TopicQueue {
        topic: "alerts".to_owned(),
        queue_url: sqs.url("tidegate-topic-alerts"),
        subscriptions,
        sqs: sqs.sqs(),
        events: Arc::new(Refusing),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        wakes: Arc::clone(wakes),
        pace: Pace::Fast,
        hidden: Duration::from_secs(60),
        time_scale: 1000.0,
    });
    let status = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let status = topic.status();
            if sqs.deleted() == count && status.idle_since.is_some() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let status = status.await.unwrap_or_else(|_| panic!("{topic:?}"));
    topic.stop().await;
    status
}

#[tokio::test]
async fn raw_delivery_sends_the_message_with_its_attributes_and_wakes_the_queue() {
    let attributes = json!({
        "kind": {"Type": "String", "Value": "invoice"}, "n": {"Type": "Number", "Value": "1.10"},
        "raw": {"Type": "Binary", "Value": "aGk="},
    });
    let sqs = StandIn::start([published("{\"a\":\u{FFFE}}", &attributes).as_str()]).await;
    let (raw, wrapped) = (Receiver::Queue(sqs.url("raw")), Receiver::Queue(sqs.url("wrapped")));
    let wakes = Arc::new(Wakes::default());
    let wake = wakes.of(Polled::Queue, "raw");
    let subscriptions =
        vec![subscription("r", raw, true, &sqs), subscription("w", wrapped, false, &sqs)];
    // A message that is not JSON with a character that SQS refuses cannot be sent raw: it becomes a
    // dead letter, and its neighbour arrives.
    let status = delivered(&sqs, subscriptions.clone(), 1, &wakes).await;
    assert_eq!((sqs.bodies("raw").len(), sqs.bodies("wrapped").len()), (0, 1));
    assert_eq!(status.subscriptions["r"].failed, 1);
    let letter: Value = serde_json::from_str(&sqs.bodies("letters")[0]).unwrap();
    assert_eq!(letter["Message"], "{\"a\":\u{FFFE}}");

    let sqs = StandIn::start([published("text", &attributes).as_str()]).await;
    let url = |of: &Subscription| match of.name.as_str() {
        "r" => Receiver::Queue(sqs.url("raw")),
        _ => Receiver::Queue(sqs.url("wrapped")),
    };
    let again = subscriptions.iter().map(|of| Subscription { receiver: url(of), ..of.clone() });
    let status = delivered(&sqs, again.collect(), 1, &wakes).await;
    assert_eq!(sqs.bodies("raw"), ["text"]);
    assert_eq!(sqs.attributes("raw", "kind"), ["invoice"]);
    assert_eq!(sqs.attributes("raw", "n"), ["1.10"]);
    assert_eq!(sqs.attributes("wrapped", "kind"), [""; 0]);
    let notification: Value = serde_json::from_str(&sqs.bodies("wrapped")[0]).unwrap();
    assert_eq!(notification["MessageAttributes"], attributes);
    assert_eq!((status.messages, status.unmatched, status.waiting), (1, 0, 0));
    assert_eq!(wake.now(), 1, "the queue is polled at once");
}

#[tokio::test]
async fn a_dead_letter_is_the_message_with_the_reason() {
    let sqs = StandIn::start([published("text", &json!({})).as_str()]).await;
    let subscriptions = vec![
        subscription("gone", Receiver::Queue(sqs.url("gone")), true, &sqs),
        subscription("closed", Receiver::Queue(sqs.url("closed")), false, &sqs),
        subscription("function", Receiver::Function("f".to_owned()), false, &sqs),
        subscription("busy", Receiver::Queue(sqs.url("busy")), true, &sqs),
    ];
    let status = delivered(&sqs, subscriptions, 1, &Arc::default()).await;
    assert_eq!(sqs.bodies("busy"), ["text"], "it was tried again");
    let mut codes = sqs.attributes("letters", "ErrorCode");
    codes.sort_unstable();
    assert_eq!(codes, ["AccessDenied", "NotFound", "NotFound"]);
    assert_eq!(sqs.attributes("letters", "RequestID"), ["m-1"; 3]);
    let bodies = sqs.bodies("letters");
    assert_eq!(bodies.iter().filter(|body| *body == "text").count(), 1, "raw");
    let notifications = bodies.iter().filter(|body| body.contains(r#""Type":"Notification""#));
    assert_eq!(notifications.count(), 2);
    let counts: Vec<(u64, u64, u64)> =
        status.subscriptions.values().map(|of| (of.handed_over, of.failed, of.retries)).collect();
    assert_eq!(
        counts,
        [(1, 0, 1), (0, 1, 0), (0, 1, 0), (0, 1, 0)],
        "busy, closed, function, gone"
    );
}

#[tokio::test]
async fn a_message_with_more_than_ten_attributes_cannot_be_delivered_raw() {
    let attributes: serde_json::Map<String, Value> =
        (0..11).map(|n| (format!("a{n}"), json!({"Type": "String", "Value": "x"}))).collect();
    let sqs = StandIn::start([published("text", &attributes.into()).as_str()]).await;
    let subscriptions = vec![
        subscription("raw", Receiver::Queue(sqs.url("raw")), true, &sqs),
        subscription("wrapped", Receiver::Queue(sqs.url("wrapped")), false, &sqs),
    ];
    delivered(&sqs, subscriptions, 1, &Arc::default()).await;
    assert_eq!((sqs.bodies("raw").len(), sqs.bodies("wrapped").len()), (0, 1));
    let letter: Value = serde_json::from_str(&sqs.bodies("letters")[0]).unwrap();
    assert_eq!(letter["MessageAttributes"].as_object().map(serde_json::Map::len), Some(11));
    let why = sqs.attributes("letters", "ErrorMessage");
    assert!(why[0].contains("has 11 attributes; a queue takes 10 with raw delivery"), "{why:?}");
}

#[tokio::test]
async fn filtered_messages_are_counted_and_foreign_ones_cost_their_neighbours_nothing() {
    let attribute = |kind, value: &str| json!({"k": {"Type": kind, "Value": value}});
    let waiting = [
        published("one", &attribute("String", "a")),
        published("two", &attribute("String", "b")),
        published("three", &attribute("String.Array", "broken")),
        published("four", &json!({})),
        "not a notification".to_owned(),
        published("five", &attribute("String", "a")),
    ];
    let sqs = StandIn::start(waiting.iter().map(String::as_str)).await;
    let policy = FilterPolicy::parse(&json!({"k": ["a"]}), FilterPolicyScope::Attributes).unwrap();
    let mut filtered = subscription("s", Receiver::Queue(sqs.url("work")), true, &sqs);
    filtered.policy = Some(policy);
    let status = delivered(&sqs, vec![filtered], 6, &Arc::default()).await;
    let mut bodies = sqs.bodies("work");
    bodies.sort_unstable();
    assert_eq!(bodies, ["five", "one"]);
    let counts = &status.subscriptions["s"];
    assert_eq!((counts.matched, counts.filtered, counts.invalid), (2, 3, 1));
    assert_eq!((status.messages, status.unmatched), (5, 3));
    assert_eq!(status.destination_failures.count, 1);
}

#[tokio::test]
async fn without_a_dead_letter_queue_a_message_is_lost_and_counted() {
    let sqs = StandIn::start([published("text", &json!({})).as_str()]).await;
    let mut alone = subscription("s", Receiver::Queue(sqs.url("gone")), true, &sqs);
    alone.dead_letters = None;
    let status = delivered(&sqs, vec![alone], 1, &Arc::default()).await;
    assert_eq!(status.destination_failures.count, 1);
    let why = status.destination_failures.last.unwrap_or_default();
    assert!(
        why.contains("subscription s is dropped, because it has no dead-letter queue"),
        "{why}"
    );
}
