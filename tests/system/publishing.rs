//! Tests the publisher's targets on a real backend.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
use tidegate::envelope::{DataSchema, Envelope};
use tidegate::failure::Failure;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::message::Message;
use tidegate::publish::{
    EventBus, Events, KinesisStream, Outgoing, Published, Publisher, Queue, Scheduler, Topic,
    schedule_name,
};
use tidegate::store::{CommitChange, RecordedCommit, RecordedEvent};
use tidegate::test::MemoryEventStore;
use uuid::Uuid;

use crate::contract::Tables;

/// A queue of the backend.
struct Inbox {
    sqs: aws_sdk_sqs::Client,
    url: String,
    arn: String,
}

impl Inbox {
    async fn create(backend: &Tables, name: &str) -> Self {
        let sqs = backend.clients.sqs.clone();
        let mut create = sqs.create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            create = create.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let url = create.send().await.unwrap().queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone());
        let attributes = asked.send().await.unwrap().attributes.unwrap();
        Self { sqs, url, arn: attributes[&arn].clone() }
    }

    /// Receives this many messages, in the order in which the queue gives them.
    async fn receive(&self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            let receive = self.sqs.receive_message().queue_url(&self.url);
            let receive = receive.max_number_of_messages(10).wait_time_seconds(10);
            let received = receive.send().await.unwrap().messages.unwrap_or_default();
            assert!(!received.is_empty(), "{} of {count} messages came", bodies.len());
            for message in received {
                let delete = self.sqs.delete_message().queue_url(&self.url);
                delete.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
                bodies.push(message.body.unwrap());
            }
        }
        bodies
    }
}

/// Creates commits of two streams in turn, with one event each: `0/1`, `1/1`, `0/2` …
fn commits(count: u64) -> Vec<RecordedCommit> {
    (0..count)
        .map(|number| {
            let (stream, version) = (number % 2, number / 2 + 1);
            let (id, time) = (format!("{stream}/{version}"), Timestamp::UNIX_EPOCH);
            let schema = DataSchema::new("OrderPlaced", 1);
            let event = RecordedEvent::new(id, Version::new(version), schema, time, "{\"n\":1}");
            let cause = Cause::new("test", number.to_string());
            let stream = format!("order#{stream} ä").parse().unwrap();
            RecordedCommit::new(stream, "shop.orders", cause, time, vec![event])
        })
        .collect()
}

async fn publish(publisher: &Publisher, commits: &[RecordedCommit]) {
    let items: Vec<_> = commits
        .iter()
        .map(|commit| Item::new("lane", CommitChange::Commit(commit.clone())))
        .collect();
    let context = BatchContext::new(Duration::from_secs(120));
    for outcome in publisher.handle_batch(&items, &context).await {
        assert_eq!(outcome, Outcome::Done(Handled::Applied));
    }
}

fn publisher() -> Publisher {
    Publisher::new(MemoryEventStore::default())
}

/// Returns the ids of envelopes, by stream and in order.
fn ids(bodies: impl IntoIterator<Item = impl AsRef<[u8]>>) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeMap::<_, Vec<_>>::new();
    for body in bodies {
        let envelope = Envelope::parse(body.as_ref()).unwrap();
        ids.entry(envelope.subject.as_str().to_owned()).or_default().push(envelope.id);
    }
    ids
}

/// Returns the ids that the commits of both streams have.
fn planned(count: u64) -> BTreeMap<String, Vec<String>> {
    let of = |stream| (1..=count / 2).map(|version| format!("{stream}/{version}")).collect();
    (0..2).map(|stream| (format!("order#{stream} ä"), of(stream))).collect()
}

fn name(kind: &str) -> String {
    format!("{kind}-{}", Uuid::new_v4())
}

