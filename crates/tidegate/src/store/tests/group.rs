//! Tests commands that are stored together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::batch::{NotRun, Outcome};
use crate::failure::Class;
use crate::test::{Call, Fault, Faults, Faulty};

const APPLIED: Outcome = Outcome::Done(Handled::Applied);
const DUPLICATE: Outcome = Outcome::Done(Handled::Duplicate);
const BLOCKED: Outcome = Outcome::NotRun(NotRun::Blocked);

async fn send_all(store: &dyn EventStore, commands: &[(&str, Command)]) -> Vec<Outcome> {
    let origins: Vec<Origin> = commands.iter().map(|(id, _)| origin(id)).collect();
    let commands: Vec<_> = commands.iter().map(|(_, command)| command).zip(&origins).collect();
    execute_all::<Counter>(store, &stream(), &commands, Retry::default()).await
}

fn add(id: &str) -> (&str, Command) {
    (id, Command::Add(1))
}

fn code(outcome: &Outcome) -> (Class, &str) {
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    (failure.class(), failure.code())
}

/// Returns the cause of each event with the event's type.
fn decided(store: &MemoryEventStore) -> Vec<(String, String)> {
    let commits = store.commits();
    let events = commits.iter().flat_map(|commit| commit.events.iter().map(move |e| (commit, e)));
    events
        .map(|(commit, event)| {
            (commit.decision(event.version).unwrap().cause.id.clone(), event.kind.clone())
        })
        .collect()
}

#[tokio::test]
async fn a_hundred_commands_cost_one_read_and_one_write_and_each_keeps_its_cause() {
    let store = Watched::default();
    send(&store, "open", Command::Open(1)).await.unwrap();
    store.requests();
    let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    let commands: Vec<_> = ids.iter().map(|id| add(id)).collect();
    assert_eq!(send_all(&store, &commands).await, vec![APPLIED; 100]);
    assert_eq!(store.requests(), (1, 1));
    let commits = store.store.commits();
    assert_eq!((commits.len(), commits[1].decisions.len()), (2, 100));
    // Each was decided on the state that the ones before it left: the sum may not exceed 10.
    for (number, (cause, kind)) in decided(&store.store).into_iter().skip(1).enumerate() {
        let wanted = if number < 9 { "Added" } else { "Refused" };
        assert_eq!((cause, kind.as_str()), (number.to_string(), wanted));
    }
    let envelope = commits[1].envelope(&commits[1].events[41]).unwrap();
    assert_eq!(envelope.causation_id.as_deref(), Some("41"));
    assert_eq!(envelope.sequence, Some(Version::new(43)));
}

#[tokio::test]
async fn commands_that_begin_with_the_one_that_creates_cost_one_write() {
    let store = Watched::default();
    let commands = [("open", Command::Open(8)), add("a"), add("b"), add("c")];
    assert_eq!(send_all(&store, &commands).await, vec![APPLIED; 4]);
    assert_eq!(store.requests(), (0, 1));
    assert_eq!(decided(&store.store).pop(), Some(("c".to_owned(), "Refused".to_owned())));
}

#[tokio::test]
async fn a_command_that_comes_twice_in_one_batch_is_decided_once() {
    let store = MemoryEventStore::default();
    let commands = [("open", Command::Open(1)), add("a"), add("a"), ("open", Command::Open(1))];
    assert_eq!(send_all(&store, &commands).await, [APPLIED, APPLIED, DUPLICATE, DUPLICATE]);
    assert_eq!(decided(&store).len(), 2);
}

proptest! {
    #[test]
    fn any_part_of_a_batch_may_come_again_in_any_company(
        first in 1..12_usize,
        again in prop::collection::vec(0..14_usize, 1..20),
        one_at_a_time in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Limited { store: MemoryEventStore::default(), one_at_a_time };
            let ids: Vec<String> = (0..14).map(|id| id.to_string()).collect();
            let open = |id: &usize| (ids[*id].as_str(), Command::Open(1));
            let batch: Vec<_> = (0..first).map(|id| open(&id)).collect();
            assert_eq!(send_all(&store, &batch).await, vec![APPLIED; first]);
            let outcomes =
                send_all(&store, &again.iter().map(open).collect::<Vec<_>>()).await;
            let mut known: Vec<usize> = (0..first).collect();
            for (id, outcome) in again.iter().zip(outcomes) {
                let wanted = if known.contains(id) { DUPLICATE } else { APPLIED };
                assert_eq!(outcome, wanted);
                known.push(*id);
            }
            let mut causes: Vec<String> =
                decided(&store.store).into_iter().map(|(cause, _)| cause).collect();
            let count = causes.len();
            causes.sort();
            causes.dedup();
            assert_eq!(causes.len(), count, "no cause is decided twice");
        });
    }
}

