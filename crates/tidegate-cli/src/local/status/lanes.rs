//! Says what each lane of a mapping waits for, one line each.

use jiff::Timestamp;
use serde_json::Value;
use terminal::counted::counted;

/// Time in seconds from which an invocation, a hand-over or a pause of polls is shown. Shorter ones
/// are normal work.
const LONG: u64 = 5;
/// Most lines of one mapping.
const SHOWN: usize = 10;

/// Returns a line for each lane that waits or is stuck, and for each shard that is not read.
pub(super) fn waiting(mapping: &Value, now: Timestamp) -> Vec<String> {
    let lanes = mapping["lanes"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = lanes.filter_map(|lane| line(mapping, lane, now)).collect();
    let more = lines.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.truncate(SHOWN);
        lines.push(format!("~ {more} more lines like these (--json has all lanes)"));
    }
    lines
}

/// Returns how long ago this time was, such as ` (12 s ago)`; nothing if it is not known.
pub(super) fn ago(at: &Value, now: Timestamp) -> String {
    seconds(at, now)
        .map_or_else(String::new, |past| format!(" ({} ago)", words(past.unsigned_abs())))
}

fn line(mapping: &Value, lane: &Value, now: Timestamp) -> Option<String> {
    let records = counted(lane["records"].as_u64().unwrap_or(0), "record", "records");
    let past = seconds(&lane["since"], now).and_then(|past| u64::try_from(past).ok());
    let long = past.filter(|past| *past >= LONG).map(words);
    let due = match seconds(&lane["until"], now) {
        Some(past) if past < 0 => format!("in {}", words(past.unsigned_abs())),
        _ => "now".to_owned(),
    };
    let what = match lane["state"].as_str()? {
        "in_flight" => format!("invocation in flight for {}", long?),
        "waiting_for_retry" => match lane["attempt"].as_u64().unwrap_or(0) {
            0 => format!("a batch failed and was split, next part {due}"),
            attempt => format!("attempt {attempt} failed, next {due}"),
        },
        "throttled" => format!("{records} throttled, next try {due}"),
        "handing_over" => format!("the hand-over of an on-failure record has lasted {}", long?),
        "gathering" => format!("gathers a batch, {records} so far, invokes {due} at the latest"),
        "window_open" => format!("a tumbling window is open, it ends {due}"),
        "unread" => "the rest of a failed batch has not been read yet".to_owned(),
        "read_ahead" => format!("not polled for {}: {records} read after the checkpoint", long?),
        "parent_unfinished" => "not read: a parent shard is not done".to_owned(),
        other => other.replace('_', " "),
    };
    let name = mapping["name"].as_str().unwrap_or("?");
    let shard =
        lane["shard"].as_str().map_or_else(String::new, |id| format!(" shard {}", short(id)));
    let lane = lane["lane"].as_u64().map_or_else(String::new, |lane| format!(" lane {lane}"));
    Some(format!("~ {name}{shard}{lane}: {what}"))
}

/// Returns the part of a shard's id that tells it from others, such as `0012` of
/// `shardId-000000000012`.
///
/// The ids of a table's stream have the same length, and end in eight digits of their own.
fn short(id: &str) -> &str {
    const DIGITS: usize = 4;
    let number = id.strip_prefix("shardId-").unwrap_or(id);
    if let Some((_, own)) = number.rsplit_once('-') {
        return own;
    }
    let zeros = number.len() - number.trim_start_matches('0').len();
    number.get(zeros.min(number.len().saturating_sub(DIGITS))..).unwrap_or(number)
}

/// Returns the whole seconds from this time to now, rounded away from zero if it is to come.
fn seconds(time: &Value, now: Timestamp) -> Option<i64> {
    let time: Timestamp = time.as_str()?.parse().ok()?;
    Some(now.as_millisecond().saturating_sub(time.as_millisecond()).div_euclid(1000))
}

