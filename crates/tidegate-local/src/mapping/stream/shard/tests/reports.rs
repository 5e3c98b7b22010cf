//! Tests of what a shard reports for the status: what each lane does or waits for.

use super::*;
use crate::mapping::lane_status::{LaneCondition, LaneReport};

fn only(bench: &Bench) -> LaneReport {
    let reports = bench.shard.reports();
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports[0]
}

fn of_lane(state: LaneCondition, records: u64) -> LaneReport {
    LaneReport { lane: Some(0), records, ..LaneReport::new(state) }
}

#[test]
fn a_failed_batch_is_reported_with_its_attempts_and_its_next_one_and_no_longer_once_it_is_done() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.shard.reports(), []);
    bench.read(&[1, 2]);
    let in_flight = of_lane(LaneCondition::InFlight, 2);
    assert_eq!(only(&bench), LaneReport { since: Some(START), ..in_flight });
    bench.answer(0, error());
    bench.wait(100);
    assert_eq!(only(&bench), LaneReport { attempt: 1, since: Some(bench.now), ..in_flight });
    bench.answer(1, error());
    let until = Some(bench.now.after(Duration::from_millis(200)));
    let waiting = of_lane(LaneCondition::WaitingForRetry, 2);
    assert_eq!(only(&bench), LaneReport { attempt: 2, until, ..waiting });
    bench.wait(200);
    bench.answer(2, success("null"));
    assert_eq!(bench.shard.reports(), []);
}

#[test]
fn a_throttle_is_told_from_a_failure_and_uses_no_attempt() {
    let mut bench = Bench::new(settings());
    bench.read(&[1]);
    bench.answer(0, InvocationResult::Throttled);
    let until = Some(START.after(Duration::from_millis(100)));
    assert_eq!(only(&bench), LaneReport { until, ..of_lane(LaneCondition::Throttled, 1) });
    bench.wait(100);
    bench.answer(1, error());
    let (state, attempt) = (LaneCondition::WaitingForRetry, 1);
    assert_eq!((only(&bench).state, only(&bench).attempt), (state, attempt));
}

#[test]
fn a_hand_over_is_reported_from_its_beginning() {
    let mut bench = Bench::new(StreamSettings { maximum_retry_attempts: Some(0), ..settings() });
    bench.read(&[1]);
    bench.now = START.after(Duration::from_secs(3));
    bench.answer(0, error());
    let handing_over = LaneReport { attempt: 1, ..of_lane(LaneCondition::HandingOver, 1) };
    assert_eq!(only(&bench), LaneReport { since: Some(bench.now), ..handing_over });
}

#[test]
fn a_batching_window_is_reported_until_it_ends() {
    let batching_window = Duration::from_secs(5);
    let mut bench = Bench::new(StreamSettings { batching_window, ..settings() });
    bench.read(&[1, 2, 3]);
    let until = Some(START.after(batching_window));
    assert_eq!(only(&bench), LaneReport { until, ..of_lane(LaneCondition::Gathering, 3) });
}

#[test]
fn a_tumbling_window_is_reported_until_it_ends() {
    let tumbling_window = Duration::from_secs(60);
    let mut bench = Bench::new(StreamSettings { tumbling_window, ..settings() });
    bench.read(&[1]);
    bench.answer(0, success(r#"{"state":{}}"#));
    // START is 20 seconds after the start of a window of a minute.
    let until = Some(START.after(Duration::from_secs(40)));
    assert_eq!(only(&bench), LaneReport { until, ..of_lane(LaneCondition::WindowOpen, 0) });
}

#[test]
fn the_rest_of_a_failed_batch_that_was_not_read_after_a_restart_is_reported() {
    let mut shard = Shard::new("shardId-000000000000", settings(), None);
    let kept = r#"[{"first":"1","last":"3","attempts":1,"invocations":1,"function_error":true}]"#;
    shard.resume_failing(kept).unwrap();
    let mut bench = Bench { shard, now: START };
    bench.step(Input::Start);
    bench.read(&[1, 2]);
    assert_eq!(only(&bench), of_lane(LaneCondition::Unread, 2));
}

#[test]
fn a_shard_that_is_not_polled_says_so_first_and_since_when() {
    let mut bench = Bench::new(StreamSettings { batch_size: 1, ..settings() });
    bench.now = START.after(Duration::from_secs(1));
    bench.read(&(1..=1_100).collect::<Vec<_>>());
    let unread = LaneReport { records: 1_100, ..LaneReport::new(LaneCondition::ReadAhead) };
    assert_eq!(bench.shard.reports()[0], LaneReport { since: Some(START), ..unread });
    assert_eq!(bench.shard.reports()[1].state, LaneCondition::InFlight);
}

#[test]
fn a_shard_has_at_most_ten_reports_and_those_of_waiting_lanes_come_first() {
    let mut bench = Bench::new(StreamSettings { lanes: 40, ..settings() });
    let records = (1..=400).map(|n| record(n, &n.to_string(), START)).collect();
    let actions = bench.step(Input::Read { records, closed: false, behind: false });
    let begun = actions.iter().filter_map(|action| match action {
        Action::Invoke { lane, invocation, .. } => Some((*lane, *invocation)),
        _ => None,
    });
    let (lane, invocation) = begun.last().unwrap();
    let answer = Answer { request_id: "r".to_owned(), result: error() };
    bench.step(Input::Answered { lane, invocation, answer });
    let reports = bench.shard.reports();
    assert_eq!((reports.len(), reports[0].lane), (10, Some(lane)));
    assert_eq!(reports[0].state, LaneCondition::WaitingForRetry);
}
