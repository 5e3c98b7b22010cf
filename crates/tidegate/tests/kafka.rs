//! Tests the publisher's target for Kafka against a real broker: `make kafka`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Offset, TopicPartitionList};
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use tidegate::envelope::{DataSchema, Envelope};
use tidegate::ids::{Cause, Version};
use tidegate::publish::{Events, KafkaTopic, Publisher};
use tidegate::store::{CommitChange, RecordedCommit, RecordedEvent};
use tidegate::test::MemoryEventStore;

const PARTITIONS: i32 = 4;

fn client() -> ClientConfig {
    let brokers = std::env::var("KAFKA_BROKERS").expect("scripts/kafka sets KAFKA_BROKERS");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Creates a topic with these properties.
async fn topic(name: &str, properties: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    let mut topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
    for (key, value) in properties {
        topic = topic.set(key, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(60)));
    for result in admin.create_topics([&topic], &options).await.unwrap() {
        result.unwrap();
    }
}

/// Creates commits with one event of these streams in turn.
fn commits(streams: u64, count: u64, data: &str) -> Vec<Item<CommitChange>> {
    (0..count)
        .map(|number| {
            let (stream, version) = (number % streams, number / streams + 1);
            let time = "2026-12-01T08:00:00Z".parse().unwrap();
            let schema = DataSchema::new("OrderPlaced", 1);
            let (id, version) = (format!("{stream}/{version}"), Version::new(version));
            let event = RecordedEvent::new(id, version, schema, time, data);
            let (stream, cause) = (format!("order#{stream}"), Cause::new("test", "c"));
            let stream = stream.parse().unwrap();
            let commit = RecordedCommit::new(stream, "shop.orders", cause, time, vec![event]);
            Item::new("lane", CommitChange::Commit(commit))
        })
        .collect()
}

async fn publish(target: KafkaTopic, items: &[Item<CommitChange>]) -> Vec<Outcome> {
    let publisher = Publisher::new(MemoryEventStore::default()).route(Events::all(), target);
    publisher.handle_batch(items, &BatchContext::new(Duration::from_secs(120))).await
}

/// A record as it was read.
struct Read {
    partition: i32,
    key: String,
    headers: BTreeMap<String, String>,
    envelope: Envelope,
}

impl Read {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().unwrap().iter();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            partition: message.partition(),
            key: text(message.key().unwrap()),
            headers: headers
                .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
                .collect(),
            envelope: Envelope::parse(message.payload().unwrap()).unwrap(),
        }
    }
}

/// Reads this many records of a topic.
fn read(topic: &str, count: usize) -> Vec<Read> {
    let mut config = client();
    config.set("group.id", "none").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        let message = consumer.poll(Duration::from_secs(60));
        let message = message.unwrap_or_else(|| panic!("{} of {count} came", records.len()));
        records.push(Read::of(&message.unwrap()));
    }
    records
}

#[tokio::test]
async fn each_stream_is_in_one_partition_and_in_order() {
    topic("orders", &[]).await;
    let target = KafkaTopic::new(&client(), "orders").unwrap();
    let outcomes = publish(target, &commits(7, 70, "{\"n\":1}")).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done(Handled::Applied)));
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for record in read("orders", 70) {
        assert_eq!(record.key, record.envelope.subject.as_str());
        let sequence = record.envelope.sequence.unwrap().number();
        streams.entry((record.key, record.partition)).or_default().push(sequence);
    }
    assert_eq!(streams.len(), 7, "a stream is in one partition");
    for (stream, versions) in streams {
        assert_eq!(versions, (1..=10).collect::<Vec<_>>(), "{stream:?}");
    }
}

#[tokio::test]
async fn the_headers_repeat_the_attributes_of_the_envelope() {
    topic("headers", &[]).await;
    let target = KafkaTopic::new(&client(), "headers").unwrap();
    publish(target, &commits(1, 1, "{}")).await;
    let record = read("headers", 1).remove(0);
    let expected = [
        ("ce_id", "0/1"),
        ("ce_source", "shop.orders"),
        ("ce_subject", "order#0"),
        ("ce_type", "OrderPlaced"),
        ("content-type", "application/cloudevents+json"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(record.headers, BTreeMap::from(expected));
}

#[tokio::test]
async fn what_the_topic_does_not_take_fails_for_good_and_its_neighbours_are_published() {
    topic("small", &[("max.message.bytes", "2000")]).await;
    let target = KafkaTopic::new(&client(), "small").unwrap();
    // All in one partition: the broker refuses the batch in which the client packs them.
    let mut items = commits(3, 2, "{}");
    let large = format!("\"{}\"", "x".repeat(10_000));
    items.extend(commits(3, 3, &large).split_off(2));
    let outcomes = publish(target, &items).await;
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.failure().map(|failure| failure.code().to_owned()))
        .collect();
    assert_eq!(codes, [None, None, Some("event_refused".to_owned())]);
    assert_eq!(read("small", 2).len(), 2);
}

#[tokio::test]
async fn a_broker_that_is_not_there_lets_the_event_come_again() {
    let mut config = client();
    config.set("bootstrap.servers", "127.0.0.1:1").set("message.timeout.ms", "500");
    let target = KafkaTopic::new(&config, "orders").unwrap();
    let outcomes = publish(target, &commits(1, 1, "{}")).await;
    assert_eq!(outcomes[0].failure().unwrap().code(), "kafka_topic");
}