#[tokio::test]
async fn a_kinesis_stream_has_each_stream_of_the_store_in_order() {
    let backend = Tables::create().await;
    let (kinesis, name) = (backend.clients.kinesis.clone(), name("events"));
    kinesis.create_stream().stream_name(&name).shard_count(1).send().await.unwrap();
    loop {
        let found = kinesis.describe_stream_summary().stream_name(&name).send().await.unwrap();
        let summary = found.stream_description_summary.unwrap();
        if summary.stream_status.as_str() == "ACTIVE" {
            break;
        }
    }
    let target = KinesisStream::new(kinesis.clone(), &name);
    publish(&publisher().route(Events::all(), target), &commits(12)).await;
    let shards = kinesis.list_shards().stream_name(&name).send().await.unwrap().shards.unwrap();
    let shard = shards[0].shard_id();
    let kind = ShardIteratorType::TrimHorizon;
    let begin = kinesis.get_shard_iterator().stream_name(&name).shard_id(shard);
    let begun = begin.shard_iterator_type(kind).send().await.unwrap();
    let mut next = begun.shard_iterator;
    let mut records = Vec::new();
    while records.len() < 12 {
        let read = kinesis.get_records().set_shard_iterator(next).send().await.unwrap();
        assert!(!read.records.is_empty(), "{} of 12 records came", records.len());
        records.extend(read.records);
        next = read.next_shard_iterator;
    }
    let keys = records.iter().map(|record| record.partition_key().unwrap_or_default());
    assert_eq!(keys.filter(|key| key.starts_with("order#")).count(), 12);
    assert_eq!(ids(records.iter().map(|record| record.data.as_ref())), planned(12));
    backend.end().await;
}

#[tokio::test]
async fn a_fifo_queue_has_each_stream_in_order_and_once() {
    let backend = Tables::create().await;
    let inbox = Inbox::create(&backend, &format!("{}.fifo", name("events"))).await;
    let target = Queue::new(inbox.sqs.clone(), &inbox.url);
    let publisher = publisher().route(Events::all(), target);
    // Published twice: the deduplication id is the event's.
    publish(&publisher, &commits(24)).await;
    publish(&publisher, &commits(24)).await;
    assert_eq!(ids(inbox.receive(24).await), planned(24));
    let more = inbox.sqs.receive_message().queue_url(&inbox.url).send().await.unwrap();
    assert_eq!(more.messages.unwrap_or_default(), []);
    backend.end().await;
}

#[tokio::test]
async fn a_queue_gets_what_is_published_in_requests_of_ten() {
    let backend = Tables::create().await;
    let inbox = Inbox::create(&backend, &name("events")).await;
    let target = Queue::new(inbox.sqs.clone(), &inbox.url);
    publish(&publisher().route(Events::all(), target), &commits(24)).await;
    let mut found = ids(inbox.receive(24).await);
    let mut expected = planned(24);
    found.values_mut().chain(expected.values_mut()).for_each(|ids| ids.sort());
    assert_eq!(found, expected);
    backend.end().await;
}

#[tokio::test]
async fn a_topic_lets_a_subscription_filter_by_type() {
    let backend = Tables::create().await;
    let sns = &backend.clients.sns;
    let topic = sns.create_topic().name(name("events")).send().await.unwrap().topic_arn.unwrap();
    let [wanted, others] = [name("wanted"), name("others")];
    let wanted = Inbox::create(&backend, &wanted).await;
    let others = Inbox::create(&backend, &others).await;
    for (inbox, filter) in [(&wanted, "OrderPlaced"), (&others, "OrderCancelled")] {
        sns.subscribe()
            .topic_arn(&topic)
            .protocol("sqs")
            .endpoint(&inbox.arn)
            .attributes("RawMessageDelivery", "true")
            .attributes("FilterPolicy", format!("{{\"type\":[\"{filter}\"]}}"))
            .send()
            .await
            .unwrap();
    }
    let target = Topic::new(sns.clone(), &topic);
    publish(&publisher().route(Events::all(), target), &commits(12)).await;
    let mut found = ids(wanted.receive(12).await);
    found.values_mut().for_each(|ids| ids.sort());
    let mut expected = planned(12);
    expected.values_mut().for_each(|ids| ids.sort());
    assert_eq!(found, expected);
    let other = others.sqs.receive_message().queue_url(&others.url).send().await.unwrap();
    assert_eq!(other.messages.unwrap_or_default(), []);
    backend.end().await;
}

