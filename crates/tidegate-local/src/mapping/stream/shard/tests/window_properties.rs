//! Property tests of tumbling windows, for any answers of the function and any restarts.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::windows::{at, error, record, settings};
use crate::driver::Machine;
use crate::invocation::{Answer, InvocationResult};
use crate::mapping::stream::settings::StreamSettings;
use crate::mapping::stream::shard::step::{Action, Input};
use crate::mapping::stream::shard::{Shard, window};
use lambda_shapes::batching::PAYLOAD_LIMIT;
use lambda_shapes::record::Record;
use lambda_shapes::sequence::SequenceNumber;

/// How the function answers one invocation.
#[derive(Clone, Debug)]
enum Reply {
    Success,
    PartialAt(prop::sample::Index),
    NoState,
    Error,
    Throttle,
    Large,
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        12 => Just(Reply::Success),
        5 => any::<prop::sample::Index>().prop_map(Reply::PartialAt),
        3 => Just(Reply::NoState),
        5 => Just(Reply::Error),
        3 => Just(Reply::Throttle),
        1 => Just(Reply::Large),
    ]
}

/// Returns the answer of a function that lists the records in its state.
fn answered(event: &Value, reply: &Reply) -> InvocationResult {
    let records = event["Records"].as_array().unwrap();
    let mut listed = event["state"]["listed"].as_array().cloned().unwrap_or_default();
    let response = match reply {
        Reply::PartialAt(index) if !records.is_empty() => {
            let failed = index.index(records.len());
            listed.extend_from_slice(&records[..failed]);
            json!({"state": {"listed": listed}, "batchItemFailures": [{"itemIdentifier": records[failed].to_string()}]})
        }
        Reply::NoState => json!({}),
        Reply::Error => return error(),
        Reply::Throttle => return InvocationResult::Throttled,
        Reply::Success | Reply::PartialAt(_) | Reply::Large => {
            listed.extend_from_slice(records);
            let padding = if matches!(reply, Reply::Large) { window::STATE_LIMIT } else { 0 };
            json!({"state": {"listed": listed, "padding": "x".repeat(padding)}})
        }
    };
    InvocationResult::Success(Bytes::from(response.to_string()))
}

/// Returns records with these gaps between them, in seconds, and the records of each window.
fn written(gaps: &[i64]) -> (Vec<Record>, BTreeMap<String, Vec<u64>>) {
    let mut seconds: Vec<i64> = gaps.to_vec();
    for n in 1..seconds.len() {
        seconds[n] += seconds[n - 1];
    }
    let all = (0_u64..).zip(&seconds).map(|(n, second)| record(n, *second)).collect();
    let mut of_windows: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (n, second) in (0_u64..).zip(&seconds) {
        let start = at(second.div_euclid(60) * 60).whole_seconds();
        of_windows.entry(start).or_default().push(n);
    }
    (all, of_windows)
}

/// Runs a shard to its end, restarting it from what it has stored after some of the steps.
fn run(
    gaps: &[i64],
    replies: &[Reply],
    pages: &[usize],
    bisect: bool,
    restarts: &[usize],
) -> Result<(), TestCaseError> {
    let settings = StreamSettings { bisect_on_error: bisect, batch_size: 4, ..settings() };
    let (all, expected) = written(gaps);
    let mut listed: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let (mut checkpoint, mut window, mut failing) =
        (None::<SequenceNumber>, None::<String>, None::<String>);
    let (mut now, mut answers, mut steps) = (at(0), 0, 0);
    let mut closed = false;
    while !closed {
        let mut shard = Shard::new("s", settings.clone(), checkpoint.clone());
        if let Some(kept) = &window {
            shard.resume_window(kept).unwrap();
        }
        if let Some(kept) = &failing {
            shard.resume_failing(kept).unwrap();
        }
        let mut input = Input::Start;
        let mut from = checkpoint.as_ref().map_or(0, |n| n.as_str().parse::<usize>().unwrap() + 1);
        let (mut flight, mut polled) = (None, false);
        loop {
            steps += 1;
            prop_assert!(steps < 5_000, "no end: {:?}", shard);
            let actions = shard.handle(input, now).unwrap();
            let mut timer = None;
            for action in actions {
                match action {
                    Action::Poll { .. } => polled = true,
                    Action::Invoke { invocation, payload, .. } => {
                        prop_assert!(payload.len() <= PAYLOAD_LIMIT);
                        flight =
                            Some((invocation, serde_json::from_slice::<Value>(&payload).unwrap()));
                    }
                    Action::KeepWindow(kept) => window = Some(kept),
                    Action::KeepFailing(kept) => failing = Some(kept),
                    Action::Checkpoint(sequence) => checkpoint = Some(sequence),
                    Action::WaitUntil(moment) => timer = Some(moment),
                    Action::Closed => closed = true,
                    Action::HandOver { .. } | Action::Stopped => {
                        prop_assert!(false, "nothing is given up")
                    }
                }
            }
            if closed || restarts.contains(&steps) {
                break;
            }
            input = if let Some((invocation, event)) = flight.take() {
                let reply = replies.get(answers).unwrap_or(&Reply::Success);
                answers += 1;
                let result = answered(&event, reply);
                if event["isFinalInvokeForWindow"] == true
                    && !matches!(reply, Reply::NoState | Reply::Error | Reply::Throttle)
                {
                    let of_window = listed
                        .entry(event["window"]["start"].as_str().unwrap().to_owned())
                        .or_default();
                    let numbers = event["state"]["listed"].as_array().unwrap();
                    of_window.extend(numbers.iter().map(|n| n.as_u64().unwrap()));
                }
                Input::Answered {
                    lane: 0,
                    invocation,
                    answer: Answer { request_id: String::new(), result },
                }
            } else if polled {
                polled = false;
                let to = (from + pages[steps % pages.len()]).min(all.len());
                let records = all[from..to].to_vec();
                from = to;
                Input::Read { records, closed: to == all.len(), behind: false }
            } else {
                now = now.max(timer.unwrap_or(now));
                Input::TimerDue
            };
        }
    }
    prop_assert_eq!(
        listed,
        expected,
        "the states of the last invocations hold every record once, in order"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_in_the_state_of_its_window_once_whatever_fails_and_whenever_the_engine_is_restarted(
        gaps in prop::collection::vec(0_i64..40, 1..40),
        replies in prop::collection::vec(reply(), 0..30),
        pages in prop::collection::vec(0_usize..6, 2..8).prop_filter("some page has records", |pages| pages.iter().any(|n| *n > 0)),
        bisect in any::<bool>(),
        restarts in prop::collection::vec(1_usize..120, 0..5),
    ) {
        run(&gaps, &replies, &pages, bisect, &restarts)?;
    }
}
