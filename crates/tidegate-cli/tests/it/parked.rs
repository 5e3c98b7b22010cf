//! `tidegate parked` with a projection of the toolkit.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
use tidegate::batch::{BatchContext, BatchHandler, Item};
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{
    DynamoDbReadModel, Increment, Projected, Projection, Projector, ReadModel, ReadModelTables,
    RowUpdate,
};
use tidegate::source::Source;
use tidegate::store::{CommitChange, DynamoDbEventStore, RecordedCommit, RecordedEvent};

use crate::command::{json, said, stderr, stdout};
use crate::effects::put_commit;
use crate::emulator::System;
use crate::hostile::{CONTROLS, SHOWN, harmless};

/// Counts orders, or fails with the given failure.
struct Orders(Option<Failure>);

impl Projection for Orders {
    fn concerns(&self, stream: &StreamId) -> bool {
        stream.kind() == "order"
    }

    fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        match &self.0 {
            Some(failure) if event.version.number() > 1 => Err(failure.clone()),
            _ => Ok(Projected {
                row: RowUpdate::default().set("status", "placed"),
                counters: vec![Increment { key: "day#1".to_owned(), add: [("orders", 1)].into() }],
                ..Projected::default()
            }),
        }
    }
}

fn read_model(system: &System, prefix: &str) -> DynamoDbReadModel {
    let tables = ReadModelTables {
        rows: format!("{prefix}order-view"),
        counters: format!("{prefix}sales"),
        slice: 0,
    };
    DynamoDbReadModel::new(system.clients.dynamodb.clone(), tables)
}

/// Makes the function run a projection that fails like this from now on.
fn deploy(system: &System, prefix: &str, failure: Option<Failure>) {
    let model = Arc::new(read_model(system, prefix));
    let events =
        DynamoDbEventStore::new(system.clients.dynamodb.clone(), format!("{prefix}event-store"));
    let projector = Arc::new(Projector::new(Orders(failure), model, Arc::new(events)));
    system.functions.runs(&format!("{prefix}order-projection"), move |event: Value| {
        let projector = Arc::clone(&projector);
        async move {
            let event = serde_json::value::to_raw_value(&event).unwrap();
            let deliveries = Source::DynamoDb.split(&event).unwrap();
            let changes =
                deliveries.iter().map(|delivery| CommitChange::from_delivery(delivery).unwrap());
            let items: Vec<_> = changes.map(|change| Item::new("", change)).collect();
            let mut context = BatchContext::new(Duration::from_secs(30));
            context.replay = true;
            let outcomes = projector.handle_batch(&items, &context).await;
            let failed = deliveries.iter().zip(outcomes);
            let failed = failed
                .filter_map(|(delivery, outcome)| outcome.failure().and(delivery.item.clone()));
            failed.collect()
        }
        .boxed()
    });
}

fn stream() -> StreamId {
    "order#1".parse().unwrap()
}

