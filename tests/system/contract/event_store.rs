//! The event store in DynamoDB keeps the contract that every event store keeps.

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use tidegate::aws::DynamoDb;
use tidegate::envelope::DataSchema;
use tidegate::failure::Class;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::store::{
    Commit, CommitOutcome, Content, DynamoDbEventStore, EventStore, RecordedCommit, RecordedEvent,
};
use tidegate::test::MemoryEventStore;

use super::operations::Operations;
use super::{Tables, unique};

fn commit(stream: &StreamId, first: u64, cause: &str, data: &[String]) -> Commit {
    let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
    let event = |(version, data): (u64, &String)| {
        let (id, schema) = (format!("{cause}-{version}"), DataSchema::new("Counted", 1));
        RecordedEvent::new(id, Version::new(version), schema, now, data)
    };
    let events = (first..).zip(data).map(event).collect();
    let mut record =
        RecordedCommit::new(stream.clone(), "test", Cause::new("test", cause), now, events);
    let content = Content::new("Count", 1, r#"{"by":1}"#).unwrap();
    let decision = &mut record.decisions[0];
    decision.digest = content.digest(stream, &decision.cause);
    decision.correlation_id = "correlation".to_owned();
    decision.traceparent =
        Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    decision.extensions.insert("tenant", &to_raw_value("ä\"").unwrap()).unwrap();
    decision.arrived_at = Some(now);
    Commit::new(record, format!("attempt of {cause}"))
}

fn one(text: &str) -> Vec<String> {
    vec![format!("\"{text}\"")]
}

async fn contract(store: &dyn EventStore) {
    a_commit_is_read_back_as_it_was_written(store).await;
    what_is_in_the_way_decides_the_outcome(store).await;
    a_stream_is_read_from_any_version(store).await;
    a_stream_of_several_pages_is_read_whole(store).await;
    a_commit_of_more_than_an_item_is_one_commit(store).await;
    commits_on_both_sides_of_an_items_limit_are_stored(store).await;
    the_largest_commit_is_stored_and_a_larger_one_refused(store).await;
    many_small_events_are_one_commit(store).await;
    the_longest_stream_id_is_a_key(store).await;
    versions_go_as_far_as_their_type(store).await;
    texts_may_be_empty(store).await;
    a_commit_that_could_not_be_read_again_is_refused(store).await;
    a_commit_holds_several_decisions_each_with_its_cause(store).await;
    commits_that_wait_at_the_same_moment_have_their_own_outcomes(store).await;
}

/// Joins commits of one decision each into one commit. Their versions must be consecutive.
fn together(commits: &[Commit]) -> Commit {
    let first = &commits[0];
    let mut record = RecordedCommit::empty(
        first.record.stream.clone(),
        first.record.source.clone(),
        first.record.written_at,
    );
    for commit in commits {
        record.push(commit.record.decisions[0].clone(), commit.record.events.clone());
    }
    Commit::new(record, first.attempt.clone())
}

async fn a_commit_holds_several_decisions_each_with_its_cause(store: &dyn EventStore) {
    for decisions in [2, 300] {
        let stream = new_stream();
        let data = [one("ä"), one("b")].concat();
        let all: Vec<Commit> = (0..decisions)
            .map(|number| commit(&stream, 1 + 2 * number, &format!("c{number}"), &data))
            .collect();
        is_stored(store, &together(&all)).await;
        // Whoever comes later finds each of the causes.
        let twin = Commit { attempt: "another".to_owned(), ..all[0].clone() };
        assert_eq!(store.commit(&twin).await, Ok(CommitOutcome::Duplicate));
        let rival = commit(&stream, 1, "another", &data);
        assert_eq!(store.commit(&rival).await, Ok(CommitOutcome::Conflict));
        let pair = together(&[twin, commit(&stream, 3, "another", &data)]);
        assert_eq!(store.commit(&pair).await, Ok(CommitOutcome::Conflict), "a load tells which");
    }
    // Decisions that are too large together for an item are split over chunks.
    let stream = new_stream();
    let large = |first: u64, cause: &str| commit(&stream, first, cause, &one(&"x".repeat(250_000)));
    is_stored(store, &together(&[large(1, "a"), large(2, "b"), large(3, "c")])).await;
}

async fn commits_that_wait_at_the_same_moment_have_their_own_outcomes(store: &dyn EventStore) {
    let streams: Vec<StreamId> = (0..60).map(|_| new_stream()).collect();
    let of = |place: usize, cause: &str, attempt: &str| {
        let commit = commit(&streams[place], 1, cause, &one("x"));
        Commit { attempt: attempt.to_owned(), ..commit }
    };
    let there: Vec<Commit> = (0..60)
        .filter_map(|place| match place % 4 {
            0 => Some(of(place, "twin", "theirs")),
            1 => Some(of(place, "rival", "theirs")),
            2 => Some(of(place, "twin", "ours")),
            _ => None,
        })
        .collect();
    let stored = join_all(there.iter().map(|commit| store.commit(commit))).await;
    assert_eq!(stored, vec![Ok(CommitOutcome::Stored); 45]);
    let ours: Vec<Commit> = (0..60).map(|place| of(place, "twin", "ours")).collect();
    let outcomes = join_all(ours.iter().map(|commit| store.commit(commit))).await;
    for (place, outcome) in outcomes.into_iter().enumerate() {
        let wanted = match place % 4 {
            0 => CommitOutcome::Duplicate,
            1 => CommitOutcome::Conflict,
            _ => CommitOutcome::Stored,
        };
        assert_eq!(outcome, Ok(wanted), "{place}");
    }
}

async fn is_stored(store: &dyn EventStore, commit: &Commit) {
    let (stream, first) = (&commit.record.stream, commit.record.first_version());
    let (events, bytes) = (commit.record.events.len(), commit.record.events[0].data.len());
    let place = format!("{events} events from version {first}, the first of {bytes} bytes");
    assert_eq!(store.commit(commit).await, Ok(CommitOutcome::Stored), "{place}");
    let read = store.read(stream, Version::new(first.number() - 1)).await.unwrap();
    assert!(read == [commit.record.clone()], "{place}: what is read is not what was written");
}

async fn is_refused(store: &dyn EventStore, commit: &Commit, code: &str) -> String {
    let failure = store.commit(commit).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, code));
    assert_eq!(store.read(&commit.record.stream, Version::NONE).await, Ok(Vec::new()));
    failure.reason().to_owned()
}

