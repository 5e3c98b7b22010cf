//! Tests a projector whose events change entries.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::query::View;

/// Keeps one entry for each key that a customer holds. The data of an event is a list of words:
/// `+KEY` takes a key, `-KEY` gives it up, and a number writes as many entries of a list.
struct Keys;

impl Projection for Keys {
    fn concerns(&self, _: &StreamId) -> bool {
        true
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        let mut entries = Vec::new();
        for word in event.data.split_whitespace() {
            let row = || RowUpdate::default().add("writes", 1);
            if let Some(key) = word.strip_prefix('+') {
                entries.push(EntryKey::of_lookup(key).write(row()));
            } else if let Some(key) = word.strip_prefix('-') {
                entries.push(EntryKey::of_lookup(key).delete());
            } else {
                let place = |n| EntryKey::new("all", format!("{} {n:05}", commit.stream));
                entries.extend((0..word.parse().unwrap()).map(|n| place(n).write(row())));
            }
        }
        let row = RowUpdate::default().add("events", 1);
        Ok(Projected { row, entries, ..Projected::default() })
    }
}

async fn deliver(world: &World, commits: &[&RecordedCommit]) -> Vec<Outcome> {
    let changes: Vec<_> =
        commits.iter().map(|commit| CommitChange::Commit((*commit).clone())).collect();
    world.hand_over(Keys, &changes, false).await
}

/// Returns who holds which key, and how often that aggregate wrote it since it took it.
fn held(world: &World) -> BTreeMap<String, (String, i64)> {
    let writes = |attributes: &BTreeMap<String, Value>| match attributes.get("writes") {
        Some(Value::Number(writes)) => *writes,
        other => panic!("{other:?}"),
    };
    let entries = world.model.entries().into_iter();
    let held =
        entries.map(|(key, (owner, data))| (key.list, (owner.as_str().to_owned(), writes(&data))));
    held.collect()
}

fn holder(world: &World, key: &str) -> Option<String> {
    held(world).remove(key).map(|(owner, _)| owner)
}

#[test]
fn the_read_model_in_memory_keeps_the_contract_of_entries() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let model = MemoryReadModel::default().in_slice(3);
    let view = View::from_memory(&model);
    runtime.block_on(entries_contract::contract(&model, &view));
}

#[tokio::test]
async fn entries_are_written_once_however_often_an_event_comes() {
    let commits = [commit("customer#1", 1, "+a 3"), commit("customer#1", 2, "+a +b -a +a")];
    let world = World::with(&commits).await;
    assert_eq!(deliver(&world, &[&commits[0], &commits[0]]).await, [APPLIED, DUPLICATE]);
    assert_eq!(deliver(&world, &[&commits[1], &commits[0]]).await, [APPLIED, DUPLICATE]);
    assert_eq!(deliver(&world, &[&commits[1]]).await, [DUPLICATE]);
    let writes: Vec<_> = held(&world).into_iter().map(|(key, (_, writes))| (key, writes)).collect();
    let expected = [("a", 1), ("all", 1), ("b", 1)].map(|(key, writes)| (key.to_owned(), writes));
    assert_eq!(writes, expected);
    assert_eq!(world.model.entries().len(), 5);
}

#[tokio::test]
async fn an_event_of_250_entries_is_applied_in_parts_and_goes_on_where_it_stopped() {
    let large = commit("customer#1", 1, "250");
    let world = World::with(std::slice::from_ref(&large)).await;
    let down = Failure::transient("read_model", "down");
    world.faults.at(Call::Apply, 2, Fault::Failed(down.clone()));
    assert_eq!(deliver(&world, &[&large]).await, [Outcome::Failed(down)]);
    let guard = world.model.guard(&large.stream).unwrap();
    assert_eq!((guard.position.version, guard.position.part), (Version::NONE, 1));
    assert_eq!(world.model.entries().len(), 97, "what a transaction holds");
    assert_eq!(world.model.attribute(&large.stream, "events"), None);

    assert_eq!(deliver(&world, &[&large]).await, [APPLIED]);
    let entries = world.model.entries();
    assert_eq!(entries.len(), 250);
    let once = |(_, data): &(StreamId, BTreeMap<String, Value>)| data["writes"] == Value::from(1);
    assert!(entries.values().all(once), "no part was applied twice");
    assert_eq!(world.version("customer#1"), 1);
    assert_eq!(world.model.transactions().len(), 3);
}

