//! Tests orders from the stream to the read models, with the sample of the repository.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::programs::shown;
use crate::world::{World, sample};

#[tokio::test(flavor = "multi_thread")]
async fn every_read_model_equals_a_fold_over_the_input_and_importing_again_changes_nothing() {
    let world = World::start().await;
    let file = sample();
    let file = file.to_str().unwrap();

    let imported = world.shop_json(&["import", "online-retail", file, "--json"]).await;
    world.settle().await;
    check(&world, file).await;
    let orders = imported["orders"].as_u64().unwrap() + imported["returns"].as_u64().unwrap();
    assert!(orders > 200, "{imported:#}");
    assert_eq!(world.metric("order-processor", "Applied").await, orders);
    assert_eq!(world.metric("order-processor", "Duplicate").await, 0);
    let letters = imported["raw_lines"].as_u64().unwrap();
    assert!(letters > 0, "the sample has malformed lines");
    assert_eq!(world.status().await["dead_letters"]["dead-letters"], letters);

    // One order costs one successful write, by itself or as a statement of a batch.
    let writes: BTreeMap<_, _> = world.successes("order-processor").await;
    let of = |operation: &str| writes.get(operation).copied().unwrap_or(0);
    let statements = world.statements("order-processor").await;
    let written = of("DynamoDB.PutItem") + of("DynamoDB.TransactWriteItems") + statements;
    assert_eq!(written, orders, "{statements} statements, {writes:?}");
    // MiniStack's streams do not show what statements write, so there they are not used.
    let probed = world.status().await["emulator"]["statements"].clone();
    let batched = probed["mode"] == "batched";
    let batches = of("DynamoDB.BatchExecuteStatement");
    let shared = batches * 4 < statements && statements > of("DynamoDB.PutItem");
    assert!(shared == batched, "{batches} batches for {statements} statements, {writes:?}");
    // The table of counters has no stream.
    let counters = world.statements("order-projection").await;
    let requests = world.successes("order-projection").await;
    let requests = requests.get("DynamoDB.BatchExecuteStatement").copied().unwrap_or(0);
    let shared = requests > 0 && requests * 4 < counters;
    let single = probed["mode"] == "single";
    assert!(shared != single, "{counters} counters in {requests} requests, {probed}");
    assert!(
        of("DynamoDB.TransactWriteItems") >= 1,
        "the order of more than 400 KB needs a transaction: {writes:?}"
    );
    // The function had its connection before its first order.
    assert!(writes.contains_key("HealthCheck"), "{writes:?}");
    let mails = world.mail().await.len();

    let sales_before = sales(&world).await;
    world.shop_json(&["import", "online-retail", file, "--json"]).await;
    world.settle().await;
    assert_eq!(sales(&world).await, sales_before);
    assert_eq!(world.metric("order-processor", "Duplicate").await, orders);
    assert_eq!(world.metric("order-processor", "Applied").await, orders);
    assert_eq!(world.mail().await.len(), mails, "no second e-mail");
    let writes_after = world.successes("order-processor").await;
    assert_eq!(
        (writes_after.get("DynamoDB.PutItem"), world.statements("order-processor").await),
        (writes.get("DynamoDB.PutItem"), statements),
        "a duplicate costs no write that succeeds"
    );
    check(&world, file).await;

    // A replay of the archive brings every event to the function again, and no customer a second
    // e-mail.
    let before = world.metric("notification", "Duplicate").await;
    let replay = ["events", "replay", "--bus", "shop", "--from", "2h"];
    let rule = ["--rule", "order-placed-notification"];
    let replayed = world.tidegate(&[&replay[..], &rule].concat()).await;
    assert!(replayed.status.success(), "{}", shown(&replayed));
    world.settle().await;
    let again = world.metric("notification", "Duplicate").await - before;
    assert!(mails > 0 && again >= mails as u64, "{again} of {mails}: {}", shown(&replayed));
    assert_eq!(world.mail().await.len(), mails, "no e-mail by a replay");
    world.end().await;
}

pub(crate) async fn check(world: &World, file: &str) {
    let output = world.shop(&["check", file]).await;
    assert!(output.status.success(), "{}", shown(&output));
}

async fn sales(world: &World) -> Vec<Value> {
    let mut sales = Vec::new();
    for dimension in ["day", "country", "product", "customer"] {
        sales.push(world.shop_json(&["sales", "--by", dimension, "--json"]).await);
    }
    sales
}
