//! Tests of what is delivered again after a failure, and when.

use super::*;

#[test]
fn a_failed_batch_goes_again_after_a_growing_wait() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2]);
    let actions = bench.answer(0, error());
    assert!(actions.contains(&Action::WaitUntil(START.after(Duration::from_millis(100)))));
    assert_eq!(invoked(&bench.wait(99)).len(), 0);
    assert_eq!(invoked(&bench.wait(1)), [[1, 2]]);
    let actions = bench.answer(1, error());
    assert!(actions.contains(&Action::WaitUntil(bench.now.after(Duration::from_millis(200)))));
}

#[test]
fn a_partial_response_finishes_what_is_below_its_lowest_id_and_delivers_the_rest_again() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2, 3, 4]);
    let response = r#"{"batchItemFailures":[{"itemIdentifier":"4"},{"itemIdentifier":"3"}]}"#;
    bench.answer(0, success(response));
    assert_eq!(bench.checkpoint(), Some("2"));
    assert_eq!(invoked(&bench.wait(100)), [[3, 4]]);
}

#[test]
fn an_invalid_partial_response_fails_the_whole_batch() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2]);
    bench.answer(0, partial(77));
    assert_eq!(bench.checkpoint(), None);
    assert_eq!(invoked(&bench.wait(100)), [[1, 2]]);
}

#[test]
fn a_partial_response_is_ignored_when_it_is_not_enabled() {
    let mut bench = Bench::new(StreamSettings { report_batch_item_failures: false, ..settings() });
    bench.read(&[1, 2]);
    bench.answer(0, partial(2));
    assert_eq!(bench.checkpoint(), Some("2"));
}

#[test]
fn bisection_halves_a_batch_on_an_error_and_keeps_the_order() {
    let mut bench = Bench::new(StreamSettings { bisect_on_error: true, ..settings() });
    bench.read(&[1, 2, 3, 4, 5]);
    bench.answer(0, error());
    assert_eq!(invoked(&bench.wait(100)), [[1, 2, 3]]);
    assert_eq!(invoked(&bench.answer(1, success(""))), [[4, 5]]);
    bench.answer(2, error());
    assert_eq!(invoked(&bench.wait(100)), [[4]]);
    assert_eq!(invoked(&bench.answer(3, success(""))), [[5]]);
}

#[test]
fn bisection_with_a_partial_response_splits_at_the_returned_id_without_consuming_an_attempt() {
    let settings =
        StreamSettings { bisect_on_error: true, maximum_retry_attempts: Some(0), ..settings() };
    let mut bench = Bench::new(settings);
    bench.read(&[1, 2, 3, 4]);
    bench.answer(0, partial(2));
    assert_eq!(invoked(&bench.wait(100)), [[2, 3, 4]]);
    // At the first record there is nothing to split off: the rest goes again as a whole, as an
    // attempt.
    let body = handed_over(&bench.answer(1, partial(2)));
    assert_eq!(body["KinesisBatchInfo"]["batchSize"], 3);
    assert_eq!(body["responseContext"]["functionError"], Value::Null);
}

#[test]
fn without_bounds_a_batch_is_delivered_again_and_again_and_holds_up_its_shard() {
    let mut bench = Bench::new(settings());
    bench.read(&[1]);
    bench.read(&[2]);
    for invocation in 0..1_000 {
        let actions = bench.answer(invocation, error());
        assert!(!actions.iter().any(|action| matches!(action, Action::HandOver { .. })));
        assert_eq!(invoked(&bench.wait(60_000)), [[1]]);
    }
    assert_eq!((bench.checkpoint(), bench.shard.counts().discarded), (None, 0));
}

#[test]
fn an_event_id_in_place_of_the_sequence_number_fails_the_whole_batch() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2]);
    bench.answer(
        0,
        success(r#"{"batchItemFailures":[{"itemIdentifier":"shardId-000000000000:2"}]}"#),
    );
    assert_eq!(bench.checkpoint(), None);
    assert_eq!(invoked(&bench.wait(100)), [[1, 2]]);
}

#[test]
fn records_that_succeeded_behind_the_lowest_reported_one_are_delivered_again() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2, 3, 4, 5]);
    bench.answer(0, partial(2));
    assert_eq!(invoked(&bench.wait(100)), [[2, 3, 4, 5]]);
    assert_eq!(bench.shard.counts().delivered, 1);
}

#[test]
fn a_lane_that_fails_holds_up_its_own_keys_alone() {
    let mut bench = Bench::new(StreamSettings { lanes: 2, ..settings() });
    let keys: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let of_lane =
        |lane| keys.iter().find(|key| OrderingKey::new(key.as_bytes()).lane(2) == lane).unwrap();
    let (stuck, free) = (of_lane(0), of_lane(1));
    let records = vec![record(1, stuck, START), record(2, free, START)];
    bench.step(Input::Read { records, closed: false, behind: false });
    bench.answer(0, error());
    for n in 0..5 {
        let answer = Answer { request_id: String::new(), result: success("") };
        let invocation = if n == 0 { 1 } else { u64::from(n) + 1 };
        bench.step(Input::Answered { lane: 1, invocation, answer });
        let records = vec![record(10 + 2 * n, free, START), record(11 + 2 * n, stuck, START)];
        assert_eq!(
            invoked(&bench.step(Input::Read { records, closed: false, behind: false })),
            [[10 + 2 * n]]
        );
    }
    // The checkpoint stays before the failing record, even though the other lane has gone on.
    assert_eq!(bench.checkpoint(), None);
    assert_eq!(invoked(&bench.wait(100)), [[1]]);
}

#[test]
fn a_batch_that_is_reported_from_its_first_record_on_comes_again_as_a_whole() {
    let mut bench = Bench::new(settings());
    bench.read(&[1, 2, 3]);
    let response = success(
        r#"{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}"#,
    );
    bench.answer(0, response);
    assert_eq!(bench.checkpoint(), None);
    assert_eq!(invoked(&bench.wait(100)), [[1, 2, 3]]);
}
