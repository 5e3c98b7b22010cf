//! The resources of a scenario: streams, queues and destinations in LocalStack. Both mappings read
//! the same stream.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::ShardIteratorType as KinesisIterator;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use engine_client::local::{ACCOUNT, REGION};
use serde_json::{Value, json};
use tidegate_local::clients::Clients;

use super::observation::{Observation, Stored, flatten};
use super::scenario::{DestinationKind, Scenario, SourceKind};
use crate::delivery::count;

/// Seconds for which a received message is hidden.
pub(super) const VISIBILITY: u64 = 2;

/// A source as one side sees it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) arn: String,
    /// URL of a queue.
    pub(super) url: String,
    pub(super) letters: Option<String>,
}

/// Waits until Kinesis answers: LocalStack starts it at the first call, and does not wait for it
/// itself.
pub(super) async fn until_kinesis_answers(clients: &Clients) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(error) = clients.kinesis.list_streams().send().await {
        assert!(Instant::now() < deadline, "{error:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Creates a stream with the scenario's records in it.
pub(super) async fn stream(
    clients: &Clients,
    name: &str,
    scenario: &Scenario,
    source: SourceKind,
) -> Place {
    let arn = match source {
        SourceKind::DynamoDb => table(clients, name).await,
        _ => kinesis(clients, name).await,
    };
    for label in &scenario.records {
        put(clients, name, &arn, source, label).await;
    }
    Place { arn, url: String::new(), letters: None }
}

async fn kinesis(clients: &Clients, name: &str) -> String {
    clients.kinesis.create_stream().stream_name(name).shard_count(1).send().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let described =
            clients.kinesis.describe_stream_summary().stream_name(name).send().await.unwrap();
        let described = described.stream_description_summary.unwrap();
        if described.stream_status.as_str() == "ACTIVE" {
            return described.stream_arn;
        }
        assert!(Instant::now() < deadline, "{described:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn table(clients: &Clients, name: &str) -> String {
    let key =
        KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let images = StreamViewType::NewAndOldImages;
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(images).build();
    let create = clients.dynamodb.create_table().table_name(name).key_schema(key);
    let create = create.attribute_definitions(attribute.build().unwrap());
    let create =
        create.billing_mode(BillingMode::PayPerRequest).stream_specification(stream.unwrap());
    let arn = create.send().await.unwrap().table_description.unwrap().latest_stream_arn.unwrap();
    // Changes from before the stream was enabled are missing in it.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let described = clients.streams.describe_stream().stream_arn(&arn).send().await.unwrap();
        let described = described.stream_description.unwrap();
        if described.stream_status.as_ref().unwrap().as_str() == "ENABLED"
            && !described.shards().is_empty()
        {
            return arn;
        }
        assert!(Instant::now() < deadline, "{described:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the records of a stream, from its beginning.
pub(super) async fn stored(
    clients: &Clients,
    name: &str,
    arn: &str,
    source: SourceKind,
) -> Vec<Stored> {
    if source == SourceKind::DynamoDb {
        changes(clients, arn).await
    } else {
        records(clients, name).await
    }
}

async fn records(clients: &Clients, name: &str) -> Vec<Stored> {
    let iterator =
        clients.kinesis.get_shard_iterator().stream_name(name).shard_id("shardId-000000000000");
    let iterator = iterator.shard_iterator_type(KinesisIterator::TrimHorizon).send().await.unwrap();
    let read = clients
        .kinesis
        .get_records()
        .set_shard_iterator(iterator.shard_iterator)
        .send()
        .await
        .unwrap();
    let stored = |record: aws_sdk_kinesis::types::Record| Stored {
        label: String::from_utf8(record.data.into_inner()).unwrap(),
        sequence: record.sequence_number,
        arrived: format!("{:.3}", moment(record.approximate_arrival_timestamp)),
    };
    read.records.into_iter().map(stored).collect()
}

async fn changes(clients: &Clients, arn: &str) -> Vec<Stored> {
    let described = clients.streams.describe_stream().stream_arn(arn).send().await.unwrap();
    let shard = described.stream_description.unwrap().shards.unwrap().remove(0).shard_id.unwrap();
    let iterator = clients.streams.get_shard_iterator().stream_arn(arn).shard_id(shard);
    let iterator =
        iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let read = clients
        .streams
        .get_records()
        .set_shard_iterator(iterator.shard_iterator)
        .send()
        .await
        .unwrap();
    let stored = |record: aws_sdk_dynamodbstreams::types::Record| {
        let change = record.dynamodb.unwrap();
        Stored {
            label: change.keys.unwrap()["id"].as_s().unwrap().clone(),
            sequence: change.sequence_number.unwrap(),
            arrived: format!("{:.0}", moment(change.approximate_creation_date_time)),
        }
    };
    read.records.unwrap_or_default().into_iter().map(stored).collect()
}

/// Returns a time with the milliseconds with which it was written. On the way it was a
/// floating-point number.
fn moment(time: Option<DateTime>) -> jiff::Timestamp {
    let seconds = time.unwrap().as_secs_f64();
    jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64).unwrap()
}

pub(super) async fn put(clients: &Clients, name: &str, arn: &str, source: SourceKind, label: &str) {
    if source == SourceKind::DynamoDb {
        let item = clients
            .dynamodb
            .put_item()
            .table_name(name)
            .item("id", AttributeValue::S(label.to_owned()));
        item.item("n", AttributeValue::N("1".to_owned())).send().await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        // LocalStack writes changes to the stream later, several at a time in any order.
        while !changes(clients, arn).await.iter().any(|change| change.label == label) {
            assert!(
                Instant::now() < deadline,
                "LocalStack's stream of {name} has no change of {label}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    } else {
        let put = clients.kinesis.put_record().stream_name(name).partition_key("k");
        put.data(Blob::new(label)).send().await.unwrap();
    }
}

/// Creates a queue with the scenario's messages in it, and a dead-letter queue if the scenario
/// needs one.
pub(super) async fn queue(
    clients: &Clients,
    name: &str,
    scenario: &Scenario,
    source: SourceKind,
) -> Place {
    let fifo = source == SourceKind::Fifo;
    let name = if fifo { format!("{name}.fifo") } else { name.to_owned() };
    let make = async |name: &str| {
        let create = clients.sqs.create_queue().queue_name(name);
        let create =
            create.attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY.to_string());
        let create =
            if fifo { create.attributes(QueueAttributeName::FifoQueue, "true") } else { create };
        create.send().await.unwrap().queue_url.unwrap()
    };
    let url = make(&name).await;
    let letters = match scenario.receives {
        None => None,
        Some(receives) => {
            let letters = format!("letters-of-{name}");
            let letters_url = make(&letters).await;
            let target = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{letters}");
            let policy =
                json!({"deadLetterTargetArn": target, "maxReceiveCount": receives}).to_string();
            let set = clients.sqs.set_queue_attributes().queue_url(&url);
            set.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.unwrap();
            Some(letters_url)
        }
    };
    for label in &scenario.records {
        let send = clients.sqs.send_message().queue_url(&url).message_body(label);
        let group = label.split_once('/').map(|(group, _)| group);
        let send = send.set_message_group_id(group.map(str::to_owned));
        send.set_message_deduplication_id(group.map(|_| label.replace('/', "-")))
            .send()
            .await
            .unwrap();
    }
    Place { arn: format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"), url, letters }
}

/// Waits until a queue is empty, including hidden messages.
///
/// LocalStack counts visible and hidden messages one after the other. A message may be in neither
/// count while it comes back, so one reading is not enough.
pub(super) async fn until_empty(clients: &Clients, url: &str, who: &str) {
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut empty = 0;
    while empty < 5 {
        empty = if count(clients, url).await == 0 { empty + 1 } else { 0 };
        assert!(Instant::now() < deadline, "{who}: {url} is never empty");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Destination of one side's given-up ranges.
#[derive(Clone, Debug)]
pub(super) struct OnFailure {
    /// ARN in the mapping's configuration.
    pub(super) arn: String,
    /// Queue to read, for a queue and a topic.
    pub(super) url: String,
    /// Name of the bucket or the topic.
    pub(super) name: String,
    kind: DestinationKind,
}

pub(super) async fn on_failure(clients: &Clients, name: &str, kind: DestinationKind) -> OnFailure {
    let name = format!("given-up-{name}");
    let queue_arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
    if kind == DestinationKind::Bucket {
        clients.s3.create_bucket().bucket(&name).send().await.unwrap();
        return OnFailure { arn: format!("arn:aws:s3:::{name}"), url: String::new(), name, kind };
    }
    let url = clients.sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let arn = if kind == DestinationKind::Topic {
        let topic = clients.sns.create_topic().name(&name).send().await.unwrap().topic_arn.unwrap();
        let subscribe =
            clients.sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(&queue_arn);
        subscribe.send().await.unwrap();
        topic
    } else {
        queue_arn
    };
    OnFailure { arn, url, name, kind }
}

impl OnFailure {
    /// Returns whether a message has arrived, for a queue.
    pub(super) async fn has_arrived(&self, clients: &Clients) -> bool {
        count(clients, &self.url).await > 0
    }

    /// Adds everything that was given up, in order.
    pub(super) async fn observe(&self, clients: &Clients, seen: &mut Observation) {
        let records = match self.kind {
            DestinationKind::Bucket => self.objects(clients, seen).await,
            DestinationKind::Queue => {
                let messages = drained(clients, &self.url).await;
                let attributes =
                    messages.iter().flat_map(|message| message.message_attributes.iter().flatten());
                let attributes: Vec<String> = attributes.map(|(name, _)| name.clone()).collect();
                seen.insert("given up, message attributes".to_owned(), json!(attributes));
                let body = |message: aws_sdk_sqs::types::Message| message.body.unwrap();
                messages.into_iter().map(body).collect()
            }
            DestinationKind::Topic => {
                let message = |message: aws_sdk_sqs::types::Message| {
                    let notification: Value = serde_json::from_str(&message.body.unwrap()).unwrap();
                    notification["Message"].as_str().unwrap().to_owned()
                };
                drained(clients, &self.url).await.into_iter().map(message).collect()
            }
        };
        let mut records: Vec<Value> =
            records.iter().map(|record: &String| serde_json::from_str(record).unwrap()).collect();
        // A standard queue does not keep order, so the records are sorted by the order of the
        // stream.
        let first = |record: &Value| {
            let batch = record.get("KinesisBatchInfo").or_else(|| record.get("DDBStreamBatchInfo"));
            let first = batch.unwrap()["startSequenceNumber"].as_str().unwrap().to_owned();
            (first.len(), first)
        };
        records.sort_by_key(first);
        seen.insert("given up".to_owned(), json!(records.len()));
        for (index, record) in records.iter().enumerate() {
            flatten(&format!("given up[{index}]"), record, seen);
        }
    }

    async fn objects(&self, clients: &Clients, seen: &mut Observation) -> Vec<String> {
        let listed = clients.s3.list_objects_v2().bucket(&self.name).send().await.unwrap();
        let mut bodies = Vec::new();
        for object in listed.contents() {
            let key = object.key().unwrap();
            let digit = |c: char| if c.is_ascii_hexdigit() { '0' } else { c };
            // Everything but the words: the mapping's id, the time and an id.
            let mut parts: Vec<String> = key.split('/').map(str::to_owned).collect();
            for (index, part) in parts.iter_mut().enumerate() {
                if index != 3 && index > 1 {
                    *part = part.chars().map(digit).collect();
                }
            }
            seen.insert("given up, key".to_owned(), json!(parts.join("/")));
            let got = clients.s3.get_object().bucket(&self.name).key(key).send().await.unwrap();
            let bytes = got.body.collect().await.unwrap().into_bytes();
            bodies.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        bodies
    }
}

async fn drained(clients: &Clients, url: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let mut messages = Vec::new();
    while count(clients, url).await > 0 {
        let receive = clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let receive = receive.message_attribute_names("All");
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        for message in receive.send().await.unwrap().messages.unwrap_or_default() {
            let delete = clients.sqs.delete_message().queue_url(url);
            delete.set_receipt_handle(message.receipt_handle.clone()).send().await.unwrap();
            messages.push(message);
        }
    }
    messages
}

/// Adds the messages of a dead-letter queue, each by its body.
pub(super) async fn observe_letters(clients: &Clients, place: &Place, seen: &mut Observation) {
    let Some(letters) = &place.letters else { return };
    let letters = drained(clients, letters).await;
    seen.insert("letters".to_owned(), json!(letters.len()));
    for letter in letters {
        let attributes = letter.attributes.unwrap();
        let source = attributes.get(&MessageSystemAttributeName::DeadLetterQueueSourceArn);
        let received = &attributes[&MessageSystemAttributeName::ApproximateReceiveCount];
        let label = format!("letter {}", letter.body.unwrap());
        seen.insert(label, json!({"source": source, "receives": received}));
    }
}