/// A store that may take one decision in a commit only.
struct Limited {
    store: MemoryEventStore,
    one_at_a_time: bool,
}

impl EventReader for Limited {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.store.read(stream, after)
    }
}

impl EventStore for Limited {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        assert!(!self.one_at_a_time || commit.record.decisions.len() == 1);
        self.store.commit(commit)
    }

    fn takes_several_decisions(&self) -> bool {
        !self.one_at_a_time
    }
}

#[tokio::test]
async fn a_command_with_a_used_cause_costs_only_itself() {
    let store = MemoryEventStore::default();
    let content = |amount: u32| Content::new("Add", 1, &amount.to_string());
    let mut origins = ["a", "b", "a", "c"].map(origin);
    for (origin, amount) in origins.iter_mut().zip([1, 1, 2, 1]) {
        origin.content = content(amount);
    }
    let add = Command::Open(1);
    let commands: Vec<_> = origins.iter().map(|origin| (&add, origin)).collect();
    let outcomes = execute_all::<Counter>(&store, &stream(), &commands, Retry::default()).await;
    assert_eq!([&outcomes[0], &outcomes[1], &outcomes[3]], [&APPLIED; 3]);
    assert_eq!(code(&outcomes[2]), (Class::Permanent, "cause_reused"));
    assert_eq!(store.commits().len(), 1);
}

#[tokio::test]
async fn after_a_lost_race_all_are_decided_again_on_the_winners_state() {
    let store = Watched::default();
    send(&store, "open", Command::Open(8)).await.unwrap();
    store.rivals.lock().unwrap().push("rival");
    assert_eq!(send_all(&store, &[add("a"), add("b")]).await, [APPLIED, APPLIED]);
    let kinds: Vec<_> = decided(&store.store).into_iter().skip(1).collect();
    let wanted = [("rival", "Added"), ("a", "Added"), ("b", "Refused")];
    assert_eq!(kinds, wanted.map(|(cause, kind)| (cause.to_owned(), kind.to_owned())));
}

#[tokio::test]
async fn a_failed_write_fails_its_first_command_and_blocks_the_others() {
    let faults = Faults::default();
    let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
    let first = [("open", Command::Open(1)), add("a")];
    assert_eq!(send_all(&store, &first).await, [APPLIED, APPLIED]);
    for fault in [Fault::Throttled, Fault::LostResponse] {
        let place = faults.calls(Call::Commit) + 1;
        faults.at(Call::Commit, place, fault);
        // The duplicate needs no write. The letter of a command that is refused for good would
        // have to wait for the write before it.
        let outcomes = send_all(&store, &[add("a"), add("b"), add("a"), add("c")]).await;
        assert_eq!(outcomes[0], DUPLICATE);
        assert_eq!(code(&outcomes[1]).0, Class::Transient);
        assert_eq!(outcomes[2..], [BLOCKED, BLOCKED]);
    }
    // The second write took effect, and its answer was lost.
    let again = send_all(&store, &[add("b"), add("c"), add("d")]).await;
    assert_eq!(again, [DUPLICATE, DUPLICATE, APPLIED]);
    assert_eq!(decided(store.port()).len(), 5);
}

#[tokio::test]
async fn a_letter_is_certain_only_after_the_write_before_it() {
    let faults = Faults::default();
    let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
    let mut origins = ["a", "b", "a"].map(origin);
    origins[0].content = Content::new("Add", 1, "1");
    origins[2].content = Content::new("Add", 1, "2");
    let open = Command::Open(1);
    let commands: Vec<_> = origins.iter().map(|origin| (&open, origin)).collect();
    faults.at(Call::Commit, 1, Fault::Throttled);
    let stream = stream();
    let run = || execute_all::<Counter>(&store, &stream, &commands, Retry::default());
    assert_eq!(run().await[1..], [BLOCKED, BLOCKED]);
    assert_eq!(code(&run().await[2]), (Class::Permanent, "cause_reused"));
}

/// Decides as many bytes as the command says. Panics at 13, and on applying 14.
#[derive(Default, Serialize, Deserialize)]
struct Blob(usize);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Bytes {
    text: String,
}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    enum BlobEvent { Bytes }
}