#[tokio::test]
async fn who_comes_later_to_an_entry_is_parked_until_it_is_free() {
    let [owner, other] = ["customer#2", "customer#1"];
    let commits = [commit(owner, 1, "+a"), commit(other, 1, "+b"), commit(other, 2, "+a")];
    let more = [commit(other, 3, "+c"), commit(owner, 2, "-a")];
    let mut world = World::with(&commits).await;
    deliver(&world, &[&commits[0]]).await;
    // The event before it is applied. No letter: it needs no replay.
    assert_eq!(deliver(&world, &[&commits[1], &commits[2]]).await, [APPLIED, PARKED]);
    assert_eq!(holder(&world, "a").as_deref(), Some(owner));
    let guard = world.model.guard(&commits[2].stream).unwrap();
    assert_eq!((guard.position.version, guard.parked), (Version::new(1), Some(Version::new(2))));
    assert_eq!(guard.parked_code.as_deref(), Some("entry_taken"));
    let reason = guard.parked_reason.unwrap();
    assert!(reason.contains("list `a`") && reason.contains("`customer#2`"), "{reason}");

    // Later events wait too, and it is not parked again with each of them.
    world.add(&more[0]).await;
    world.faults = Faults::none();
    assert_eq!(deliver(&world, &[&more[0]]).await, [PARKED]);
    assert_eq!((world.faults.calls(Call::Park), world.version(other)), (0, 1));

    // Another delivery finds the list of parked aggregates.
    world.add(&more[1]).await;
    assert_eq!(deliver(&world, &[&more[1]]).await, [APPLIED]);
    assert_eq!((world.version(other), world.listed().await.len()), (3, 0));
    assert_eq!(holder(&world, "a").as_deref(), Some(other));
    assert_eq!(holder(&world, "c").as_deref(), Some(other));
}

#[tokio::test]
async fn an_entry_that_changes_hands_in_one_batch_parks_nobody() {
    let [before, after] = ["customer#2", "customer#1"];
    let commits = [commit(before, 1, "+a"), commit(before, 2, "-a"), commit(after, 1, "+a")];
    let world = World::with(&commits).await;
    deliver(&world, &[&commits[0]]).await;
    assert_eq!(deliver(&world, &[&commits[2], &commits[1]]).await, [APPLIED, APPLIED]);
    assert_eq!(holder(&world, "a").as_deref(), Some(after));
    assert_eq!(world.faults.calls(Call::Park), 0);
}

#[tokio::test]
async fn an_aggregate_that_is_behind_does_not_need_what_it_gave_up() {
    let [before, after] = ["customer#1", "customer#2"];
    let commits = [
        commit(before, 1, "+a"),
        commit(before, 2, "-a +b"),
        commit(before, 3, "+c"),
        commit(after, 1, "+a"),
        commit("customer#3", 1, "+c"),
    ];
    let world = World::with(&commits).await;
    assert_eq!(deliver(&world, &[&commits[3], &commits[4]]).await, [APPLIED, APPLIED]);
    assert_eq!(deliver(&world, &[&commits[0]]).await, [PARKED], "alone it needs what is taken");
    // Its first two events need nothing together. The third needs what is really taken.
    assert_eq!(deliver(&world, &[&commits[2]]).await, [PARKED]);
    assert_eq!((world.version(before), holder(&world, "b").as_deref()), (2, Some(before)));
    assert_eq!(holder(&world, "a").as_deref(), Some(after));
    assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(3)));
}

/// An event of the history: which aggregate, and its data.
type Told = (usize, String);

