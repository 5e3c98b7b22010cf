//! Every kind of target of a rule in the whole engine, each with an input and a dead letter of its
//! own.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_kinesis::types::ShardIteratorType;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::engine::Engine;

use crate::engine::{idle, options};

const DECLARED: &str = r#"
streams = { copies = {} }
queues = {
  audited = {}, heard = {}, letters-a = {}, letters-b = {}, parts = {}, thirds = {}, told = {}
}
topics = { alerts = {} }
buses  = { audit = {}, shop = {}, third = {} }
rules = {
  every = {
    bus     = "shop"
    pattern = { source = ["shop.orders"] }
    targets = {
      constant = { function = "probe", input = { go = [1, "two"] }, dead_letter_queue = "letters-a" }
      part     = { queue = "parts", input_path = "$.detail", dead_letter_queue = "letters-a" }
      record   = { stream = "copies", partition_key_path = "$.detail.subject", dead_letter_queue = "letters-a" }
      alert = {
        topic             = "alerts"
        dead_letter_queue = "letters-a"
        input_transformer = {
          paths    = { order = "$.detail.subject" }
          template = "{\"order\": <order>, \"rule\": <aws.events.rule-name>}"
        }
      }
      forward = { bus = "audit", dead_letter_queue = "letters-a" }
    }
  }
  broken = {
    bus     = "shop"
    pattern = { source = ["shop.orders"] }
    target  = { queue = "parts", input_path = "$.detail.nothing", dead_letter_queue = "letters-b" }
  }
  on-audit = {
    bus     = "audit"
    pattern = { source = ["shop.orders"] }
    targets = {
      keep    = { queue = "audited", dead_letter_queue = "letters-a" }
      forward = { bus = "third", dead_letter_queue = "letters-a" }
    }
  }
  on-third = {
    bus     = "third"
    pattern = { source = ["shop.orders", "audit"] }
    target  = { queue = "thirds", dead_letter_queue = "letters-a" }
  }
}
functions = {
  probe = { memory_mb = 128, timeout_seconds = 20, asynchronous = { on_success = { queue = "told" } } }
}
"#;

/// Puts an event with this detail on a bus, and returns its id.
pub(crate) async fn put(clients: &Clients, bus: &str, detail: &Value) -> String {
    let event = PutEventsRequestEntry::builder().event_bus_name(bus).source("shop.orders");
    let event = event.detail_type("Placed").detail(detail.to_string()).build();
    let put = clients.events.put_events().entries(event).send().await.unwrap();
    put.entries()[0].event_id().unwrap().to_owned()
}

/// Takes all messages of a queue: their bodies, and their text attributes.
pub(crate) async fn taken(
    clients: &Clients,
    queue: &str,
) -> Vec<(Value, BTreeMap<String, String>)> {
    let url = clients.sqs.get_queue_url().queue_name(queue).send().await.unwrap();
    let url = url.queue_url.unwrap();
    let mut taken = Vec::new();
    loop {
        let receive = clients.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let received = receive.message_attribute_names("All").send().await.unwrap();
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return taken;
        }
        for message in messages {
            let receipt = message.receipt_handle.unwrap();
            clients
                .sqs
                .delete_message()
                .queue_url(&url)
                .receipt_handle(receipt)
                .send()
                .await
                .unwrap();
            let attributes = message.message_attributes.unwrap_or_default().into_iter();
            let attributes =
                attributes.map(|(name, value)| (name, value.string_value.unwrap())).collect();
            taken.push((serde_json::from_str(&message.body.unwrap()).unwrap(), attributes));
        }
    }
}

