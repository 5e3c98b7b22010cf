use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::record::OrderingKey;
use super::super::settings::StreamKind;
use super::*;
use crate::invocation::InvocationResult;
use crate::pattern::filter::{Filter, Filtered};

const START: Moment = Moment::from_millis(1_700_000_000_000);

fn settings() -> StreamSettings {
    StreamSettings {
        kind: StreamKind::Kinesis,
        source_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/s".to_owned(),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        tumbling_window: Duration::ZERO,
        lanes: 1,
        report_batch_item_failures: true,
        bisect_on_error: false,
        maximum_retry_attempts: None,
        maximum_record_age: None,
        has_destination: true,
        filter: None,
        time_scale: 1.0,
    }
}

/// A shard with its clock; `now` moves only when a test says so.
struct Bench {
    shard: Shard,
    now: Moment,
}

impl Bench {
    fn new(settings: StreamSettings) -> Self {
        let mut bench = Self { shard: Shard::new("shardId-000000000000", settings, None), now: START };
        assert_eq!(bench.step(Input::Start).first(), Some(&Action::Poll { limit: bench.capacity() }));
        bench
    }

    fn capacity(&self) -> usize {
        self.shard.settings.batch_size * self.shard.lanes.len() * BATCHES_PER_LANE
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.shard.handle(input, self.now).unwrap()
    }

    fn read(&mut self, sequences: &[u32]) -> Vec<Action> {
        let records = sequences.iter().map(|n| record(*n, "k", self.now)).collect();
        self.step(Input::Read { records, closed: false, behind: false })
    }

    fn answer(&mut self, invocation: u64, result: InvocationResult) -> Vec<Action> {
        let answer = Answer { request_id: format!("request-{invocation}"), result };
        self.step(Input::Answered { lane: 0, invocation, answer })
    }

    fn wait(&mut self, millis: u64) -> Vec<Action> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.step(Input::TimerDue)
    }

    fn checkpoint(&self) -> Option<&str> {
        self.shard.position().checkpoint().map(SequenceNumber::as_str)
    }
}

fn record(sequence: u32, key: &str, arrived: Moment) -> Record {
    Record {
        sequence: SequenceNumber::new(sequence.to_string()),
        key: OrderingKey::of(key.as_bytes()),
        arrived,
        json: Bytes::from(sequence.to_string()),
    }
}

fn success(response: &str) -> InvocationResult {
    InvocationResult::Success(Bytes::copy_from_slice(response.as_bytes()))
}

fn partial(sequence: u32) -> InvocationResult {
    success(&format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{sequence}"}}]}}"#))
}

fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(b"{\"errorType\":\"Boom\"}"))
}

/// The sequence numbers of the batches that were begun.
fn invoked(actions: &[Action]) -> Vec<Vec<u32>> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Invoke { payload, .. } => {
                let event: Value = serde_json::from_slice(payload).unwrap();
                let records = event["Records"].as_array().unwrap();
                Some(records.iter().map(|n| u32::try_from(n.as_u64().unwrap()).unwrap()).collect())
            }
            _ => None,
        })
        .collect()
}

fn handed_over(actions: &[Action]) -> Value {
    actions
        .iter()
        .find_map(|action| match action {
            Action::HandOver { body, .. } => serde_json::from_str(body).ok(),
            _ => None,
        })
        .unwrap()
}

#[test]
fn what_was_read_is_invoked_and_checkpointed_once_done() {
    let mut bench = Bench::new(settings());
    let actions = bench.read(&[1, 2, 3]);
    assert_eq!(invoked(&actions), [[1, 2, 3]]);
    assert!(!actions.iter().any(|action| matches!(action, Action::Checkpoint(_))));
    let actions = bench.answer(0, success("null"));
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("3"))));
    assert!(bench.shard.is_idle());
    assert_eq!(bench.shard.counts().delivered, 3);
}

#[test]
fn a_lane_has_one_batch_in_flight() {
    let mut bench = Bench::new(settings());
    assert_eq!(invoked(&bench.read(&[1])).len(), 1);
    assert_eq!(invoked(&bench.read(&[2, 3])).len(), 0);
    assert_eq!(invoked(&bench.answer(0, success(""))), [[2, 3]]);
}

