//! Tests with events that change nothing but the rows of their aggregates.

use super::*;

/// Writes the data of an event into the row, and counts it if it begins with `+`. The data `bad`
/// makes a row that no table can store.
struct Statuses;

impl Projection for Statuses {
    fn concerns(&self, _: &StreamId) -> bool {
        true
    }

    fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        let status = event.data.as_str();
        let counter = || Increment { key: status.to_owned(), add: [("units", 1)].into() };
        let counters = status.starts_with('+').then(counter).into_iter().collect();
        let text = (status == "bad").then(|| "x".repeat(500_000));
        let row = RowUpdate::default().set("status", status).set_some("text", text);
        Ok(Projected { row, counters, ..Projected::default() })
    }
}

async fn deliver(world: &World, commits: &[RecordedCommit]) -> Vec<Outcome> {
    let changes: Vec<_> = commits.iter().cloned().map(CommitChange::Commit).collect();
    world.hand_over(Statuses, &changes, false).await
}

fn paid(orders: std::ops::Range<u32>) -> Vec<RecordedCommit> {
    orders.map(|order| commit(&format!("order#{order:03}"), 1, "paid")).collect()
}

#[tokio::test]
async fn a_row_is_written_by_itself_unless_its_event_counts_something() {
    let mut commits = paid(0..30);
    commits.extend((30..50).map(|order| commit(&format!("order#{order:03}"), 1, "+placed")));
    // The second event of an aggregate that counts goes with the first.
    commits.push(commit("order#049", 2, "paid"));
    commits.push(commit("order#000", 2, "sent"));
    let world = World::with(&commits).await;
    assert!(deliver(&world, &commits).await.iter().all(|outcome| *outcome == APPLIED));
    let (alone, together): (Vec<_>, Vec<_>) =
        world.model.transactions().into_iter().partition(|written| written.guards.len() == 1);
    assert_eq!((alone.len(), together.len()), (30, 1));
    assert!(alone.iter().all(|row| row.delta.is_none() && row.applied == 0));
    assert_eq!((together[0].guards.len(), world.units("+placed")), (20, 20));
    for (order, version, status) in [("order#000", 2, "sent"), ("order#049", 2, "paid")] {
        assert_eq!(world.version(order), version);
        let status = Some(status.into());
        assert_eq!(world.model.attribute(&order.parse().unwrap(), "status"), status);
    }
    assert!(deliver(&world, &commits).await.iter().all(|outcome| *outcome == DUPLICATE));
}

#[tokio::test]
async fn a_row_that_fails_or_is_refused_holds_up_no_other() {
    let mut commits = paid(0..20);
    commits[3] = commit("order#003", 1, "bad");
    commits.push(commit("order#003", 2, "paid"));
    let world = World::with(&commits).await;
    let down = Failure::transient("read_model", "down");
    world.faults.at(Call::Apply, 9, Fault::Failed(down.clone()));
    let outcomes = deliver(&world, &commits).await;
    let failed: Vec<_> = outcomes.iter().filter(|outcome| **outcome != APPLIED).collect();
    assert_eq!(failed.len(), 3, "{outcomes:?}");
    assert!(failed.contains(&&Outcome::Failed(down)), "{failed:?}");
    assert!(
        matches!(&outcomes[3], Outcome::Failed(failure) if failure.code() == "unstorable"),
        "{failed:?}"
    );
    assert_eq!(outcomes[20], PARKED);
    assert_eq!(world.listed().await, ["order#003".parse().unwrap()]);
}

