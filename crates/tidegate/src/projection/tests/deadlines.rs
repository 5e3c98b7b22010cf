//! Tests with a read model or an event store that does not answer.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;

/// Returns commits of aggregates that share no counter and are too large to share a delta.
fn large(order: u32) -> RecordedCommit {
    let products =
        (0..60).map(|product| format!("o{order}p{product}")).collect::<Vec<_>>().join(" ");
    commit(&format!("order#{order}"), 1, &products)
}

fn cut_off(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code() == "deadline" && failure.class() == Class::Transient)
}

const OUT_OF_TIME: Outcome = Outcome::NotRun(NotRun::OutOfTime);
const BLOCKED: Outcome = Outcome::NotRun(NotRun::Blocked);

async fn hand_over(
    world: &World,
    projection: Products,
    commits: &[RecordedCommit],
) -> Vec<Outcome> {
    let changes: Vec<_> = commits.iter().cloned().map(CommitChange::Commit).collect();
    let began = Instant::now();
    let outcomes = world.deliver_to(projection, &changes).await;
    assert_eq!(began.elapsed(), world.time, "it ends with its time, and not later");
    outcomes
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_is_cut_off_what_was_begun_is_told_from_what_was_not() {
    let commits: Vec<_> = (1..=4).map(large).collect();
    for applied in [false, true] {
        let world = World::with(&commits).await;
        world.faults.at(Call::Apply, 2, Fault::Hangs { applied });
        let outcomes = hand_over(&world, Products::default(), &commits).await;
        assert_eq!(outcomes[2..], [OUT_OF_TIME, OUT_OF_TIME]);
        assert!(outcomes[..2].iter().all(cut_off), "not counted yet: {outcomes:?}");
        assert_eq!(world.faults.calls(Call::Add), 0);
        assert_eq!(world.faults.calls(Call::Apply), 2, "nothing is begun after the deadline");
        assert_eq!(world.version("order#2"), u64::from(applied));
        assert_eq!(world.faults.calls(Call::Park), 0);

        let second = if applied { DUPLICATE } else { APPLIED };
        assert_eq!(
            world.deliver(&commits.iter().collect::<Vec<_>>()).await,
            [DUPLICATE, second, APPLIED, APPLIED]
        );
        assert_eq!(["o1p0", "o2p0", "o4p59"].map(|product| world.units(product)), [1, 1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_transaction_that_was_cut_off_was_not_begun() {
    // The second event of the aggregate is in another transaction.
    let commits = [
        large(1),
        RecordedCommit { stream: "order#1".parse().unwrap(), ..commit("order#1", 2, "b") },
    ];
    let products = (0..60).map(|product| format!("q{product}")).collect::<Vec<_>>().join(" ");
    let commits = [commits[0].clone(), commit("order#1", 2, &products)];
    let world = World::with(&commits).await;
    world.faults.at(Call::Apply, 1, Fault::Hangs { applied: true });
    let outcomes = hand_over(&world, Products::default(), &commits).await;
    assert!(cut_off(&outcomes[0]) && outcomes[1] == BLOCKED, "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn guards_that_are_not_read_in_time_fail_the_batch() {
    let commits = [large(1), large(2)];
    let world = World::with(&commits).await;
    world.faults.at(Call::Guards, 1, Fault::Hangs { applied: false });
    let outcomes = hand_over(&world, Products::default(), &commits).await;
    assert!(outcomes.iter().all(cut_off), "{outcomes:?}");
    assert_eq!(world.faults.calls(Call::Apply), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_store_that_hangs_costs_only_the_aggregate_that_is_read() {
    let commits = [large(1), commit("order#2", 1, "a"), commit("order#2", 2, "b"), large(3)];
    let world = World::with(&commits).await;
    world.faults.at(Call::Read, 1, Fault::Hangs { applied: false });
    // Only the second order lacks an event.
    let delivered = [&commits[0], &commits[2], &commits[3]];
    let outcomes = world.deliver(&delivered).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&APPLIED, &APPLIED));
    assert!(cut_off(&outcomes[1]), "{outcomes:?}");
}

/// An event store that takes its time for each history.
struct Slow(Arc<MemoryEventStore>, Duration);

impl EventReader for Slow {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        async move {
            tokio::time::sleep(self.1).await;
            self.0.read(stream, after).await
        }
        .boxed()
    }

    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        self.0.read_at(stream, version)
    }
}

#[tokio::test(start_paused = true)]
async fn histories_are_read_side_by_side_and_leave_half_of_the_time_for_writing() {
    let commits: Vec<_> = (0..100).map(|order| commit(&format!("order#{order}"), 1, "a")).collect();
    let hint = |commit: &RecordedCommit| CommitChange::Hint {
        stream: commit.stream.clone(),
        version: Version::new(1),
        event_id: commit.events[0].id.clone(),
    };
    let hints: Vec<CommitChange> = commits.iter().map(hint).collect();
    // One after the other, 100 reads of a second would take more than the 30 seconds.
    for (seconds, applied, failed) in [(1, 100, 0), (4, 48, 16)] {
        let world = World::with(&commits).await;
        let events = Slow(Arc::clone(&world.store), Duration::from_secs(seconds));
        let outcomes =
            world.hand_over_from(Arc::new(events), Products::default(), &hints, false).await;
        let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|one| is(one)).count();
        assert_eq!(count(|outcome| *outcome == APPLIED), applied, "{seconds} s");
        assert_eq!(count(cut_off), failed, "{seconds} s");
        assert_eq!(count(|outcome| *outcome == OUT_OF_TIME), 100 - applied - failed);
        assert_eq!(world.units("a"), i64::try_from(applied).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_park_that_is_cut_off_leaves_no_letter() {
    let commits =
        [commit("order#1", 1, "bad"), commit("order#1", 2, "b"), commit("order#2", 1, "a")];
    for applied in [false, true] {
        let world = World::with(&commits).await;
        world.faults.at(Call::Park, 1, Fault::Hangs { applied });
        let outcomes = hand_over(&world, parked::breaking("bad"), &commits).await;
        assert!(cut_off(&outcomes[0]), "{outcomes:?}");
        assert_eq!(outcomes[1..], [BLOCKED, APPLIED]);
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_end_at_the_deadline() {
    let placed = commit("order#1", 1, "a");
    for fault in [Fault::Conflict, Fault::Throttled] {
        let time = Duration::from_millis(3);
        let world = World { time, ..World::with(std::slice::from_ref(&placed)).await };
        world.faults.always(Call::Apply, Some(fault.clone()));
        let outcome =
            hand_over(&world, Products::default(), std::slice::from_ref(&placed)).await.remove(0);
        match fault {
            Fault::Conflict => assert_eq!(outcome, OUT_OF_TIME),
            _ => assert_eq!(outcome.failure().unwrap().code(), Failure::THROTTLED),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_cut_off_is_finished_by_the_next() {
    let (world, commits) = parked::parked().await;
    let change = [CommitChange::Commit(commits[0].clone())];
    // The second read of the event store is the one after the release.
    world.faults.at(Call::Read, 2, Fault::Hangs { applied: false });
    let began = Instant::now();
    let outcomes = world.hand_over(Products::default(), &change, true).await;
    assert!(cut_off(&outcomes[0]), "the letter stays: {outcomes:?}");
    assert_eq!(began.elapsed(), world.time);
    assert_eq!(world.replay(&change).await, [DUPLICATE]);
    assert_eq!(world.listed().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_stops_nothing_but_what_is_the_wrong_table_stops_all() {
    let placed = commit("order#1", 1, "a");
    let changes = [CommitChange::Commit(placed.clone())];
    let world = World::with(std::slice::from_ref(&placed)).await;
    let wrong = Failure::transient("wrong_table", "it has other keys");
    world.faults.at(Call::Parked, 1, Fault::Failed(wrong.clone()));
    world.faults.at(
        Call::Parked,
        2,
        Fault::Failed(Failure::transient("read_model", "no permission")),
    );
    assert_eq!(
        world.hand_over(Products::default(), &changes, false).await,
        [Outcome::Failed(wrong)]
    );
    assert_eq!(world.faults.calls(Call::Guards), 0);
    assert_eq!(world.hand_over(Products::default(), &changes, false).await, [APPLIED]);
}
