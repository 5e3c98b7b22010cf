//! Mappings on the streams of a real emulator, with a scripted function.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use engine_client::local::REGION;
use futures::future::BoxFuture;
use lambda_shapes::kinesis::Origin;
use lambda_shapes::stream_kind::StreamKind;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::checkpoint::{Checkpoints, MemoryCheckpoints};
use tidegate_local::clients::Clients;
use tidegate_local::destination::{Destination, QueueDestination};
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};
use tidegate_local::mapping::stream::{
    self, DynamoDbSource, KinesisSource, Start, StreamMapping, StreamSettings, StreamSource,
};
use tidegate_local::mapping::{LaneCondition, LaneReport, LaneStatus, Mapping, MappingStatus};
use tidegate_local::pace::Pace;

use crate::backend::ministack;

pub(crate) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

type Script = dyn Fn(usize, &Value) -> InvocationResult + Send + Sync;

/// A function that answers by a script and remembers its events.
pub(crate) struct Scripted {
    script: Box<Script>,
    events: Mutex<Vec<Value>>,
}

impl Scripted {
    pub(crate) fn new(
        script: impl Fn(usize, &Value) -> InvocationResult + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), events: Mutex::default() })
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.events()
            .iter()
            .flat_map(|event| event["Records"].as_array().unwrap().clone())
            .collect()
    }
}

impl Invoker for Scripted {
    fn invoke<'a>(&'a self, _function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        let event: Value = serde_json::from_slice(&request.payload).unwrap();
        let mut events = self.events.lock().unwrap();
        let result = (self.script)(events.len(), &event);
        let request_id = format!("request-{}", events.len());
        events.push(event);
        Box::pin(async move { Answer { request_id, result } })
    }
}

pub(crate) fn success() -> InvocationResult {
    InvocationResult::Success(Bytes::from_static(b"null"))
}

pub(crate) fn partial(id: &Value) -> InvocationResult {
    let response = json!({"batchItemFailures": [{"itemIdentifier": id}]});
    InvocationResult::Success(Bytes::from(response.to_string()))
}

pub(crate) fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(
        br#"{"errorType":"Boom","errorMessage":"boom"}"#,
    ))
}

pub(crate) fn settings(kind: StreamKind, source_arn: &str) -> StreamSettings {
    StreamSettings {
        kind,
        source_arn: source_arn.to_owned(),
        function_arn: FUNCTION_ARN.to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        tumbling_window: Duration::ZERO,
        lanes: 2,
        report_batch_item_failures: true,
        bisect_on_error: false,
        maximum_retry_attempts: Some(2),
        maximum_record_age: None,
        has_destination: false,
        filter: None,
        time_scale: 100.0,
    }
}

pub(crate) struct Parts {
    pub(crate) source: Arc<dyn StreamSource>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) destination: Option<Arc<dyn Destination>>,
}

fn start_stream(parts: &Parts, settings: StreamSettings, function: &Arc<Scripted>) -> Mapping {
    stream::start(mapped(parts, settings, function))
}

pub(crate) fn mapped(
    parts: &Parts,
    settings: StreamSettings,
    function: &Arc<Scripted>,
) -> StreamMapping {
    StreamMapping {
        function: "f".to_owned(),
        source_name: "s".to_owned(),
        checkpoint_name: "f/s".to_owned(),
        settings,
        starting_position: Start::Horizon,
        source: Arc::clone(&parts.source),
        invoker: Arc::<Scripted>::clone(function),
        destination: parts.destination.clone(),
        checkpoints: Arc::clone(&parts.checkpoints),
        activity: Arc::clone(&parts.activity),
        wake: Arc::default(),
        pace: Pace::Fast,
    }
}

