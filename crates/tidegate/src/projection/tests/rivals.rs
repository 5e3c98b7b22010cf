//! Tests with environments that work on the same aggregates at the same time.

use std::sync::Mutex;

use futures::future::BoxFuture;

use super::parked::{breaking, parked};
use super::*;

#[tokio::test]
async fn a_guard_that_was_moved_by_another_environment_is_read_again() {
    let placed = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&placed)).await;
    // Another environment applies the same event between the read of the guards and the write.
    world.model.before_next_apply(Transaction {
        guards: vec![(
            Advance {
                stream: placed.stream.clone(),
                from: Position::default(),
                parked: None,
                to: Position::after(Version::new(1)),
                event_id: Some(placed.events[0].id.clone()),
            },
            RowUpdate::default(),
        )],
        delta: Some(Delta {
            slice: 0,
            number: 1,
            counters: BTreeMap::from([("a".to_owned(), Amounts::from([("units".into(), 1)]))]),
        }),
        ..Transaction::default()
    });
    assert_eq!(world.deliver(&[&placed]).await, [DUPLICATE]);
    assert_eq!(world.units("a"), 1);
}

#[tokio::test]
async fn a_conflicting_transaction_is_run_again() {
    let placed = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&placed)).await;
    world.faults.at(Call::Apply, 1, Fault::Conflict);
    assert_eq!(world.deliver(&[&placed]).await, [APPLIED]);
    assert_eq!(world.units("a"), 1);
    assert_eq!(world.faults.calls(Call::Guards), 1, "the guards did not move");
}

#[tokio::test(start_paused = true)]
async fn conflicts_without_end_are_transient_and_at_the_deadline_nothing_is_known_against_the_delivery()
 {
    let placed = commit("order#1", 1, "a");
    for (time, code) in
        [(Duration::from_secs(30), Some("transaction_conflict")), (Duration::from_millis(1), None)]
    {
        let world = World { time, ..World::with(std::slice::from_ref(&placed)).await };
        world.faults.always(Call::Apply, Some(Fault::Conflict));
        let outcome = world.deliver(&[&placed]).await.remove(0);
        match code {
            Some(code) => assert_eq!(outcome.failure().unwrap().code(), code),
            None => assert_eq!(outcome, Outcome::NotRun(NotRun::OutOfTime)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_on_where_another_environment_has_brought_the_aggregate() {
    let (world, commits) = parked().await;
    let moved = |from, to: u64, parked| Transaction {
        guards: vec![(
            Advance {
                stream: commits[0].stream.clone(),
                from,
                parked,
                to: Position::after(Version::new(to)),
                event_id: Some(commits[to as usize - 1].events[0].id.clone()),
            },
            RowUpdate::default(),
        )],
        ..Transaction::default()
    };
    world.model.apply(&moved(Position::default(), 1, Some(Version::new(1)))).await.unwrap();
    // The other environment can apply the last event, which this one cannot.
    world.model.before_next_apply(moved(Position::after(Version::new(1)), 3, None));
    let change = [CommitChange::Commit(commits[0].clone())];
    let began = Instant::now();
    assert_eq!(world.hand_over(breaking("worse"), &change, true).await, [DUPLICATE]);
    assert_eq!(world.version("order#1"), 3);
    assert!(began.elapsed() > Duration::ZERO, "it gives the other a moment");
}

/// An event store that stores a commit right after the first read.
struct Late {
    store: Arc<MemoryEventStore>,
    late: Mutex<Option<RecordedCommit>>,
}

impl EventReader for Late {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        Box::pin(async move {
            let commits = self.store.read(stream, after).await;
            let late = self.late.lock().unwrap().take();
            if let Some(record) = late {
                self.store.commit(&Commit { record, attempt: "late".to_owned() }).await?;
            }
            commits
        })
    }
}

#[tokio::test]
async fn what_was_acknowledged_behind_a_parked_event_during_its_release_is_applied_too() {
    let commits = [commit("order#1", 1, "bad"), commit("order#1", 2, "b")];
    let world = World::with(&commits[..1]).await;
    let change = [CommitChange::Commit(commits[0].clone())];
    world.deliver_to(breaking("bad"), &change).await;
    let late = Late { store: Arc::clone(&world.store), late: Mutex::new(Some(commits[1].clone())) };
    let outcomes = world.hand_over_from(Arc::new(late), Products::default(), &change, false).await;
    assert_eq!(outcomes, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("b")), (2, 1));
}
