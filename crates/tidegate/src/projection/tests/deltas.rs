//! Tests with deltas that wait for their counters: after a crash, of another environment, or of a
//! counter that takes nothing.

use super::*;
use crate::test::MemorySlice;

/// Hands a commit to an environment that counts in this slice.
async fn deliver_in(world: &World, slice: u32, commits: &[&RecordedCommit]) -> Vec<Outcome> {
    let model = Faulty::new(Arc::new(world.model.in_slice(slice)), world.faults.clone());
    let events = Arc::<MemoryEventStore>::clone(&world.store);
    let projector = Projector::new(Products::default(), Arc::new(model), events);
    let items: Vec<_> = commits
        .iter()
        .map(|commit| Item::new("", CommitChange::Commit((*commit).clone())))
        .collect();
    projector.handle_batch(&items, &BatchContext::new(Duration::from_secs(30))).await
}

fn down() -> Failure {
    Failure::transient("read_model", "down")
}

/// Returns a world whose first delta is stored, with none of its counters written.
async fn waiting(commits: &[RecordedCommit]) -> World {
    let world = World::with(commits).await;
    world.faults.always(Call::Add, Some(Fault::Failed(down())));
    let outcomes = deliver_in(&world, 0, &[&commits[0]]).await;
    assert_eq!(outcomes, [Outcome::Failed(down())], "it is not acknowledged");
    world.faults.always(Call::Add, None);
    assert_eq!((world.version("order#1"), world.units("a")), (1, 0));
    world
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_counts_what_its_delta_left_whatever_slice_it_is_in() {
    let commits = [commit("order#1", 1, "a b"), commit("order#2", 1, "a")];
    for slice in [0, 1] {
        let world = waiting(&commits).await;
        assert_eq!(deliver_in(&world, slice, &[&commits[0]]).await, [DUPLICATE]);
        assert_eq!((world.units("a"), world.units("b")), (1, 1), "slice {slice}");
        assert_eq!(world.model.slice_state(0).applied, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_delta_of_a_slice_waits_for_the_one_before() {
    let commits = [commit("order#1", 1, "a b"), commit("order#2", 1, "a")];
    let world = waiting(&commits).await;
    assert_eq!(deliver_in(&world, 0, &[&commits[1]]).await, [APPLIED]);
    assert_eq!((world.units("a"), world.units("b")), (2, 1));
    let slice = world.model.slice_state(0);
    assert_eq!((slice.last, slice.applied), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_moves_on_in_another_slice_only_when_its_delta_is_counted() {
    let commits = [commit("order#1", 1, "a"), commit("order#1", 2, "b")];
    let world = waiting(&commits).await;
    // The other slice cannot be finished.
    world.faults.always(Call::Deltas, Some(Fault::Failed(down())));
    assert_eq!(deliver_in(&world, 1, &[&commits[1]]).await, [Outcome::Failed(down())]);
    assert_eq!(world.version("order#1"), 1);
    world.faults.always(Call::Deltas, None);
    assert_eq!(deliver_in(&world, 1, &[&commits[1]]).await, [APPLIED]);
    assert_eq!((world.units("a"), world.units("b")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_confirmed_costs_the_aggregates_that_need_it() {
    let commits = [commit("order#1", 1, "a"), commit("order#2", 1, "a")];
    let world = waiting(&commits).await;
    world.faults.always(Call::Deltas, Some(Fault::Failed(down())));
    let outcomes = deliver_in(&world, 1, &[&commits[0], &commits[1]]).await;
    assert_eq!(outcomes, [Outcome::Failed(down()), APPLIED]);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_is_lost_costs_nothing() {
    let commits = [commit("order#1", 1, "a"), commit("order#1", 2, "a")];
    let world = World::with(&commits).await;
    world.faults.always(Call::Confirm, Some(Fault::Failed(down())));
    let model = Faulty::new(Arc::clone(&world.model), world.faults.clone());
    let events = Arc::<MemoryEventStore>::clone(&world.store);
    let projector = Projector::new(Products::default(), Arc::new(model), events);
    for commit in &commits {
        let items = [Item::new("", CommitChange::Commit(commit.clone()))];
        let context = BatchContext::new(Duration::from_secs(30));
        assert_eq!(projector.handle_batch(&items, &context).await, [APPLIED]);
    }
    assert_eq!((world.units("a"), world.faults.calls(Call::Add)), (2, 2), "nothing is repeated");
    let slice = world.model.slice_state(0);
    assert_eq!((slice.last, slice.applied), (2, 1), "the next delta carries it");
}

#[tokio::test(start_paused = true)]
async fn an_environment_forgets_what_it_knew_of_a_table_that_was_emptied() {
    let commits: Vec<_> = (0..5).map(|order| commit(&format!("order#{order}"), 1, "a")).collect();
    let world = World::with(&commits).await;
    let events = Arc::<MemoryEventStore>::clone(&world.store);
    let model = Arc::new(world.model.in_slice(0));
    let old = Projector::new(Products::default(), model, events);
    for commit in &commits[..3] {
        let items = [Item::new("", CommitChange::Commit(commit.clone()))];
        let context = BatchContext::new(Duration::from_secs(30));
        assert_eq!(old.handle_batch(&items, &context).await, [APPLIED]);
    }
    assert_eq!((world.units("a"), world.model.slice_state(0).last), (3, 3));
    world.model.set_slice(0, MemorySlice::default());
    // Another environment dies before it has counted, and the old one goes on.
    world.faults.always(Call::Add, Some(Fault::Failed(down())));
    assert_eq!(deliver_in(&world, 0, &[&commits[3]]).await, [Outcome::Failed(down())]);
    let items = [Item::new("", CommitChange::Commit(commits[4].clone()))];
    let context = BatchContext::new(Duration::from_secs(30));
    assert_eq!(old.handle_batch(&items, &context).await, [APPLIED]);
    assert_eq!((world.units("a"), world.model.slice_state(0).last), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_many_deltas_writes_a_counter_once_and_in_pieces_if_they_are_too_many() {
    let commits: Vec<_> =
        (0..1_000).map(|order| commit(&format!("order#{order}"), 1, "a")).collect();
    for (orders, deltas, writes) in [(98, 1, 1), (784, 8, 1), (1_000, 11, 2)] {
        let world = World::with(&commits[..orders]).await;
        let outcomes = world.deliver(&commits[..orders].iter().collect::<Vec<_>>()).await;
        assert!(outcomes.iter().all(|outcome| *outcome == APPLIED));
        assert_eq!(world.units("a"), i64::try_from(orders).unwrap());
        assert_eq!(world.faults.calls(Call::Apply), deltas);
        assert_eq!(world.faults.calls(Call::Add), writes, "{orders} orders");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_counter_is_written_again_and_the_others_are_not() {
    let placed = commit("order#1", 1, "a b c");
    let world = World::with(std::slice::from_ref(&placed)).await;
    world.faults.at(Call::Add, 2, Fault::Throttled);
    assert_eq!(world.deliver(&[&placed]).await, [APPLIED]);
    assert_eq!((world.units("b"), world.faults.calls(Call::Add)), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn of_a_sum_out_of_range_each_delta_is_added_by_itself() {
    let world = World::with(&[]).await;
    let model = &world.model;
    for (number, amount) in [(1, i64::MAX), (2, 1), (3, 2)] {
        let amounts = Amounts::from([("units".into(), amount)]);
        let counters = BTreeMap::from([("a".to_owned(), amounts)]);
        let delta = Delta { slice: 0, number, counters };
        let mut slice = model.slice_state(0);
        slice.store(&delta, 0);
        model.set_slice(0, slice);
    }
    // A delivery of any other aggregate finishes what is there. The double refuses a sum that
    // leaves its range, which DynamoDB would not.
    let placed = commit("order#1", 1, "b");
    world.add(&placed).await;
    assert_eq!(world.deliver(&[&placed]).await, [APPLIED]);
    let slice = model.slice_state(0);
    assert_eq!(slice.counters["a"], (3, Amounts::from([("units".into(), i64::MAX)])));
    assert_eq!(slice.aside["a"].add["units"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_counter_that_takes_nothing_stops_no_other_and_gets_its_amounts_when_it_is_corrected() {
    let commits = [commit("order#1", 1, "a b"), commit("order#2", 1, "a b")];
    let world = World::with(&commits).await;
    world.model.spoil_counter("a", true);
    assert_eq!(world.deliver(&[&commits[0]]).await, [APPLIED]);
    assert_eq!(world.deliver(&[&commits[1]]).await, [APPLIED]);
    assert_eq!((world.units("a"), world.units("b")), (0, 2));
    let pending = Pending::read(&*world.model).await.unwrap();
    assert_eq!(pending.aside.len(), 1);
    assert_eq!((pending.aside[0].key.as_str(), pending.aside[0].add["units"]), ("a", 2));
    world.model.spoil_counter("a", false);
    // The first invocation of an environment looks.
    assert_eq!(world.deliver(&[&commits[1]]).await, [DUPLICATE]);
    assert_eq!((world.units("a"), world.model.aside().await.unwrap().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_delta_that_nobody_counts_is_found_by_looking_twice() {
    let commits = [commit("order#1", 1, "a"), commit("order#2", 1, "b")];
    let world = waiting(&commits).await;
    // Another environment works at it, or works no more. It counts in another slice.
    let model = Arc::new(Faulty::new(Arc::new(world.model.in_slice(1)), world.faults.clone()));
    let events = Arc::<MemoryEventStore>::clone(&world.store);
    let projector = Projector::new(Products::default(), model, events)
        .look_for_parked_every(Duration::from_secs(10));
    let look = async || {
        projector.handle_batch(&[], &BatchContext::new(Duration::from_secs(30))).await;
    };
    look().await;
    assert_eq!(world.units("a"), 0);
    look().await;
    assert_eq!(world.units("a"), 0, "it is not time yet");
    tokio::time::advance(Duration::from_secs(10)).await;
    look().await;
    assert_eq!(world.units("a"), 1);
    assert_eq!(world.model.slice_state(0).applied, 1);
}

#[tokio::test(start_paused = true)]
async fn two_environments_in_one_slice_wait_for_each_other() {
    let commits: Vec<_> =
        (0..20).map(|order| commit(&format!("order#{order}"), 1, "a b")).collect();
    let world = World::with(&commits).await;
    for pair in commits.chunks(2) {
        let (one, other) = ([&pair[0]], [&pair[1]]);
        let (one, other) =
            futures::join!(deliver_in(&world, 0, &one), deliver_in(&world, 0, &other));
        assert_eq!((one, other), (vec![APPLIED], vec![APPLIED]));
    }
    assert_eq!((world.units("a"), world.units("b")), (20, 20));
}
