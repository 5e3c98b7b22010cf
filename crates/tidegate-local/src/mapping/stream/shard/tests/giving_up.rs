//! Tests of when a batch is given up, and of its on-failure record.

use super::*;

#[test]
fn exhausted_attempts_hand_the_range_over_and_checkpoint_only_when_it_has_arrived() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(1), ..settings() });
    bench.read(&[1, 2, 3]);
    bench.answer(0, partial(2));
    assert_eq!(invoked(&bench.wait(100)), [[2, 3]]);
    let actions = bench.answer(1, error());
    let body = handed_over(&actions);
    assert_eq!(body["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(body["requestContext"]["requestId"], "request-1");
    assert_eq!(body["responseContext"]["functionError"], "Unhandled");
    assert_eq!(body["KinesisBatchInfo"]["startSequenceNumber"], "2");
    assert_eq!(body["KinesisBatchInfo"]["endSequenceNumber"], "3");
    assert_eq!(bench.checkpoint(), Some("1"));
    assert!(!bench.shard.is_idle());
    let actions = bench.step(Input::HandedOver { lane: 0 });
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("3"))));
    assert_eq!(bench.shard.counts().discarded, 2);
}

#[test]
fn without_a_destination_a_given_up_range_is_done_at_once() {
    let unbounded = settings();
    let mut bench = Bench::new(StreamSettings {
        maximum_retry_attempts: Some(0),
        has_destination: false,
        ..unbounded
    });
    bench.read(&[1, 2]);
    let actions = bench.answer(0, error());
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("2"))));
}

#[test]
fn throttles_do_not_consume_attempts() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(0), ..settings() });
    bench.read(&[1]);
    for invocation in 0..20 {
        let actions = bench.answer(invocation, InvocationResult::Throttled);
        assert!(!actions.iter().any(|action| matches!(action, Action::HandOver { .. })));
        assert_eq!(invoked(&bench.wait(60_000)), [[1]]);
    }
    assert_eq!(bench.shard.counts().throttled, 20);
    let body = handed_over(&bench.answer(20, error()));
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 1);
}

#[test]
fn splits_do_not_consume_attempts() {
    let settings =
        StreamSettings { bisect_on_error: true, maximum_retry_attempts: Some(0), ..settings() };
    let mut bench = Bench::new(settings);
    bench.read(&[1, 2]);
    let actions = bench.answer(0, error());
    assert!(!actions.iter().any(|action| matches!(action, Action::HandOver { .. })));
    assert_eq!(invoked(&bench.wait(100)), [[1]]);
    let body = handed_over(&bench.answer(1, error()));
    assert_eq!(body["KinesisBatchInfo"]["batchSize"], 1);
    assert_eq!(invoked(&bench.step(Input::HandedOver { lane: 0 })), [[2]]);
}

#[test]
fn records_beyond_the_maximum_age_are_given_up_before_they_are_invoked() {
    let age = Some(Duration::from_secs(60));
    let mut bench = Bench::new(StreamSettings { maximum_record_age: age, ..settings() });
    let old = Moment::from_millis(START.as_millis() - 60_001);
    let records = vec![record(1, "k", old), record(2, "k", old), record(3, "k", START)];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let body = handed_over(&actions);
    assert_eq!(body["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(body.get("responseContext"), None);
    assert_eq!(body["KinesisBatchInfo"]["endSequenceNumber"], "2");
    assert_eq!(invoked(&actions).len(), 0);
    assert_eq!(invoked(&bench.step(Input::HandedOver { lane: 0 })), [[3]]);
}

#[test]
fn a_throttled_record_is_bounded_by_its_age_alone() {
    let age = Some(Duration::from_secs(60));
    let mut bench = Bench::new(StreamSettings { maximum_record_age: age, ..settings() });
    bench.read(&[1]);
    bench.answer(0, InvocationResult::Throttled);
    let body = handed_over(&bench.wait(60_001));
    assert_eq!(body["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 1);
}

#[test]
fn the_invoke_count_of_an_exhausted_batch_is_its_maximum_of_retries_and_one() {
    for maximum in [0, 1, 4] {
        let mut bench =
            Bench::new(StreamSettings { maximum_retry_attempts: Some(maximum), ..settings() });
        bench.read(&[1]);
        let mut invocation = 0;
        // A throttle between two attempts is not an attempt.
        for attempt in 0..=maximum {
            bench.answer(invocation, InvocationResult::Throttled);
            bench.wait(60_000);
            let actions = bench.answer(invocation + 1, error());
            if attempt == maximum {
                let body = handed_over(&actions);
                assert_eq!(body["requestContext"]["approximateInvokeCount"], maximum + 1);
            }
            bench.wait(60_000);
            invocation += 2;
        }
    }
}

#[test]
fn a_batch_that_failed_by_a_partial_response_has_no_function_error() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(0), ..settings() });
    bench.read(&[1, 2]);
    let body = handed_over(&bench.answer(0, partial(1)));
    assert_eq!(body["responseContext"]["functionError"], Value::Null);
    assert_eq!(body["responseContext"]["statusCode"], 200);
}

#[test]
fn what_partial_responses_left_is_given_up_alone_and_the_rest_goes_on() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(1), ..settings() });
    bench.read(&[1, 2, 3]);
    bench.answer(0, partial(2));
    assert_eq!(bench.checkpoint(), Some("1"));
    assert_eq!(invoked(&bench.wait(100)), [[2, 3]]);
    bench.read(&[4]);
    let body = handed_over(&bench.answer(1, partial(2)));
    assert_eq!(body["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(body["responseContext"]["functionError"], Value::Null);
    let range = &body["KinesisBatchInfo"];
    assert_eq!(
        (&range["startSequenceNumber"], &range["endSequenceNumber"], &range["batchSize"]),
        (&json!("2"), &json!("3"), &json!(2))
    );
    assert_eq!(invoked(&bench.step(Input::HandedOver { lane: 0 })), [[4]]);
    assert_eq!(bench.checkpoint(), Some("3"));
}

#[test]
fn record_age_bounds_a_failing_batch_too() {
    let age = Some(Duration::from_secs(60));
    let mut bench = Bench::new(StreamSettings { maximum_record_age: age, ..settings() });
    bench.read(&[1]);
    bench.answer(0, error());
    let body = handed_over(&bench.wait(60_001));
    assert_eq!(body["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 1);
}

#[test]
fn a_record_of_exactly_the_maximum_age_is_still_delivered() {
    let age = Some(Duration::from_secs(60));
    let mut bench = Bench::new(StreamSettings { maximum_record_age: age, ..settings() });
    let records = vec![record(1, "k", Moment::from_millis(START.as_millis() - 60_000))];
    assert_eq!(invoked(&bench.step(Input::Read { records, closed: false, behind: false })), [[1]]);
}
