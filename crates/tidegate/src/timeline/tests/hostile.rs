//! Commits that cannot be read, and commits such as no service writes.

use super::made_up::MadeUp;
use crate::failure::Failure;
use crate::timeline::{Timeline, Trail, What, read};

async fn timeline(store: &MadeUp, streams: &[&str]) -> Timeline {
    let streams = streams.iter().map(|stream| stream.parse().unwrap());
    read(store, &Trail::from_streams(streams)).await.unwrap()
}

/// Returns number, id of the stream and cause of each entry.
fn causes(timeline: &Timeline) -> Vec<(usize, &str, Option<usize>)> {
    let of = |entry: &'_ crate::timeline::Entry| (entry.number, entry.cause);
    timeline.entries.iter().map(|entry| (of(entry).0, entry.stream.as_str(), of(entry).1)).collect()
}

#[tokio::test]
async fn a_corrupt_commit_is_said_and_hides_no_other() {
    let mut store = MadeUp::default();
    store
        .event("a#1", "one", "outside", 1)
        .broken("a#1", Failure::permanent("corrupt_commit", "a#1: it is not an item"))
        .broken("a#1", Failure::transient(Failure::NEWER, "a#1: format 9"))
        .event("a#1", "four", "one", 4);
    let found = timeline(&store, &["a#1"]).await;
    let versions: Vec<u64> = found.entries.iter().map(|entry| entry.version.number()).collect();
    assert_eq!(versions, [1, 4]);
    let [gap] = &found.unreadable[..] else { panic!("{:?}", found.unreadable) };
    assert_eq!((gap.from.number(), gap.until.map(|version| version.number())), (2, Some(4)));
    assert_eq!(gap.code, "corrupt_commit");
    assert!(gap.to_string().contains("a#1 from version 2 to the one before 4: corrupt"), "{gap}");
}

#[tokio::test]
async fn a_stream_of_which_nothing_can_be_read_is_not_taken_for_one_that_does_not_exist() {
    let mut store = MadeUp::default();
    for _ in 0..100 {
        store.broken("a#1", Failure::transient(Failure::NEWER, "a#1: format 9"));
    }
    let found = timeline(&store, &["a#1"]).await;
    assert!(!found.is_empty() && found.entries.is_empty());
    assert_eq!((found.unreadable.len(), found.unreadable[0].until), (1, None));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_no_empty_timeline() {
    let mut store = MadeUp::default();
    store.broken("a#1", Failure::transient(Failure::THROTTLED, "slow down"));
    let streams = ["a#1".parse().unwrap()];
    let failure = read(&store, &Trail::from_streams(streams)).await.unwrap_err();
    assert_eq!((failure.code(), failure.reason()), (Failure::THROTTLED, "a#1: slow down"));
}

#[tokio::test]
async fn an_event_of_a_newer_toolkit_is_listed_as_one_that_cannot_be_read() {
    let mut store = MadeUp::default();
    store
        .event_of_type("p#1", "one", "outside", 1, "ProcessMoved", r#"{"later": true}"#)
        .event("p#1", "two", "one", 2);
    let found = timeline(&store, &["p#1"]).await;
    let What::Unread { kind, reason, .. } = &found.entries[0].what else { panic!("{found:?}") };
    assert!(kind == "ProcessMoved" && !reason.is_empty(), "{reason}");
    assert_eq!(found.entries[1].cause, Some(1));
    assert!(found.instances[0].uncertain);
}

#[tokio::test]
async fn causes_in_a_circle_end_and_each_event_is_listed_once() {
    let mut store = MadeUp::default();
    store
        .event("a#1", "one", "three", 1)
        .event("b#1", "two", "one", 2)
        .event("c#1", "three", "two", 3)
        .event("d#1", "self", "self", 4);
    let found = timeline(&store, &["a#1", "b#1", "c#1", "d#1"]).await;
    // What depends on nothing comes first; then the circle, broken at its earliest event.
    let expected = [(1, "d#1", None), (2, "a#1", None), (3, "b#1", Some(2)), (4, "c#1", Some(3))];
    assert_eq!(causes(&found), expected);
}

#[tokio::test]
async fn a_clock_that_is_behind_puts_nothing_before_its_cause() {
    let mut store = MadeUp::default();
    store.event("a#1", "one", "outside", 100).event("b#1", "two", "one", 90);
    store.event("b#1", "three", "outside", 95);
    let found = timeline(&store, &["a#1", "b#1"]).await;
    assert_eq!(causes(&found), [(1, "a#1", None), (2, "b#1", Some(1)), (3, "b#1", None)]);
    assert_eq!(found.entries[1].since_cause_ms, Some(-10_000));
    assert_eq!(found.took_ms(), 10_000);
}

#[tokio::test]
async fn limits_are_kept_and_said() {
    let mut store = MadeUp::default();
    for number in 0..20 {
        let (id, of) = (number.to_string(), "outside".to_owned());
        store.event("a#1", &id, &of, number).event("b#1", &format!("b{id}"), &of, number);
    }
    let streams = ["a#1", "b#1", "c#1"].map(|stream| stream.parse().unwrap());
    let trail = Trail::from_streams(streams).at_most(2, 25);
    let found = read(&store, &trail).await.unwrap();
    assert_eq!(found.entries.len(), 25);
    let left_out: Vec<String> = found.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        ["left out: the newest 15 events of b#1", "left out: c#1, which was not read"]
    );
}
