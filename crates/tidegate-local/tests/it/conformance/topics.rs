//! The same messages through the engine's subscriptions and through LocalStack's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_sns::types::MessageAttributeValue;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::EventQueue;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::pace::Pace;
use tidegate_local::send_error::SendError;
use tidegate_local::topic::{self, Receiver, Subscription, TopicQueue};
use topology::FilterPolicyScope::{self, Attributes, Body};
use topology::filter_policy::FilterPolicy;

use crate::backend::started;
use crate::delivery::queue;

/// A subscription of a queue: its name, raw delivery, and its filter policy.
type Declared = (&'static str, bool, FilterPolicyScope, Value);
/// A message, with its attributes: name, type, value.
type Message = (&'static str, Vec<(&'static str, &'static str, &'static str)>);

fn subscriptions() -> Vec<Declared> {
    vec![
        ("exact", true, Attributes, json!({"kind": ["a", "b"]})),
        ("but", true, Attributes, json!({"kind": [{"anything-but": ["a"]}]})),
        ("not-prefix", false, Attributes, json!({"kind": [{"anything-but": {"prefix": "a"}}]})),
        ("prefix", true, Attributes, json!({"kind": [{"prefix": "a"}, {"suffix": "z"}]})),
        ("case", false, Attributes, json!({"kind": [{"equals-ignore-case": "A"}]})),
        ("number", true, Attributes, json!({"n": [{"numeric": [">", 1, "<=", 3]}]})),
        ("there", true, Attributes, json!({"kind": [{"exists": true}]})),
        ("absent", true, Attributes, json!({"kind": [{"exists": false}]})),
        ("both", true, Attributes, json!({"kind": ["a"], "n": [{"numeric": ["=", 2]}]})),
        (
            "either",
            true,
            Attributes,
            json!({"$or": [{"kind": ["b"]}, {"n": [{"numeric": [">", 2]}]}]}),
        ),
        ("address", true, Attributes, json!({"ip": [{"cidr": "10.0.0.0/24"}]})),
        (
            "body",
            true,
            Body,
            json!({"order": {"state": ["paid"], "total": [{"numeric": [">=", 10]}]}}),
        ),
        ("tags", false, Body, json!({"tags": [{"prefix": "x"}]})),
    ]
}

