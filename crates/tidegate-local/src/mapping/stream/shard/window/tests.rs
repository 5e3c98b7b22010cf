//! Windows of records, and the state that goes from one invocation to the next.

use serde_json::{Value, json};

use super::*;

/// 2020-12-09T07:04:00Z, the start of a window of two minutes.
const START: i64 = 1_607_497_440_000;
const LENGTH: i64 = 120_000;

fn windows() -> Windows {
    Windows::new(Duration::from_secs(120)).unwrap()
}

fn at(millis: i64) -> Moment {
    Moment::from_millis(START + millis)
}

fn next(windows: &mut Windows, waiting: &[i64], until: i64) -> Next {
    let read = Read { until: Some(at(until)), ended: false, now: at(until) };
    windows.next(waiting.iter().map(|millis| at(*millis)), read)
}

fn done(windows: &mut Windows, state: &str) {
    windows.done(super::state(format!(r#"{{"state":{state}}}"#).as_bytes()).unwrap());
}

fn event(windows: &Windows, last: bool) -> Value {
    let closing = windows.closing("shardId-000000000006", "arn:stream", last);
    serde_json::from_slice(&[br#"{"Records":["#, &closing[..]].concat()).unwrap()
}

#[test]
fn an_event_has_lambdas_shape() {
    let mut windows = windows();
    assert_eq!(next(&mut windows, &[35_000], 40_000), Next::Records { end: None });
    let fresh = event(&windows, false);
    assert_eq!(fresh["state"], json!({}));
    done(&mut windows, r#"{"1":282,"2":715}"#);
    assert_eq!(
        event(&windows, false),
        json!({
            "Records": [],
            "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
            "state": {"1": 282, "2": 715},
            "shardId": "shardId-000000000006",
            "eventSourceARN": "arn:stream",
            "isFinalInvokeForWindow": false,
            "isWindowTerminatedEarly": false
        })
    );
}

#[test]
fn records_of_two_windows_are_never_in_one_batch() {
    let mut windows = windows();
    let waiting = [0, LENGTH - 1, LENGTH, LENGTH + 1];
    assert_eq!(next(&mut windows, &waiting, 0), Next::Records { end: Some(2) });
    done(&mut windows, "{}");
    assert_eq!(next(&mut windows, &waiting[2..], 0), Next::Last);
    windows.closed();
    assert_eq!(next(&mut windows, &waiting[2..], 0), Next::Records { end: None });
}

#[test]
fn a_window_ends_without_new_records_once_everything_written_in_it_was_read() {
    let mut windows = windows();
    next(&mut windows, &[0], 0);
    done(&mut windows, "{}");
    assert_eq!(next(&mut windows, &[], LENGTH - 1), Next::Nothing);
    assert_eq!(next(&mut windows, &[], LENGTH), Next::Last);
    assert_eq!(event(&windows, true)["isFinalInvokeForWindow"], true);
    assert_eq!(event(&windows, true)["isWindowTerminatedEarly"], false);
    windows.closed();
    assert_eq!(next(&mut windows, &[], LENGTH), Next::Nothing);
}

#[test]
fn a_window_of_which_nothing_was_done_has_no_last_invocation() {
    let mut windows = windows();
    next(&mut windows, &[0], 0);
    assert_eq!(next(&mut windows, &[], LENGTH), Next::Nothing);
    assert_eq!(next(&mut windows, &[LENGTH], LENGTH), Next::Records { end: None });
}

#[test]
fn a_state_above_one_megabyte_ends_its_window_early_and_the_window_goes_on_with_a_fresh_one() {
    let mut windows = windows();
    next(&mut windows, &[0], 0);
    let padded = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
    done(&mut windows, &padded(STATE_LIMIT));
    assert_eq!(next(&mut windows, &[1], 1), Next::Records { end: None });
    done(&mut windows, &padded(STATE_LIMIT + 1));
    assert_eq!(next(&mut windows, &[2], 2), Next::Last);
    let last = event(&windows, true);
    assert_eq!(
        (&last["isFinalInvokeForWindow"], &last["isWindowTerminatedEarly"]),
        (&json!(true), &json!(true))
    );
    windows.closed();
    assert_eq!(next(&mut windows, &[2], 2), Next::Records { end: None });
    let fresh = event(&windows, false);
    assert_eq!((&fresh["state"], &fresh["window"]), (&json!({}), &last["window"]));
}

#[test]
fn the_end_of_a_shard_ends_its_window_early() {
    let mut windows = windows();
    next(&mut windows, &[0], 0);
    done(&mut windows, "{}");
    let read = Read { until: None, ended: true, now: at(5) };
    assert_eq!(windows.next(std::iter::empty(), read), Next::Last);
    assert_eq!(event(&windows, true)["isWindowTerminatedEarly"], true);
}

#[test]
fn a_record_older_than_the_open_window_counts_to_it() {
    let mut windows = windows();
    next(&mut windows, &[LENGTH], LENGTH);
    done(&mut windows, "{}");
    assert_eq!(next(&mut windows, &[5, LENGTH + 5], LENGTH), Next::Records { end: None });
}

#[test]
fn a_kept_window_goes_on_with_its_state() {
    let mut windows = windows();
    next(&mut windows, &[0], 0);
    done(&mut windows, r#"{"n": 1.10}"#);
    let kept = windows.take_change().unwrap();
    assert_eq!(windows.take_change(), None);
    let mut resumed = self::windows();
    resumed.resume(&kept).unwrap();
    assert_eq!(resumed.closing("s", "a", true), windows.closing("s", "a", true));
    windows.closed();
    resumed.resume(&windows.take_change().unwrap()).unwrap();
    assert!(!resumed.is_open());
}

#[test]
fn a_response_without_a_state_is_none() {
    for (response, reason) in [
        ("", "is not a JSON object with a state"),
        ("null", "is not a JSON object with a state"),
        ("[]", "is not a JSON object with a state"),
        ("{}", "has no state"),
        (r#"{"state":null}"#, "has no state"),
        (r#"{"batchItemFailures":[]}"#, "has no state"),
        (r#"{"state":"text"}"#, "the state is not a JSON object"),
    ] {
        let error = state(response.as_bytes()).unwrap_err();
        assert!(error.contains(reason), "{response}: {error}");
    }
    assert!(state(br#"{"state":{},"batchItemFailures":[]}"#).is_ok());
}

#[test]
fn a_length_of_zero_is_no_window() {
    assert!(Windows::new(Duration::ZERO).is_none());
}
