//! Tests of batches, lanes and the life of a shard.

use super::*;

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
    let mut bench =
        Bench::new(StreamSettings { batching_window: Duration::from_secs(1), ..settings() });
    let actions = bench.read(&[1]);
    assert_eq!(invoked(&actions).len(), 0);
    assert!(actions.contains(&Action::WaitUntil(START.after(Duration::from_secs(1)))));
    bench.read(&[2]);
    assert_eq!(invoked(&bench.wait(1000)), [[1, 2]]);
}

#[test]
fn a_batch_window_begins_when_the_lanes_invocation_before_it_ends() {
    let mut bench =
        Bench::new(StreamSettings { batching_window: Duration::from_secs(1), ..settings() });
    bench.read(&[1]);
    assert_eq!(invoked(&bench.wait(1000)), [[1]]);
    // Record 2 is read long before the function is done with record 1.
    bench.read(&[2]);
    bench.wait(5000);
    let ended = bench.now;
    let actions = bench.answer(0, success(""));
    assert_eq!(invoked(&actions), [[0_u32; 0]; 0]);
    assert!(
        actions.contains(&Action::WaitUntil(ended.after(Duration::from_secs(1)))),
        "{actions:?}"
    );
    bench.wait(400);
    bench.read(&[3]);
    assert_eq!(invoked(&bench.wait(600)), [[2, 3]]);
    // A failed invocation has ended as well, and a throttled one never began.
    bench.answer(1, InvocationResult::Throttled);
    assert_eq!(invoked(&bench.wait(100)), [[2, 3]]);
    bench.wait(200);
    bench.answer(2, success(""));
    bench.wait(900);
    let actions = bench.read(&[4]);
    assert!(
        actions.contains(&Action::WaitUntil(bench.now.after(Duration::from_millis(100)))),
        "{actions:?}"
    );
    // The window ended without a record: the next one begins with the next record.
    assert_eq!(invoked(&bench.wait(100)), [[4]]);
    bench.answer(3, success(""));
    bench.wait(1001);
    let actions = bench.read(&[5]);
    assert!(
        actions.contains(&Action::WaitUntil(bench.now.after(Duration::from_secs(1)))),
        "{actions:?}"
    );
}

#[test]
fn records_of_one_key_stay_in_one_lane_and_other_keys_run_beside_them() {
    let mut bench = Bench::new(StreamSettings { lanes: 2, ..settings() });
    let keys = ["a", "b", "c", "d", "e", "f"];
    let other = keys.iter().find(|key| OrderingKey::new(key.as_bytes()).lane(2) == 1).unwrap();
    let first = keys.iter().find(|key| OrderingKey::new(key.as_bytes()).lane(2) == 0).unwrap();
    let records = vec![
        record(1, first, START),
        record(2, other, START),
        record(3, first, START),
        record(4, other, START),
    ];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert_eq!(invoked(&actions), [[1, 3], [2, 4]]);
    // The second lane is done first; the checkpoint waits for the first lane.
    let answer = Answer { request_id: String::new(), result: success("") };
    let actions = bench.step(Input::Answered { lane: 1, invocation: 1, answer });
    assert!(!actions.iter().any(|action| matches!(action, Action::Checkpoint(_))));
    bench.answer(0, partial(3));
    assert_eq!(bench.checkpoint(), Some("2"));
}

#[test]
fn reading_ahead_stops_when_a_page_is_not_worth_a_poll() {
    let mut bench = Bench::new(settings());
    let enough = bench.capacity() - READ_AHEAD / 2;
    let records = 1..=u32::try_from(enough + 10).unwrap();
    let actions = bench.read(&records.collect::<Vec<_>>());
    assert!(!actions.iter().any(|action| matches!(action, Action::Poll { .. })));
    let actions = bench.answer(0, success(""));
    assert!(actions.contains(&Action::Poll { limit: READ_AHEAD / 2 }), "{actions:?}");
}

#[test]
fn a_closed_shard_is_reported_once_everything_of_it_is_done() {
    let mut bench = Bench::new(settings());
    let actions = bench.step(Input::Read {
        records: vec![record(1, "k", START)],
        closed: true,
        behind: false,
    });
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
    let limit = bench.capacity();
    assert_eq!(bench.step(Input::ReadFailed), [Action::Poll { limit }]);
}

#[test]
fn a_shard_goes_on_after_its_checkpoint() {
    let mut shard = Shard::new("s", settings(), Some(SequenceNumber::new("9")));
    shard.handle(Input::Start, START).unwrap();
    let records = vec![record(9, "k", START), record(10, "k", START)];
    let actions =
        shard.handle(Input::Read { records, closed: false, behind: false }, START).unwrap();
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
    // The refused inputs have changed nothing.
    bench.answer(0, success(""));
    assert_eq!(bench.checkpoint(), Some("1"));
}

/// A record whose element of the event has this number of bytes.
fn sized(sequence: u32, bytes: usize) -> Record {
    Record { json: Bytes::from(vec![b'x'; bytes]), ..record(sequence, "k", START) }
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
        assert_eq!(
            rest.iter().any(|action| matches!(action, Action::Invoke { .. })),
            expected != limit
        );
    }
}

#[test]
fn a_batch_that_is_full_by_its_bytes_does_not_wait_for_its_window() {
    let window = Duration::from_secs(300);
    let mut bench = Bench::new(StreamSettings { batching_window: window, ..settings() });
    let records = vec![sized(1, 4 << 20), sized(2, 4 << 20)];
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    assert!(payload(&actions).len() < 5 << 20);
    // The remaining record begins a batch of its own, which gathers.
    let actions = bench.answer(0, success(""));
    assert!(actions.contains(&Action::WaitUntil(START.after(window))), "{actions:?}");
}
