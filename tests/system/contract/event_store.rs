use jiff::Timestamp;
use tidegate::failure::Class;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::store::{
    Commit, CommitOutcome, DynamoDbEventStore, EventStore, MemoryEventStore, RecordedCommit, RecordedEvent,
};

use super::{Tables, unique};

fn commit(stream: &StreamId, first: u64, cause: &str, data: &[String]) -> Commit {
    let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
    let event = |(version, data): (u64, &String)| RecordedEvent {
        id: format!("{cause}-{version}"),
        version: Version::new(version),
        kind: "Counted".to_owned(),
        data_version: 1,
        time: now,
        data: data.clone(),
    };
    Commit {
        record: RecordedCommit {
            stream: stream.clone(),
            events: (first..).zip(data).map(event).collect(),
            source: "test".to_owned(),
            cause: Cause { source: "test".to_owned(), id: cause.to_owned() },
            correlation_id: "correlation".to_owned(),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            arrived_at: Some(now),
            written_at: now,
        },
        attempt: format!("attempt of {cause}"),
    }
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
}

async fn a_commit_is_read_back_as_it_was_written(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap(), []);
    // Number formats, quotes and characters beyond ASCII survive.
    let written = commit(&stream, 1, "c1", &[r#"{"n":1.50,"t":"ä€\"𝄞"}"#.to_owned(), "1e3".to_owned()]);
    assert_eq!(store.commit(&written).await.unwrap(), CommitOutcome::Stored);
    assert_eq!(store.read(&stream, Version::NONE).await.unwrap(), [written.record]);
}

async fn what_is_in_the_way_decides_the_outcome(store: &dyn EventStore) {
    let stream: StreamId = unique("order").parse().unwrap();
    let first = commit(&stream, 1, "c1", &one("a"));
    assert_eq!(store.commit(&first).await.unwrap(), CommitOutcome::Stored);
    assert_eq!(store.commit(&first).await.unwrap(), CommitOutcome::Stored, "its own write is no conflict");
    let twin = Commit { attempt: "another".to_owned(), ..first.clone() };
    assert_eq!(store.commit(&twin).await.unwrap(), CommitOutcome::Duplicate);
    let rival = commit(&stream, 1, "c2", &one("b"));
    assert_eq!(store.commit(&rival).await.unwrap(), CommitOutcome::Conflict);
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
    for (after, wanted) in
        [(0, &commits[..]), (2, &commits[..]), (3, &commits[1..]), (5, &commits[2..]), (6, &commits[3..])]
    {
        let read = store.read(&stream, Version::new(after)).await.unwrap();
        let wanted: Vec<_> = wanted.iter().map(|commit| commit.record.clone()).collect();
        assert_eq!(read, wanted, "above {after}");
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
    assert_eq!(store.commit(&commit(&stream, 3, "next", &one("c"))).await.unwrap(), CommitOutcome::Stored);
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
    let store = DynamoDbEventStore::new(tables.clients.dynamodb.clone(), "event-store");
    contract(&store).await;

    let stream: StreamId = unique("order").parse().unwrap();
    let beyond = commit(&stream, 1, "beyond", &one(&"x".repeat(4_500_000)));
    let failure = store.commit(&beyond).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "commit_too_large"));
    assert!(failure.reason().contains("a transaction holds 4128768"), "{failure}");
    tables.end().await;
}