async fn parked_in(prefix: &str, system: &System, failure: &Failure) {
    for version in [1, 2, 3] {
        put_commit(system, &format!("{prefix}event-store"), version).await;
    }
    let model = read_model(system, prefix);
    deploy(system, prefix, Some(failure.clone()));
    // As a delivery of the second event would have left it.
    let events =
        DynamoDbEventStore::new(system.clients.dynamodb.clone(), format!("{prefix}event-store"));
    let projector =
        Projector::new(Orders(Some(failure.clone())), Arc::new(model), Arc::new(events));
    let change = CommitChange::Newer { stream: stream(), version: Version::new(2) };
    projector
        .handle_batch(&[Item::new("", change)], &BatchContext::new(Duration::from_secs(30)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_aggregate_is_listed_shown_and_released_when_its_projection_is_mended() {
    let Some(system) = System::start().await else { return };
    assert_eq!(json(&system.tidegate(&["parked", "ls", "--json"]).await), json!([]));
    assert!(stdout(&system.tidegate(&["parked", "ls"]).await).contains("no aggregate is parked"));
    assert!(
        said(&system.tidegate(&["parked", "show", "order#1"]).await, 1)
            .contains("it is not parked")
    );

    parked_in("", &system, &Failure::permanent("bad", "it cannot be counted")).await;
    let listed = json(&system.tidegate(&["parked", "ls", "--json"]).await);
    let [one] = listed.as_array().unwrap().as_slice() else { panic!("{listed}") };
    let expected = json!({"stream": "order#1", "function": "order-projection", "version": 2, "code": "bad",
        "reason": "it cannot be counted", "waits_for_newer_version": false, "since": one["since"]});
    assert_eq!(*one, expected);
    assert!(one["since"].is_string());
    let text = stdout(&system.tidegate(&["parked", "ls"]).await);
    assert!(text.contains("order#1") && text.contains("bad: it cannot be counted"), "{text}");
    let shown = json(&system.tidegate(&["parked", "show", "order#1", "--json"]).await);
    let event = json!({"id": "e2", "type": "OrderPlaced", "dataversion": 1, "time": "2010-12-01T08:26:00Z"});
    assert_eq!((&shown[0]["event"], &shown[0]["version"]), (&event, &json!(2)));
    let text = stdout(&system.tidegate(&["parked", "show", "order#1"]).await);
    assert!(text.contains("parked at version 2") && text.contains("OrderPlaced v1  e2"), "{text}");

    let output = system.tidegate(&["parked", "release", "order#1"]).await;
    assert_eq!(
        output.status.code(),
        Some(1),
        "it is not mended: {}{}",
        stdout(&output),
        stderr(&output)
    );
    assert!(stdout(&output).contains("still parked at version 2"), "{}", stdout(&output));

    deploy(&system, "", None);
    system.functions.seen();
    let output = system.tidegate(&["parked", "release", "order#1", "--json"]).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let released = json(&output);
    assert_eq!(
        (&released[0]["released"], &released[0]["function"]),
        (&json!(true), &json!("order-projection"))
    );
    let seen = system.functions.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].context, Some(json!({"custom": {"tidegate-replay": "true"}})));
    let guard = read_model(&system, "")
        .guards(&[stream()])
        .await
        .unwrap()
        .remove(&stream())
        .unwrap()
        .unwrap();
    assert_eq!((guard.position.version, guard.parked, guard.listed), (Version::new(3), None, None));
    assert_eq!(json(&system.tidegate(&["parked", "ls", "--json"]).await), json!([]));
    assert!(
        said(&system.tidegate(&["parked", "release", "order#1"]).await, 1)
            .contains("it is not parked")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_aggregates_and_their_events_move_no_cursor_and_forge_no_line() {
    let Some(system) = System::start().await else { return };
    parked_in("", &system, &Failure::permanent("bad", CONTROLS)).await;
    for arguments in
        [&["parked", "ls"][..], &["parked", "show", "order#1"], &["parked", "release", "order#1"]]
    {
        let output = system.tidegate(arguments).await;
        let text = stdout(&output) + &stderr(&output);
        harmless(&text);
        assert!(text.contains(SHOWN), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_name_prefix_one_that_waits_for_a_newer_version_is_said_to() {
    let prefix = "shop-dev-";
    let Some(system) = System::deployed(prefix).await else { return };
    parked_in(prefix, &system, &Failure::transient(Failure::NEWER, "the type is not known")).await;
    let listed = json(&system.tidegate(&["parked", "ls", "--json"]).await);
    assert_eq!(listed[0]["waits_for_newer_version"], true, "{listed}");
    assert_eq!(listed[0]["function"], "shop-dev-order-projection");
    let text = stdout(&system.tidegate(&["parked", "show", "order#1"]).await);
    assert!(text.contains("releases it by itself"), "{text}");
    for function in ["order-projection", "shop-dev-order-projection"] {
        let listed =
            json(&system.tidegate(&["parked", "ls", "--json", "--function", function]).await);
        assert_eq!(listed.as_array().unwrap().len(), 1, "{function}");
    }
    let other = system.tidegate(&["parked", "ls", "--function", "order-processor"]).await;
    assert!(said(&other, 1).contains("order-processor is not a projection"));
    deploy(&system, prefix, None);
    let output = system.tidegate(&["parked", "release", "order#1"]).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("released; 3 is its version"), "{}", stdout(&output));
}