/// Records of a stream with one shard: partition key and content.
async fn records(clients: &Clients, stream: &str) -> Vec<(String, Value)> {
    let iterator = clients.kinesis.get_shard_iterator().stream_name(stream);
    let iterator = iterator.shard_id("shardId-000000000000");
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let iterator = iterator.send().await.unwrap().shard_iterator.unwrap();
    let records = clients.kinesis.get_records().shard_iterator(iterator).send().await.unwrap();
    let content = |data: &[u8]| serde_json::from_slice(data).unwrap();
    let records = records.records.into_iter();
    records.map(|record| (record.partition_key.unwrap(), content(record.data.as_ref()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_target_gets_its_input_and_a_target_that_fails_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let clients = Clients::new(&engine.file().endpoint);
    let heard = clients.sqs.get_queue_url().queue_name("heard").send().await.unwrap();
    let heard = heard.queue_url.unwrap();
    let heard = clients
        .sqs
        .get_queue_attributes()
        .queue_url(heard)
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn);
    let heard = heard.send().await.unwrap().attributes.unwrap();
    let topic = clients.sns.create_topic().name("alerts").send().await.unwrap().topic_arn.unwrap();
    let subscribe = clients.sns.subscribe().topic_arn(topic).protocol("sqs");
    let subscribe = subscribe.endpoint(heard.values().next().unwrap());
    subscribe.attributes("RawMessageDelivery", "true").send().await.unwrap();

    let detail = json!({"subject": "order#7", "total": 12.5});
    let id = put(&clients, "shop", &detail).await;
    let status = idle(&client, "all handed over", |status| {
        let bus = |name: &str| {
            let buses = status["buses"].as_array().unwrap();
            buses.iter().find(|bus| bus["bus"] == name).unwrap()["rules"].clone()
        };
        bus("shop")["broken"]["failed"] == 1
            && bus("audit")["on-audit/keep"]["handed_over"] == 1
            && status["asynchronous"][0]["delivered"] == 1
    })
    .await;
    let shop = status["buses"].as_array().unwrap().iter().find(|bus| bus["bus"] == "shop").unwrap();
    for target in ["constant", "part", "record", "alert", "forward"] {
        let counts = &shop["rules"][format!("every/{target}")];
        assert_eq!(counts["handed_over"], 1, "{target}: {counts}");
    }

    let told = taken(&clients, "told").await;
    assert_eq!(told[0].0["requestPayload"], json!({"go": [1, "two"]}));
    assert_eq!(taken(&clients, "parts").await[0].0, detail);
    assert_eq!(taken(&clients, "heard").await[0].0, json!({"order": "order#7", "rule": "every"}));
    let records = records(&clients, "copies").await;
    assert_eq!((records.len(), records[0].0.as_str()), (1, "order#7"));
    assert_eq!((&records[0].1["id"], &records[0].1["detail"]), (&json!(id), &detail));
    // The other bus has the event itself, and sends it to no third one.
    let audited = taken(&clients, "audited").await;
    assert_eq!((audited.len(), &audited[0].0), (1, &records[0].1));
    assert_eq!(taken(&clients, "thirds").await, []);
    // An event of that bus's own goes on.
    let own = put(&clients, "audit", &detail).await;
    idle(&client, "on the third bus", |status| {
        let buses = status["buses"].as_array().unwrap();
        let third = buses.iter().find(|bus| bus["bus"] == "third").unwrap();
        third["rules"]["on-third"]["handed_over"] == 1
    })
    .await;
    assert_eq!(taken(&clients, "thirds").await[0].0["id"], json!(own));

    let letters = taken(&clients, "letters-b").await;
    let [(event, attributes)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(event["id"], json!(id), "the letter holds the event, not an input");
    assert_eq!(
        (attributes["ERROR_CODE"].as_str(), attributes["RULE_ARN"].as_str()),
        ("INVALID_JSON", "arn:aws:events:us-east-1:000000000000:rule/shop/broken")
    );
    assert_eq!(taken(&clients, "letters-a").await, []);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_constant_inputs_are_two_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let clients = Clients::new(&engine.file().endpoint);
    for _ in 0..2 {
        put(&clients, "shop", &json!({"subject": "order#1"})).await;
    }
    idle(&client, "both delivered", |status| status["asynchronous"][0]["delivered"] == 2).await;
    let told = taken(&clients, "told").await;
    let payloads: Vec<&Value> = told.iter().map(|(record, _)| &record["requestPayload"]).collect();
    assert_eq!(payloads, [&json!({"go": [1, "two"]}); 2]);
    // Nothing in the input tells them apart, so their request ids must.
    let id = |n: usize| &told[n].0["requestContext"]["requestId"];
    assert_ne!(id(0), id(1));
    engine.shutdown().await;
}