fn words(seconds: u64) -> String {
    match seconds {
        ..600 => format!("{seconds} s"),
        600..10_800 => format!("{} min", seconds / 60),
        10_800.. => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(lane: &Value) -> Vec<String> {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        waiting(&json!({"name": "orders → order-processor", "lanes": [lane]}), now)
    }

    #[test]
    fn a_lane_that_waits_or_is_stuck_has_a_line_that_says_why() {
        let (soon, past) = ("2026-01-01T00:01:40.100Z", "2026-01-01T00:00:20Z");
        let shard = "shardId-000000000000";
        for (lane, line) in [
            (
                json!({"state": "waiting_for_retry", "attempt": 12, "until": soon}),
                "attempt 12 failed, next in 41 s",
            ),
            (
                json!({"state": "waiting_for_retry", "attempt": 1, "until": past}),
                "attempt 1 failed, next now",
            ),
            (
                json!({"state": "waiting_for_retry", "attempt": 0, "until": soon}),
                "a batch failed and was split, next part in 41 s",
            ),
            (
                json!({"state": "throttled", "records": 1, "until": soon}),
                "1 record throttled, next try in 41 s",
            ),
            (
                json!({"state": "handing_over", "since": past}),
                "the hand-over of an on-failure record has lasted 40 s",
            ),
            (json!({"state": "in_flight", "since": past}), "invocation in flight for 40 s"),
            (
                json!({"state": "gathering", "records": 3, "until": soon}),
                "gathers a batch, 3 records so far, invokes in 41 s at the latest",
            ),
            (
                json!({"state": "window_open", "until": soon}),
                "a tumbling window is open, it ends in 41 s",
            ),
            (json!({"state": "unread"}), "the rest of a failed batch has not been read yet"),
        ] {
            let mut lane = lane;
            (lane["shard"], lane["lane"]) = (json!(shard), json!(1));
            assert_eq!(
                said(&lane),
                [format!("~ orders → order-processor shard 0000 lane 1: {line}")]
            );
        }
        let unread = json!({"state": "read_ahead", "shard": shard, "records": 1700, "since": past});
        let line = "not polled for 40 s: 1700 records read after the checkpoint";
        assert_eq!(said(&unread), [format!("~ orders → order-processor shard 0000: {line}")]);
        let child = json!({"state": "parent_unfinished", "shard": "shardId-000000012345"});
        assert_eq!(
            said(&child),
            ["~ orders → order-processor shard 12345: not read: a parent shard is not done"]
        );
        let queue =
            json!({"state": "throttled", "shard": null, "lane": null, "records": 2, "until": soon});
        assert_eq!(
            said(&queue),
            ["~ orders → order-processor: 2 records throttled, next try in 41 s"]
        );
    }

    #[test]
    fn what_is_normal_work_has_no_line() {
        let begun = "2026-01-01T00:00:56Z";
        for state in ["in_flight", "handing_over", "read_ahead"] {
            assert!(said(&json!({"state": state, "since": begun})).is_empty(), "{state}");
        }
    }

    #[test]
    fn a_mapping_has_ten_lines_and_the_number_of_further_ones() {
        let lanes: Vec<Value> =
            (0..12).map(|lane| json!({"state": "unread", "lane": lane})).collect();
        let lines = waiting(&json!({"name": "m", "lanes": lanes}), Timestamp::UNIX_EPOCH);
        assert_eq!(
            (lines.len(), lines[9].as_str()),
            (11, "~ m lane 9: the rest of a failed batch has not been read yet")
        );
        assert_eq!(lines[10], "~ 2 more lines like these (--json has all lanes)");
    }

    #[test]
    fn an_id_of_a_shard_is_shortened_to_what_tells_it_from_others() {
        for (id, shown) in [
            ("shardId-000000000012", "0012"),
            ("shardId-000001234567", "1234567"),
            ("shardId-00000001760000000000-1a2b3c4d", "1a2b3c4d"),
            ("a", "a"),
            ("é00", "é00"),
        ] {
            assert_eq!(short(id), shown);
        }
    }

    #[test]
    fn long_times_are_minutes_and_hours() {
        assert_eq!([599, 600, 10_799, 10_800].map(words), ["599 s", "10 min", "179 min", "3 h"]);
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(ago(&json!("2026-01-01T00:00:48Z"), now), " (12 s ago)");
        assert_eq!(ago(&Value::Null, now), "");
    }
}