impl Aggregate for Blob {
    type Command = usize;
    type Event = BlobEvent;
    const SOURCE: &'static str = "test.blob";

    fn creates(_: &usize) -> bool {
        true
    }

    fn apply(&mut self, event: &BlobEvent) {
        let BlobEvent::Bytes(Bytes { text }) = event;
        assert_ne!(text.len(), 14, "cannot be applied");
        self.0 += text.len();
    }

    fn decide(&self, bytes: &usize) -> Decision<BlobEvent> {
        assert_ne!(*bytes, 13, "cannot be decided");
        Decision::one(Bytes { text: "x".repeat(*bytes) })
    }
}

async fn write_bytes(store: &dyn EventStore, bytes: &[usize]) -> Vec<Outcome> {
    let origins: Vec<_> = (0..bytes.len()).map(|id| origin(&id.to_string())).collect();
    let commands: Vec<_> = bytes.iter().zip(&origins).collect();
    execute_all::<Blob>(store, &stream(), &commands, Retry::default()).await
}

#[tokio::test]
async fn decisions_that_are_too_large_together_are_cut_between_them() {
    let store = MemoryEventStore::default();
    let bytes = [150_000, 150_000, 150_000, 10, 300_000, 450_000, 5];
    assert_eq!(write_bytes(&store, &bytes).await, vec![APPLIED; 7]);
    let cut: Vec<usize> = store.commits().iter().map(|commit| commit.decisions.len()).collect();
    assert_eq!(cut, [2, 2, 1, 1, 1], "the sixth alone is split over chunks");
    assert_eq!(write_bytes(&store, &bytes).await, vec![DUPLICATE; 7]);
}

#[tokio::test]
async fn a_decision_that_no_commit_can_hold_costs_only_itself() {
    let store = MemoryEventStore::default();
    let outcomes = write_bytes(&store, &[5, 4_500_000, 5]).await;
    assert_eq!([&outcomes[0], &outcomes[2]], [&APPLIED; 2]);
    assert_eq!(code(&outcomes[1]), (Class::Permanent, "commit_too_large"));
    assert_eq!(decided(&store).len(), 2);
    // A decision that would fit, but cannot be stored with the others.
    let mut origins = ["a", "b", "c"].map(origin);
    let large = serde_json::value::to_raw_value(&"x".repeat(20_000)).unwrap();
    origins[1].extensions.insert("tenant", &large).unwrap();
    let commands: Vec<_> = origins.iter().map(|origin| (&5, origin)).collect();
    let outcomes = execute_all::<Blob>(&store, &stream(), &commands, Retry::default()).await;
    assert_eq!([&outcomes[0], &outcomes[2]], [&APPLIED; 2]);
    assert_eq!(code(&outcomes[1]), (Class::Permanent, "attributes_too_large"));
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_command_after_the_decisions_before_it_are_stored() {
    for panics in [13, 14] {
        let store = MemoryEventStore::default();
        let outcomes = write_bytes(&store, &[1, 2, panics, 3]).await;
        assert_eq!(outcomes[..2], [APPLIED, APPLIED]);
        assert_eq!(code(&outcomes[2]), (Class::Transient, "panic"));
        assert_eq!(outcomes[3], BLOCKED);
        assert_eq!(decided(&store).len(), 2);
    }
}

/// A store that cannot be read, for good or for now.
struct Unreadable(AtomicBool);

impl EventReader for Unreadable {
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        _: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let failure = if self.0.load(Ordering::Relaxed) {
            Failure::permanent("corrupt_commit", "not a commit")
        } else {
            Failure::transient("event_store", "down")
        };
        std::future::ready(Err(failure)).boxed()
    }
}

impl EventStore for Unreadable {
    fn commit<'a>(&'a self, _: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        panic!("nothing is decided")
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_fails_all_commands_for_good_or_blocks_them() {
    let store = Unreadable(AtomicBool::new(true));
    let outcomes = send_all(&store, &[add("a"), add("b")]).await;
    assert_eq!([0, 1].map(|place: usize| code(&outcomes[place]).0), [Class::Permanent; 2]);
    store.0.store(false, Ordering::Relaxed);
    let outcomes = send_all(&store, &[add("a"), add("b")]).await;
    assert_eq!((code(&outcomes[0]).0, &outcomes[1]), (Class::Transient, &BLOCKED));
}