fn new_stream() -> StreamId {
    unique("order").parse().unwrap()
}

async fn commits_on_both_sides_of_an_items_limit_are_stored(store: &dyn EventStore) {
    for bytes in [405_000, 406_000, 406_700, 407_400, 408_500, 409_600, 410_700] {
        is_stored(store, &commit(&new_stream(), 1, "c", &one(&"x".repeat(bytes)))).await;
    }
}

async fn the_largest_commit_is_stored_and_a_larger_one_refused(store: &dyn EventStore) {
    is_stored(store, &commit(&new_stream(), 1, "c", &one(&"x".repeat(4_126_000)))).await;
    let beyond = commit(&new_stream(), 1, "c", &one(&"x".repeat(4_129_000)));
    let reason = is_refused(store, &beyond, "commit_too_large").await;
    assert!(reason.contains("a transaction holds 4128768"), "{reason}");
}

async fn many_small_events_are_one_commit(store: &dyn EventStore) {
    for events in [1_000, 2_000] {
        is_stored(store, &commit(&new_stream(), 1, "c", &vec!["{\"n\":1}".to_owned(); events]))
            .await;
    }
    let beyond = commit(&new_stream(), 1, "c", &vec!["1".to_owned(); 5_000]);
    is_refused(store, &beyond, "commit_too_large").await;
}

async fn the_longest_stream_id_is_a_key(store: &dyn EventStore) {
    let id = unique("order");
    let longest: StreamId =
        format!("{id}{}", "ö".repeat((StreamId::MAX_BYTES - id.len()) / 2)).parse().unwrap();
    is_stored(store, &commit(&longest, 1, "c", &one("a"))).await;
    is_stored(store, &commit(&longest, 2, "d", &one(&"x".repeat(450_000)))).await;
}

async fn versions_go_as_far_as_their_type(store: &dyn EventStore) {
    let stream = new_stream();
    for first in [1, 1 << 53, i64::MAX as u64, u64::MAX - 5] {
        is_stored(store, &commit(&stream, first, "c", &[one("1"), one("2")].concat())).await;
    }
}

async fn texts_may_be_empty(store: &dyn EventStore) {
    let mut empty = commit(&new_stream(), 1, "", &["0".to_owned()]);
    empty.record.source.clear();
    empty.record.decisions[0].correlation_id.clear();
    empty.record.events[0].kind.clear();
    is_stored(store, &empty).await;
}

async fn a_commit_that_could_not_be_read_again_is_refused(store: &dyn EventStore) {
    is_refused(store, &commit(&new_stream(), 1, "c", &[]), "invalid_commit").await;
    let mut gap = commit(&new_stream(), 1, "c", &[one("1"), one("2")].concat());
    gap.record.events[1].version = Version::new(3);
    is_refused(store, &gap, "invalid_commit").await;
}

async fn a_commit_is_read_back_as_it_was_written(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap(), []);
    // Number formats, quotes and characters beyond ASCII survive.
    let written =
        commit(&stream, 1, "c1", &[r#"{"n":1.50,"t":"ä€\"𝄞"}"#.to_owned(), "1e3".to_owned()]);
    assert_eq!(store.commit(&written).await.unwrap(), CommitOutcome::Stored);
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap(), [written.record]);
}

