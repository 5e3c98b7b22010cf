//! Tests with a read model that is throttled.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_throttled_transaction_is_tried_again_as_it_is_after_pauses() {
    let commits: Vec<_> =
        (0..40).map(|order| commit(&format!("order#{order}"), 1, "a b")).collect();
    let world = World::with(&commits).await;
    world.faults.always(Call::Apply, Some(Fault::Throttled));
    let began = Instant::now();
    let outcomes = world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    assert!(
        outcomes.iter().all(|outcome| outcome.failure().unwrap().code() == Failure::THROTTLED),
        "{outcomes:?}"
    );
    assert_eq!(
        world.faults.calls(Call::Apply),
        5,
        "40 aggregates in one transaction, five attempts"
    );
    // 50, 100, 200 and 400 ms. At least half of each pause is certain.
    assert!(began.elapsed() >= Duration::from_millis(375), "{:?}", began.elapsed());
    assert_eq!(world.faults.calls(Call::Park), 0);
}

#[tokio::test(start_paused = true)]
async fn a_projector_that_was_throttled_is_slower_for_a_while() {
    let commits: Vec<_> = (1..=30).map(|version| commit("order#1", version, "a")).collect();
    let world = World::with(&commits).await;
    for number in 1..=3 {
        world.faults.at(Call::Apply, number, Fault::Throttled);
    }
    let model = Arc::new(Faulty::new(Arc::clone(&world.model), world.faults.clone()));
    let projector =
        Projector::new(Products::default(), model, Arc::<MemoryEventStore>::clone(&world.store));
    let mut took = Vec::new();
    for commit in &commits {
        let item = Item::new("", CommitChange::Commit(commit.clone()));
        let began = Instant::now();
        let context = BatchContext::new(Duration::from_secs(30));
        assert_eq!(projector.handle_batch(&[item], &context).await, [APPLIED]);
        took.push(began.elapsed());
    }
    assert!(took[1] >= Duration::from_millis(75), "the next invocation is slower too: {took:?}");
    assert_eq!(took.last(), Some(&Duration::ZERO), "and not for ever: {took:?}");
}

#[tokio::test]
async fn of_a_transaction_that_is_refused_only_those_to_blame_are_applied_alone() {
    let bad = format!("{} a", unstorable());
    let mut commits: Vec<_> =
        (1..=30).map(|order| commit(&format!("order#{order:02}"), 1, "a")).collect();
    commits[11] = commit("order#12", 1, &bad);
    let world = World::with(&commits).await;
    let outcomes = world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    for (outcome, commit) in outcomes.iter().zip(&commits) {
        if commit.stream.as_str() == "order#12" {
            assert!(matches!(outcome, Outcome::Failed(failure) if failure.code() == "unstorable"));
        } else {
            assert_eq!(*outcome, APPLIED, "{}", commit.stream);
        }
    }
    assert_eq!(
        (world.units("a"), world.faults.calls(Call::Apply)),
        (29, 3),
        "all, all but one, the one"
    );
}

#[tokio::test]
async fn a_failure_that_may_pass_is_not_tried_aggregate_by_aggregate() {
    let commits: Vec<_> = (1..=30).map(|order| commit(&format!("order#{order}"), 1, "a")).collect();
    let world = World::with(&commits).await;
    let down = Failure::transient("read_model", "down");
    world.faults.always(Call::Apply, Some(Fault::Failed(down.clone())));
    let outcomes = world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Failed(down.clone())),
        "{outcomes:?}"
    );
    assert_eq!(world.faults.calls(Call::Apply), 1);
}