pub(crate) async fn until_status(mapping: &Mapping, condition: impl Fn(&MappingStatus) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition(&mapping.status()) {
        assert!(Instant::now() < deadline, "not reached: {mapping:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn kinesis(clients: &Clients) -> (String, Arc<dyn StreamSource>) {
    clients.kinesis.create_stream().stream_name("orders").shard_count(1).send().await.unwrap();
    let described =
        clients.kinesis.describe_stream_summary().stream_name("orders").send().await.unwrap();
    let arn = described.stream_description_summary.unwrap().stream_arn;
    let origin = Origin {
        region: REGION.to_owned(),
        stream_arn: arn.clone(),
        role_arn: "arn:aws:iam::000000000000:role/f".to_owned(),
    };
    (arn, Arc::new(KinesisSource::new(clients.kinesis.clone(), origin)))
}

async fn put(clients: &Clients, key: &str, data: &str) {
    let request = clients.kinesis.put_record().stream_name("orders").partition_key(key);
    request.data(Blob::new(data)).send().await.unwrap();
}

pub(crate) async fn queue(clients: &Clients, name: &str, fifo: bool) -> (String, String) {
    let mut request = clients.sqs.create_queue().queue_name(name);
    if fifo {
        request = request.attributes(QueueAttributeName::FifoQueue, "true");
    }
    let url = request
        .attributes(QueueAttributeName::VisibilityTimeout, "1")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    (url, format!("arn:aws:sqs:us-east-1:000000000000:{name}"))
}

pub(crate) async fn received(clients: &Clients, url: &str) -> Value {
    let receive = clients.sqs.receive_message().queue_url(url).wait_time_seconds(10);
    let answer = receive.message_attribute_names("All").send().await.unwrap();
    let message = &answer.messages()[0];
    assert_eq!(
        message.message_attributes().map_or(0, std::collections::HashMap::len),
        0,
        "{message:?}"
    );
    serde_json::from_str(message.body().unwrap()).unwrap()
}

pub(crate) async fn count(clients: &Clients, url: &str) -> u32 {
    use QueueAttributeName::{
        ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
    };
    let request = clients.sqs.get_queue_attributes().queue_url(url);
    let answer = request.attribute_names(Visible).attribute_names(Hidden).send().await.unwrap();
    answer.attributes.unwrap().values().map(|number| number.parse::<u32>().unwrap()).sum()
}

#[tokio::test]
async fn a_kinesis_stream_is_delivered_in_order_through_failures_and_goes_on_from_its_checkpoint() {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    for n in 0..30 {
        put(&backend.clients, &format!("key-{}", n % 5), &n.to_string()).await;
    }
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    // The first invocations fail in every way: an error, a throttle, a partial batch response at
    // the last record.
    let function = Scripted::new(|n, event| match n {
        0 => error(),
        1 => InvocationResult::Throttled,
        2 => partial(
            &event["Records"].as_array().unwrap().last().unwrap()["kinesis"]["sequenceNumber"],
        ),
        _ => success(),
    });
    let mapping = start_stream(&parts, settings(StreamKind::Kinesis, &arn), &function);
    let idle = |status: &MappingStatus| status.idle_since == Some(parts.activity.now());
    until_status(&mapping, |status| status.records_delivered == 30 && idle(status)).await;
    let status = mapping.status();
    assert_eq!((status.lag, status.in_flight, status.discarded, status.throttled), (0, 0, 0, 1));

    let mut last_of_key: BTreeMap<String, i64> = BTreeMap::new();
    let mut seen: Vec<i64> = Vec::new();
    for record in function.records() {
        let data = record["kinesis"]["data"].as_str().unwrap();
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
        let n: i64 = String::from_utf8(bytes).unwrap().parse().unwrap();
        let key = record["kinesis"]["partitionKey"].as_str().unwrap().to_owned();
        if !seen.contains(&n) {
            // First deliveries of a key come in the order in which they were put.
            assert!(last_of_key.insert(key, n) < Some(n));
            seen.push(n);
        }
    }
    assert_eq!(seen.len(), 30);
    let first = &function.records()[0];
    let expected =
        format!("shardId-000000000000:{}", first["kinesis"]["sequenceNumber"].as_str().unwrap());
    assert_eq!(first["eventID"], expected);
    assert_eq!(first["eventSourceARN"], arn);
    mapping.stop().await;

    put(&backend.clients, "key-0", "30").await;
    let next = Scripted::new(|_, _| success());
    let mapping = start_stream(&parts, settings(StreamKind::Kinesis, &arn), &next);
    until_status(&mapping, |status| status.records_delivered > 0 && status.idle_since.is_some())
        .await;
    assert_eq!(next.records().len(), 1, "only what came after the checkpoint");
    mapping.stop().await;
}

#[tokio::test]
async fn a_mapping_at_latest_gets_what_came_after_its_first_start_though_it_was_down_and_had_no_checkpoint()
 {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    // Positions in time are whole milliseconds: a record before a start must be in an earlier one.
    let clock_goes_on = || tokio::time::sleep(Duration::from_millis(20));
    put(&backend.clients, "k", "before").await;
    clock_goes_on().await;
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    let function = Scripted::new(|_, _| success());
    let start = || {
        let mapping = mapped(&parts, settings(StreamKind::Kinesis, &arn), &function);
        stream::start(StreamMapping { starting_position: Start::Latest, ..mapping })
    };
    let first = start();
    until_status(&first, |status| status.idle_since.is_some()).await;
    first.stop().await;
    put(&backend.clients, "k", "while down").await;
    clock_goes_on().await;
    let second = start();
    until_status(&second, |status| status.records_delivered == 1).await;
    let data: Vec<Value> =
        function.records().iter().map(|record| record["kinesis"]["data"].clone()).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "while down");
    assert_eq!(data, [json!(encoded)]);
    second.stop().await;
}

#[tokio::test]
async fn a_mapping_at_a_timestamp_gets_what_was_written_from_then_on() {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    put(&backend.clients, "k", "before").await;
    // Times of a stream may be whole seconds, and the reader also returns records of the starting
    // second.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let at = jiff::Timestamp::now().into();
    put(&backend.clients, "k", "after").await;
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    let function = Scripted::new(|_, _| success());
    let mapping = mapped(&parts, settings(StreamKind::Kinesis, &arn), &function);
    let mapping = stream::start(StreamMapping { starting_position: Start::At(at), ..mapping });
    until_status(&mapping, |status| status.records_delivered > 0 && status.idle_since.is_some())
        .await;
    let data: Vec<Value> =
        function.records().iter().map(|record| record["kinesis"]["data"].clone()).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "after");
    assert_eq!(data, [json!(encoded)]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_tumbling_window_ends_in_one_invocation_with_the_state_of_all_its_records() {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    for n in 0..5 {
        put(&backend.clients, &format!("key-{n}"), "x").await;
    }
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    // The function counts; its first answer is lost.
    let function = Scripted::new(|n, event| {
        let records = event["Records"].as_array().unwrap().len() as u64;
        let seen = event["state"]["seen"].as_u64().unwrap_or(0);
        let response = json!({"state": {"seen": seen + records}}).to_string();
        if n == 0 { error() } else { InvocationResult::Success(Bytes::from(response)) }
    });
    let tumbling_window = Duration::from_secs(2);
    let settings =
        StreamSettings { tumbling_window, batch_size: 2, ..settings(StreamKind::Kinesis, &arn) };
    let mapping = start_stream(&parts, settings, &function);
    until_status(&mapping, |status| status.records_delivered == 5 && status.idle_since.is_some())
        .await;
    let last =
        function.events().into_iter().filter(|event| event["isFinalInvokeForWindow"] == true);
    // Writing the records may have taken longer than a window.
    let seen: Vec<u64> = last.map(|event| event["state"]["seen"].as_u64().unwrap()).collect();
    assert_eq!(seen.iter().sum::<u64>(), 5, "{seen:?}");
    mapping.stop().await;
}

#[tokio::test]
async fn a_new_kinesis_record_reaches_a_waiting_function_within_a_fraction_of_a_second() {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    let function = Scripted::new(|_, _| success());
    let mapping = start_stream(&parts, settings(StreamKind::Kinesis, &arn), &function);
    until_status(&mapping, |status| status.idle_since.is_some()).await;
    let mut waits = Vec::new();
    for n in 1..=10 {
        let begun = Instant::now();
        put(&backend.clients, "k", "x").await;
        until_status(&mapping, |status| status.records_delivered == n).await;
        waits.push(begun.elapsed());
    }
    waits.sort();
    println!("put to delivered: median {:?}, slowest {:?}", waits[5], waits[9]);
    assert!(waits[5] < Duration::from_millis(300), "{waits:?}");
    mapping.stop().await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_is_said_in_the_status_and_read_once_it_can() {
    let backend = ministack().await;
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders".to_owned();
    let origin = Origin {
        region: REGION.to_owned(),
        stream_arn: arn.clone(),
        role_arn: "arn:role".to_owned(),
    };
    let parts = Parts {
        source: Arc::new(KinesisSource::new(backend.clients.kinesis.clone(), origin)),
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    let function = Scripted::new(|_, _| success());
    let mapping = start_stream(&parts, settings(StreamKind::Kinesis, &arn), &function);
    until_status(&mapping, |status| {
        status.last_error.as_ref().is_some_and(|e| e.contains("ListShards"))
    })
    .await;
    assert_eq!(mapping.status().idle_since, None);
    kinesis(&backend.clients).await;
    put(&backend.clients, "k", "x").await;
    until_status(&mapping, |status| status.records_delivered == 1).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_batch_that_fails_is_in_the_status_with_its_attempt_and_its_next_one() {
    let backend = ministack().await;
    let (arn, source) = kinesis(&backend.clients).await;
    put(&backend.clients, "k", "x").await;
    let parts = Parts {
        source,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: None,
    };
    let repaired = Arc::new(AtomicBool::new(false));
    let is_repaired = Arc::clone(&repaired);
    let function =
        Scripted::new(
            move |_, _| {
                if is_repaired.load(Ordering::SeqCst) { success() } else { error() }
            },
        );
    let unlimited =
        StreamSettings { maximum_retry_attempts: None, ..settings(StreamKind::Kinesis, &arn) };
    let mapping = start_stream(&parts, unlimited, &function);
    let seen = Mutex::new(None);
    until_status(&mapping, |status| {
        let waits = |lane: &LaneStatus| {
            let LaneReport { state, attempt, records, until, .. } = lane.report;
            (state, records) == (LaneCondition::WaitingForRetry, 1)
                && attempt >= 3
                && until.is_some()
        };
        seen.lock().unwrap().insert(status.clone()).lanes.iter().any(waits)
    })
    .await;
    let status = seen.into_inner().unwrap().unwrap();
    assert_eq!(
        (status.lanes.len(), status.lanes[0].shard.as_ref()),
        (1, status.positions.keys().next())
    );
    assert!(
        status.last_error.is_some_and(|why| why.contains("boom")) && status.last_error_at.is_some()
    );
    repaired.store(true, Ordering::SeqCst);
    until_status(&mapping, |status| status.records_delivered == 1 && status.lanes.is_empty()).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_poison_change_of_a_table_ends_at_the_destination_and_its_neighbours_are_delivered() {
    let backend = ministack().await;
    let dynamodb = &backend.clients.dynamodb;
    let key =
        KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S)
        .build();
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .unwrap();
    let created = dynamodb
        .create_table()
        .table_name("things")
        .key_schema(key)
        .attribute_definitions(attribute.unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream)
        .send()
        .await
        .unwrap();
    let arn = created.table_description.unwrap().latest_stream_arn.unwrap();
    for id in ["a", "poison", "b"] {
        let item =
            dynamodb.put_item().table_name("things").item("id", AttributeValue::S(id.to_owned()));
        item.item("n", AttributeValue::N("1".to_owned())).send().await.unwrap();
    }
    let delete =
        dynamodb.delete_item().table_name("things").key("id", AttributeValue::S("a".to_owned()));
    delete.send().await.unwrap();

    let (failures, _) = queue(&backend.clients, "failures", false).await;
    let parts = Parts {
        source: Arc::new(DynamoDbSource::new(backend.clients.streams.clone(), &arn, REGION)),
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        destination: Some(Arc::new(QueueDestination::new(backend.clients.sqs.clone(), &failures))),
    };
    let function = Scripted::new(|_, event| {
        let records = event["Records"].as_array().unwrap();
        let poison = records.iter().any(|record| record["dynamodb"]["Keys"]["id"]["S"] == "poison");
        if poison { error() } else { success() }
    });
    let settings =
        StreamSettings { lanes: 1, bisect_on_error: true, ..settings(StreamKind::DynamoDb, &arn) };
    let mapping = start_stream(&parts, settings, &function);
    until_status(&mapping, |status| {
        status.lag == 0 && status.idle_since.is_some() && status.discarded == 1
    })
    .await;
    assert_eq!(mapping.status().records_delivered, 3);
    let record = received(&backend.clients, &failures).await;
    let poison = function
        .records()
        .into_iter()
        .find(|record| record["dynamodb"]["Keys"]["id"]["S"] == "poison");
    let poison = poison.unwrap();
    let (number, batch) = (&poison["dynamodb"]["SequenceNumber"], &record["DDBStreamBatchInfo"]);
    let arrived = poison["dynamodb"]["ApproximateCreationDateTime"].as_i64().unwrap();
    let arrived = format!("{:.0}", jiff::Timestamp::from_second(arrived).unwrap());
    let written: jiff::Timestamp = record["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(
        batch["shardId"].is_string() && record["requestContext"]["requestId"].is_string(),
        "{record}"
    );
    let expected = json!({
        "requestContext": {
            "requestId": record["requestContext"]["requestId"],
            "functionArn": FUNCTION_ARN,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": format!("{written:.3}"),
        "DDBStreamBatchInfo": {
            "shardId": batch["shardId"],
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": arn
        }
    });
    assert_eq!(record, expected);

    let removed =
        function.records().into_iter().find(|record| record["eventName"] == "REMOVE").unwrap();
    assert_eq!(removed["dynamodb"]["OldImage"], json!({"id": {"S": "a"}, "n": {"N": "1"}}));
    assert_eq!(removed["eventSourceARN"], arn);
    mapping.stop().await;

    // The next start continues after everything that is done.
    let next = Scripted::new(|_, _| success());
    let mapping = start_stream(&parts, self::settings(StreamKind::DynamoDb, &arn), &next);
    until_status(&mapping, |status| status.idle_since.is_some()).await;
    assert_eq!(next.events(), [] as [Value; 0]);
    mapping.stop().await;
}
