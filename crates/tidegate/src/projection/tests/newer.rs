//! Tests with events that only a newer version of the function knows.

use super::*;

fn newer() -> Failure {
    Failure::transient(Failure::NEWER, "the type is not known")
}

/// Returns a version of the function that does not know events with these data.
fn old(data: &str) -> Products {
    Products { broken: BTreeMap::from([(data.to_owned(), newer())]) }
}

fn changes(commits: &[RecordedCommit]) -> Vec<CommitChange> {
    commits.iter().cloned().map(CommitChange::Commit).collect()
}

fn three() -> [RecordedCommit; 3] {
    [commit("order#1", 1, "a"), commit("order#1", 2, "new"), commit("order#1", 3, "c")]
}

#[tokio::test]
async fn an_event_of_a_newer_version_parks_its_aggregate_without_a_letter() {
    let mut commits = three().to_vec();
    commits.push(commit("order#2", 1, "a"));
    let world = World::with(&commits).await;
    let outcomes = world.deliver_to(old("new"), &changes(&commits)).await;
    assert_eq!(outcomes, [APPLIED, PARKED, PARKED, APPLIED]);
    let guard = world.model.guard(&commits[0].stream).unwrap();
    assert_eq!(
        (guard.parked, guard.parked_code.as_deref()),
        (Some(Version::new(2)), Some(Failure::NEWER))
    );
    assert_eq!(world.listed().await, [commits[0].stream.clone()]);
    // The old version is still running: it tries again on each delivery, and writes nothing.
    assert_eq!(world.deliver_to(old("new"), &changes(&commits[2..3])).await, [PARKED]);
    assert_eq!(world.faults.calls(Call::Park), 1);
}

#[tokio::test]
async fn it_is_released_by_itself_when_a_version_runs_that_knows_the_event() {
    let commits = three();
    let world = World::with(&commits).await;
    world.deliver_to(old("new"), &changes(&commits)).await;
    // A delivery of another aggregate is enough.
    let other = commit("order#2", 1, "b");
    assert_eq!(world.deliver(&[&other]).await, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("new"), world.units("c")), (3, 1, 1));
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, None);
    assert_eq!(world.listed().await, []);
    assert_eq!(world.deliver(&[&commits[1], &commits[2]]).await, [DUPLICATE, DUPLICATE]);
}

#[tokio::test]
async fn any_delivery_of_it_releases_it_too() {
    let commits = three();
    let world = World::with(&commits).await;
    world.deliver_to(old("new"), &changes(&commits[..2])).await;
    world
        .faults
        .always(Call::Parked, Some(Fault::Failed(Failure::transient("read_model", "down"))));
    assert_eq!(world.deliver(&[&commits[2]]).await, [APPLIED]);
    assert_eq!((world.version("order#1"), world.units("new")), (3, 1));
    world.faults.always(Call::Parked, None);
    assert_eq!(world.listed().await, []);
}

#[tokio::test]
async fn what_is_parked_for_good_is_not_released_by_itself() {
    let (world, commits) = parked::parked().await;
    let other = commit("order#2", 1, "b");
    let reads = world.faults.calls(Call::Read);
    assert_eq!(world.deliver(&[&other]).await, [APPLIED]);
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(1)));
    assert_eq!(world.faults.calls(Call::Read), reads, "nor is it read for");
    assert_eq!(world.listed().await, [commits[0].stream.clone()]);
}

#[tokio::test]
async fn versions_side_by_side_take_turns_and_lose_nothing() {
    let commits: Vec<_> = (1..=12)
        .map(|version| commit("order#1", version, if version % 3 == 0 { "new" } else { "a" }))
        .collect();
    let world = World::with(&[]).await;
    for commit in &commits {
        world.add(commit).await;
        let change = [CommitChange::Commit(commit.clone())];
        let outcome = world.deliver_to(old("new"), &change).await.remove(0);
        assert!(matches!(outcome, APPLIED | PARKED), "{outcome:?}");
        if commit.events[0].version.number() % 4 == 0 {
            world.deliver(&[]).await;
        }
    }
    assert_eq!((world.version("order#1"), world.units("a"), world.units("new")), (12, 8, 4));
    assert!(world.faults.calls(Call::Park) <= 4, "once for each event that is new");
    assert_eq!(world.listed().await, []);
}

#[tokio::test]
async fn an_event_behind_the_release_that_can_never_be_applied_parks_it_for_good() {
    let commits = three();
    let world = World::with(&commits).await;
    world.deliver_to(old("new"), &changes(&commits)).await;
    let other = [CommitChange::Commit(commit("order#2", 1, "b"))];
    assert_eq!(world.deliver_to(parked::breaking("c"), &other).await, [APPLIED]);
    let guard = world.model.guard(&commits[0].stream).unwrap();
    assert_eq!((guard.parked, guard.parked_code.as_deref()), (Some(Version::new(3)), Some("bad")));
    assert_eq!((world.units("new"), world.listed().await.len()), (1, 1));
}