/// Returns a history of customers that take keys and give them up. A key that was given up may be
/// taken by a later customer only: customers that pass keys around in a circle may wait for each
/// other.
fn history(choices: &[(usize, usize)]) -> (Vec<Told>, BTreeMap<String, usize>) {
    let (mut told, mut held) = (Vec::new(), BTreeMap::new());
    let mut first_to_take: BTreeMap<String, usize> = BTreeMap::new();
    for (customer, key) in choices {
        let key = format!("key{key}");
        match held.get(&key) {
            Some(holder) if holder == customer => {
                if told.len() % 2 == 1 {
                    told.push((*customer, format!("+{key}")));
                } else {
                    held.remove(&key);
                    first_to_take.insert(key.clone(), customer + 1);
                    told.push((*customer, format!("-{key}")));
                }
            }
            Some(_) => {}
            None if first_to_take.get(&key).is_none_or(|first| first <= customer) => {
                held.insert(key.clone(), *customer);
                told.push((*customer, format!("+{key}")));
            }
            None => {}
        }
    }
    (told, held)
}

fn name(customer: usize) -> String {
    // In the order of a batch, later customers come first.
    format!("customer#{}", 9 - customer)
}

/// Delivers these commits in batches until all are done and nobody is parked.
async fn deliver_all(world: &World, mut left: Vec<&RecordedCommit>, size: usize) {
    let look = commit("order#look", 1, "");
    for batches in 0..400 {
        if left.is_empty() && world.listed().await.is_empty() {
            return;
        }
        let mut batch: Vec<_> = left.iter().copied().take(1 + (batches + size) % 4).collect();
        if batch.is_empty() {
            batch.push(&look);
        }
        if batches % 2 == 0 {
            batch.reverse();
        }
        let outcomes = deliver(world, &batch).await;
        let ended = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
        let done: Vec<_> = batch
            .into_iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| ended(outcome))
            .map(|(commit, _)| commit)
            .collect();
        left.retain(|commit| !done.contains(commit));
    }
    panic!("{left:?} or {:?} never succeed", world.listed().await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_with_any_fault_and_from_nothing_the_entries_are_the_same(
        choices in prop::collection::vec((0_usize..4, 0_usize..3), 1..24),
        order in prop::collection::vec(any::<prop::sample::Index>(), 24),
        seed in any::<u64>(),
        size in 0_usize..4,
    ) {
        let (told, expected) = history(&choices);
        let mut versions = [0_u64; 4];
        let mut commits = Vec::new();
        for (customer, data) in &told {
            versions[*customer] += 1;
            commits.push(commit(&name(*customer), versions[*customer], data));
        }
        let mut shuffled: Vec<&RecordedCommit> = commits.iter().collect();
        for (at, other) in order.iter().enumerate().take(shuffled.len()) {
            let other = other.index(shuffled.len());
            shuffled.swap(at, other);
        }
        // Some come twice.
        let again: Vec<_> = shuffled.iter().step_by(3).copied().collect();
        shuffled.extend(again);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (live, rebuilt) = runtime.block_on(async {
            let mut live = World::with(&commits).await;
            live.faults = Faults::seeded(seed, 0.15);
            deliver_all(&live, shuffled, size).await;
            // A rebuild has one hint for each aggregate, in any order.
            let rebuilt = World::with(&commits).await;
            let newest: Vec<_> = order
                .iter()
                .map(|at| at.index(4))
                .chain(0..4)
                .filter_map(|customer| {
                    let of = |commit: &&RecordedCommit| commit.stream.as_str() == name(customer);
                    commits.iter().rfind(of)
                })
                .collect();
            deliver_all(&rebuilt, newest, size).await;
            (live, rebuilt)
        });
        let holders: BTreeMap<String, String> =
            held(&live).into_iter().map(|(key, (owner, _))| (key, owner)).collect();
        let expected: BTreeMap<String, String> =
            expected.into_iter().map(|(key, customer)| (key, name(customer))).collect();
        prop_assert_eq!(holders, expected, "{:?}", live.faults.injected());
        prop_assert_eq!(held(&live), held(&rebuilt));
        let streams: BTreeSet<_> = commits.iter().map(|commit| &commit.stream).collect();
        for stream in streams {
            let events = live.model.attribute(stream, "events");
            prop_assert_eq!(&events, &rebuilt.model.attribute(stream, "events"));
            let all = commits.iter().filter(|commit| commit.stream == *stream).count() as i64;
            prop_assert_eq!(events, Some(all.into()));
        }
    }
}
