//! Tests of the delivery of a queue's messages, with a stand-in for SQS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::activity::Activity;
use crate::clients::Clients;
use crate::invocation::{Answer, Invoker, Request};
use crate::mapping::queue::{QueueMapping, QueueSettings, start};
use crate::pace::Pace;
use topology::pattern::filter::{Filter, Filtered};

/// Serves one message that is not JSON until it is deleted, and records deletions.
async fn holding(deleted: Arc<Mutex<Vec<Value>>>) -> String {
    let answer = move |headers: axum::http::HeaderMap, body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap();
        let mut deleted = deleted.lock().unwrap();
        if headers["x-amz-target"] == "AmazonSQS.DeleteMessageBatch" {
            deleted.extend(request["Entries"].as_array().unwrap().clone());
            return Json(json!({"Successful": [{"Id": "0"}], "Failed": []}));
        }
        let message = json!({"MessageId": "m", "ReceiptHandle": "r", "Body": "text"});
        Json(json!({"Messages": if deleted.is_empty() { vec![message] } else { vec![] }}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    format!("http://{address}")
}

/// A function that must not be invoked.
struct Never;

impl Invoker for Never {
    fn invoke<'a>(&'a self, _: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        panic!("invoked with {request:?}")
    }
}

#[tokio::test]
async fn a_message_that_passes_no_filter_is_deleted_from_its_queue_and_counted_in_the_status() {
    let deleted = Arc::default();
    let endpoint = holding(Arc::clone(&deleted)).await;
    let filter = Filter::parse(Filtered::Sqs, [r#"{"body": {"n": [1]}}"#]).unwrap();
    let mapping = start(QueueMapping {
        function: "f".to_owned(),
        source_name: "q".to_owned(),
        settings: QueueSettings {
            batch_size: 10,
            batching_window: Duration::ZERO,
            maximum_concurrency: 2,
            report_batch_item_failures: true,
            visibility: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            filter: Some(Arc::new(filter)),
            time_scale: 1.0,
        },
        sqs: Clients::new(&endpoint).sqs,
        queue_url: format!("{endpoint}/000000000000/q"),
        queue_arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
        region: "us-east-1".to_owned(),
        invoker: Arc::new(Never),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    });
    tokio::time::timeout(Duration::from_secs(30), async {
        while deleted.lock().unwrap().is_empty() || mapping.status().idle_since.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{mapping:?}"));
    assert_eq!(deleted.lock().unwrap()[0]["ReceiptHandle"], "r");
    let status = mapping.status();
    assert_eq!((status.filtered, status.records_delivered, status.lag), (1, 0, 0), "{status:?}");
    assert_eq!(status.last_error, None);
    mapping.stop().await;
}