#[test]
fn a_batch_window_gathers_records_until_it_ends() {
    let mut bench = Bench::new(StreamSettings { batching_window: Duration::from_secs(1), ..settings() });
    let actions = bench.read(&[1]);
    assert_eq!(invoked(&actions).len(), 0);
    assert!(actions.contains(&Action::WaitUntil(START.after(Duration::from_secs(1)))));
    bench.read(&[2]);
    assert_eq!(invoked(&bench.wait(1000)), [[1, 2]]);
}

#[test]
fn records_of_one_key_stay_in_one_lane_and_other_keys_run_beside_them() {
    let mut bench = Bench::new(StreamSettings { lanes: 2, ..settings() });
    let keys = ["a", "b", "c", "d", "e", "f"];
    let other = keys.iter().find(|key| OrderingKey::of(key.as_bytes()).lane(2) == 1).unwrap();
    let first = keys.iter().find(|key| OrderingKey::of(key.as_bytes()).lane(2) == 0).unwrap();
    let records = vec![
        record(1, first, START),
        record(2, other, START),
        record(3, first, START),
        record(4, other, START),
    ];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert_eq!(invoked(&actions), [[1, 3], [2, 4]]);
    // The second lane is done first; the checkpoint waits for the first.
    let answer = Answer { request_id: String::new(), result: success("") };
    let actions = bench.step(Input::Answered { lane: 1, invocation: 1, answer });
    assert!(!actions.iter().any(|action| matches!(action, Action::Checkpoint(_))));
    bench.answer(0, partial(3));
    assert_eq!(bench.checkpoint(), Some("2"));
}

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
    let mut bench =
        Bench::new(StreamSettings { maximum_retry_attempts: Some(0), has_destination: false, ..unbounded });
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
fn splits_do_not_consume_attempts() {
    let settings = StreamSettings { bisect_on_error: true, maximum_retry_attempts: Some(0), ..settings() };
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
fn bisection_with_a_partial_response_splits_at_the_returned_id_without_consuming_an_attempt() {
    let settings = StreamSettings { bisect_on_error: true, maximum_retry_attempts: Some(0), ..settings() };
    let mut bench = Bench::new(settings);
    bench.read(&[1, 2, 3, 4]);
    bench.answer(0, partial(2));
    assert_eq!(invoked(&bench.wait(100)), [[2, 3, 4]]);
    // At the first record there is nothing to split off: an attempt like any other, and the whole rest goes.
    let body = handed_over(&bench.answer(1, partial(2)));
    assert_eq!(body["KinesisBatchInfo"]["batchSize"], 3);
    assert_eq!(body["responseContext"]["functionError"], Value::Null);
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
fn reading_ahead_stops_when_a_few_batches_are_held() {
    let mut bench = Bench::new(settings());
    let actions = bench.read(&(1..=25).collect::<Vec<_>>());
    assert!(!actions.iter().any(|action| matches!(action, Action::Poll { .. })));
    let actions = bench.answer(0, success(""));
    assert!(actions.contains(&Action::Poll { limit: 15 }));
}

#[test]
fn a_closed_shard_is_reported_once_everything_of_it_is_done() {
    let mut bench = Bench::new(settings());
    let actions =
        bench.step(Input::Read { records: vec![record(1, "k", START)], closed: true, behind: false });
    assert!(!actions.contains(&Action::Closed));
    let actions = bench.answer(0, success(""));
    assert_eq!(actions, [Action::Checkpoint(SequenceNumber::new("1")), Action::Closed]);
}

#[test]
fn a_stop_waits_for_what_is_in_flight_and_begins_nothing() {
    let mut bench = Bench::new(settings());
    bench.read(&[1]);
    bench.read(&[2]);
    assert_eq!(bench.step(Input::Stop), []);
    let actions = bench.answer(0, success(""));
    assert_eq!(actions, [Action::Checkpoint(SequenceNumber::new("1")), Action::Stopped]);
    assert_eq!(bench.read(&[3]), []);
}

#[test]
fn a_failed_poll_is_tried_again() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.step(Input::ReadFailed), [Action::Poll { limit: 30 }]);
}