#[tokio::test]
async fn a_replay_that_meets_a_newer_event_keeps_its_letter() {
    let (world, commits) = parked::parked().await;
    let change = [CommitChange::Commit(commits[0].clone())];
    let outcomes = world.hand_over(old("worse"), &change, true).await;
    assert_eq!(outcomes, [Outcome::Failed(newer())], "the letter stays until all is applied");
    assert_eq!(world.version("order#1"), 2);
    assert_eq!(world.replay(&change).await, [DUPLICATE]);
    assert_eq!((world.version("order#1"), world.listed().await), (3, vec![]));
}

#[tokio::test]
async fn the_list_is_read_by_the_first_invocation_and_then_once_in_a_while() {
    tokio::time::pause();
    let world = World::with(&[]).await;
    let model = Arc::new(Faulty::new(Arc::clone(&world.model), world.faults.clone()));
    let projector =
        Projector::new(Products::default(), model, Arc::<MemoryEventStore>::clone(&world.store));
    let invoke = async || {
        let item = Item::new("", CommitChange::Other);
        projector.handle_batch(&[item], &BatchContext::new(Duration::from_secs(30))).await;
    };
    for _ in 0..3 {
        invoke().await;
    }
    assert_eq!(world.faults.calls(Call::Parked), 1);
    tokio::time::advance(Duration::from_secs(10)).await;
    invoke().await;
    invoke().await;
    assert_eq!(world.faults.calls(Call::Parked), 2);
}

#[tokio::test]
async fn an_unreadable_guard_on_the_list_keeps_no_other_parked() {
    let commits: Vec<_> = (0..3).map(|order| commit(&format!("order#{order}"), 1, "new")).collect();
    let world = World::with(&commits).await;
    world.deliver_to(old("new"), &changes(&commits)).await;
    world.model.spoil(&commits[0].stream);
    world.deliver(&[]).await;
    assert_eq!((world.listed().await, world.units("new")), (vec![commits[0].stream.clone()], 2));
}

#[tokio::test]
async fn a_long_list_is_worked_off_in_parts() {
    tokio::time::pause();
    let commits: Vec<_> =
        (0..120).map(|order| commit(&format!("order#{order:03}"), 1, "new")).collect();
    let world = World::with(&commits).await;
    world.deliver_to(old("new"), &changes(&commits)).await;
    let projector = Projector::new(
        Products::default(),
        Arc::<MemoryReadModel>::clone(&world.model),
        Arc::<MemoryEventStore>::clone(&world.store),
    );
    let mut left = Vec::new();
    for _ in 0..3 {
        projector.handle_batch(&[], &BatchContext::new(Duration::from_secs(30))).await;
        left.push(world.listed().await.len());
    }
    assert_eq!(left, [70, 20, 0], "50 in each invocation, without a pause between them");
    assert_eq!(world.units("new"), 120);
}

/// An event store with one commit of a format that this version cannot decode.
struct OldFormat {
    store: Arc<MemoryEventStore>,
    unknown: Version,
}

impl EventReader for OldFormat {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> futures::future::BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        Box::pin(async move {
            let commits = self.store.read(stream, after).await?;
            match commits.iter().any(|commit| commit.first_version() == self.unknown) {
                true => Err(newer()),
                false => Ok(commits),
            }
        })
    }
}

fn unread(commit: &RecordedCommit) -> CommitChange {
    CommitChange::Newer { stream: commit.stream.clone(), version: commit.first_version() }
}

#[tokio::test]
async fn a_commit_of_a_newer_format_parks_its_aggregate_behind_what_can_be_read() {
    let mut commits = three().to_vec();
    commits.push(commit("order#2", 1, "a"));
    let world = World::with(&commits).await;
    let events = Arc::new(OldFormat { store: Arc::clone(&world.store), unknown: Version::new(2) });
    let mut changes = changes(&commits);
    changes[1] = unread(&commits[1]);
    let outcomes = world.hand_over_from(events, Products::default(), &changes, false).await;
    assert_eq!(outcomes, [APPLIED, PARKED, PARKED, APPLIED]);
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(2)));
    world.deliver(&[]).await;
    assert_eq!((world.version("order#1"), world.units("new"), world.units("c")), (3, 1, 1));
}

#[tokio::test]
async fn a_commit_of_a_newer_format_that_was_applied_is_found_to_have_nothing_left() {
    let commits = three();
    let world = World::with(&commits[..2]).await;
    world.deliver(&[&commits[0], &commits[1]]).await;
    // It is delivered again to an old version, which cannot know whether it has more events.
    let events = Arc::new(OldFormat { store: Arc::clone(&world.store), unknown: Version::new(2) });
    let change = [unread(&commits[1])];
    let outcomes = world.hand_over_from(events, Products::default(), &change, false).await;
    assert_eq!(outcomes, [PARKED]);
    assert_eq!(world.listed().await.len(), 1);
    world.deliver(&[]).await;
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, None);
    assert_eq!((world.listed().await, world.version("order#1")), (vec![], 2));
}

#[tokio::test]
async fn a_commit_of_a_newer_format_far_below_the_guard_is_a_duplicate() {
    let commits = three();
    let world = World::with(&commits).await;
    world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    let events = Arc::new(OldFormat { store: Arc::clone(&world.store), unknown: Version::new(1) });
    let change = [unread(&commits[0])];
    assert_eq!(
        world.hand_over_from(events, Products::default(), &change, false).await,
        [DUPLICATE]
    );
}
