//! Queue mappings on the queues of a real emulator, with a scripted function.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use engine_client::local::REGION;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::clients::Clients;
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};
use tidegate_local::mapping::Mapping;
use tidegate_local::mapping::queue::{self, QueueMapping, QueueSettings};
use tidegate_local::pace::Pace;

use crate::backend::ministack;
use crate::delivery::{Scripted, count, error, partial, queue, success, until_status};

fn start_queue(clients: &Clients, url: &str, arn: &str, function: Arc<dyn Invoker>) -> Mapping {
    queue::start(queue_mapping(clients, url, arn, function))
}

fn start_gathering(
    clients: &Clients,
    url: &str,
    arn: &str,
    function: Arc<dyn Invoker>,
    batching_window: Duration,
) -> Mapping {
    let settings = QueueSettings { batching_window, ..queue_settings() };
    queue::start(QueueMapping { settings, ..queue_mapping(clients, url, arn, function) })
}

fn queue_settings() -> QueueSettings {
    QueueSettings {
        batch_size: 10,
        batching_window: Duration::ZERO,
        maximum_concurrency: 2,
        report_batch_item_failures: true,
        visibility: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        filter: None,
        time_scale: 100.0,
    }
}

fn queue_mapping(
    clients: &Clients,
    url: &str,
    arn: &str,
    function: Arc<dyn Invoker>,
) -> QueueMapping {
    QueueMapping {
        function: "f".to_owned(),
        source_name: "q".to_owned(),
        settings: queue_settings(),
        sqs: clients.sqs.clone(),
        queue_url: url.to_owned(),
        queue_arn: arn.to_owned(),
        region: REGION.to_owned(),
        invoker: function,
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    }
}

#[tokio::test]
async fn exactly_the_failed_messages_of_a_queue_come_again_and_the_rest_are_deleted() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    for n in 0..5 {
        backend
            .clients
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(n.to_string())
            .send()
            .await
            .unwrap();
    }
    let function = Scripted::new(|_, event| {
        let records = event["Records"].as_array().unwrap();
        let failed = records.iter().find(|record| {
            record["body"] == "3" && record["attributes"]["ApproximateReceiveCount"] == "1"
        });
        failed.map_or_else(success, |record| partial(&record["messageId"]))
    });
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function));
    until_status(&mapping, |status| status.records_delivered == 5 && status.idle_since.is_some())
        .await;
    assert_eq!(count(&backend.clients, &url).await, 0);
    let bodies: Vec<Value> =
        function.records().iter().map(|record| record["body"].clone()).collect();
    let times = |body: &str| bodies.iter().filter(|b| *b == body).count();
    assert_eq!(["0", "1", "2", "3", "4"].map(times), [1, 1, 1, 2, 1]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_message_group_of_a_fifo_queue_keeps_its_order_through_a_failure() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "steps.fifo", true).await;
    for n in 0..12 {
        let request =
            backend.clients.sqs.send_message().queue_url(&url).message_body(n.to_string());
        let group = if n % 2 == 0 { "even" } else { "odd" };
        request
            .message_group_id(group)
            .message_deduplication_id(n.to_string())
            .send()
            .await
            .unwrap();
    }
    let function = Scripted::new(|n, _| if n == 0 { error() } else { success() });
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function));
    until_status(&mapping, |status| status.records_delivered == 12 && status.idle_since.is_some())
        .await;
    assert_eq!(count(&backend.clients, &url).await, 0);
    let mut successful: Vec<i64> = Vec::new();
    for event in function.events().iter().skip(1) {
        for record in event["Records"].as_array().unwrap() {
            successful.push(record["body"].as_str().unwrap().parse().unwrap());
        }
    }
    let group =
        |rest: i64| successful.iter().copied().filter(|n| n % 2 == rest).collect::<Vec<_>>();
    assert_eq!(group(0), [0, 2, 4, 6, 8, 10]);
    assert_eq!(group(1), [1, 3, 5, 7, 9, 11]);
    mapping.stop().await;
}

#[tokio::test]
async fn at_the_pace_of_aws_an_empty_queue_is_soon_known_to_be_empty() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    let function = Scripted::new(|_, _| success());
    let activity = Arc::new(Activity::new());
    let mapping = queue::start(QueueMapping {
        activity: Arc::clone(&activity),
        wake: Arc::default(),
        pace: Pace::Aws,
        ..queue_mapping(&backend.clients, &url, &arn, function)
    });
    until_status(&mapping, |status| status.idle_since.is_some()).await;
    // `wait` asks this often. A receive of 20 seconds, like Lambda's, would never be recent enough.
    activity.bump();
    let asked = Instant::now();
    until_status(&mapping, |status| status.idle_since == Some(activity.now())).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    mapping.stop().await;
}

#[tokio::test]
async fn a_stop_gives_messages_that_are_being_gathered_back_to_their_queue() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    for n in 0..3 {
        backend
            .clients
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(n.to_string())
            .send()
            .await
            .unwrap();
    }
    let function = Scripted::new(|_, _| success());
    let mapping = queue::start(QueueMapping {
        settings: QueueSettings {
            batching_window: Duration::from_secs(300),
            visibility: Duration::from_secs(900),
            time_scale: 1.0,
            ..queue_settings()
        },
        ..queue_mapping(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function))
    });
    until_status(&mapping, |status| status.lag == 3).await;
    mapping.stop().await;
    let received = backend.clients.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
    assert_eq!(received.send().await.unwrap().messages().len(), 3);
    assert_eq!(function.events().len(), 0);
}

