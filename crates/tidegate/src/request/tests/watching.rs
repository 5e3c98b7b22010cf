//! Tests what a request leaves behind: a log line, metrics and a span.

use std::sync::Mutex;

use serde_json::Value;

use super::*;
use crate::batch::Metrics;

/// Metric lines of the requests.
fn measured() -> (ApiClient<Shop>, Arc<Mutex<Vec<Value>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let metrics: Metrics = "Shop/Api".parse().unwrap();
    let metrics = metrics.to({
        let lines = Arc::clone(&lines);
        move |line| lines.lock().unwrap().push(serde_json::from_slice(line).unwrap())
    });
    let records = Arc::new(MemoryIdempotency::default());
    let (api, _) = api(Arc::new(MemoryEventStore::default()), records, AfterCrash::Hold);
    (ApiClient::of(ApiService::new(api, "order-api").metrics(metrics)), lines)
}

#[tokio::test]
async fn each_request_has_one_metric_line_by_its_route_and_never_its_path() {
    let (client, lines) = measured();
    client.send(anna("GET", "/orders/secret-7")).await;
    client.send(payment("k", "")).await;
    client.send(payment("k", "")).await;
    client.send(anna("GET", "/failures/panic")).await;
    client.send(anna("GET", "/secret")).await;
    client.send(anna("DELETE", "/secret-2")).await;
    let lines = lines.lock().unwrap();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            let count = |name: &str| line[name].as_u64().unwrap();
            let counts = ["Requests", "ClientErrors", "ServerErrors", "Replayed"].map(count);
            (line["route"].as_str().unwrap(), counts)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("GET /orders/{order}", [1, 1, 0, 0]),
            ("POST /payments", [1, 0, 0, 0]),
            ("POST /payments", [1, 0, 0, 1]),
            ("GET /failures/{order}", [1, 0, 1, 0]),
            ("unmatched", [1, 1, 0, 0]),
            ("unmatched", [1, 1, 0, 0]),
        ]
    );
    let first = &lines[0];
    assert_eq!(first["function"], "order-api");
    assert!(first["Duration"].as_f64().is_some_and(|took| took >= 0.0));
    let directive = &first["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Shop/Api");
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(first[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
    }
    assert!(!format!("{lines:?}").contains("secret"));
}

/// Collects what is logged while it is the subscriber.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_request_has_one_log_line_with_its_ids_and_the_hidden_reason() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_writer(move || writer.clone())
        .finish();
    let world = World::new();
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        let request = anna("GET", "/failures/transient").header("x-correlation-id", "basket-7");
        world.send(request).await;
        world.send(anna("GET", "/orders/hidden")).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!((&lines[0]["status"], &lines[0]["code"]), (&json!(503), &json!("unavailable")));
    assert_eq!(lines[0]["route"], "GET /failures/{order}");
    assert!(lines[0]["reason"].as_str().unwrap().contains("host secret is down"), "{text}");
    assert_eq!(lines[0]["spans"][0]["correlation_id"], "basket-7");
    assert_eq!(lines[0]["spans"][0]["request_id"], "invocation-1");
    assert_eq!((&lines[1]["level"], &lines[1]["status"]), (&json!("INFO"), &json!(404)));
    assert!(!text.contains("hidden"), "the path is the client's text: {text}");
}
