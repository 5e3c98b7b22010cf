//! Tests folds beside live traffic.

use super::*;
use crate::test::{Call, Fault, Faults, Faulty};

#[tokio::test(start_paused = true)]
async fn every_delivery_goes_to_all_generations() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let outcomes = deliver(&tables.projectors(Products::default()), &commits).await;
    assert_eq!(outcomes[0], Outcome::Done(Handled::Filtered));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == Outcome::Done(Handled::Applied)));
    let expected = folded(Products::default(), &commits).await;
    assert_eq!(content(&tables.model(1)), expected);
    assert_eq!(content(&tables.model(2)), expected);
}

#[tokio::test(start_paused = true)]
async fn a_fold_builds_what_deliveries_would_have_built() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    for segment in (0..3).rev() {
        let request = request(2, Work::Fold).segment(segment, 3);
        ask_all(&tables, &projectors, request, 2).await;
    }
    assert_eq!(content(&tables.model(2)), folded(Products::default(), &commits).await);
    assert_eq!(content(&tables.model(1)).0.len(), 0, "no other generation changes");
}

#[tokio::test(start_paused = true)]
async fn a_fold_counts_streams_and_events_of_its_projection_once() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    for segments in [1, 4] {
        let mut all = Answer::default();
        for segment in 0..segments {
            let request = request(2, Work::Fold).segment(segment, segments);
            all.merge(ask_all(&tables, &projectors, request, 3).await);
        }
        let events = commits.len() as u64 - 1;
        assert_eq!((all.streams, all.events, all.items), (6, events, events + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fold_from_any_place_changes_nothing_twice() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    let first = tables.ask(&projectors, &request(2, Work::Fold).limit(5)).await.unwrap();
    let request = request(2, Work::Fold).from(first.next);
    for _ in 0..3 {
        ask_all(&tables, &projectors, request.clone(), 2).await;
        // Another environment begins anew, while deliveries come late.
        let other = tables.projectors(Products::default());
        ask_all(&tables, &other, super::request(2, Work::Fold), 4).await;
        deliver(&other, &commits[4..]).await;
    }
    assert_eq!(content(&tables.model(2)), folded(Products::default(), &commits).await);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_rules_cannot_apply_parks_its_aggregate_and_is_named() {
    let tables = tables();
    some_orders(&tables).await;
    let rules = Products { refuses: Some("c"), ..Products::default() };
    let projectors = tables.projectors(rules);
    let answer = ask_all(&tables, &projectors, request(2, Work::Fold), 100).await;
    let named: Vec<&str> = answer.parked.iter().map(|parked| parked.stream.as_str()).collect();
    assert_eq!(named, ["order#2", "order#5"]);
    assert_eq!(answer.parked[0].code, "refused");
    let verdict = tables.rebuild(&projectors, 2, Reference::Store).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: 6 }, "a parked row is as far as it can be");
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_what_was_folded_before_it() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let faults = Faults::none().at(Call::ReadPage, 2, Fault::Throttled);
    let reader = Arc::new(Faulty::new(Arc::new(tables.clone()), faults));
    let ports = Ports { reader, ..tables.ports() };
    let model = |number| Arc::new(tables.model(number)) as Arc<dyn crate::projection::ReadModel>;
    let generations = Generations::new("order-view", [1, 2]).unwrap();
    let projectors = Projectors::new(ports, model, generations, Products::default());
    // A page has 500 items, so the store needs more of them.
    let more: Vec<_> = (100..700).map(|order| commit(&format!("order#{order}"), 1, "a")).collect();
    store(&tables, &more).await;
    let request = request(2, Work::Fold).limit(10_000);
    let half = tables.ask(&projectors, &request).await.unwrap();
    assert_eq!((half.items, half.next.is_some()), (500, true));
    let rest = tables.ask(&projectors, &request.from(half.next)).await.unwrap();
    assert_eq!((rest.items, rest.next), (commits.len() as u64 + 100, None));
    let all = [commits, more].concat();
    assert_eq!(content(&tables.model(2)), folded(Products::default(), &all).await);
}

#[tokio::test(start_paused = true)]
async fn a_work_without_time_fails_and_can_be_asked_again() {
    let tables = tables();
    some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    let text = serde_json::to_string(&request(2, Work::Fold)).unwrap();
    let text = serde_json::value::RawValue::from_string(text).unwrap();
    let late = projectors.rebuild(&text, &BatchContext::new(Duration::ZERO)).await.unwrap_err();
    assert_eq!(late.class(), Class::Transient, "{late:?}");
    assert_eq!(content(&tables.model(2)).0.len(), 0);
    assert!(projectors.rebuild(&text, &context()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_is_refused_and_says_why() {
    let tables = tables();
    some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    let place = tables.ask(&projectors, &request(2, Work::Fold).limit(1)).await.unwrap().next;
    for (request, code, reason) in [
        (Request::new("sales", 2, Work::Fold, "anna"), "unknown_projection", "feeds order-view"),
        (request(3, Work::Fold), "unknown_generation", "generations 1, 2 of order-view"),
        (
            request(2, Work::Verify).against(Reference::Generation(9)),
            "unknown_generation",
            "and not 9",
        ),
        (request(2, Work::Fold).from(Some("x y".to_owned())), "rebuild_request", "`from`"),
        (request(2, Work::Vector).from(place), "rebuild_request", "`from` is not a place"),
        (request(0, Work::Fold), "rebuild_request", "`generation`"),
    ] {
        let failure = tables.ask(&projectors, &request).await.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, code), "{failure:?}");
        assert!(failure.reason().contains(reason), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_worst_outcome_of_all_projections_counts() {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let strict = Products { refuses: Some("b"), ..Products::default() };
    let other = MemoryGenerations::new(Generations::new("other", [1]).unwrap());
    store(&other, &commits).await;
    let projectors = tables.projectors(Products::default()).and(other.projectors(strict));
    let outcomes = deliver(&projectors, &commits).await;
    for (commit, outcome) in commits.iter().zip(outcomes).skip(1) {
        match (commit.events[0].data.as_str(), outcome) {
            ("a", Outcome::Done(Handled::Applied)) => {}
            ("b", Outcome::Failed(failure)) if failure.class() == Class::Permanent => {}
            ("c", Outcome::Done(Handled::Parked)) => {}
            wrong => panic!("{wrong:?}"),
        }
    }
    assert_eq!(content(&tables.model(1)), folded(Products::default(), &commits).await);
}