#[test]
fn a_shard_goes_on_after_its_checkpoint() {
    let mut shard = Shard::new("s", settings(), Some(SequenceNumber::new("9")));
    shard.handle(Input::Start, START).unwrap();
    let records = vec![record(9, "k", START), record(10, "k", START)];
    let actions = shard.handle(Input::Read { records, closed: false, behind: false }, START).unwrap();
    assert_eq!(invoked(&actions), [[10]]);
}

#[test]
fn an_input_that_the_state_does_not_allow_is_an_error_that_names_both() {
    let mut bench = Bench::new(settings());
    bench.read(&[1]);
    let answer = Answer { request_id: String::new(), result: success("") };
    let late = Input::Answered { lane: 0, invocation: 7, answer };
    assert_eq!(
        bench.shard.handle(late, START).unwrap_err().to_string(),
        "shard shardId-000000000000: lane 0, in flight with invocation 0, does not allow the answer to invocation 7 of lane 0"
    );
    assert_eq!(
        bench.shard.handle(Input::HandedOver { lane: 0 }, START).unwrap_err().to_string(),
        "shard shardId-000000000000: lane 0, in flight with invocation 0, does not allow a hand-over of lane 0"
    );
    assert_eq!(
        bench.shard.handle(Input::Start, START).unwrap_err().to_string(),
        "shard shardId-000000000000: a shard being polled does not allow a start"
    );
    // Nothing was lost by the refused inputs.
    bench.answer(0, success(""));
    assert_eq!(bench.checkpoint(), Some("1"));
}

/// Records of a Kinesis stream with these data.
fn stored(records: &[(u32, &str)]) -> Vec<Record> {
    let json = |data: &str| json!({"kinesis": {"data": STANDARD.encode(data)}}).to_string();
    let record =
        |(sequence, data): &(u32, &str)| Record { json: json(data).into(), ..record(*sequence, "k", START) };
    records.iter().map(record).collect()
}