async fn what_is_in_the_way_decides_the_outcome(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    let first = commit(&stream, 1, "c1", &one("a"));
    assert_eq!(store.commit(&first).await.unwrap(), CommitOutcome::Stored);
    assert_eq!(
        store.commit(&first).await.unwrap(),
        CommitOutcome::Stored,
        "its own write is not a conflict"
    );
    let twin = Commit { attempt: "another".to_owned(), ..first.clone() };
    assert_eq!(store.commit(&twin).await.unwrap(), CommitOutcome::Duplicate);
    let rival = commit(&stream, 1, "c2", &one("b"));
    assert_eq!(store.commit(&rival).await.unwrap(), CommitOutcome::Conflict);
    let mut reused = twin.clone();
    let other = Content::new("Count", 1, r#"{"by":2}"#).unwrap();
    let decision = &mut reused.record.decisions[0];
    decision.digest = other.digest(&stream, &decision.cause);
    let failure = store.commit(&reused).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "cause_reused"));
    reused.record.decisions[0].digest = None;
    assert_eq!(
        store.commit(&reused).await.unwrap(),
        CommitOutcome::Duplicate,
        "nothing is known of it"
    );
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap(), [first.record]);
}

async fn a_stream_is_read_from_any_version(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    let commits = [
        commit(&stream, 1, "c1", &[one("1"), one("2"), one("3")].concat()),
        commit(&stream, 4, "c4", &one("4")),
        commit(&stream, 5, "c5", &[one("5"), one("6")].concat()),
    ];
    for commit in &commits {
        assert_eq!(store.commit(commit).await.unwrap(), CommitOutcome::Stored);
    }
    for (after, wanted) in [
        (0, &commits[..]),
        (2, &commits[..]),
        (3, &commits[1..]),
        (5, &commits[2..]),
        (6, &commits[3..]),
    ] {
        let read = store.read(&stream, Version::new(after)).await.unwrap();
        let wanted: Vec<_> = wanted.iter().map(|commit| commit.record.clone()).collect();
        assert_eq!(read, wanted, "above {after}");
    }
    for (version, place) in
        [(1, Some(0)), (2, Some(0)), (4, Some(1)), (5, Some(2)), (6, Some(2)), (7, None)]
    {
        let read = store.read_at(&stream, Version::new(version)).await.unwrap();
        assert_eq!(read, place.map(|place: usize| commits[place].record.clone()), "at {version}");
    }
}

async fn a_stream_of_several_pages_is_read_whole(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    // A page of a query holds 1 MB.
    let data = one(&"x".repeat(300_000));
    for version in 1..=5 {
        store.commit(&commit(&stream, version, &format!("c{version}"), &data)).await.unwrap();
    }
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap().len(), 5);
}

async fn a_commit_of_more_than_an_item_is_one_commit(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    let large = commit(&stream, 1, "large", &[one(&"€".repeat(250_000)), one("small")].concat());
    assert_eq!(store.commit(&large).await.unwrap(), CommitOutcome::Stored);
    assert_eq!(store.commit(&large).await.unwrap(), CommitOutcome::Stored);
    let twin = Commit { attempt: "another".to_owned(), ..large.clone() };
    assert_eq!(store.commit(&twin).await.unwrap(), CommitOutcome::Duplicate);
    let rival = commit(&stream, 1, "rival", &one("b"));
    assert_eq!(store.commit(&rival).await.unwrap(), CommitOutcome::Conflict);
    assert_eq!(
        store.commit(&commit(&stream, 3, "next", &one("c"))).await.unwrap(),
        CommitOutcome::Stored
    );
    let read = store.read(&stream, Version::NONE).await.unwrap();
    assert_eq!(
        read.iter().map(RecordedCommit::first_version).collect::<Vec<_>>(),
        [Version::new(1), Version::new(3)]
    );
    assert_eq!(read[0], large.record);
}

#[tokio::test]
async fn the_event_store_in_memory_keeps_the_contract() {
    contract(&MemoryEventStore::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_store_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let operations = Operations::default();
    let client = operations.of(&tables.clients.dynamodb);
    let store = DynamoDbEventStore::new(client.clone(), "event-store");
    // Several at the same moment, so that their writes share requests.
    join_all((0..3).map(|_| contract(&store))).await;
    assert!(operations.number("BatchExecuteStatement") > 10, "{operations:?}");
    assert!(operations.number("BatchGetItem") > 0, "{operations:?}");
    // A backend that cannot do batches gets the same contract from single writes.
    let before = operations.number("BatchExecuteStatement");
    contract(&DynamoDbEventStore::new(DynamoDb::single(client), "event-store")).await;
    assert_eq!(operations.number("BatchExecuteStatement"), before);
    tables.end().await;
}
