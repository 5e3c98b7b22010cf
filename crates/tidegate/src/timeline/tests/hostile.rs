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
        .broken("a#1", 1, Failure::permanent("corrupt_commit", "a#1: it is not an item"))
        .broken("a#1", 1, Failure::transient(Failure::NEWER, "a#1: format 9"))
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
async fn a_corrupt_commit_of_any_size_hides_no_commit_behind_it() {
    for size in [1, 2, 7, 8, 9, 15, 16, 17, 39, 1_000, 3_000, 4_096] {
        for behind in [1, 2, 20] {
            let mut store = MadeUp::default();
            store.event("a#1", "first", "outside", 1);
            store.broken("a#1", size, Failure::permanent("corrupt_commit", "it is not an item"));
            for number in 0..behind {
                store.event("a#1", &number.to_string(), "outside", 2);
            }
            let found = timeline(&store, &["a#1"]).await;
            assert_eq!(found.entries.len(), 1 + behind, "{size} {behind}: {found:?}");
            let [gap] = &found.unreadable[..] else { panic!("{:?}", found.unreadable) };
            let until = gap.until.unwrap().number();
            assert_eq!((gap.from.number(), until), (2, 2 + size as u64), "{size} {behind}");
        }
    }
}

#[tokio::test]
async fn many_corrupt_commits_hide_no_commit_between_them() {
    let mut store = MadeUp::default();
    for number in 0..20 {
        store.broken("a#1", 8, Failure::permanent("corrupt_commit", "it is not an item"));
        store.event("a#1", &number.to_string(), "outside", number);
    }
    let found = timeline(&store, &["a#1"]).await;
    assert_eq!((found.entries.len(), found.unreadable.len()), (20, 20));
}

#[tokio::test]
async fn a_stream_of_which_nothing_can_be_read_is_not_taken_for_one_that_does_not_exist() {
    let mut store = MadeUp::default();
    for _ in 0..100 {
        store.broken("a#1", 1, Failure::transient(Failure::NEWER, "a#1: format 9"));
    }
    let found = timeline(&store, &["a#1"]).await;
    assert!(!found.is_empty() && found.entries.is_empty());
    assert_eq!((found.unreadable.len(), found.unreadable[0].until), (1, None));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_no_empty_timeline() {
    let mut store = MadeUp::default();
    store.broken("a#1", 1, Failure::transient(Failure::THROTTLED, "slow down"));
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
