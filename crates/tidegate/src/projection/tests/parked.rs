//! Tests with aggregates that are parked at an event, and released.

use super::*;

#[tokio::test]
async fn an_event_that_can_never_be_applied_parks_its_aggregate_and_nobody_elses() {
    let commits = [
        commit("order#1", 1, "a"),
        commit("order#1", 2, "bad"),
        commit("order#1", 3, "c"),
        commit("order#2", 1, "a"),
    ];
    let world = World::with(&commits).await;
    let failure = Failure::permanent("bad", "it is");
    let broken = || Products { broken: BTreeMap::from([("bad".to_owned(), failure.clone())]) };
    let changes: Vec<_> = commits.iter().cloned().map(CommitChange::Commit).collect();
    let outcomes = world.deliver_to(broken(), &changes).await;
    assert_eq!(outcomes, [APPLIED, Outcome::Failed(failure.clone()), PARKED, APPLIED]);
    assert_eq!((world.units("a"), world.units("c")), (2, 0));
    assert_eq!(
        world.deliver_to(broken(), &changes[2..3]).await,
        [PARKED],
        "later events are acknowledged"
    );
    assert_eq!(
        world.deliver_to(broken(), &changes[1..2]).await,
        [Outcome::Failed(failure)],
        "the event itself is tried again"
    );

    // The projection is corrected and the dead letter is replayed. All events behind it are applied
    // from the event store.
    assert_eq!(world.deliver(&[&commits[1]]).await, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("bad"), world.units("c")), (3, 1, 1));
    assert_eq!(world.deliver(&[&commits[2]]).await, [DUPLICATE]);
}

#[tokio::test]
async fn a_projection_that_panics_parks_like_one_that_refuses() {
    let commits = [commit("order#1", 1, "panic"), commit("order#2", 1, "a")];
    let world = World::with(&commits).await;
    let outcomes = world.deliver(&[&commits[0], &commits[1]]).await;
    assert!(
        matches!(&outcomes[0], Outcome::Failed(failure) if failure.code() == "projection_panicked"),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1], APPLIED);
}

/// Returns an aggregate that is parked at its first event, with two more events behind it.
pub(super) async fn parked() -> (World, [RecordedCommit; 3]) {
    let commits =
        [commit("order#1", 1, "bad"), commit("order#1", 2, "b"), commit("order#1", 3, "worse")];
    let world = World::with(&commits).await;
    let change = [CommitChange::Commit(commits[0].clone())];
    world.deliver_to(breaking("bad"), &change).await;
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(1)));
    (world, commits)
}

pub(super) fn breaking(data: &str) -> Products {
    Products { broken: BTreeMap::from([(data.to_owned(), Failure::permanent("bad", "it is"))]) }
}

#[tokio::test]
async fn a_replay_that_was_cut_off_after_the_release_is_finished_by_the_next() {
    let (world, commits) = parked().await;
    // The state after the first replay: its own event is applied, the events behind it are not.
    let release = Transaction {
        guards: vec![(
            Advance {
                stream: commits[0].stream.clone(),
                from: Position::default(),
                parked: Some(Version::new(1)),
                to: Position::after(Version::new(1)),
                event_id: Some(commits[0].events[0].id.clone()),
            },
            RowUpdate::default(),
        )],
        ..Transaction::default()
    };
    world.model.apply(&release).await.unwrap();
    let change = [CommitChange::Commit(commits[0].clone())];
    assert_eq!(world.replay(&change).await, [DUPLICATE]);
    assert_eq!((world.version("order#1"), world.units("b")), (3, 1));
}

#[tokio::test]
async fn a_replay_that_stops_at_a_further_event_keeps_its_letter() {
    let (world, commits) = parked().await;
    let change = [CommitChange::Commit(commits[0].clone())];
    // Only the letter's own event is in the batch. Those behind it come from the event store, and
    // one of them cannot be applied.
    let outcomes = world.hand_over(breaking("worse"), &change, true).await;
    assert!(
        matches!(&outcomes[0], Outcome::Failed(failure) if failure.code() == "bad"),
        "{outcomes:?}"
    );
    assert_eq!((world.version("order#1"), world.units("b")), (2, 1), "what could be applied is");
    assert_eq!(world.replay(&change).await, [DUPLICATE], "mended, and replayed again");
    assert_eq!(world.version("order#1"), 3);
}

#[tokio::test]
async fn a_released_aggregate_that_is_parked_again_leaves_a_letter() {
    for earlier in [&[][..], &[APPLIED]] {
        let (world, commits) = parked().await;
        let change = CommitChange::Commit(commits[0].clone());
        // The event is not replayed but delivered again, once or twice. The delivery of the last
        // event was acknowledged, so it has no letter.
        let changes = vec![change.clone(); earlier.len() + 1];
        let outcomes = world.deliver_to(breaking("worse"), &changes).await;
        let (last, others) = outcomes.split_last().unwrap();
        assert!(
            matches!(last, Outcome::Failed(failure) if failure.code() == "bad"),
            "{outcomes:?}"
        );
        assert_eq!(others, earlier);
        assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(3)));
        assert_eq!(world.replay(&[change]).await, [DUPLICATE]);
        assert_eq!((world.version("order#1"), world.units("worse")), (3, 1));
    }
}

#[tokio::test]
async fn a_commit_parked_in_its_middle_is_released_by_its_replay() {
    let large = large_commit("order#1", ["a", "bad"]);
    let world = World::with(std::slice::from_ref(&large)).await;
    let failure = Failure::permanent("bad", "it is");
    let broken = || Products { broken: BTreeMap::from([("bad".to_owned(), failure.clone())]) };
    let change = [CommitChange::Commit(large.clone())];
    for _ in 0..2 {
        assert_eq!(world.deliver_to(broken(), &change).await, [Outcome::Failed(failure.clone())]);
    }
    assert_eq!(world.model.guard(&large.stream).unwrap().parked, Some(Version::new(2)));
    assert_eq!(world.deliver(&[&large]).await, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("a0"), world.units("bad")), (2, 1, 1));
}

#[tokio::test]
async fn any_replayed_event_of_a_parked_aggregate_releases_it() {
    let commits = [commit("order#1", 1, "bad"), commit("order#1", 2, "b")];
    let world = World::with(&commits).await;
    let failure = Failure::permanent("bad", "it is");
    let broken = Products { broken: BTreeMap::from([("bad".to_owned(), failure.clone())]) };
    // Only the second event was delivered, so that delivery becomes the dead letter.
    let change = [CommitChange::Commit(commits[1].clone())];
    assert_eq!(world.deliver_to(broken, &change).await, [Outcome::Failed(failure)]);
    assert_eq!(world.deliver(&[&commits[1]]).await, [PARKED]);
    assert_eq!(world.replay(&change).await, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("bad"), world.units("b")), (2, 1, 1));
}
