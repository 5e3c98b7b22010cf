//! Tests of a shard with tumbling windows.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::stream::settings::StreamSettings;
use crate::mapping::stream::shard::Shard;
use crate::mapping::stream::shard::step::{Action, Input};
use lambda_shapes::moment::Moment;
use lambda_shapes::record::{OrderingKey, Record};
use lambda_shapes::sequence::SequenceNumber;
use lambda_shapes::stream_kind::StreamKind;

/// 2020-12-09T07:04:00Z, the start of a window.
const START: i64 = 1_607_497_440_000;
const LENGTH: Duration = Duration::from_secs(60);

pub(super) fn settings() -> StreamSettings {
    StreamSettings {
        kind: StreamKind::Kinesis,
        source_arn: "arn:stream".to_owned(),
        function_arn: "arn:f".to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        tumbling_window: LENGTH,
        lanes: 4,
        report_batch_item_failures: true,
        bisect_on_error: false,
        maximum_retry_attempts: None,
        maximum_record_age: None,
        has_destination: true,
        filter: None,
        time_scale: 1.0,
    }
}

pub(super) fn at(second: i64) -> Moment {
    Moment::from_millis(START + second * 1_000)
}

/// A record that was written in this second, counted from the start of the first window.
pub(super) fn record(sequence: u64, second: i64) -> Record {
    Record {
        sequence: SequenceNumber::new(sequence.to_string()),
        key: OrderingKey::new(&sequence.to_be_bytes()),
        arrived: at(second),
        json: Bytes::from(sequence.to_string()),
    }
}

struct Bench {
    shard: Shard,
    now: Moment,
}

impl Bench {
    fn new(settings: StreamSettings) -> Self {
        let mut bench = Self { shard: Shard::new("s", settings, None), now: at(0) };
        bench.step(Input::Start);
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.shard.handle(input, self.now).unwrap()
    }

    fn read(&mut self, second: i64, records: &[(u64, i64)]) -> Vec<Action> {
        self.now = at(second);
        let records = records.iter().map(|(sequence, second)| record(*sequence, *second)).collect();
        self.step(Input::Read { records, closed: false, behind: false })
    }

    fn answer(&mut self, invocation: u64, response: &Value) -> Vec<Action> {
        let result = InvocationResult::Success(Bytes::from(response.to_string()));
        self.result(invocation, result)
    }

    fn result(&mut self, invocation: u64, result: InvocationResult) -> Vec<Action> {
        self.step(Input::Answered {
            lane: 0,
            invocation,
            answer: Answer { request_id: "r".to_owned(), result },
        })
    }
}

pub(super) fn error() -> InvocationResult {
    InvocationResult::FunctionError(Bytes::from_static(b"{}"))
}

fn event(actions: &[Action]) -> Option<Value> {
    actions.iter().find_map(|action| match action {
        Action::Invoke { payload, .. } => serde_json::from_slice(payload).ok(),
        _ => None,
    })
}

fn kept(actions: &[Action]) -> Option<&str> {
    actions.iter().find_map(|action| match action {
        Action::KeepWindow(kept) => Some(kept.as_str()),
        _ => None,
    })
}

#[test]
fn each_invocation_gets_the_state_of_the_one_before() {
    let mut bench = Bench::new(settings());
    let first = event(&bench.read(1, &[(1, 0)])).unwrap();
    assert_eq!((&first["Records"], &first["state"]), (&json!([1]), &json!({})));
    bench.read(1, &[(2, 1)]);
    let second = event(&bench.answer(0, &json!({"state": {"n": 1}}))).unwrap();
    assert_eq!((&second["Records"], &second["state"]), (&json!([2]), &json!({"n": 1})));
    assert_eq!(
        second["window"],
        json!({"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:05:00Z"})
    );
}

#[test]
fn the_last_invocation_comes_when_a_record_of_a_later_window_was_read_and_before_it() {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0), (2, 59), (3, 60)]);
    let last = event(&bench.answer(0, &json!({"state": {"n": 2}}))).unwrap();
    assert_eq!((&last["Records"], &last["state"]), (&json!([]), &json!({"n": 2})));
    assert_eq!(last["isFinalInvokeForWindow"], true);
    let next = event(&bench.answer(1, &json!({"state": {}}))).unwrap();
    assert_eq!((&next["Records"], &next["state"]), (&json!([3]), &json!({})));
    assert_eq!(next["window"]["start"], "2020-12-09T07:05:00Z");
}

#[test]
fn the_last_invocation_comes_without_new_records_after_a_poll_that_was_begun_when_the_window_was_over()
 {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0)]);
    bench.answer(0, &json!({"state": {"n": 1}}));
    assert!(!bench.shard.is_idle());
    // This poll began before the end of the window: a record may have come after it.
    assert_eq!(event(&bench.read(60, &[])), None);
    let last = event(&bench.read(61, &[])).unwrap();
    assert_eq!(
        (&last["isFinalInvokeForWindow"], &last["isWindowTerminatedEarly"]),
        (&json!(true), &json!(false))
    );
    let actions = bench.answer(1, &json!({"state": {}}));
    assert_eq!(kept(&actions), Some("null"));
    assert!(bench.shard.is_idle());
}

#[test]
fn an_empty_poll_of_a_shard_that_is_behind_does_not_end_a_window() {
    let mut bench = Bench::new(settings());
    bench.read(70, &[(1, 0)]);
    bench.answer(0, &json!({"state": {}}));
    let empty = |bench: &mut Bench, behind| {
        bench.step(Input::Read { records: Vec::new(), closed: false, behind })
    };
    assert_eq!(event(&empty(&mut bench, true)), None);
    assert!(event(&empty(&mut bench, false)).is_some());
}