/// Creates a queue with a dead-letter queue behind it, and one message in it. Returns the message's
/// id too.
async fn redriven(clients: &Clients, receives: u32) -> (String, String, String, String) {
    let (letters, letters_arn) = queue(clients, "letters", false).await;
    let (url, arn) = queue(clients, "work", false).await;
    let policy =
        json!({"deadLetterTargetArn": letters_arn, "maxReceiveCount": receives}).to_string();
    let set = clients.sqs.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.unwrap();
    let sent =
        clients.sqs.send_message().queue_url(&url).message_body("poison").send().await.unwrap();
    (url, arn, letters, sent.message_id.unwrap())
}

/// Returns the only message of a queue, once it is there. The original queue moves a message only
/// on a receive.
async fn letter(clients: &Clients, url: &str) -> Message {
    let receive = clients.sqs.receive_message().queue_url(url).wait_time_seconds(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive.send().await.unwrap().messages.unwrap_or_default().remove(0)
}

fn is_moved(letter: &Message, id: &str, source: &str) {
    use MessageSystemAttributeName::DeadLetterQueueSourceArn;
    assert_eq!(letter.message_id.as_deref(), Some(id));
    assert_eq!(letter.body.as_deref(), Some("poison"));
    assert_eq!(letter.attributes.as_ref().unwrap()[&DeadLetterQueueSourceArn], source);
}

#[tokio::test]
async fn a_message_received_too_often_is_in_the_dead_letter_queue_with_its_id_and_its_source() {
    let backend = ministack().await;
    let (url, arn, letters, id) = redriven(&backend.clients, 2).await;
    let function = Scripted::new(|_, _| error());
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function));
    is_moved(&letter(&backend.clients, &letters).await, &id, &arn);
    let counted: Vec<Value> = function
        .records()
        .iter()
        .map(|r| r["attributes"]["ApproximateReceiveCount"].clone())
        .collect();
    assert_eq!(counted, [json!("1"), json!("2")]);
    mapping.stop().await;
}

#[tokio::test]
async fn throttles_return_a_message_when_its_visibility_ends_and_use_up_its_receives() {
    let backend = ministack().await;
    let (url, arn, letters, id) = redriven(&backend.clients, 2).await;
    let function = Scripted::new(|_, _| InvocationResult::Throttled);
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function));
    is_moved(&letter(&backend.clients, &letters).await, &id, &arn);
    let status = mapping.status();
    assert!(status.throttled >= 2, "{status:?}");
    assert_eq!((status.retries, status.records_delivered), (0, 0), "{status:?}");
    mapping.stop().await;
}

/// Makes its messages visible again at once, reports them as failed, and records when they came.
struct Impatient {
    sqs: aws_sdk_sqs::Client,
    url: String,
    came: Mutex<Vec<Instant>>,
}

impl Invoker for Impatient {
    fn invoke<'a>(&'a self, _: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&request.payload).unwrap();
            let record = &event["Records"][0];
            self.came.lock().unwrap().push(Instant::now());
            let change =
                self.sqs.change_message_visibility().queue_url(&self.url).visibility_timeout(0);
            change.receipt_handle(record["receiptHandle"].as_str().unwrap()).send().await.unwrap();
            Answer { request_id: "r".to_owned(), result: partial(&record["messageId"]) }
        })
    }
}

#[tokio::test]
async fn a_function_that_changes_a_messages_visibility_says_when_it_comes_again() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    let set = backend.clients.sqs.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::VisibilityTimeout, "600").send().await.unwrap();
    backend.clients.sqs.send_message().queue_url(&url).message_body("m").send().await.unwrap();
    let sqs = backend.clients.sqs.clone();
    let function = Arc::new(Impatient { sqs, url: url.clone(), came: Mutex::default() });
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Impatient>::clone(&function));
    until_status(&mapping, |status| status.retries >= 3).await;
    mapping.stop().await;
    assert!(function.came.lock().unwrap().len() >= 3);
}

/// Hides messages of the queue for ten minutes by default. The mapping's own time must apply
/// instead.
async fn hides_for_ten_minutes(clients: &Clients, url: &str) {
    let set = clients.sqs.set_queue_attributes().queue_url(url);
    set.attributes(QueueAttributeName::VisibilityTimeout, "600").send().await.unwrap();
}

#[tokio::test]
async fn a_message_that_failed_comes_again_after_the_mappings_visibility_timeout() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    hides_for_ten_minutes(&backend.clients, &url).await;
    backend.clients.sqs.send_message().queue_url(&url).message_body("m").send().await.unwrap();
    let function = Scripted::new(|n, _| if n == 0 { error() } else { success() });
    let mapping = start_queue(&backend.clients, &url, &arn, Arc::<Scripted>::clone(&function));
    until_status(&mapping, |status| status.records_delivered == 1).await;
    assert_eq!(function.events().len(), 2);
    mapping.stop().await;
}

#[tokio::test]
async fn what_a_window_gathers_is_delivered_before_it_is_visible_again() {
    let backend = ministack().await;
    let (url, arn) = queue(&backend.clients, "work", false).await;
    for n in 0..3 {
        backend
            .clients
            .sqs
            .send_message()
            .queue_url(&url)
            .message_body(n.to_string())
            .send()
            .await
            .unwrap();
    }
    let function = Scripted::new(|_, _| success());
    let window = Duration::from_secs(300);
    let started = Arc::<Scripted>::clone(&function);
    let mapping = start_gathering(&backend.clients, &url, &arn, started, window);
    until_status(&mapping, |status| status.records_delivered == 3 && status.idle_since.is_some())
        .await;
    let receives =
        function.records().into_iter().map(|r| r["attributes"]["ApproximateReceiveCount"].clone());
    assert_eq!(receives.collect::<Vec<_>>(), [json!("1"), json!("1"), json!("1")]);
    assert_eq!(count(&backend.clients, &url).await, 0);
    mapping.stop().await;
}
