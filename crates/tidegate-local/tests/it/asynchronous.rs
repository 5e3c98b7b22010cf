//! Asynchronous invocation from the queues of a real emulator, with a scripted function.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures::future::BoxFuture;
use serde_json::json;
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::{self, AsynchronousQueue, AsynchronousSettings, Asynchronously};
use tidegate_local::destination::QueueDestination;
use tidegate_local::invocation::{Answer, Invoker, Request};
use tidegate_local::pace::Pace;

use crate::backend::{TestBackend, ministack};
use crate::delivery::{FUNCTION_ARN, Scripted, count, error, queue, received, success};

#[tokio::test]
async fn an_event_that_fails_for_good_ends_at_the_asynchronous_destination_and_leaves_its_queue() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "tidegate-invoke-f", false).await;
    let (failures, _) = queue(&backend.clients, "async-failures", false).await;
    for detail in ["poison", "fine"] {
        let body = json!({"detail": detail}).to_string();
        backend.clients.sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let function =
        Scripted::new(|_, event| if event["detail"] == "poison" { error() } else { success() });
    let activity = Arc::new(Activity::new());
    let running = asynchronous::start(Asynchronously {
        function: "f".to_owned(),
        settings: AsynchronousSettings::new(None, FUNCTION_ARN, 2, 600.0),
        rules: vec!["placed".to_owned()],
        queue_url: url.clone(),
        sqs: backend.clients.sqs.clone(),
        invoker: Arc::<Scripted>::clone(&function),
        destination: Some(Arc::new(QueueDestination::new(backend.clients.sqs.clone(), &failures))),
        on_success: None,
        activity: Arc::clone(&activity),
        wake: Arc::default(),
        pace: Pace::Fast,
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.status().failed == 0 || running.status().idle_since != Some(activity.now()) {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(&backend.clients, &url).await, 0);
    assert_eq!((running.status().delivered, running.status().retries), (1, 2));
    assert_eq!(function.events().len(), 4);
    let record = received(&backend.clients, &failures).await;
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["functionArn"], format!("{FUNCTION_ARN}:$LATEST"));
    assert_eq!(record["requestPayload"], json!({"detail": "poison"}));
    assert_eq!(record["responsePayload"]["errorType"], "Boom");
    running.stop().await;
}

#[tokio::test]
async fn an_event_whose_invocation_a_crash_cut_off_is_invoked_again_with_its_request_id() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "tidegate-invoke-f", false).await;
    let qualifier =
        MessageAttributeValue::builder().data_type("String").string_value("live").build();
    let send = backend.clients.sqs.send_message().queue_url(&url).message_body(r#"{"n":1}"#);
    let sent = send.message_attributes("Qualifier", qualifier.unwrap()).send().await.unwrap();
    let request_id = sent.message_id.unwrap();
    let start = |function: &Arc<Hanging>| {
        let settings = AsynchronousSettings {
            hidden: Duration::from_secs(1),
            ..AsynchronousSettings::new(None, FUNCTION_ARN, 2, 600.0)
        };
        asynchronous::start(Asynchronously {
            function: "f".to_owned(),
            settings,
            rules: Vec::new(),
            queue_url: url.clone(),
            sqs: backend.clients.sqs.clone(),
            invoker: Arc::<Hanging>::clone(function),
            destination: None,
            on_success: None,
            activity: Arc::new(Activity::new()),
            wake: Arc::default(),
            pace: Pace::Fast,
        })
    };
    let function = Arc::new(Hanging::default());
    let mut first = Some(start(&function));
    let mut second = None;
    let deadline = Instant::now() + Duration::from_secs(20);
    while function.0.lock().unwrap().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", function.0.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
        if !function.0.lock().unwrap().is_empty() && first.take().is_some() {
            second = Some(start(&function));
        }
    }
    let seen = || (Some(request_id.clone()), Some("live".to_owned()));
    assert_eq!(*function.0.lock().unwrap(), [seen(), seen()]);
    drop(second);
    assert_eq!(count(&backend.clients, &url).await, 1);
}