#[test]
fn the_state_survives_retries_and_a_throttle() {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0)]);
    bench.read(1, &[(2, 1)]);
    bench.answer(0, &json!({"state": {"n": 1}}));
    for (invocation, result) in [(1, error()), (2, InvocationResult::Throttled)] {
        bench.result(invocation, result);
        bench.now = bench.now.after(LENGTH);
        let again = event(&bench.step(Input::TimerDue)).unwrap();
        assert_eq!((&again["Records"], &again["state"]), (&json!([2]), &json!({"n": 1})));
    }
}

#[test]
fn a_response_without_a_state_fails_the_batch_also_without_partial_responses() {
    for report_batch_item_failures in [false, true] {
        let mut bench = Bench::new(StreamSettings { report_batch_item_failures, ..settings() });
        bench.read(1, &[(1, 0)]);
        bench.answer(0, &json!({"batchItemFailures": []}));
        assert_eq!(bench.shard.position().checkpoint(), None);
        let error = bench.shard.counts().last_error.clone().unwrap();
        assert!(error.contains("has no state"), "{error}");
    }
}

#[test]
fn a_partial_response_finishes_its_records_with_the_state_beside_it() {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0), (2, 0), (3, 0)]);
    let failed = |n: u64| json!([{"itemIdentifier": n.to_string()}]);
    bench.answer(0, &json!({"state": {"n": 1}, "batchItemFailures": failed(2)}));
    bench.now = bench.now.after(Duration::from_secs(1));
    let rest = event(&bench.step(Input::TimerDue)).unwrap();
    assert_eq!((&rest["Records"], &rest["state"]), (&json!([2, 3]), &json!({"n": 1})));
    // If no record of a batch is done, the state stays as it was.
    bench.answer(1, &json!({"state": {"n": 9}, "batchItemFailures": failed(2)}));
    bench.now = bench.now.after(Duration::from_secs(1));
    assert_eq!(event(&bench.step(Input::TimerDue)).unwrap()["state"], json!({"n": 1}));
}

#[test]
fn a_last_invocation_that_fails_holds_up_the_shard_until_it_succeeds() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(0), ..settings() });
    bench.read(1, &[(1, 0), (2, 60)]);
    bench.answer(0, &json!({"state": {"n": 1}}));
    for invocation in 1..5 {
        let actions = bench.result(invocation, error());
        assert!(
            !actions.iter().any(|action| matches!(action, Action::HandOver { .. })),
            "{actions:?}"
        );
        bench.now = bench.now.after(LENGTH);
        let again = event(&bench.step(Input::TimerDue)).unwrap();
        assert_eq!(
            (&again["isFinalInvokeForWindow"], &again["state"]),
            (&json!(true), &json!({"n": 1}))
        );
    }
    assert_eq!(event(&bench.answer(5, &json!({"state": {}}))).unwrap()["Records"], json!([2]));
}

#[test]
fn a_given_up_batch_leaves_the_state_as_it_was() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(0), ..settings() });
    bench.read(1, &[(1, 0)]);
    bench.read(1, &[(2, 0)]);
    bench.read(1, &[(3, 0)]);
    bench.answer(0, &json!({"state": {"n": 1}}));
    bench.result(1, error());
    bench.read(1, &[(4, 0)]);
    let next = event(&bench.step(Input::HandedOver { lane: 0 })).unwrap();
    assert_eq!((&next["Records"], &next["state"]), (&json!([4]), &json!({"n": 1})));
}

#[test]
fn an_open_window_is_kept_with_the_checkpoint_and_goes_on_after_a_restart() {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0)]);
    let actions = bench.answer(0, &json!({"state": {"n": 1}}));
    assert!(actions.contains(&Action::Checkpoint(SequenceNumber::new("1"))));
    let mut shard = Shard::new("s", settings(), Some(SequenceNumber::new("1")));
    shard.resume_window(kept(&actions).unwrap()).unwrap();
    let mut bench = Bench { shard, now: at(2) };
    bench.step(Input::Start);
    assert_eq!(event(&bench.read(2, &[(2, 1)])).unwrap()["state"], json!({"n": 1}));
}

#[test]
fn an_ended_shard_is_closed_after_the_last_invocation_of_its_window() {
    let mut bench = Bench::new(settings());
    let actions =
        bench.step(Input::Read { records: vec![record(1, 0)], closed: true, behind: false });
    assert!(event(&actions).is_some());
    let actions = bench.answer(0, &json!({"state": {"n": 1}}));
    assert!(!actions.contains(&Action::Closed));
    assert_eq!(event(&actions).unwrap()["isWindowTerminatedEarly"], true);
    assert!(bench.answer(1, &json!({"state": {}})).contains(&Action::Closed));
}

#[test]
fn an_event_has_six_megabytes_at_most_with_window_and_state() {
    let mut bench = Bench::new(settings());
    bench.read(1, &[(1, 0)]);
    let sized = |sequence| Record { json: Bytes::from(vec![b'1'; 3 << 20]), ..record(sequence, 0) };
    bench.step(Input::Read { records: vec![sized(2)], closed: false, behind: false });
    let records = vec![Record { json: Bytes::from(vec![b'1'; (3 << 20) - 600]), ..record(3, 0) }];
    bench.step(Input::Read { records, closed: false, behind: false });
    let actions = bench.answer(0, &json!({"state": {"text": "x".repeat(400)}}));
    let length = actions.iter().find_map(|action| match action {
        Action::Invoke { payload, .. } => Some(payload.len()),
        _ => None,
    });
    // Both would fit with 300 bytes less of state.
    assert!(length.is_some_and(|length| length < 4 << 20), "{length:?}");
}
