//! Tests bad records among good ones.

use std::path::Path;

use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};

use crate::programs::{program, repository, shown};
use crate::world::World;

fn place_order(order: &str, lines: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": format!("c-{order}"), "source": "test", "type": "PlaceOrder",
        "subject": format!("order#{order}"), "time": "2026-01-01T00:00:00Z",
        "dataschema": "urn:tidegate:schema:PlaceOrder:1", "correlationid": format!("c-{order}"),
        "data": {
            "order_id": order, "customer_id": "1", "country": "France", "currency": "GBP",
            "ordered_at": "2026-01-01T00:00:00Z", "lines": lines,
        },
    })
}

async fn put(world: &World, key: &str, data: &str) {
    let put = world.clients().kinesis.put_record().stream_name("orders").partition_key(key);
    put.data(Blob::new(data)).send().await.expect("a put record");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_end_as_dead_letters_with_their_payload_and_cost_their_neighbours_nothing() {
    let world = World::start().await;
    let good = json!([{ "stock_code": "A", "quantity": 2, "unit_price": 100 }]);
    let mut unknown = place_order("2", &good);
    unknown["type"] = "Surprise".into();
    unknown["dataschema"] = "urn:tidegate:schema:Surprise:1".into();
    let mut elsewhere = place_order("3", &good);
    elsewhere["subject"] = "order#4".into();
    put(&world, "order#1", "this is not JSON").await;
    put(&world, "order#1", &unknown.to_string()).await;
    put(&world, "order#1", &elsewhere.to_string()).await;
    put(&world, "order#1", &place_order("1", &good).to_string()).await;
    put(&world, "order#5", &place_order("5", &json!([])).to_string()).await;
    world.settle().await;

    let letters = world.tidegate(&["dlq", "--json"]).await;
    assert!(letters.status.success(), "{}", shown(&letters));
    let letters: Value = serde_json::from_slice(&letters.stdout).unwrap();
    let mut conditions: Vec<&str> = letters
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["condition"].as_str().unwrap())
        .collect();
    conditions.sort_unstable();
    assert_eq!(
        conditions,
        ["permanent/not_json", "permanent/subject_mismatch", "permanent/unknown_type"]
    );
    assert!(letters.to_string().contains("this is not JSON"), "the payload is kept: {letters:#}");

    let placed = world.shop_json(&["order", "show", "1", "--json"]).await;
    assert_eq!(placed["status"], "placed", "{placed:#}");
    let rejected = world.shop_json(&["order", "show", "5", "--json"]).await;
    assert_eq!(rejected["status"], "rejected");
    assert_eq!(rejected["reasons"], json!(["there are no lines"]));
    assert_eq!(world.mail().await.len(), 1);

    // A record that cannot be repaired fails again, and its letter stays.
    let replay = world.tidegate(&["dlq", "--yes"]).await;
    assert_eq!(replay.status.code(), Some(1), "{}", shown(&replay));
    assert_eq!(world.status().await["dead_letters"]["total"], 3);
    world.end().await;
}

async fn up(
    directory: &Path,
    environment: &[(&str, &str)],
    topology: &Path,
) -> std::process::Output {
    let mut command = program("tidegate");
    command.args(["local", "up", "--bin-dir"]).arg(crate::programs::directory());
    command.arg("--topology").arg(topology).current_dir(directory);
    command.envs(environment.iter().copied()).output().await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topology_with_a_mistake_is_refused_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(repository().join("infra/topology.auto.tfvars")).unwrap();
    let topology = directory.path().join("topology.auto.tfvars");
    let line = 1 + text.lines().position(|line| line.contains("batch_size")).unwrap();
    std::fs::write(
        &topology,
        text.replacen("batch_size                 = 100", "batch_size                 = 100000", 1),
    )
    .unwrap();
    let output = up(directory.path(), &[], &topology).await;
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(&format!("topology.auto.tfvars:{line}:")), "{message}");
    assert!(message.contains("batch_size is 100000"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let topology = repository().join("infra/topology.auto.tfvars");
    let output = up(directory.path(), &[("AWS_ENDPOINT_URL", &endpoint)], &topology).await;
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&endpoint), "{}", shown(&output));
}
