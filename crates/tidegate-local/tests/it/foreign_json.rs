//! Bodies that a strict JSON reader refuses, through a whole engine: serde-rs/json#827.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_kinesis::primitives::Blob;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::engine::Engine;

use crate::engine::{idle, options};

const DECLARED: &str = r#"
streams = { orders = {} }
queues  = { jobs = {}, taken = {} }
buses   = { shop = {} }
rules = {
  placed = {
    bus = "shop", target = { queue = "taken" }
    pattern = { source = ["shop.orders"], detail = { type = ["order"] } }
  }
}
functions = {
  probe = {
    sources = {
      jobs   = { queue = "jobs", filter_criteria = [{ pattern = "{\"body\":{\"type\":[\"order\"]}}" }] }
      orders = {
        stream = "orders", starting_position = "TRIM_HORIZON"
        filter_criteria = [{ pattern = "{\"data\":{\"type\":[\"order\"]}}" }]
      }
    }
  }
}
"#;

const ORDER: &str = r#"{"type":"order","note":"thanks \ud83d","total":1e999}"#;
const REFUND: &str = r#"{"type":"refund","note":"thanks \ud83d"}"#;

async fn url(clients: &Clients, queue: &str) -> String {
    clients.sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_surrogate_pair_is_filtered_and_routed_as_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let clients = engine.clients();
    let jobs = url(clients, "jobs").await;
    for body in [ORDER, REFUND] {
        clients.sqs.send_message().queue_url(&jobs).message_body(body).send().await.unwrap();
        let put = clients.kinesis.put_record().stream_name("orders").partition_key("k");
        put.data(Blob::new(body)).send().await.unwrap();
        let entry = PutEventsRequestEntry::builder().event_bus_name("shop").source("shop.orders");
        let entry = entry.detail_type("Placed").detail(body).build();
        let put = clients.events.put_events().entries(entry).send().await.unwrap();
        assert_eq!(put.failed_entry_count, 0);
    }
    let status = idle(&client, "everything taken", |status| {
        let mappings = status["mappings"].as_array().unwrap();
        mappings.iter().all(|mapping| mapping["records_delivered"] == 1 && mapping["filtered"] == 1)
            && status["buses"][0]["events"] == 2
    })
    .await;
    let placed = &status["buses"][0]["rules"]["placed"];
    let counts = ["matched", "handed_over", "retries", "failed"];
    assert_eq!(counts.map(|count| &placed[count]), [1, 1, 0, 0].map(Value::from).each_ref());
    assert_eq!(
        (&status["buses"][0]["unmatched"], &status["buses"][0]["last_error"]),
        (&json!(1), &Value::Null)
    );

    // MiniStack writes the detail again; the half surrogate and the number must be kept.
    let receive =
        clients.sqs.receive_message().queue_url(url(clients, "taken").await).wait_time_seconds(10);
    let taken = receive.send().await.unwrap().messages.unwrap_or_default().remove(0).body.unwrap();
    assert!(taken.contains(r#""note": "thanks \ud83d", "total": 1e999"#), "{taken}");
    engine.shutdown().await;
}