#[tokio::test]
async fn a_bus_hands_what_is_published_to_its_rules() {
    let backend = Tables::create().await;
    let (events, bus) = (&backend.clients.events, name("shop"));
    events.create_event_bus().name(&bus).send().await.unwrap();
    let inbox = Inbox::create(&backend, &name("matched")).await;
    let pattern = r#"{"source":["shop.orders"],"detail-type":["OrderPlaced"]}"#;
    let rule = events.put_rule().name("all").event_bus_name(&bus).event_pattern(pattern);
    rule.send().await.unwrap();
    let target = aws_sdk_eventbridge::types::Target::builder().id("inbox").arn(&inbox.arn);
    let targets = events.put_targets().rule("all").event_bus_name(&bus);
    targets.targets(target.build().unwrap()).send().await.unwrap();
    let target = EventBus::new(events.clone(), &bus, 262_144);
    publish(&publisher().route(Events::all(), target), &commits(12)).await;
    let bodies = inbox.receive(12).await;
    let details = bodies.iter().map(|body| {
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["detail-type"], "OrderPlaced");
        event["detail"].to_string()
    });
    let mut found = ids(details.collect::<Vec<_>>());
    found.values_mut().for_each(|ids| ids.sort());
    let mut expected = planned(12);
    expected.values_mut().for_each(|ids| ids.sort());
    assert_eq!(found, expected);
    backend.end().await;
}

#[derive(Serialize, Deserialize, Message)]
struct Pay {
    cents: u64,
}

/// Version 1 sets a deadline in a year, version 2 sets it again, and version 3 cancels it.
fn deadlines(event: &Published<'_>) -> Result<Vec<Outgoing>, Failure> {
    let (stream, pay) = (event.stream().clone(), Pay { cents: 100 });
    let later = Timestamp::now() + Duration::from_secs(365 * 86_400);
    Ok(match event.event().version.number() {
        1 | 2 => vec![event.schedule("deadlines", "pay", later, stream, &pay)?],
        _ => vec![event.cancel("deadlines", "pay")],
    })
}

fn scheduler(inbox: &Inbox, endpoint: &str) -> aws_sdk_scheduler::Client {
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(inbox.sqs.config().http_client().unwrap())
        .build();
    aws_sdk_scheduler::Client::from_conf(config)
}

const ROLE: &str = "arn:aws:iam::000000000000:role/scheduler";

#[tokio::test]
async fn a_message_that_is_due_needs_no_scheduler() {
    let backend = Tables::create().await;
    let inbox = Inbox::create(&backend, &name("due")).await;
    // Nothing listens here.
    let nowhere = scheduler(&inbox, "http://127.0.0.1:1");
    let queue = Queue::new(inbox.sqs.clone(), &inbox.url);
    let target = Scheduler::new(nowhere, queue, &inbox.arn, ROLE);
    let due = |event: &Published<'_>| {
        let (stream, past) = (event.stream().clone(), Timestamp::UNIX_EPOCH);
        Ok(vec![event.schedule("deadlines", "pay", past, stream, &Pay { cents: 100 })?])
    };
    let publisher = publisher().address("deadlines", target).messages(due);
    publish(&publisher, &commits(1)).await;
    assert_eq!(ids(inbox.receive(1).await).len(), 1);
    backend.end().await;
}

#[tokio::test]
async fn a_schedule_is_set_once_and_cancelled_by_its_name() {
    let backend = Tables::create().await;
    let inbox = Inbox::create(&backend, &name("late")).await;
    let scheduler = scheduler(&inbox, backend.endpoint());
    let queue = Queue::new(inbox.sqs.clone(), &inbox.url);
    let target = Scheduler::new(scheduler.clone(), queue, &inbox.arn, ROLE);
    let publisher = publisher().address("deadlines", target).messages(deadlines);
    let trip: StreamId = format!("trip#{}", Uuid::new_v4()).parse().unwrap();
    let mut commits = commits(6);
    commits.retain(|commit| commit.stream.as_str().starts_with("order#0"));
    commits.iter_mut().for_each(|commit| commit.stream = trip.clone());
    let name = schedule_name(&trip, "pay");

    publish(&publisher, &commits[..2]).await;
    let found = scheduler.get_schedule().name(&name).send().await.unwrap();
    let target = found.target.unwrap();
    let sent = Envelope::parse(target.input.unwrap().as_bytes()).unwrap();
    assert_eq!((sent.kind.as_str(), sent.subject.as_str()), ("Pay", trip.as_str()));
    assert_eq!(sent.causation_id.as_deref(), Some("0/1"), "the first one stays");
    assert_eq!(target.arn, inbox.arn);
    publish(&publisher, &commits[2..]).await;
    publish(&publisher, &commits[2..]).await;
    let gone = scheduler.get_schedule().name(&name).send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    backend.end().await;
}