/// Asynchronous invocation of a scripted function, with AWS's own pauses between retries.
fn unhurried(backend: &TestBackend, url: &str, function: &Arc<Scripted>) -> AsynchronousQueue {
    asynchronous::start(Asynchronously {
        function: "f".to_owned(),
        settings: AsynchronousSettings::new(None, FUNCTION_ARN, 8, 1.0),
        rules: Vec::new(),
        queue_url: url.to_owned(),
        sqs: backend.clients.sqs.clone(),
        invoker: Arc::<Scripted>::clone(function),
        destination: None,
        on_success: None,
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    })
}

async fn send(backend: &TestBackend, url: &str, bodies: impl Iterator<Item = String>) {
    let mut entries = bodies.enumerate().map(|(number, body)| {
        let entry = SendMessageBatchRequestEntry::builder().id(number.to_string());
        entry.message_body(body).build().unwrap()
    });
    loop {
        let ten: Vec<_> = entries.by_ref().take(10).collect();
        if ten.is_empty() {
            return;
        }
        let call = backend.clients.sqs.send_message_batch().queue_url(url).set_entries(Some(ten));
        call.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_fresh_event_does_not_wait_behind_a_thousand_that_failed() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "tidegate-invoke-f", false).await;
    send(&backend, &url, (0..1100).map(|n| json!({ "poison": n }).to_string())).await;
    let function = Scripted::new(|_, event| if event["fresh"] == 1 { success() } else { error() });
    let running = unhurried(&backend, &url, &function);
    // The first retries are due a minute after the first failures.
    let deadline = Instant::now() + Duration::from_secs(50);
    while running.status().retries < 1100 {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    send(&backend, &url, std::iter::once(json!({"fresh": 1}).to_string())).await;
    while running.status().delivered == 0 {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running.status().waiting, 1100);
}

#[tokio::test]
async fn a_stop_gives_waiting_events_back_while_the_function_still_works() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "tidegate-invoke-f", false).await;
    send(&backend, &url, (0..10).map(|n| json!({ "n": n }).to_string())).await;
    let hanging = Arc::new(Hanging::default());
    let running = asynchronous::start(Asynchronously {
        function: "f".to_owned(),
        settings: AsynchronousSettings::new(None, FUNCTION_ARN, 1, 1.0),
        rules: Vec::new(),
        queue_url: url.clone(),
        sqs: backend.clients.sqs.clone(),
        invoker: Arc::<Hanging>::clone(&hanging),
        destination: None,
        on_success: None,
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.status().waiting == 0 || running.status().in_flight == 0 {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stop = tokio::spawn(running.stop());
    let mut back = std::collections::BTreeSet::new();
    while back.len() < 9 {
        assert!(Instant::now() < deadline, "{back:?}");
        let received =
            backend.clients.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let received = received.send().await.unwrap().messages.unwrap_or_default();
        back.extend(received.into_iter().filter_map(|message| message.message_id));
    }
    assert!(!stop.is_finished(), "one is still in flight");
    stop.abort();
}

#[tokio::test]
async fn a_stop_gives_events_back_to_their_queue_for_the_next_engine() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "tidegate-invoke-f", false).await;
    send(&backend, &url, (0..30).map(|n| json!({ "n": n }).to_string())).await;
    let failing = Scripted::new(|_, _| error());
    let first = unhurried(&backend, &url, &failing);
    let deadline = Instant::now() + Duration::from_secs(20);
    while failing.events().len() < 5 {
        assert!(Instant::now() < deadline, "{:?}", first.status());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.stop().await;
    let working = Scripted::new(|_, _| success());
    let second = unhurried(&backend, &url, &working);
    while second.status().delivered < 30 {
        assert!(Instant::now() < deadline, "{:?}", second.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(&backend.clients, &url).await, 0);
}

/// Never answers, and records request ids and qualifiers.
#[derive(Default)]
struct Hanging(Mutex<Vec<(Option<String>, Option<String>)>>);

impl Invoker for Hanging {
    fn invoke<'a>(&'a self, _: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        self.0.lock().unwrap().push((request.request_id, request.qualifier));
        Box::pin(std::future::pending())
    }
}
