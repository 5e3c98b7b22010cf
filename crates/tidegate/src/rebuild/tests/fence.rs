//! Tests the fence in front of writers.

use super::*;
use crate::test::{Call, Faults, Faulty};

/// Stores a pointer with a fence that is closed for its owner until then.
async fn fenced(tables: &MemoryGenerations, owner: &str, until: Timestamp) {
    let there = tables.pointers().read("order-view").await.unwrap();
    let fence = serde_json::json!({ "owner": owner, "until": until });
    let fence = Some(serde_json::from_value(fence).unwrap());
    let closed = Pointer { fence, ..there };
    tables.pointers().write(&closed).await.unwrap().unwrap();
}

fn later() -> Timestamp {
    Timestamp::now().saturating_add(Duration::from_secs(3_600)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_closed_fence_stops_every_generation_and_costs_no_event() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    fenced(&tables, "anna", later()).await;
    for outcome in &deliver(&projectors, &commits).await[1..] {
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::FENCED));
        assert!(failure.is_passing() && failure.retry_delay().is_some());
        assert!(failure.reason().contains("anna compares generations of order-view"));
    }
    assert!(tables.model(1).transactions().is_empty());
    assert!(tables.model(2).transactions().is_empty());
    // The owner works behind its fence.
    ask_all(&tables, &projectors, request(2, Work::Fold), 100).await;
    let expected = folded(Products::default(), &commits).await;
    assert_eq!(content(&tables.model(2)), expected);
    fenced(&tables, "anna", Timestamp::now()).await;
    deliver(&projectors, &commits).await;
    assert_eq!(content(&tables.model(1)), expected, "it opens by itself");
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_another_rebuild_is_stopped_too() {
    let tables = tables();
    some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    fenced(&tables, "bob", later()).await;
    let failure = tables.ask(&projectors, &request(2, Work::Fold)).await.unwrap_err();
    assert_eq!(failure.code(), Failure::FENCED);
    assert!(tables.model(2).transactions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_pointer_is_read_once_in_two_seconds_for_all_generations() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let faults = Faults::none();
    let pointers = Faulty::new(Arc::new(tables.pointers().clone()), faults.clone());
    let ports = Ports { pointers: Some(Arc::new(pointers)), ..tables.ports() };
    let model = |number| Arc::new(tables.model(number)) as Arc<dyn crate::projection::ReadModel>;
    let generations = Generations::new("order-view", [1, 2]).unwrap();
    let projectors = Projectors::new(ports, model, generations, Products::default());
    for commits in commits.chunks(2) {
        deliver(&projectors, commits).await;
    }
    assert_eq!(faults.calls(Call::PointerRead), 1);
    tokio::time::advance(Duration::from_millis(2_001)).await;
    fenced(&tables, "anna", later()).await;
    for outcome in deliver(&projectors, &[commit("order#1", 3, "a")]).await {
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    assert_eq!(faults.calls(Call::PointerRead), 3, "a closed fence is not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_closes_within_a_batch_stops_the_next_transaction() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    deliver(&projectors, &commits[..4]).await;
    fenced(&tables, "anna", later()).await;
    // It still believes in the open fence, for two seconds.
    deliver(&projectors, &commits[4..6]).await;
    let before = tables.model(1).transactions().len();
    tokio::time::advance(Duration::from_millis(2_001)).await;
    deliver(&projectors, &commits[6..]).await;
    assert_eq!(tables.model(1).transactions().len(), before);
}

#[tokio::test(start_paused = true)]
async fn without_pointers_nothing_is_read_and_nothing_is_fenced() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let ports = Ports { pointers: None, ..tables.ports() };
    let model = |number| Arc::new(tables.model(number)) as Arc<dyn crate::projection::ReadModel>;
    let generations = Generations::new("order-view", [1]).unwrap();
    let projectors = Projectors::new(ports, model, generations, Products::default());
    fenced(&tables, "anna", later()).await;
    deliver(&projectors, &commits).await;
    assert_eq!(content(&tables.model(1)), folded(Products::default(), &commits).await);
}
