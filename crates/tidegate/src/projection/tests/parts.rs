//! Tests with events that are applied in parts, by projections that cut them at different places.

use super::*;
use crate::test::MemorySlice;

/// Counts one unit of each of these products, independent of the event.
struct Fixed(std::ops::Range<usize>);

impl Projection for Fixed {
    fn concerns(&self, _: &StreamId) -> bool {
        true
    }

    fn project(&self, _: &RecordedCommit, _: &RecordedEvent) -> Result<Projected, Failure> {
        let counters = self.0.clone().map(|n| Increment {
            key: format!("p{n:03}"),
            add: BTreeMap::from([("units", 1), (LONG, 0)]),
        });
        Ok(Projected { counters: counters.collect(), ..Projected::default() })
    }
}

#[tokio::test]
async fn an_event_half_applied_by_another_projection_is_parked_rather_than_miscounted() {
    let large = commit("order#1", 1, "a");
    let change = [CommitChange::Commit(large.clone())];
    // Fewer counters; the same number with another first one; one more at the end.
    for other in [0..50, 1..251, 0..251] {
        let world = World::with(std::slice::from_ref(&large)).await;
        world.faults.at(Call::Apply, 3, Fault::Failed(Failure::transient("read_model", "down")));
        world.hand_over(Fixed(0..250), &change, false).await;
        assert_eq!(world.model.guard(&large.stream).unwrap().position.part, 2);

        let outcomes = world.hand_over(Fixed(other.clone()), &change, false).await;
        assert!(
            matches!(&outcomes[0], Outcome::Failed(failure) if failure.code() == "parts_changed"),
            "{other:?}: {outcomes:?}"
        );
        assert_eq!(world.model.guard(&large.stream).unwrap().parked, Some(Version::new(1)));
        let finished = world.hand_over(Fixed(0..250), &change, false).await;
        assert_eq!(finished, [APPLIED], "the one that began finishes it");
        let counters = world.model.counters();
        assert_eq!(counters.len(), 250, "{other:?}");
        assert!(counters.values().all(|row| row["units"] == 1), "{other:?}");
    }
}

#[tokio::test]
async fn parts_that_were_applied_without_a_digest_are_finished() {
    let large = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&large)).await;
    // The row and the counters that a version of the toolkit without digests left behind.
    let keys = (0..99).map(|n| (format!("p{n:03}"), (0, Amounts::from([("units".into(), 1)]))));
    world.model.set_slice(0, MemorySlice { counters: keys.collect(), ..MemorySlice::default() });
    let to = Position { version: Version::NONE, part: 1, cut: None };
    let advance = Advance {
        stream: large.stream.clone(),
        from: Position::default(),
        parked: None,
        to,
        event_id: None,
    };
    let guards = vec![(advance, RowUpdate::default())];
    let part = Transaction { guards, ..Transaction::default() };
    world.model.apply(&part).await.unwrap();
    let change = [CommitChange::Commit(large.clone())];
    assert_eq!(world.hand_over(Fixed(0..250), &change, false).await, [APPLIED]);
    let counters = world.model.counters();
    assert_eq!(counters.len(), 250);
    assert!(counters.values().all(|row| row["units"] == 1));
}