fn messages() -> Vec<Message> {
    vec![
        ("0 nothing", vec![]),
        ("1 a", vec![("kind", "String", "a")]),
        ("2 ab", vec![("kind", "String", "ab"), ("n", "Number", "2.0")]),
        ("3 z and two", vec![("kind", "String", "a"), ("n", "Number", "2")]),
        ("4 array", vec![("kind", "String.Array", r#"["a","b"]"#), ("n", "Number", "3e0")]),
        ("5 only a number", vec![("n", "Number", "3.5")]),
        ("6 address", vec![("ip", "String", "10.0.0.9"), ("kind", "String", "xz")]),
        (r#"{"order":{"state":"paid","total":10.0},"tags":["y","xy"]}"#, vec![]),
        (r#"{"order":{"state":"open","total":99},"tags":"x"}"#, vec![("kind", "String", "A")]),
        (r#"[{"order":{"state":"paid","total":99}}]"#, vec![]),
    ]
}

/// What LocalStack does otherwise: subscription, number of the message, and why.
const DIFFERENCES: [(&str, usize, &str); 3] = [
    ("absent", 0, "exists: false needs an attribute (AWS docs: attribute-key-matching)"),
    ("absent", 7, "exists: false needs an attribute (AWS docs: attribute-key-matching)"),
    ("absent", 9, "exists: false needs an attribute (AWS docs: attribute-key-matching)"),
];

/// Accepts no event: every subscription leads to a queue.
struct Nobody;

impl EventQueue for Nobody {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        _: Option<&'a str>,
        _: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        panic!("{function} is not subscribed")
    }
}

/// Body, message attributes by name, of one message in a queue.
type Got = (String, BTreeMap<String, (String, String)>);

/// Takes what is in a queue. A notification loses what differs by nature.
async fn taken(clients: &Clients, url: &str) -> Vec<Got> {
    let receive = clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let received = receive.message_attribute_names("All").send().await.unwrap();
    let mut all = Vec::new();
    for message in received.messages.unwrap_or_default() {
        let receipt = message.receipt_handle.unwrap();
        clients.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await.unwrap();
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        let attributes = attributes
            .map(|(name, of)| (name, (of.data_type, of.string_value.unwrap_or_default())));
        all.push((normal(&message.body.unwrap()), attributes.collect()));
    }
    all
}

/// Returns a body without what differs by nature: ids, times, signatures and addresses.
fn normal(body: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(body) else { return body.to_owned() };
    if fields.get("Type") != Some(&json!("Notification")) {
        return body.to_owned();
    }
    for field in
        ["MessageId", "Timestamp", "TopicArn", "Signature", "SigningCertURL", "UnsubscribeURL"]
    {
        let value = fields.get_mut(field).unwrap_or_else(|| panic!("{body} has no {field}"));
        *value = json!("…");
    }
    Value::Object(fields).to_string()
}

async fn publish(clients: &Clients, topic: &str, (message, attributes): &Message) {
    let mut call = clients.sns.publish().topic_arn(topic).message(*message);
    for (name, kind, value) in attributes {
        let value = MessageAttributeValue::builder().data_type(*kind).string_value(*value);
        call = call.message_attributes(*name, value.build().unwrap());
    }
    call.send().await.unwrap();
}

/// Returns the URL of each subscription's queue on LocalStack's side.
async fn subscribed(clients: &Clients, topic: &str) -> BTreeMap<&'static str, String> {
    let mut urls = BTreeMap::new();
    for (name, raw, scope, policy) in subscriptions() {
        let (url, arn) = queue(clients, &format!("theirs-{name}"), false).await;
        let scope = if scope == Body { "MessageBody" } else { "MessageAttributes" };
        let subscribe = clients.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
        let subscribe = subscribe
            .attributes("RawMessageDelivery", raw.to_string())
            .attributes("FilterPolicyScope", scope)
            .attributes("FilterPolicy", policy.to_string());
        subscribe.send().await.unwrap();
        urls.insert(name, url);
    }
    urls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LocalStack: make conformance"]
async fn subscriptions_deliver_as_localstacks_own_do() {
    let backend = started(&Backend::LocalStack).await;
    let clients = &backend.clients;
    let topic = |name: &'static str| async move {
        clients.sns.create_topic().name(name).send().await.unwrap().topic_arn.unwrap()
    };
    let (theirs, ours) = (topic("theirs").await, topic("ours").await);
    let their_urls = subscribed(clients, &theirs).await;
    let (own_url, own_arn) = queue(clients, "tidegate-topic-ours", false).await;
    clients
        .sns
        .subscribe()
        .topic_arn(&ours)
        .protocol("sqs")
        .endpoint(own_arn)
        .send()
        .await
        .unwrap();
    let mut our_urls = BTreeMap::new();
    let mut declared = Vec::new();
    for (name, raw, scope, policy) in subscriptions() {
        let (url, _) = queue(clients, &format!("ours-{name}"), false).await;
        our_urls.insert(name, url.clone());
        declared.push(Subscription {
            name: name.to_owned(),
            arn: format!("arn:of:{name}"),
            receiver: Receiver::Queue(url),
            policy: Some(FilterPolicy::parse(&policy, scope).unwrap()),
            raw,
            dead_letters: None,
        });
    }
    let running = topic::start(TopicQueue {
        topic: "ours".to_owned(),
        queue_url: own_url,
        subscriptions: declared,
        sqs: clients.sqs.clone(),
        events: Arc::new(Nobody),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        wakes: Arc::default(),
        pace: Pace::Fast,
        hidden: Duration::from_secs(30),
        time_scale: 1.0,
    });
    for message in messages() {
        publish(clients, &theirs, &message).await;
        publish(clients, &ours, &message).await;
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    while running.status().messages < messages().len() as u64 || running.status().waiting > 0 {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(running.status().destination_failures.count, 0);
    for (name, raw, ..) in subscriptions() {
        let mut got: BTreeSet<Got> = BTreeSet::new();
        let matched = running.status().subscriptions[name].handed_over;
        while (got.len() as u64) < matched {
            assert!(Instant::now() < deadline, "{name}: {got:?}");
            got.extend(taken(clients, &our_urls[name]).await);
        }
        assert!(raw || got.iter().all(|(body, _)| body.contains("Notification")), "{got:?}");
        // LocalStack delivers what the engine delivers, and what is listed.
        let other = DIFFERENCES.iter().filter(|(of, ..)| *of == name);
        let other = other.map(|(_, number, _)| (messages()[*number].0.to_owned(), BTreeMap::new()));
        let expected: BTreeSet<Got> = got.iter().cloned().chain(other).collect();
        let mut found: BTreeSet<Got> = BTreeSet::new();
        while found.len() < expected.len() {
            assert!(Instant::now() < deadline, "{name}: {found:#?} and not {expected:#?}");
            found.extend(taken(clients, &their_urls[name]).await);
        }
        found.extend(taken(clients, &their_urls[name]).await);
        assert_eq!(found, expected, "{name}");
    }
    running.stop().await;
}
