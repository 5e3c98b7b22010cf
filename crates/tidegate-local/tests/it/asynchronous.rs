//! Asynchronous invocation from the queues of a real emulator, with a scripted function.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::events::AsynchronousSettings;
use tidegate_local::asynchronous::{self, Asynchronously, RuleQueue};
use tidegate_local::destination::QueueDestination;
use tidegate_local::mapping::pace::Pace;

use crate::backend::ministack;
use crate::delivery::{FUNCTION_ARN, Scripted, count, error, queue, received, success};

#[tokio::test]
async fn an_event_that_fails_for_good_ends_at_the_asynchronous_destination_and_leaves_its_queue() {
    let backend = ministack().await;
    let (rule, _) = queue(&backend.clients, "tidegate-rule-placed", false).await;
    let (failures, _) = queue(&backend.clients, "async-failures", false).await;
    for detail in ["poison", "fine"] {
        let body = json!({"detail": detail}).to_string();
        backend.clients.sqs.send_message().queue_url(&rule).message_body(body).send().await.unwrap();
    }
    let function = Scripted::new(|_, event| if event["detail"] == "poison" { error() } else { success() });
    let activity = Arc::new(Activity::new());
    let running = asynchronous::start(Asynchronously {
        function: "f".to_owned(),
        settings: AsynchronousSettings::of(None, FUNCTION_ARN, 2, 600.0),
        rules: vec![RuleQueue { rule: "placed".to_owned(), url: rule.clone() }],
        sqs: backend.clients.sqs.clone(),
        invoker: Arc::<Scripted>::clone(&function),
        destination: Some(Arc::new(QueueDestination::new(backend.clients.sqs.clone(), &failures))),
        activity: Arc::clone(&activity),
        pace: Pace::Fast,
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.status().failed == 0 || running.status().idle_since != Some(activity.now()) {
        assert!(Instant::now() < deadline, "{:?}", running.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(&backend.clients, &rule).await, 0);
    assert_eq!((running.status().delivered, running.status().retries), (1, 2));
    assert_eq!(function.events().len(), 4);
    let record = received(&backend.clients, &failures).await;
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["functionArn"], format!("{FUNCTION_ARN}:$LATEST"));
    assert_eq!(record["requestPayload"], json!({"detail": "poison"}));
    assert_eq!(record["responsePayload"]["errorType"], "Boom");
    running.stop().await;
}