/// Lets records pass whose `n` is 1.
fn filtered() -> StreamSettings {
    let filter = Filter::parse(Filtered::Kinesis, [r#"{"data": {"n": [1]}}"#]).unwrap();
    StreamSettings { filter: Some(Arc::new(filter)), ..settings() }
}

fn payloads(actions: &[Action]) -> Vec<usize> {
    let records = |payload: &Bytes| {
        serde_json::from_slice::<Value>(payload).unwrap()["Records"].as_array().unwrap().len()
    };
    let invoked = actions.iter().filter_map(|action| match action {
        Action::Invoke { payload, .. } => Some(records(payload)),
        _ => None,
    });
    invoked.collect()
}

#[test]
fn a_record_that_passes_no_filter_is_passed_over_and_the_position_moves_on() {
    let mut bench = Bench::new(filtered());
    let records = stored(&[(1, r#"{"n": 2}"#), (2, r#"{"n": 1}"#), (3, r#"{"n": 2}"#)]);
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert_eq!(payloads(&actions), [1]);
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("1"))), "{actions:?}");
    bench.answer(0, success("null"));
    assert_eq!(bench.checkpoint(), Some("3"));
    assert_eq!((bench.shard.counts().filtered, bench.shard.counts().delivered), (2, 1));
}

#[test]
fn records_of_which_none_passes_the_filter_invoke_nothing() {
    let mut bench = Bench::new(filtered());
    let records = stored(&[(1, r#"{"n": 2}"#), (2, "{}")]);
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let capacity = bench.capacity();
    assert_eq!(actions, [Action::Checkpoint(SequenceNumber::new("2")), Action::Poll { limit: capacity }]);
    assert!(bench.shard.is_idle());
}

#[test]
fn a_record_that_is_no_json_is_filtered_out_without_a_dead_letter() {
    let mut bench = Bench::new(filtered());
    let actions = bench.step(Input::Read { records: stored(&[(1, "text")]), closed: true, behind: false });
    assert_eq!(actions, [Action::Checkpoint(SequenceNumber::new("1")), Action::Closed]);
    assert_eq!((bench.shard.counts().filtered, bench.shard.counts().discarded), (1, 0));
}

#[test]
fn a_batch_is_filled_with_records_that_pass_the_filter() {
    let mut bench =
        Bench::new(StreamSettings { batch_size: 2, batching_window: Duration::from_secs(9), ..filtered() });
    let records = stored(&[(1, r#"{"n": 1}"#), (2, r#"{"n": 2}"#)]);
    assert_eq!(payloads(&bench.step(Input::Read { records, closed: false, behind: false })), [0; 0]);
    let records = stored(&[(3, r#"{"n": 1}"#)]);
    assert_eq!(payloads(&bench.step(Input::Read { records, closed: false, behind: false })), [2]);
}

/// A record whose element of the event has this many bytes.
fn sized(sequence: u32, bytes: usize) -> Record {
    Record { json: Bytes::from(vec![b'x'; bytes]), ..record(sequence, "k", START) }
}

fn payload(actions: &[Action]) -> &Bytes {
    let payload = actions.iter().find_map(|action| match action {
        Action::Invoke { payload, .. } => Some(payload),
        _ => None,
    });
    payload.unwrap()
}

#[test]
fn an_event_has_six_megabytes_at_most_with_what_is_around_its_records() {
    let limit = 6 * 1024 * 1024;
    let around = r#"{"Records":[,]}"#.len();
    let first = 4 * 1024 * 1024;
    for (second, expected) in
        [(limit - first - around, limit), (limit - first - around + 1, first + around - 1)]
    {
        let mut bench = Bench::new(settings());
        let records = vec![sized(1, first), sized(2, second)];
        let actions = bench.step(Input::Read { records, closed: false, behind: false });
        assert_eq!(payload(&actions).len(), expected);
        let rest = bench.answer(0, success(""));
        assert_eq!(rest.iter().any(|action| matches!(action, Action::Invoke { .. })), expected != limit);
    }
}

#[test]
fn a_batch_that_is_full_by_its_bytes_does_not_wait_for_its_window() {
    let window = Duration::from_secs(300);
    let mut bench = Bench::new(StreamSettings { batching_window: window, ..settings() });
    let records = vec![sized(1, 4 << 20), sized(2, 4 << 20)];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert!(payload(&actions).len() < 5 << 20);
    // What is left over begins a batch of its own, which gathers.
    let actions = bench.answer(0, success(""));
    assert!(actions.contains(&Action::WaitUntil(START.after(window))), "{actions:?}");
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
    bench.answer(0, success(r#"{"batchItemFailures":[{"itemIdentifier":"shardId-000000000000:2"}]}"#));
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
fn the_invoke_count_of_an_exhausted_batch_is_its_maximum_of_retries_and_one() {
    for maximum in [0, 1, 4] {
        let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(maximum), ..settings() });
        bench.read(&[1]);
        let mut invocation = 0;
        // A throttle between two attempts is none of them.
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

#[test]
fn a_lane_that_fails_holds_up_its_own_keys_alone() {
    let mut bench = Bench::new(StreamSettings { lanes: 2, ..settings() });
    let keys: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let of_lane = |lane| keys.iter().find(|key| OrderingKey::of(key.as_bytes()).lane(2) == lane).unwrap();
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
    // Whatever the other lane has done, the checkpoint stays below the record that fails.
    assert_eq!(bench.checkpoint(), None);
    assert_eq!(invoked(&bench.wait(100)), [[1]]);
}

#[test]
fn a_table_streams_changes_are_filtered_by_what_they_are() {
    let filter = r#"{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["order"]}}}}"#;
    let filter = Some(Arc::new(Filter::parse(Filtered::DynamoDb, [filter]).unwrap()));
    let mut bench = Bench::new(StreamSettings { kind: StreamKind::DynamoDb, filter, ..settings() });
    let change = |n: u32, name: &str, kind: &str| {
        Record {
        json: Bytes::from(
            json!({"eventName": name, "dynamodb": {"SequenceNumber": n.to_string(), "NewImage": {"kind": {"S": kind}}}})
                .to_string(),
        ),
        ..record(n, "k", START)
    }
    };
    let records =
        vec![change(1, "INSERT", "order"), change(2, "MODIFY", "order"), change(3, "INSERT", "note")];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let event: Value = serde_json::from_slice(payload(&actions)).unwrap();
    assert_eq!(event["Records"].as_array().unwrap().len(), 1);
    assert_eq!(event["Records"][0]["dynamodb"]["SequenceNumber"], "1");
    bench.answer(0, success(""));
    assert_eq!((bench.checkpoint(), bench.shard.counts().filtered), (Some("3"), 2));
}