#[tokio::test]
async fn a_row_whose_answer_is_lost_is_changed_once() {
    for fault in [Fault::SentTwice, Fault::LostResponse] {
        let commits = [commit("order#1", 1, "paid"), commit("order#2", 1, "paid")];
        let world = World::with(&commits).await;
        world.faults.at(Call::Apply, 1, fault.clone());
        let outcomes = deliver(&world, &commits).await;
        let again = deliver(&world, &commits).await;
        assert_eq!(again, [DUPLICATE, DUPLICATE], "{fault:?}: {outcomes:?}");
        assert_eq!(world.model.transactions().len(), 2, "{fault:?}");
        match fault {
            Fault::SentTwice => assert_eq!(outcomes, [DUPLICATE, APPLIED]),
            _ => assert_eq!(outcomes[0].failure().unwrap().code(), "lost_response"),
        }
    }
}

#[tokio::test]
async fn a_row_whose_guard_has_moved_holds_up_no_transaction() {
    let commits = [commit("order#1", 1, "paid"), commit("order#2", 1, "+placed")];
    let world = World::with(&commits).await;
    world.faults.at(Call::Apply, 1, Fault::SentTwice);
    // There is no second look at the guards.
    let down = Failure::transient("read_model", "down");
    world.faults.at(Call::Guards, 2, Fault::Failed(down.clone()));
    assert_eq!(deliver(&world, &commits).await, [Outcome::Failed(down), APPLIED]);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_throttled_table_fail_after_pauses_and_park_nothing() {
    let commits = paid(0..3);
    let world = World::with(&commits).await;
    world.faults.always(Call::Apply, Some(Fault::Throttled));
    let outcomes = deliver(&world, &commits).await;
    let throttled = |outcome: &Outcome| {
        outcome.failure().is_some_and(|failure| failure.code() == Failure::THROTTLED)
    };
    assert!(outcomes.iter().all(throttled), "{outcomes:?}");
    let calls = (world.faults.calls(Call::Apply), world.faults.calls(Call::Park));
    assert_eq!(calls, (3 * 5, 0), "five attempts for each row");
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_not_begun_in_time_are_told_from_those_that_were() {
    let commits = paid(0..40);
    let world = World::with(&commits).await;
    world.faults.always(Call::Apply, Some(Fault::Hangs { applied: false }));
    let outcomes = deliver(&world, &commits).await;
    let begun = world.faults.calls(Call::Apply) as usize;
    assert!((2..40).contains(&begun), "several at a time, and not all: {begun}");
    let cut_off =
        |outcome: &&Outcome| outcome.failure().is_some_and(|failure| failure.code() == "deadline");
    assert_eq!(outcomes.iter().filter(cut_off).count(), begun);
    let not_run = |outcome: &&Outcome| **outcome == Outcome::NotRun(NotRun::OutOfTime);
    assert_eq!(outcomes.iter().filter(not_run).count(), 40 - begun);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_throttled_together_double_the_pause_once() {
    let commits = paid(0..17);
    let world = World::with(&commits).await;
    // After the first call, each call begins with a pause, so sixteen rows begin together.
    for number in std::iter::once(1).chain(3..=18) {
        world.faults.at(Call::Apply, number, Fault::Throttled);
    }
    let model = Arc::new(Faulty::new(Arc::clone(&world.model), world.faults.clone()));
    let projector = Projector::new(Statuses, model, Arc::<MemoryEventStore>::clone(&world.store));
    let deliver = async |commits: &[RecordedCommit]| {
        let change = |commit: &RecordedCommit| CommitChange::Commit(commit.clone());
        let items: Vec<_> = commits.iter().map(|commit| Item::new("", change(commit))).collect();
        projector.handle_batch(&items, &BatchContext::new(Duration::from_secs(30))).await
    };
    assert_eq!(deliver(&commits[..1]).await, [APPLIED]);
    let began = Instant::now();
    assert_eq!(deliver(&commits[1..]).await, [APPLIED; 16]);
    assert_eq!(world.faults.calls(Call::Apply), 2 + 16 + 16);
    // 37 ms before the guards are read, and 37 and 75 ms before the two attempts of a row.
    assert!(began.elapsed() < Duration::from_millis(160), "{:?}", began.elapsed());
}
